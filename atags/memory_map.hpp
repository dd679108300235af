// From the memory banks and what is in use, the memory that is free. Pure
// computation: no address of any board, no storage but the result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "base/range.hpp"
#include "base/static_vector.hpp"

namespace heapscope::atags {

/// How many banks a map keeps.
inline constexpr std::size_t kMaxBanks = 16;
/// How many reserved ranges a caller should make room for; a map takes any number.
inline constexpr std::size_t kMaxReserved = 32;
/// How many free ranges a map keeps: all of them where there are up to kMaxBanks
/// banks and kMaxReserved reserved ranges.
inline constexpr std::size_t kMaxFree = 64;
static_assert(kMaxFree >= kMaxBanks + kMaxReserved);

/// `size` bytes from `start`. A sum that does not fit 64 bits ends at 2^64 - 1.
[[nodiscard]] constexpr Range range_from_size(std::uint64_t start, std::uint64_t size) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  return {.start = start, .end = size > kMax - start ? kMax : start + size};
}

/// The memory of a machine. Both lists are in ascending order, without empty,
/// overlapping or adjacent ranges.
struct MemoryMap {
  /// Merged, and clamped to the ceiling.
  StaticVector<Range, kMaxBanks> banks{};
  /// The banks without what is reserved.
  StaticVector<Range, kMaxFree> free{};
  /// There was more than the lists hold; the largest ranges were kept.
  bool truncated = false;

  /// The largest free range, the first of equals; empty where nothing is free.
  [[nodiscard]] constexpr Range largest_free() const {
    Range largest;
    for (const Range& range : free) {
      if (range.size() > largest.size()) largest = range;
    }
    return largest;
  }
};

/// Computes the map of `banks`, in any order, empty or overlapping as they may
/// be, below `ceiling` (the first address that is no memory: the peripherals),
/// minus `reserved`. No reserved range is ever left out, however many there are;
/// where there are too many banks or free ranges, the smallest are left out.
/// O(B^2 + B * R^2) for B banks and R reserved ranges.
[[nodiscard]] MemoryMap make_memory_map(std::span<const Range> banks, std::uint64_t ceiling,
                                        std::span<const Range> reserved);

}  // namespace heapscope::atags
