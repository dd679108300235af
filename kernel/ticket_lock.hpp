// A fair spinlock: who comes first is served first. Interrupts are masked on the
// core that holds it, so that no handler of the same core waits for it for ever.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>

#include "base/panic.hpp"

namespace heapscope::kernel {

/// What the lock needs of a core; the tests put threads behind it.
/// - `mask_interrupts()` masks them and returns what restore_interrupts() takes.
/// - `can_lock()`: whether memory is cacheable yet and the kernel has not panicked.
/// - `panicking()`: whether it has. Then one core runs, its interrupts masked, and
///   whoever holds a lock will never give it back.
/// - `number()`: this core's number, below 256.
/// - `now()`: a count of ticks.
/// - `relax(turn)`: a moment's wait, for the turn-th time: the longer it has been, the
///   longer it may be. Nobody wakes the core.
template <class C>
concept LockingCore = requires(std::uint64_t mask, std::uint32_t turn) {
  { C::mask_interrupts() } -> std::same_as<std::uint64_t>;
  { C::restore_interrupts(mask) } -> std::same_as<void>;
  { C::can_lock() } -> std::same_as<bool>;
  { C::panicking() } -> std::same_as<bool>;
  { C::number() } -> std::same_as<std::uint32_t>;
  { C::now() } -> std::same_as<std::uint64_t>;
  { C::relax(turn) } -> std::same_as<void>;
};

/// Since the lock was made. A snapshot: the figures may belong to moments that
/// lie a little apart.
struct LockCounters {
  std::uint64_t acquisitions = 0;
  std::uint64_t contended = 0;           ///< Of these, those that had to wait.
  std::uint64_t longest_hold_ticks = 0;  ///< Of the core's clock.
};

/// Panics when it is taken before exclusive accesses work, and when it is taken
/// again by the core that holds it. During a panic it excludes nobody and never
/// waits.
template <LockingCore Core>
class TicketLock {
 public:
  void lock() {
    if (!Core::can_lock()) [[unlikely]] {
      pass_by();
      return;
    }
    const std::uint64_t mask = Core::mask_interrupts();
    if (holder_.load(std::memory_order_relaxed) == Core::number()) {
      panic("core {} takes a lock again that it holds", Core::number());
    }
    const std::uint32_t ticket = next_.fetch_add(1, std::memory_order_relaxed);
    std::uint32_t turns = 0;
    while (serving_.load(std::memory_order_acquire) != ticket) Core::relax(++turns);
    holder_.store(Core::number(), std::memory_order_relaxed);
    mask_before_ = mask;
    add(acquisitions_, 1);
    if (turns > 0) add(contended_, 1);
    taken_at_ = Core::now();
  }

  void unlock() {
    const std::uint64_t held = Core::now() - taken_at_;
    if (held > longest_hold_.load(std::memory_order_relaxed)) {
      longest_hold_.store(held, std::memory_order_relaxed);
    }
    const std::uint64_t mask = mask_before_;
    holder_.store(kNobody, std::memory_order_relaxed);
    serving_.store(serving_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    Core::restore_interrupts(mask);
  }

  [[nodiscard]] bool held_by_this_core() const {
    return holder_.load(std::memory_order_relaxed) == Core::number();
  }
  [[nodiscard]] LockCounters counters() const {
    return {.acquisitions = acquisitions_.load(std::memory_order_relaxed),
            .contended = contended_.load(std::memory_order_relaxed),
            .longest_hold_ticks = longest_hold_.load(std::memory_order_relaxed)};
  }

  /// The longest hold is from now on that of those to come.
  void forget_longest_hold() { longest_hold_.store(0, std::memory_order_relaxed); }

 private:
  static constexpr std::uint32_t kNobody = 0xffff'ffff;

  /// In a panic: leaves only what unlock() reads, so that it keeps interrupts masked
  /// without having to ask for the panic itself.
  [[gnu::noinline]] void pass_by() {
    if (!Core::panicking()) panic("a spinlock was used before the MMU was on");
    mask_before_ = Core::mask_interrupts();
    taken_at_ = Core::now();
  }

  /// Only the holder counts, so that a plain store will do.
  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) {
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }

  std::atomic<std::uint32_t> next_{0};
  std::atomic<std::uint32_t> serving_{0};
  std::atomic<std::uint32_t> holder_{kNobody};
  std::atomic<std::uint64_t> acquisitions_{0};
  std::atomic<std::uint64_t> contended_{0};
  std::atomic<std::uint64_t> longest_hold_{0};
  // Of the holder.
  std::uint64_t mask_before_ = 0;
  std::uint64_t taken_at_ = 0;
};

}  // namespace heapscope::kernel
