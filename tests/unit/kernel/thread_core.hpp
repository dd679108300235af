// Threads in the place of cores, for the lock's tests.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

namespace heapscope::kernel {

/// Each thread sets its number; the clock ticks with every look at it.
struct ThreadCore {
  static inline thread_local std::uint32_t this_number = 0;
  static inline thread_local std::uint64_t masked = 0;
  static inline std::atomic<std::uint64_t> ticks{0};
  static inline std::atomic<bool> mmu_is_on{true};
  static inline std::atomic<bool> in_panic{false};

  static std::uint64_t mask_interrupts() {
    const std::uint64_t before = masked;
    masked = 1;
    return before;
  }
  static void restore_interrupts(std::uint64_t mask) { masked = mask; }
  static bool usual(std::uint64_t) { return can_lock(); }
  static bool can_lock() { return mmu_is_on.load(std::memory_order_relaxed) && !panicking(); }
  static bool panicking() { return in_panic.load(std::memory_order_relaxed); }
  static std::uint64_t mark() { return this_number + 1; }
  static std::uint64_t now() { return ticks.fetch_add(1, std::memory_order_relaxed); }
  static void relax(std::uint32_t) { std::this_thread::yield(); }
};

}  // namespace heapscope::kernel
