// Time since the kernel started, from the cores' common counter.
#pragma once

#include <cstdint>

#include "board_constants.hpp"
#include "kernel/cpu.hpp"

namespace heapscope::kernel {

/// Ticks of the counter in a second.
inline std::uint64_t ticks_per_second() {
  const std::uint64_t frequency = read_counter_frequency();
  return frequency != 0 ? frequency : kBoard.default_timer_hz;
}

/// A moment in time to measure from.
class Stopwatch {
 public:
  Stopwatch() : start_(read_counter()) {}
  /// Microseconds since it was made.
  [[nodiscard]] std::uint64_t microseconds() const {
    const std::uint64_t ticks = read_counter() - start_;
    const std::uint64_t frequency = ticks_per_second();
    // In two parts, so that the product fits after years.
    return ticks / frequency * 1'000'000 + ticks % frequency * 1'000'000 / frequency;
  }

 private:
  std::uint64_t start_;
};

}  // namespace heapscope::kernel
