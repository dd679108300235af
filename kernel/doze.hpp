// A short sleep: what a core does when it has waited for too long to go on turning.
#pragma once

#include <cstdint>

#include "kernel/clock.hpp"
#include "kernel/cpu.hpp"

namespace heapscope::kernel {

/// Switches the core's own timer off: it asks for no interrupt any more.
inline void stop_timer() { asm volatile("msr cntp_ctl_el0, xzr\n isb" ::: "memory"); }

/// Sleeps for so many microseconds, or until another interrupt is pending, by the
/// core's own physical timer (Arm ARM, DDI0487, D11.2.4), whose interrupt never gets
/// through: the timer is off again before interrupts are unmasked.
inline void doze(std::uint32_t microseconds) {
  constexpr std::uint64_t kOn = 1;
  const std::uint64_t ticks = ticks_per_second() * microseconds / 1'000'000;
  const std::uint64_t before = read_interrupt_mask();
  mask_interrupts();
  asm volatile("msr cntp_tval_el0, %0\n msr cntp_ctl_el0, %1\n isb" ::"r"(ticks), "r"(kOn)
               : "memory");
  wait_for_interrupt();
  stop_timer();
  write_interrupt_mask(before);
}

}  // namespace heapscope::kernel
