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
/// Masks IRQ and FIQ on this core.
inline void mask_interrupts() { asm volatile("msr daifset, #3" ::: "memory"); }

inline void unmask_interrupts() { asm volatile("msr daifclr, #3" ::: "memory"); }

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

/// This core's number, 0 to 3.
inline std::uint32_t core_number() {
  std::uint64_t affinity = 0;
  asm("mrs %0, mpidr_el1" : "=r"(affinity));
  return static_cast<std::uint32_t>(affinity & 0xff);
}

/// Tells the core, or an emulator, that this loop is only waiting.
inline void yield() { asm volatile("yield"); }

/// Stops this core for good.
[[noreturn]] inline void halt() {
  mask_interrupts();
  for (;;) asm volatile("wfi");
}

}  // namespace heapscope::kernel
