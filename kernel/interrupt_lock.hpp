// The heap's lock as long as one core runs and the MMU is off: interrupts are
// masked. Exclusive loads and stores, of which real spinlocks are made, fault on
// a Pi 3 before memory is cacheable (Cortex-A53 TRM, DDI0500, 6.5.1).
#pragma once

#include "base/panic.hpp"
#include "kernel/cpu.hpp"

namespace heapscope::kernel {

/// Core 0 only. Taking it twice is a broken contract and a panic, not a hang.
class InterruptLock {
 public:
  void lock() {
    const std::uint64_t mask = read_interrupt_mask();
    mask_interrupts();
    if (held_) panic("a lock was taken again by the core that holds it");
    held_ = true;
    mask_before_ = mask;
  }
  void unlock() {
    held_ = false;
    write_interrupt_mask(mask_before_);
  }

 private:
  bool held_ = false;
  std::uint64_t mask_before_ = 0;
};

}  // namespace heapscope::kernel
