// The computation: both the banks and the reserved ranges are read as unions, in
// ascending order, straight from the unsorted input, so nothing has to be kept.
#include "atags/memory_map.hpp"

#include <algorithm>

namespace heapscope::atags {
namespace {

// The range that begins the part of the union at or above `from`.
Range first_at_or_above(std::span<const Range> ranges, std::uint64_t from) {
  Range first;
  for (const Range& range : ranges) {
    if (range.empty() || range.end <= from) continue;
    const Range part{.start = std::max(range.start, from), .end = range.end};
    if (first.empty() || part.start < first.start) first = part;
  }
  return first;
}

// The lowest stretch of the union of `ranges` at or above `from`, as long as it
// goes on without a gap; empty where there is none.
Range next_stretch(std::span<const Range> ranges, std::uint64_t from) {
  Range stretch = first_at_or_above(ranges, from);
  if (stretch.empty()) return {};
  for (bool grown = true; grown;) {
    grown = false;
    for (const Range& range : ranges) {
      if (range.start > stretch.end || range.end <= stretch.end) continue;
      stretch.end = range.end;
      grown = true;
    }
  }
  return stretch;
}

// Appends to a list in ascending order; where it is full, the smallest range
// goes. False if one went.
template <std::size_t N>
bool append_or_keep_largest(StaticVector<Range, N>& list, const Range& range) {
  if (list.push_back(range)) return true;
  std::size_t smallest = 0;
  for (std::size_t i = 1; i < N; ++i) {
    if (list[i].size() < list[smallest].size()) smallest = i;
  }
  if (range.size() <= list[smallest].size()) return false;
  list.erase(smallest);
  static_cast<void>(list.push_back(range));
  return false;
}

void add_banks(MemoryMap& map, std::span<const Range> banks, std::uint64_t ceiling) {
  for (Range bank = next_stretch(banks, 0); !bank.empty(); bank = next_stretch(banks, bank.end)) {
    const Range below{.start = bank.start, .end = std::min(bank.end, ceiling)};
    if (below.empty()) return;
    if (!append_or_keep_largest(map.banks, below)) map.truncated = true;
  }
}

void add_free(MemoryMap& map, const Range& bank, std::span<const Range> reserved) {
  std::uint64_t at = bank.start;
  while (at < bank.end) {
    const Range used = next_stretch(reserved, at);
    const std::uint64_t free_end = used.empty() ? bank.end : std::min(used.start, bank.end);
    const Range free{.start = at, .end = free_end};
    if (!free.empty() && !append_or_keep_largest(map.free, free)) map.truncated = true;
    at = used.empty() ? bank.end : used.end;
  }
}

}  // namespace

MemoryMap make_memory_map(std::span<const Range> banks, std::uint64_t ceiling,
                          std::span<const Range> reserved) {
  MemoryMap map;
  add_banks(map, banks, ceiling);
  for (const Range& bank : map.banks) add_free(map, bank, reserved);
  return map;
}

}  // namespace heapscope::atags
