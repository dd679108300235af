// Switching on translation and caches, and keeping memory that others read or
// write coherent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/page_tables.hpp"

namespace heapscope::kernel {

/// SCTLR_EL1 (Arm ARM, DDI0487, D17.2.118).
namespace system_control {
inline constexpr std::uint64_t kMmu = std::uint64_t{1} << 0;
inline constexpr std::uint64_t kDataCache = std::uint64_t{1} << 2;
inline constexpr std::uint64_t kStackAlignment = std::uint64_t{1} << 3;

inline std::uint64_t read() {
  std::uint64_t control = 0;
  asm volatile("mrs %0, sctlr_el1" : "=r"(control));
  return control;
}
}  // namespace system_control

/// Switches this core's MMU and caches on, with `tables`, which must stay as they
/// are. Until then memory is not cacheable, and exclusive and unaligned accesses
/// fault (Cortex-A53 TRM, DDI0500, 6.5.1).
[[gnu::noinline]] void enable_mmu(const PageTables& tables);

/// What another core puts into its registers to have the same as this one, whose
/// MMU is on.
struct Translation {
  std::uint64_t root;               ///< TTBR0_EL1.
  std::uint64_t memory_attributes;  ///< MAIR_EL1.
  std::uint64_t translation;        ///< TCR_EL1.
  std::uint64_t control;            ///< SCTLR_EL1.
};
[[nodiscard]] Translation this_translation();

/// Whether this core's MMU and data cache are on.
[[nodiscard]] inline bool mmu_enabled() {
  constexpr std::uint64_t kBoth = system_control::kMmu | system_control::kDataCache;
  return (system_control::read() & kBoth) == kBoth;
}

/// Whether they are and leave_usual_state() was not called on this core: what locks
/// ask each time, in one look at one register.
[[nodiscard]] inline bool usual_state() {
  constexpr std::uint64_t kAll =
      system_control::kMmu | system_control::kDataCache | system_control::kStackAlignment;
  return (system_control::read() & kAll) == kAll;
}

/// For panics: from here on usual_state() is false. The check of the stack pointer's
/// alignment, whose bit tells it, is off then.
inline void leave_usual_state() {
  const std::uint64_t control = system_control::read() & ~system_control::kStackAlignment;
  asm volatile("msr sctlr_el1, %0\n isb" ::"r"(control) : "memory");
}

/// Writes cached changes of `bytes` to memory and drops the cached copies: before
/// somebody beside the cores reads it, and again before what they wrote is read.
/// Whole cache lines of 64 bytes.
void clean_and_invalidate(std::span<const std::byte> bytes);

}  // namespace heapscope::kernel
