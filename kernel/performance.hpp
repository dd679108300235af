// The performance monitors of the core: cycles, and instructions where they are
// counted. Source: Arm ARM (DDI0487), D13; event numbers D13.11.2.
#pragma once

#include <cstdint>
#include <optional>

namespace heapscope::kernel {

/// INST_RETIRED: instructions that were carried out.
inline constexpr std::uint64_t kInstructionsRetired = 0x08;

/// Lets this core's counters run, from 0.
inline void start_performance_counters() {
  constexpr std::uint64_t kEnableResetLong = 0x47;  // PMCR_EL0: E, P, C and LC.
  constexpr std::uint64_t kCyclesAndFirst = 1U << 31 | 1U << 0;
  asm volatile(
      "msr pmevtyper0_el0, %0\n"
      "msr pmccfiltr_el0, xzr\n"
      "msr pmcntenset_el0, %1\n"
      "msr pmcr_el0, %2\n"
      "isb\n" ::"r"(kInstructionsRetired),
      "r"(kCyclesAndFirst), "r"(kEnableResetLong));
}

/// Cycles of this core since then.
inline std::uint64_t read_cycles() {
  std::uint64_t cycles = 0;
  asm volatile("isb\n mrs %0, pmccntr_el0" : "=r"(cycles)::"memory");
  return cycles;
}

/// Instructions since then, in 32 bits; nothing where this machine does not count
/// them (QEMU does only under -icount).
inline std::optional<std::uint64_t> read_instructions() {
  std::uint64_t events = 0;
  asm volatile("mrs %0, pmceid0_el0" : "=r"(events));
  if ((events >> kInstructionsRetired & 1) == 0) return std::nullopt;
  std::uint64_t instructions = 0;
  asm volatile("isb\n mrs %0, pmevcntr0_el0" : "=r"(instructions)::"memory");
  return instructions & 0xffff'ffff;
}

}  // namespace heapscope::kernel
