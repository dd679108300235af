// Groups of blocks, and cells filled with them.
#include "shell/heap_picture.hpp"

#include <algorithm>

#include "shell/argument_values.hpp"

namespace heapscope::shell {
namespace {

constexpr char kUnnamed = '#';

constexpr bool is_block(alloc::ExtentState state) {
  return state == alloc::ExtentState::live || state == alloc::ExtentState::used;
}

}  // namespace

void BlockGroups::begin(const AgeScale& scale) {
  counts_ = {};
  scale_ = scale;
}

std::uint8_t BlockGroups::group_of(const PicturedBlock& block) {
  if (by_ == GroupBy::age) {
    if (block.place == 0) return 0;
    // Blocks may have come and gone since the scale was made.
    const std::uint64_t ages = std::max<std::uint64_t>(scale_.next - scale_.oldest, 1);
    const std::uint64_t place = std::clamp(block.place, scale_.oldest, scale_.oldest + ages - 1);
    return static_cast<std::uint8_t>(1 + (place - scale_.oldest) * kAges / ages);
  }
  if (by_ != GroupBy::tag || !block.handle || block.handle->tag.empty()) return 0;
  const std::string_view tag = block.handle->tag;
  const auto* const known = std::ranges::find(tags_, tag);
  const auto index = static_cast<std::size_t>(known - tags_.begin());
  if (known == tags_.end() && !tags_.push_back(tag)) return kOther;
  return static_cast<std::uint8_t>(1 + index);
}

std::uint8_t BlockGroups::add(const PicturedBlock& block) {
  if (!is_block(block.extent.state)) return 0;
  const std::uint8_t group = group_of(block);
  Count& count = counts_[group];
  if (block.extent.state == alloc::ExtentState::live) ++count.blocks;
  count.bytes += block.extent.size;
  if (!block.handle) return group;
  const HandleId id = block.handle->id;
  if (count.first == 0 || id < count.first) count.first = id;
  count.last = std::max(count.last, id);
  return group;
}

char BlockGroups::mark(std::uint8_t group) const {
  if (group == 0) return kUnnamed;
  if (by_ == GroupBy::age) return static_cast<char>('0' + group);
  return group == kOther ? '+' : static_cast<char>('A' + group - 1);
}

std::string_view BlockGroups::tag(std::uint8_t group) const {
  return group == 0 || group > tags_.size() ? std::string_view() : tags_[group - 1U];
}

CellPainter::Outline::Outline(const PicturedBlock& block, std::uint64_t cells)
    : block_(block), cells_(cells) {
  if (!block.handle || cells <= 2) return;
  const std::uint64_t room = cells - 2;
  const HandleName name(block.handle->id);
  if (name.view().size() > room) return;
  label_.write(name.view());
  const std::string_view tag = block.handle->tag;
  if (tag.empty() || label_.view().size() + 1 + tag.size() > room) return;
  label_.write(" ");
  // A cell is one character, whatever bytes the tag has.
  for (const char c : tag) {
    const char shown = c > ' ' && c <= '~' ? c : '_';
    label_.write({&shown, 1});
  }
}

char CellPainter::Outline::mark(std::uint64_t cell) const {
  switch (block_.extent.state) {
    case alloc::ExtentState::free:
      return '.';
    case alloc::ExtentState::metadata:
      return 'm';
    case alloc::ExtentState::used:
      return '=';
    case alloc::ExtentState::live:
      break;
  }
  if (cells_ <= 1 && block_.begins && block_.ends) return kUnnamed;
  if (cell == 0 && block_.begins) return '[';
  if (cell + 1 == cells_ && block_.ends) return ']';
  const std::uint64_t place = cell - 1;
  return cell > 0 && place < label_.view().size() ? label_.view()[place] : '-';
}

/// How many cells have their first byte in the range.
std::uint64_t CellPainter::cells_begun_in(Range range) const {
  const auto cells_before = [&](std::uint64_t address) {
    return (address - range_.start + cell_bytes_ - 1) / cell_bytes_;
  };
  return cells_before(range.end) - cells_before(range.start);
}

void CellPainter::add(const PicturedBlock& block) {
  const alloc::Extent& extent = block.extent;
  const bool free = extent.state == alloc::ExtentState::free;
  const bool metadata = extent.state == alloc::ExtentState::metadata;
  std::uint8_t group = groups_.add(block);
  const std::uint64_t cells = cells_begun_in({.start = extent.start, .end = extent.end()});
  const Outline outline(block, to_scale_ ? cells : 0);
  if (to_scale_ && is_block(extent.state) && groups_.by() == GroupBy::fullness) {
    odd_ = !odd_;
    group = odd_ ? 1 : 2;
  }
  if (cells == 0) mark_ = kSeveral;
  std::uint64_t cell = 0;
  for (std::uint64_t left = extent.size; left > 0;) {
    if (at_ == cell_start_) begin_cell(outline.mark(cell++), group);
    const std::uint64_t taken = std::min(left, cell_end() - at_);
    if (!free) full_ += taken;
    if (metadata) metadata_ += taken;
    if (is_block(extent.state)) bytes_[group] += taken;
    at_ += taken;
    left -= taken;
    if (at_ == cell_end()) finish_cell();
  }
}

void CellPainter::begin_cell(char mark, std::uint8_t group) {
  full_ = metadata_ = 0;
  bytes_.fill(0);
  mark_ = mark;
  group_ = group;
}

void CellPainter::finish_cell() {
  sink_.cell(finished());
  cell_start_ = at_;
}

Cell CellPainter::finished() const {
  const std::uint64_t size = at_ - cell_start_;
  // 0 and 1000 are kept for cells that are exactly empty and exactly full.
  std::uint64_t permille = full_ * 1000 / size;
  if (full_ > 0 && full_ < size) permille = std::clamp<std::uint64_t>(permille, 1, 999);
  Cell cell{.permille = static_cast<std::uint16_t>(permille), .group = group_, .mark = mark_};
  if (to_scale_) return cell;
  cell.group = 0;
  const bool by_group = groups_.by() != GroupBy::fullness;
  // Shades would be taken for the marks of groups.
  cell.mark = metadata_ == size || (by_group && metadata_ > 0) ? 'm' : '\0';
  if (!by_group || full_ == metadata_) return cell;
  const auto most = std::ranges::max_element(bytes_);
  cell.group = static_cast<std::uint8_t>(most - bytes_.begin());
  cell.mark = groups_.mark(cell.group);
  return cell;
}

void CellPainter::give_up() {
  for (; cell_start_ < range_.end; cell_start_ = cell_end()) {
    sink_.cell({.mark = kUnreadable});
  }
}

}  // namespace heapscope::shell
