// How GoogleTest prints a range in a failure; and lists of ranges to compare.
#pragma once

#include <cstddef>
#include <ostream>
#include <vector>

#include "base/range.hpp"
#include "base/static_vector.hpp"

namespace heapscope {

inline void PrintTo(const Range& range, std::ostream* stream) {
  *stream << '[' << range.start << ',' << range.end << ')';
}

namespace atags::test {

using Ranges = std::vector<Range>;

template <std::size_t N>
Ranges ranges_of(const StaticVector<Range, N>& list) {
  return Ranges(list.begin(), list.end());
}

}  // namespace atags::test
}  // namespace heapscope
