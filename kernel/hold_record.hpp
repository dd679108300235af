// What is written down about the holds of a lock, and about the waits for it, while
// that is measured.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "kernel/exceptions.hpp"

namespace heapscope::kernel {

/// A moment by the counters of the core that looks; only differences mean anything.
struct CoreMoment {
  std::uint64_t ticks = 0;         ///< Of the clock that the cores share.
  std::uint64_t cycles = 0;        ///< Of this core.
  std::uint32_t instructions = 0;  ///< The same; wraps, and stays 0 where none are counted.
};

/// A hold of the lock by one core.
struct Hold {
  std::uint64_t ticks = 0;
  std::uint64_t cycles = 0;
  std::uint32_t instructions = 0;
  std::uint32_t core = 0;
  Callers callers;  ///< Of the code that gave it back.
};

/// Written, and copied, by the lock's holder only.
struct HoldRecord {
  static constexpr std::size_t kLengths = 32;

  std::uint64_t holds = 0;
  /// How many took so many ticks: number i those below 2^i, and not below half of that;
  /// the last one also all that were longer.
  std::array<std::uint64_t, kLengths> lengths{};
  Hold longest;  ///< All 0 where there was none.
  std::uint64_t waits = 0;
  std::uint64_t waited_ticks = 0;  ///< Of all waits together.
  CoreMoment taken_at;             ///< Where it is held.

  /// Counts a hold; whether it is the longest so far.
  [[nodiscard]] bool count(std::uint64_t ticks) {
    ++holds;
    ++lengths[std::min<std::size_t>(std::bit_width(ticks), kLengths - 1)];
    return holds == 1 || ticks > longest.ticks;
  }
};

}  // namespace heapscope::kernel
