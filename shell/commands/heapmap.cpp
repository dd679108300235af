// `heapmap`: a picture of the heap by address, and the blocks in it.
#include <algorithm>
#include <array>

#include "shell/argument_values.hpp"
#include "shell/block_argument.hpp"
#include "shell/command.hpp"
#include "shell/number.hpp"

namespace heapscope::shell {
namespace {

int run(Context& context, const Arguments& arguments);

constexpr std::array kOptions{
    OptionRecord{.letter = 'w', .value_name = "COLUMNS", .help = "cells in a row, 1 to 256"},
    OptionRecord{.letter = 'r', .value_name = "ROWS", .help = "rows at most, 1 to 256"},
    OptionRecord{.letter = 'b', .value_name = {}, .help = "list the blocks as well"},
};
constexpr std::array<std::string_view, 4> kExamples{"heapmap", "heapmap -w 32 -r 4",
                                                    "heapmap a1 -b", "heapmap 0x10000000 64K"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::block}, Completes{}};
constexpr std::array<std::string_view, 3> kRelated{"alloc", "stats", "dump"};
constexpr CommandRecord kRecord{
    .name = "heapmap",
    .usage = "heapmap [ADDRESS [LENGTH]] [-w COLUMNS] [-r ROWS] [-b]",
    .summary = "draw the heap by address",
    .help =
        "Each cell stands for a run of bytes and is shaded by how full it is. A handle or an "
        "ADDRESS, with a LENGTH, zooms in: a handle alone shows its block, an address alone "
        "all from there on.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 0,
    .max_arguments = 2,
    .safe_in_panic = true,
    .run = run,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::size_t kDefaultColumns = 64;
constexpr std::size_t kDefaultRows = 16;
constexpr std::size_t kMaxSide = 256;
/// Cells are whole multiples of this, so that small blocks have cells of their own.
constexpr std::uint64_t kCellUnit = 8;

constexpr std::array kColumns{
    Column{.name = "address", .width = 10},
    Column{.name = "size", .width = 11, .right = true},
    Column{.name = "state", .width = 8},
    Column{.name = "id", .width = 8},
    Column{.name = "tag"},
};

/// Goes over the extents of a part of the heap in address order, a few at a
/// time, so that the heap's lock is never held for long.
class Walker {
 public:
  Walker(Context& context, Range range) : context_(context), range_(range), next_(range.start) {}

  /// The next extent, cut to the range; nothing after the last, or on Ctrl-C.
  std::optional<alloc::Extent> next() {
    if (next_ >= range_.end || (taken_ == count_ && !fetch())) return std::nullopt;
    alloc::Extent extent = extents_[taken_++];
    // Where blocks were freed meanwhile, the extent at hand may have merged with
    // some that were given already.
    const Range left{.start = next_, .end = range_.end};
    const Range cut = Range{.start = extent.start, .end = extent.end()}.intersection(left);
    next_ = extent.end();
    extent.start = cut.start;
    extent.size = cut.size();
    return extent;
  }
  /// Whether the heap was changed while it was walked.
  [[nodiscard]] bool changed() const { return changed_; }
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  bool fetch() {
    stopped_ = context_.interrupted();
    if (stopped_) return false;
    const alloc::WalkStep step = context_.environment.heap.walk(next_, extents_);
    changed_ = changed_ || (generation_ && *generation_ != step.generation);
    generation_ = step.generation;
    count_ = step.count;
    taken_ = 0;
    return count_ > 0;
  }

  Context& context_;
  Range range_;
  alloc::Address next_;
  std::array<alloc::Extent, 8> extents_{};
  std::size_t count_ = 0;
  std::size_t taken_ = 0;
  std::optional<std::uint64_t> generation_;
  bool changed_ = false;
  bool stopped_ = false;
};

/// Fills cells from extents that come in address order, without keeping either.
class CellPainter {
 public:
  CellPainter(Reply& reply, Range range, std::uint64_t cell_bytes)
      : reply_(reply), range_(range), cell_bytes_(cell_bytes), at_(range.start) {}

  void add(const alloc::Extent& extent) {
    const bool full = extent.state != alloc::ExtentState::free;
    const bool metadata = extent.state == alloc::ExtentState::metadata;
    for (std::uint64_t left = extent.size; left > 0;) {
      const std::uint64_t taken = std::min(left, cell_end() - at_);
      if (full) full_ += taken;
      if (metadata) metadata_ += taken;
      at_ += taken;
      left -= taken;
      if (at_ == cell_end()) finish_cell();
    }
  }

 private:
  [[nodiscard]] std::uint64_t cell_end() const {
    return std::min(cell_start_ + cell_bytes_, range_.end);
  }
  void finish_cell() {
    const std::uint64_t size = at_ - cell_start_;
    // 0 and 1000 are kept for cells that are exactly empty and exactly full.
    std::uint64_t permille = full_ * 1000 / size;
    if (full_ > 0 && full_ < size) permille = std::clamp<std::uint64_t>(permille, 1, 999);
    reply_.cell({.permille = static_cast<std::uint32_t>(permille), .metadata = metadata_ == size});
    cell_start_ = at_;
    full_ = metadata_ = 0;
  }

  Reply& reply_;
  Range range_;
  std::uint64_t cell_bytes_;
  std::uint64_t at_;
  std::uint64_t cell_start_ = range_.start;
  std::uint64_t full_ = 0;
  std::uint64_t metadata_ = 0;
};

/// The part of the heap to show; nothing where the arguments are wrong.
std::optional<Range> read_range(Context& context, const Arguments& arguments, Range heap,
                                int& status) {
  if (arguments.size() == 0) return heap;
  auto place = read_place(context, kRecord, arguments[0]);
  if (!place) {
    status = place.error();
    return std::nullopt;
  }
  if (arguments.size() > 1) {
    const auto length = read_number(context, kRecord, arguments[1], "LENGTH", 1);
    if (!length) {
      status = kWrongUsage;
      return std::nullopt;
    }
    place->end = *length > UINT64_MAX - place->start ? UINT64_MAX : place->start + *length;
  }
  const Range shown = place->intersection(heap);
  if (!shown.empty()) return shown;
  status = context.reply.fail("outside-heap", "{} is outside the heap ({:#x} to {:#x})",
                              arguments[0], heap.start, heap.end);
  return std::nullopt;
}

std::optional<std::size_t> read_side(Context& context, const Arguments& arguments, char letter,
                                     std::string_view what, std::size_t otherwise) {
  const auto word = arguments.value_of(letter);
  if (!word) return otherwise;
  const auto number = read_number(context, kRecord, *word, what, 1, kMaxSide);
  if (!number) return std::nullopt;
  return static_cast<std::size_t>(*number);
}

constexpr std::uint64_t cell_size(std::uint64_t length, std::uint64_t cells) {
  const std::uint64_t exact = length / cells + (length % cells != 0);
  return (exact + kCellUnit - 1) / kCellUnit * kCellUnit;
}

void draw(Context& context, Walker& walker, Range range, const CellGrid& grid) {
  CellPainter painter(context.reply, range, grid.cell_bytes);
  context.reply.begin_cells("cells", grid);
  while (const auto extent = walker.next()) painter.add(*extent);
  context.reply.end_cells();
}

void show_block(Context& context, const alloc::Extent& extent) {
  const auto handle = context.environment.handles.find_address(extent.start);
  const bool known = handle && extent.state == alloc::ExtentState::live;
  context.reply.begin_item();
  context.reply.field("address", Value::address(extent.start));
  context.reply.field("size", Value::bytes(extent.size));
  context.reply.field("state", Value::text(alloc::state_name(extent.state)));
  if (known) {
    const HandleName name(handle->id);
    context.reply.field("id", Value::text(name.view()));
  } else {
    context.reply.field("id", Value::none());
  }
  const bool tagged = known && !handle->tag.empty();
  context.reply.field("tag", tagged ? Value::text(handle->tag) : Value::none());
  context.reply.end_item();
}

void list_blocks(Context& context, Walker& walker) {
  context.reply.begin_list("blocks", kColumns);
  while (const auto extent = walker.next()) show_block(context, *extent);
  context.reply.end_list();
}

int run(Context& context, const Arguments& arguments) {
  int status = kSuccess;
  // Not asked of the heap, which may be damaged: the picture is drawn all the same.
  const Range heap = context.environment.setup.plan().heap;
  const auto range = read_range(context, arguments, heap, status);
  if (!range) return status;
  const auto columns = read_side(context, arguments, 'w', "COLUMNS", kDefaultColumns);
  if (!columns) return kWrongUsage;
  const auto rows = read_side(context, arguments, 'r', "ROWS", kDefaultRows);
  if (!rows) return kWrongUsage;

  const CellGrid grid{.start = range->start,
                      .cell_bytes = cell_size(range->size(), *columns * *rows),
                      .columns = *columns};
  context.reply.field("start", Value::address(range->start));
  context.reply.field("end", Value::address(range->end));
  Walker cells(context, *range);
  draw(context, cells, *range, grid);
  Walker blocks(context, *range);
  if (arguments.has('b') && !cells.stopped()) list_blocks(context, blocks);
  const bool changed = cells.changed() || blocks.changed();
  if (changed) context.reply.field("changed_meanwhile", Value::boolean(true));
  if (cells.stopped() || blocks.stopped()) {
    return context.reply.problem("interrupted", "interrupted: the picture is not complete");
  }
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
