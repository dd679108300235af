// Threads in the place of cores, for the lock's tests.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include "kernel/hold_record.hpp"

namespace heapscope::kernel {

/// Each thread sets its number; the clock ticks with every look at it. A tick is ten
/// cycles and three instructions.
struct ThreadCore {
  static inline thread_local std::uint32_t this_number = 0;
  static inline thread_local std::uint64_t masked = 0;
  static inline thread_local std::uint64_t this_caller = 0x1000;
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
  static std::uint32_t number() { return this_number; }
  static CoreMoment moment() {
    const std::uint64_t now = ticks.fetch_add(1, std::memory_order_relaxed);
    return {.ticks = now, .cycles = now * 10, .instructions = static_cast<std::uint32_t>(now * 3)};
  }
  static void call_aside(void (*function)(void*), void* argument) { function(argument); }
  /// Whoever holds a lock says who it is.
  static Callers callers() {
    Callers callers;
    (void)callers.push_back(this_caller);
    return callers;
  }
  static void relax(std::uint32_t) { std::this_thread::yield(); }
};

}  // namespace heapscope::kernel
