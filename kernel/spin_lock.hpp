// The spinlock of this machine.
#pragma once

#include "kernel/cpu.hpp"
#include "kernel/mmu.hpp"
#include "kernel/ticket_lock.hpp"

namespace heapscope::kernel {

/// The core that runs this code, as the lock needs it.
struct ThisCore {
  static std::uint64_t mask_interrupts() {
    const std::uint64_t mask = read_interrupt_mask();
    kernel::mask_interrupts();
    return mask;
  }
  static void restore_interrupts(std::uint64_t mask) { write_interrupt_mask(mask); }
  static bool can_use_exclusives() { return mmu_enabled(); }
  static std::uint32_t number() { return core_number(); }
  static std::uint64_t now() { return read_counter_unordered(); }
  static void relax() { yield(); }
};

using SpinLock = TicketLock<ThisCore>;

}  // namespace heapscope::kernel
