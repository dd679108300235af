// Adding to a list of reserved ranges that cannot grow: leaving one out would
// give memory away that is in use, so a full list covers too much instead.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/range.hpp"
#include "base/static_vector.hpp"

namespace heapscope::atags {

/// Adds `range`, if it is not empty, to `list`. Where the list is full, the entry
/// that takes in the fewest bytes more is widened to hold it. O(N).
template <std::size_t N>
constexpr void add_reserved(StaticVector<Range, N>& list, const Range& range) {
  static_assert(N > 0);
  if (range.empty() || list.push_back(range)) return;
  const auto widened = [&range](const Range& entry) {
    return Range{.start = std::min(entry.start, range.start),
                 .end = std::max(entry.end, range.end)};
  };
  const auto cost = [&widened](const Range& entry) { return widened(entry).size() - entry.size(); };
  std::size_t cheapest = 0;
  for (std::size_t i = 1; i < N; ++i) {
    if (cost(list[i]) < cost(list[cheapest])) cheapest = i;
  }
  list[cheapest] = widened(list[cheapest]);
}

}  // namespace heapscope::atags
