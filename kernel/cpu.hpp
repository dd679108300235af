// The CPU's registers and instructions that C++ has no words for.
#pragma once

#include <cstdint>

namespace heapscope::kernel {

/// The mask bits of DAIF: debug, SError, IRQ and FIQ.
inline std::uint64_t read_interrupt_mask() {
  std::uint64_t daif = 0;
  asm volatile("mrs %0, daif" : "=r"(daif)::"memory");
  return daif;
}
inline void write_interrupt_mask(std::uint64_t daif) {
  asm volatile("msr daif, %0" ::"r"(daif) : "memory");
}
/// Masks IRQ on this core. FIQ, by which a core is stopped for good, stays as it
/// is: it must get through to a core that waits for a lock.
inline void mask_interrupts() { asm volatile("msr daifset, #2" ::: "memory"); }
/// Masks FIQ, SError and debug exceptions as well.
inline void mask_everything() { asm volatile("msr daifset, #0xf" ::: "memory"); }
/// Unmasks IRQ and FIQ.
inline void unmask_interrupts() { asm volatile("msr daifclr, #3" ::: "memory"); }
/// Unmasks FIQ alone.
inline void unmask_stop_signal() { asm volatile("msr daifclr, #1" ::: "memory"); }

/// Orders all memory accesses before it and after it, for all observers.
inline void memory_barrier() { asm volatile("dmb sy" ::: "memory"); }

/// The cores' common counter, and its ticks in a second as the firmware set it.
inline std::uint64_t read_counter() {
  std::uint64_t ticks = 0;
  asm volatile("isb\n mrs %0, cntpct_el0" : "=r"(ticks)::"memory");
  return ticks;
}
/// The same without waiting for what comes before: for measuring roughly.
inline std::uint64_t read_counter_unordered() {
  std::uint64_t ticks = 0;
  asm volatile("mrs %0, cntpct_el0" : "=r"(ticks));
  return ticks;
}
inline std::uint64_t read_counter_frequency() {
  std::uint64_t frequency = 0;
  asm volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
  return frequency;
}

/// MPIDR_EL1: this core's number and its cluster.
inline std::uint64_t read_affinity() {
  std::uint64_t affinity = 0;
  asm("mrs %0, mpidr_el1" : "=r"(affinity));
  return affinity;
}

/// This core's number, 0 to 3.
inline std::uint32_t core_number() { return static_cast<std::uint32_t>(read_affinity() & 0xff); }

/// This core's exception level, 0 to 3.
inline std::uint32_t exception_level() {
  std::uint64_t level = 0;
  asm("mrs %0, CurrentEL" : "=r"(level));
  return static_cast<std::uint32_t>(level >> 2 & 3);
}

/// Sleeps until an interrupt is pending, a masked one included, and all that was
/// written before has arrived.
inline void wait_for_interrupt() { asm volatile("dsb sy\n wfi" ::: "memory"); }

/// Whether this code runs on the stack that exceptions are handled on (SP_EL1).
inline bool in_exception_handler() {
  std::uint64_t selected = 0;
  asm volatile("mrs %0, spsel" : "=r"(selected));
  return selected != 0;
}

/// Tells the core, or an emulator, that this loop is only waiting.
inline void yield() { asm volatile("yield"); }

/// Stops this core for good.
[[noreturn]] inline void halt() {
  asm volatile("msr daifset, #3" ::: "memory");
  for (;;) asm volatile("wfi");
}

}  // namespace heapscope::kernel
