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

/// So many ticks, in units of which a second has `units`.
inline std::uint64_t ticks_in(std::uint64_t ticks, std::uint64_t units) {
  const std::uint64_t frequency = ticks_per_second();
  // In two parts, so that the product fits after years.
  return ticks / frequency * units + ticks % frequency * units / frequency;
}
inline std::uint64_t nanoseconds(std::uint64_t ticks) { return ticks_in(ticks, 1'000'000'000); }

/// A moment in time to measure from.
class Stopwatch {
 public:
  Stopwatch() : start_(read_counter()) {}
  /// Microseconds since it was made.
  [[nodiscard]] std::uint64_t microseconds() const { return microseconds_at(read_counter()); }
  /// The same for a moment that the counter told; 0 for one before.
  [[nodiscard]] std::uint64_t microseconds_at(std::uint64_t counter) const {
    if (counter < start_) return 0;
    return ticks_in(counter - start_, 1'000'000);
  }

 private:
  std::uint64_t start_;
};

}  // namespace heapscope::kernel
