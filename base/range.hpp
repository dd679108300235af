// A half-open range of physical addresses, in 64 bits whatever the board.
#pragma once

#include <algorithm>
#include <cstdint>

namespace heapscope {

/// The bytes from `start` up to, not including, `end`. Empty where end <= start.
struct Range {
  std::uint64_t start = 0;
  std::uint64_t end = 0;

  /// Length in bytes; 0 where the range is empty.
  [[nodiscard]] constexpr std::uint64_t size() const { return empty() ? 0 : end - start; }
  [[nodiscard]] constexpr bool empty() const { return end <= start; }
  [[nodiscard]] constexpr bool contains(std::uint64_t address) const {
    return address >= start && address < end;
  }
  [[nodiscard]] constexpr bool overlaps(const Range& other) const {
    return !empty() && !other.empty() && start < other.end && other.start < end;
  }
  /// The part that lies in both; empty where there is none.
  [[nodiscard]] constexpr Range intersection(const Range& other) const {
    return {.start = std::max(start, other.start), .end = std::min(end, other.end)};
  }
  friend constexpr bool operator==(const Range&, const Range&) = default;
};

}  // namespace heapscope
