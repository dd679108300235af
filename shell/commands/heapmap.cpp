// `heapmap`: a picture of the heap by address, and the blocks in it.
#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "shell/argument_values.hpp"
#include "shell/block_argument.hpp"
#include "shell/block_fields.hpp"
#include "shell/command.hpp"
#include "shell/heap_picture.hpp"
#include "shell/heap_walker.hpp"
#include "shell/memory_regions.hpp"
#include "shell/number.hpp"
#include "shell/origin_walker.hpp"
#include "shell/shell.hpp"

namespace heapscope::shell {
namespace {

int run_heapmap(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 3> kColourings{"fullness", "tag", "age"};
constexpr std::array kOptions{
    OptionRecord{.letter = 'w',
                 .word = "columns",
                 .value_name = "COLUMNS",
                 .help = "cells in a row, 1 to 256"},
    OptionRecord{
        .letter = 'r', .word = "rows", .value_name = "ROWS", .help = "rows at most, 1 to 256"},
    OptionRecord{
        .letter = 'b', .word = "blocks", .value_name = {}, .help = "list the blocks as well"},
    OptionRecord{.letter = 'k',
                 .word = "colour",
                 .value_name = "COLOUR",
                 .help = "tell blocks apart by fullness, tag or age",
                 .completes = {.kind = Completes::Kind::values, .values = kColourings}},
    OptionRecord{
        .letter = 'z', .word = "scale", .value_name = {}, .help = "draw each block to scale"},
    OptionRecord{
        .letter = 'l', .word = "live", .value_name = {}, .help = "go on drawing what changes"},
    OptionRecord{.letter = 'i',
                 .word = "interval",
                 .value_name = "MS",
                 .help = "wait so long between frames; 500"},
    OptionRecord{
        .letter = 'c', .word = "count", .value_name = "COUNT", .help = "end after so many frames"},
    OptionRecord{
        .letter = 'a', .word = "ram", .value_name = {}, .help = "show all of memory instead"},
};
constexpr std::array<std::string_view, 6> kExamples{"heapmap",        "heapmap -w 32 -r 4",
                                                    "heapmap a1 -b",  "heapmap 0x10000000 64K",
                                                    "heapmap -k tag", "heapmap --ram"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::block}, Completes{}};
constexpr std::array<std::string_view, 3> kRelated{"alloc", "stats", "dump"};
constexpr CommandRecord kRecord{
    .name = "heapmap",
    .usage =
        "heapmap [ADDRESS [LENGTH]] [-w COLUMNS] [-r ROWS] [-b] [-k COLOUR] [-z] "
        "[-l] [-i MS] [-c COUNT] | --ram",
    .summary = "draw the heap by address",
    .help =
        "Each cell stands for a run of bytes and is shaded by how full it is. A handle or an "
        "ADDRESS, with a LENGTH, zooms in: a handle alone shows its block, an address alone "
        "all from there on. Where no cell of a part is larger than what lies in it, each "
        "block is drawn to scale, with its handle and tag. By tag or age, a cell shows what "
        "most of it belongs to. -l goes on until Ctrl-C: on a screen each frame sends the "
        "cells that changed, 2 KiB at most, else the rows that did. --ram shows all regions of "
        "memory; in its map each is at least one cell, and grows with its size's logarithm.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 0,
    .max_arguments = 2,
    .safe_in_panic = true,
    .run = run_heapmap,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::size_t kDefaultRows = 16;
/// Before the cells of each row.
constexpr std::size_t kAddressColumns = 12;
/// What a live picture's screen holds beside it: the cells' size, two or three lines of
/// legend, the state and, in the end, the prompt.
constexpr std::size_t kRowsBesideLive = 6;
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

constexpr std::array kGroupColumns{
    Column{.name = "mark", .width = 4},
    Column{.name = "group", .width = 5, .right = true},
    Column{.name = "blocks", .width = 8, .right = true},
    Column{.name = "bytes", .width = 11, .right = true},
    Column{.name = "first", .width = 8},
    Column{.name = "last", .width = 8},
    Column{.name = "tag"},
};

/// What is to be drawn, and how.
struct Plan {
  Range range;
  CellGrid grid;
  GroupBy by = GroupBy::fullness;
  bool to_scale = false;
};

/// Where blocks stand in time: by the calls that the heap has recorded, else by their
/// handles.
class Ages {
 public:
  explicit Ages(Context& context) : context_(context) {
    recorded_ =
        heap().with_instruments([](const alloc::Instruments& all) { return all.recording(); });
    scale_ = recorded_ ? scale_of_calls() : scale_of_handles();
  }
  [[nodiscard]] const AgeScale& scale() const { return scale_; }
  [[nodiscard]] std::uint64_t place_of(alloc::Address start, const std::optional<Handle>& handle) {
    if (!recorded_) return handle ? handle->id : 0;
    return heap().with_instruments([&](const alloc::Instruments& all) {
      const auto origin = all.origins().find(start);
      return origin ? origin->sequence : 0;
    });
  }

 private:
  [[nodiscard]] alloc::Heap& heap() { return context_.environment.heap; }
  [[nodiscard]] AgeScale scale_of_handles() const {
    const HandleTable& handles = context_.environment.handles;
    const auto oldest = handles.oldest();
    return {.oldest = oldest ? oldest->id : 1, .next = handles.next_id()};
  }
  [[nodiscard]] AgeScale scale_of_calls() {
    AgeScale scale;
    scale.next =
        heap().with_instruments([](const alloc::Instruments& all) { return all.sequence(); }) + 1;
    scale.oldest = scale.next;
    OriginWalker walker(context_);
    while (const auto origin = walker.next()) {
      if (origin->live) scale.oldest = std::min(scale.oldest, origin->sequence);
    }
    return scale;
  }

  Context& context_;
  bool recorded_ = false;
  AgeScale scale_;
};

/// An extent that was cut to the range, with what is known of the whole.
PicturedBlock pictured(Context& context, const alloc::Extent& extent, Range range,
                       Ages* ages = nullptr) {
  PicturedBlock block{.extent = extent, .begins = true, .ends = true, .handle = std::nullopt};
  alloc::Address start = extent.start;
  if (extent.start == range.start || extent.end() == range.end) {
    const auto whole = context.environment.heap.owner(extent.start);
    if (whole) {
      start = whole->start;
      block.begins = start == extent.start;
      block.ends = whole->end() == extent.end();
    }
  }
  if (extent.state == alloc::ExtentState::live) {
    block.handle = context.environment.handles.find_address(start);
    if (ages != nullptr) block.place = ages->place_of(start, block.handle);
  }
  return block;
}

/// Hands cells on to a reply.
class ReplyCells final : public CellSink {
 public:
  explicit ReplyCells(Reply& reply) : reply_(reply) {}
  void cell(const Cell& cell) override { reply_.cell(cell); }

 private:
  Reply& reply_;
};

/// What came of drawing a picture.
struct Drawn {
  alloc::Address read_to = 0;  ///< The range's end, or from where on nothing could be read.
  bool changed = false;
  bool stopped = false;  ///< By Ctrl-C; then the picture is not complete.
};

Drawn paint(Context& context, const Plan& plan, BlockGroups& groups, CellSink& sink) {
  std::optional<Ages> ages;
  if (plan.by == GroupBy::age) ages.emplace(context);
  groups.begin(ages ? ages->scale() : AgeScale{});
  HeapWalker walker(context, plan.range);
  CellPainter painter(sink, plan.range, plan.grid.cell_bytes, groups, plan.to_scale);
  const bool handles = plan.to_scale || plan.by != GroupBy::fullness;
  const alloc::Address end = for_each_extent(walker, plan.range, [&](const alloc::Extent& extent) {
    painter.add(handles ? pictured(context, extent, plan.range, ages ? &*ages : nullptr)
                        : PicturedBlock{.extent = extent});
    return true;
  });
  if (end < plan.range.end && !walker.stopped()) painter.give_up();
  return {.read_to = end, .changed = walker.changed(), .stopped = walker.stopped()};
}

/// Whether every extent is as large as a cell, so that each has a cell of its own.
bool cells_are_small(Context& context, const Plan& plan) {
  HeapWalker walker(context, plan.range);
  return for_each_extent(walker, plan.range, [&](const alloc::Extent& extent) {
           return extent.size >= plan.grid.cell_bytes;
         }) == plan.range.end;
}

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

/// The number behind an option, from 1 to kMaxSide.
std::optional<std::size_t> read_side(Context& context, const Arguments& arguments, char letter,
                                     std::string_view what, std::size_t otherwise) {
  const auto word = arguments.value_of(letter);
  if (!word) return otherwise;
  const auto number = read_number(context, kRecord, *word, what, 1, kMaxSide);
  if (!number) return std::nullopt;
  return static_cast<std::size_t>(*number);
}

std::optional<GroupBy> read_colour(Context& context, const Arguments& arguments) {
  const std::string_view word = arguments.value_of('k').value_or(kColourings[0]);
  const auto found = std::ranges::find(kColourings, word);
  if (found != kColourings.end()) return static_cast<GroupBy>(found - kColourings.begin());
  (void)context.reply.refuse(kRecord.usage, "COLOUR must be fullness, tag or age, not '{}'", word);
  return std::nullopt;
}

constexpr std::uint64_t cell_size(std::uint64_t length, std::uint64_t cells) {
  const std::uint64_t exact = length / cells + (length % cells != 0);
  return (exact + kCellUnit - 1) / kCellUnit * kCellUnit;
}

/// As many cells as fit beside the address, in eights. Not in a screen's last column:
/// what stands there goes when the rest of a full row is erased.
std::size_t fitting_columns(const Reply& reply) {
  const std::size_t columns = reply.room().columns;
  const std::size_t eights = (columns - std::min(columns, kAddressColumns + 1)) / 8;
  return std::clamp<std::size_t>(eights * 8, 8, kMaxSide);
}

constexpr std::string_view legend_of(GroupBy by, bool to_scale) {
  if (to_scale) {
    return "[a1--] a block  # a small one  * several  = in use  . free  m metadata";
  }
  switch (by) {
    case GroupBy::tag:
      return ". free  A to Z by tag  + further tags  # without a tag  m metadata";
    case GroupBy::age:
      return ". free  1 to 8 from the oldest handles to the newest  # without one  m metadata";
    case GroupBy::fullness:
      break;
  }
  return {};
}

/// What is to be drawn; nothing where the arguments are wrong.
std::optional<Plan> read_plan(Context& context, const Arguments& arguments, int& status) {
  // Not asked of the heap, which may be damaged: the picture is drawn all the same.
  const Range heap = context.environment.setup.plan().heap;
  const auto range = read_range(context, arguments, heap, status);
  if (!range) return std::nullopt;
  status = kWrongUsage;
  const auto columns =
      read_side(context, arguments, 'w', "COLUMNS", fitting_columns(context.reply));
  if (!columns) return std::nullopt;
  const auto rows = read_side(context, arguments, 'r', "ROWS", kDefaultRows);
  if (!rows) return std::nullopt;
  const auto by = read_colour(context, arguments);
  if (!by) return std::nullopt;
  Plan plan{.range = *range, .grid = {.start = range->start, .columns = *columns}, .by = *by};
  std::size_t most_rows = *rows;
  const std::size_t screen_rows = context.reply.room().rows;
  if (arguments.has('l') && screen_rows != 0) {
    plan.grid.columns = std::min(*columns, fitting_columns(context.reply));
    most_rows = std::min(*rows, screen_rows - std::min(screen_rows - 1, kRowsBesideLive));
  }
  plan.grid.cell_bytes = cell_size(range->size(), plan.grid.columns * most_rows);
  plan.to_scale = arguments.has('z') || (arguments.size() > 0 && cells_are_small(context, plan));
  plan.grid.legend = legend_of(plan.by, plan.to_scale);
  if (plan.to_scale || plan.by != GroupBy::fullness) plan.grid.colouring = Colouring::group;
  return plan;
}

void show_block(Context& context, const PicturedBlock& block) {
  Reply& reply = context.reply;
  reply.begin_item();
  reply.field("address", Value::address(block.extent.start));
  reply.field("size", Value::bytes(block.extent.size));
  reply.field("state", Value::text(alloc::state_name(block.extent.state)));
  show_name(reply, block.handle);
  reply.end_item();
}

Drawn list_blocks(Context& context, Range range) {
  HeapWalker walker(context, range);
  context.reply.begin_list("blocks", kColumns);
  const alloc::Address end = for_each_extent(walker, range, [&](const alloc::Extent& extent) {
    show_block(context, pictured(context, extent, range));
    return true;
  });
  context.reply.end_list();
  return {.read_to = end, .changed = walker.changed(), .stopped = walker.stopped()};
}

/// What the marks stand for, and how much there is of each.
void list_groups(Context& context, const BlockGroups& groups) {
  Reply& reply = context.reply;
  reply.begin_list("legend", kGroupColumns);
  for (std::uint8_t group = 0; group < BlockGroups::kCount; ++group) {
    const BlockGroups::Count& count = groups.count(group);
    if (count.bytes == 0) continue;
    const char mark = groups.mark(group);
    reply.begin_item();
    reply.field("mark", Value::text({&mark, 1}));
    reply.field("group", Value::count(group));
    reply.field("blocks", Value::count(count.blocks));
    reply.field("bytes", Value::bytes(count.bytes));
    for (const auto& [name, id] :
         {std::pair("first", count.first), std::pair("last", count.last)}) {
      const HandleName handle(id);
      reply.field(name, id == 0 ? Value::none() : Value::text(handle.view()));
    }
    const std::string_view tag = groups.tag(group);
    reply.field("tag", tag.empty() ? Value::none() : Value::text(tag));
    reply.end_item();
  }
  reply.end_list();
}

/// Says what was not as it should be, and returns the status.
int conclude(Context& context, const Plan& plan, const Drawn& drawn) {
  Reply& reply = context.reply;
  if (drawn.changed) reply.field("changed_meanwhile", Value::boolean(true));
  if (drawn.stopped) {
    return reply.problem("interrupted", "interrupted: the picture is not complete");
  }
  if (drawn.read_to == plan.range.end) return kSuccess;
  reply.field("unreadable_from", Value::address(drawn.read_to));
  return reply.problem("unreadable", "the heap's records could not be read from {:#x} on",
                       drawn.read_to);
}

/// Draws once, and returns the status.
int draw(Context& context, const Plan& plan, bool with_blocks) {
  Reply& reply = context.reply;
  BlockGroups groups(plan.by);
  ReplyCells cells(reply);
  reply.field("start", Value::address(plan.range.start));
  reply.field("end", Value::address(plan.range.end));
  reply.begin_cells("cells", plan.grid);
  Drawn drawn = paint(context, plan, groups, cells);
  reply.end_cells();
  const auto go_on = [&](const Drawn& next) {
    drawn = {.read_to = std::min(drawn.read_to, next.read_to),
             .changed = drawn.changed || next.changed,
             .stopped = next.stopped};
  };
  if (plan.by != GroupBy::fullness && !drawn.stopped) {
    if (reply.begin_groups("groups")) {
      go_on(paint(context, plan, groups, cells));
      reply.end_cells();
    }
    list_groups(context, groups);
  }
  if (with_blocks && !drawn.stopped) go_on(list_blocks(context, plan.range));
  return conclude(context, plan, drawn);
}

/// What a live picture needs between its frames: too much for the stack.
constexpr std::size_t kMostLiveCells = 4096;
constinit std::array<Cell, kMostLiveCells> live_cells{};
constinit std::array<Cell, kMostLiveCells> live_shown{};

/// Keeps the cells of a frame.
class LiveCells final : public CellSink {
 public:
  void cell(const Cell& cell) override {
    if (count_ < live_cells.size()) live_cells[count_++] = cell;
  }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  std::size_t count_ = 0;
};

/// The groups in few words, with their marks.
void write_groups(TextSink& out, const BlockGroups& groups) {
  for (std::uint8_t group = 1; group < BlockGroups::kCount; ++group) {
    const std::string_view tag = groups.tag(group);
    if (!tag.empty() && groups.count(group).blocks > 0) {
      format(out, " {}={}", groups.mark(group), tag);
    }
  }
}

/// A live picture from its first frame to its last.
class LivePicture {
 public:
  LivePicture(Context& context, const Plan& plan)
      : context_(context), plan_(plan), groups_(plan.by) {}

  /// `count` frames, or as many as there are until Ctrl-C. Returns the status.
  int run(std::uint64_t count, std::uint64_t pause_us) {
    for (std::uint64_t number = 1;; ++number) {
      LiveCells cells;
      const std::uint64_t before = std::exchange(generation_, generation());
      const Drawn drawn = paint(context_, plan_, groups_, cells);
      if (drawn.stopped && number > 1) break;
      if (number == 1) draw_first(cells.count());
      changed_ = changed_ || drawn.changed;
      read_to_ = std::min(read_to_, drawn.read_to);
      show(number, cells.count(), number > 1 && before != generation_, drawn.changed);
      if (number == count || !context_.shell.pause(pause_us)) break;
    }
    context_.reply.end_frames();
    if (plan_.by != GroupBy::fullness) list_groups(context_, groups_);
    return conclude(context_, plan_, {.read_to = read_to_, .changed = changed_});
  }

 private:
  void draw_first(std::size_t count) {
    Reply& reply = context_.reply;
    const bool on_screen = reply.room().rows != 0;
    const std::span<const Cell> cells = std::span(live_cells).first(count);
    if (on_screen) {
      context_.shell.begin_round(true, false);
    } else {
      reply.field("start", Value::address(plan_.range.start));
      reply.field("end", Value::address(plan_.range.end));
    }
    reply.begin_cells("cells", plan_.grid);
    for (const Cell& cell : cells) reply.cell(cell);
    reply.end_cells();
    if (plan_.by != GroupBy::fullness && reply.begin_groups("groups")) {
      for (const Cell& cell : cells) reply.cell(cell);
      reply.end_cells();
    }
    if (on_screen) context_.shell.end_round();
    std::ranges::copy(cells, live_shown.begin());
    reply.begin_frames("frames");
  }

  void show(std::uint64_t number, std::size_t count, bool changed, bool meanwhile) {
    const alloc::Stats stats = context_.environment.heap.stats();
    FixedText<160> names;
    if (plan_.by == GroupBy::tag) write_groups(names, groups_);
    context_.reply.frame({.grid = plan_.grid,
                          .number = number,
                          .cells = std::span(live_cells).first(count),
                          .shown = std::span(live_shown).first(count),
                          .next = &next_,
                          .used_bytes = stats.used_bytes,
                          .live_blocks = stats.live_blocks,
                          .heap_changed = changed,
                          .changed_meanwhile = meanwhile,
                          .groups = names.view()});
  }

  [[nodiscard]] std::uint64_t generation() const {
    alloc::Extent first;
    return context_.environment.heap.walk(plan_.range.start, {&first, 1}).generation;
  }

  Context& context_;
  Plan plan_;
  BlockGroups groups_;
  std::uint64_t generation_ = 0;
  std::size_t next_ = 0;
  alloc::Address read_to_ = plan_.range.end;
  bool changed_ = false;
};

int refuse_live(Context& context, std::string_view why) {
  return context.reply.refuse(kRecord.usage, "{}", why);
}

int run_live(Context& context, const Arguments& arguments, const Plan& plan) {
  if (arguments.has('b')) return refuse_live(context, "-l lists no blocks: leave out -b");
  if (!arguments.has('c') && context.shell.mode() == Mode::json) {
    return refuse_live(context, "in json -l needs -c: the reply is one line, and must end");
  }
  const auto pause = read_number(context, kRecord, arguments.value_of('i').value_or("500"), "MS", 0,
                                 kMillisecondsOfDay);
  if (!pause) return kWrongUsage;
  const auto count = read_number(context, kRecord, arguments.value_of('c').value_or("1G"), "COUNT",
                                 1, std::uint64_t{1} << 30);
  if (!count) return kWrongUsage;
  const std::uint64_t cells = (plan.range.size() - 1) / plan.grid.cell_bytes + 1;
  if (cells > kMostLiveCells) {
    return context.reply.refuse(kRecord.usage, "{} cells are the most with -l, not {}",
                                kMostLiveCells, cells);
  }
  return LivePicture(context, plan).run(*count, *pause * 1000);
}

constexpr std::array kRegionColumns{
    Column{.name = "mark", .width = 4},  Column{.name = "start", .width = 10},
    Column{.name = "end", .width = 10},  Column{.name = "bytes", .width = 10, .right = true},
    Column{.name = "what", .width = 16}, Column{.name = "unreadable"},
};

/// A letter for each name, in the order in which they come first.
class RegionMarks {
 public:
  [[nodiscard]] char of(std::string_view name) {
    if (name == "free") return '.';
    if (name == "unnamed") return '-';
    const auto* const known = std::ranges::find(names_, name);
    const auto index = known - names_.begin();
    if (known == names_.end() && !names_.push_back(name)) return '+';
    return static_cast<char>('A' + index);
  }

 private:
  StaticVector<std::string_view, 26> names_;
};

/// From a page up, one more for every doubling.
constexpr std::uint64_t map_weight(std::uint64_t bytes) {
  return static_cast<std::uint64_t>(std::max(64 - std::countl_zero(bytes), 12) - 11);
}

void write_map(TextSink& out, const MemoryRegions& regions, std::size_t columns) {
  std::uint64_t total = 0;
  for (const Region& region : regions) total += map_weight(region.range.size());
  const std::uint64_t shared = columns - std::min(columns, regions.size());
  RegionMarks marks;
  for (const Region& region : regions) {
    const char mark = marks.of(region.name);
    const std::uint64_t cells = 1 + shared * map_weight(region.range.size()) / total;
    for (std::uint64_t i = 0; i < cells; ++i) out.write({&mark, 1});
  }
}

/// All of memory by regions.
int show_memory(Context& context) {
  constexpr std::size_t kNameColumns = 24;
  Reply& reply = context.reply;
  const MemoryRegions regions = address_space(context.environment);
  FixedText<kMaxSide> map;
  write_map(map, regions, std::min(reply.room().columns - kNameColumns, kMaxSide));
  reply.field("map", Value::text(map.view()));
  reply.begin_list("regions", kRegionColumns);
  RegionMarks marks;
  for (const Region& region : regions) {
    const char mark = marks.of(region.name);
    reply.begin_item();
    reply.field("mark", Value::text({&mark, 1}));
    reply.field("start", Value::address(region.range.start));
    reply.field("end", Value::address(region.range.end));
    reply.field("bytes", Value::bytes(region.range.size()));
    reply.field("what", Value::text(region.name));
    const bool whole = region.unreadable.empty();
    reply.field("unreadable", whole ? Value::none() : Value::text(region.unreadable));
    reply.end_item();
  }
  reply.end_list();
  // Last: a heap that is damaged may not tell.
  const alloc::Stats stats = context.environment.heap.stats();
  reply.field("heap_used_bytes", Value::bytes(stats.used_bytes));
  reply.field("heap_free_bytes", Value::bytes(stats.free_bytes));
  reply.field("heap_metadata_bytes", Value::bytes(stats.metadata_bytes));
  return kSuccess;
}

/// Whether an option is given that means nothing without others, or beside them.
bool has_any(const Arguments& arguments, std::string_view letters) {
  return std::ranges::any_of(letters, [&](char letter) { return arguments.has(letter); });
}

int run_heapmap(Context& context, const Arguments& arguments) {
  if (arguments.has('a')) {
    if (arguments.size() == 0 && !has_any(arguments, "wrbkzlic")) return show_memory(context);
    return context.reply.refuse(kRecord.usage, "--ram stands alone");
  }
  const bool live = arguments.has('l');
  if (!live && has_any(arguments, "ic")) {
    return context.reply.refuse(kRecord.usage, "-i and -c go with -l");
  }
  int status = kSuccess;
  const auto plan = read_plan(context, arguments, status);
  if (!plan) return status;
  if (live) return run_live(context, arguments, *plan);
  return draw(context, *plan, arguments.has('b'));
}

}  // namespace
}  // namespace heapscope::shell
