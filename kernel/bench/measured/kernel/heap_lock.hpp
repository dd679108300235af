// The heaps' lock of the kernel that measures: it counts the instructions for which the
// lock is held, or interrupts are masked in its place.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernel/heap_witness.hpp"
#include "kernel/spin_lock.hpp"

namespace heapscope::kernel {

/// Of all heaps' locks, as core 0 holds them, since it was cleared.
struct HoldFigures {
  std::uint64_t holds = 0;
  std::uint64_t instructions = 0;  ///< Of all holds together.
  std::uint32_t longest = 0;       ///< In instructions.
};
inline constinit HoldFigures hold_figures;

class HeapLock {
 public:
  using Witness = HeapWitness;

  void lock() {
    lock_.lock();
    taken_at_ = instructions();
  }
  void unlock() {
    note();
    lock_.unlock();
  }
  std::uint64_t enter_alone() {
    const std::uint64_t mask = SpinLock::enter_alone();
    taken_at_ = instructions();
    return mask;
  }
  void leave_alone(std::uint64_t mask) {
    note();
    SpinLock::leave_alone(mask);
  }
  [[nodiscard]] LockCounters counters() const { return lock_.counters(); }
  void measure_holds(HoldRecord* record) { lock_.measure_holds(record); }

 private:
  /// The counter of kernel/performance.hpp, which has 32 bits and wraps.
  static std::uint32_t instructions() {
    std::uint64_t count = 0;
    asm volatile("isb\n mrs %0, pmevcntr0_el0" : "=r"(count)::"memory");
    return static_cast<std::uint32_t>(count);
  }
  void note() const {
    const std::uint32_t held = instructions() - taken_at_;
    ++hold_figures.holds;
    hold_figures.instructions += held;
    hold_figures.longest = std::max(hold_figures.longest, held);
  }

  SpinLock lock_;
  std::uint32_t taken_at_ = 0;
};

}  // namespace heapscope::kernel
