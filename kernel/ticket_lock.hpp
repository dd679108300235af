// A fair spinlock: who comes first is served first. Interrupts are masked on the
// core that holds it, so that no handler of the same core waits for it for ever.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>

#include "base/panic.hpp"
#include "kernel/hold_record.hpp"

namespace heapscope::kernel {

/// What the lock needs of a core; the tests put threads behind it.
/// - `mask_interrupts()` masks them and returns what restore_interrupts() takes.
/// - `usual(mask)`: whether can_lock() holds, as far as that mask tells it without a
///   further look; false where it does not tell.
/// - `can_lock()`: whether memory is cacheable yet and the kernel has not panicked.
/// - `panicking()`: whether it has. Then one core runs, its interrupts masked, and
///   whoever holds a lock will never give it back.
/// - `mark()`: a number of this core's own, above 0 and below 2^32.
/// - `number()`: what people call this core.
/// - `moment()`: now, by its counters.
/// - `call_aside(function, argument)`: calls `function(argument)` at so little cost for
///   the code around it as if it were not there; for what is seldom done.
/// - `callers()`: who had called whom to get to where call_aside() was called.
/// - `relax(turn)`: a moment's wait, for the turn-th time: the longer it has been, the
///   longer it may be. Nobody wakes the core.
template <class C>
concept LockingCore = requires(std::uint64_t mask, std::uint32_t turn) {
  { C::mask_interrupts() } -> std::same_as<std::uint64_t>;
  { C::restore_interrupts(mask) } -> std::same_as<void>;
  { C::usual(mask) } -> std::same_as<bool>;
  { C::can_lock() } -> std::same_as<bool>;
  { C::panicking() } -> std::same_as<bool>;
  { C::mark() } -> std::same_as<std::uint64_t>;
  { C::number() } -> std::same_as<std::uint32_t>;
  { C::moment() } -> std::same_as<CoreMoment>;
  {C::call_aside(static_cast<void (*)(void*)>(nullptr), static_cast<void*>(nullptr))};
  { C::callers() } -> std::same_as<Callers>;
  { C::relax(turn) } -> std::same_as<void>;
};

/// Since the lock was made. A snapshot: the figures may belong to moments that
/// lie a little apart.
struct LockCounters {
  std::uint64_t acquisitions = 0;  ///< Those that still wait included.
  std::uint64_t contended = 0;     ///< Of these, those that had to wait.
};

/// Panics when it is taken before exclusive accesses work, and when it is taken
/// again by the core that holds it. During a panic it excludes nobody and never
/// waits.
///
/// Taking it where nobody holds it and giving it back are short, and compiled into
/// each caller; all else is out of their way. While no other core uses what the lock
/// protects, masking interrupts is enough: enter_alone() and leave_alone() do only that,
/// in place of lock() and unlock().
template <LockingCore Core>
class TicketLock {
 public:
  void lock() {
    const std::uint64_t mask = Core::mask_interrupts();
    if (!Core::usual(mask)) [[unlikely]]
      return lock_unusually(mask);
    take(mask);
  }

  void unlock() {
    const std::uint64_t serving = serving_.load(std::memory_order_relaxed);
    if ((serving & kMeasured) != 0) [[unlikely]]
      return Core::call_aside(unlock_measured, this);
    give_back(serving);
  }

  /// Returns what leave_alone() takes. Is not counted, and the core is not the lock's
  /// holder by it.
  static std::uint64_t enter_alone() { return Core::mask_interrupts(); }
  static void leave_alone(std::uint64_t mask) { Core::restore_interrupts(mask); }

  [[nodiscard]] bool held_by_this_core() const {
    const std::uint64_t serving = serving_.load(std::memory_order_relaxed) & ~kMeasured;
    return holder_.load(std::memory_order_relaxed) == holder_of(serving);
  }
  [[nodiscard]] LockCounters counters() const {
    return {.acquisitions = next_.load(std::memory_order_relaxed),
            .contended = contended_.load(std::memory_order_relaxed)};
  }

  /// From now on how long it is held, and waited for, is written into `record`, in
  /// addition to what is there; with none, nowhere. That makes each use of it longer.
  [[gnu::cold]] void measure_holds(HoldRecord* record) {
    lock();
    record_ = record;
    const std::uint64_t serving = serving_.load(std::memory_order_relaxed) & ~kMeasured;
    // This call itself is not measured.
    give_back(record != nullptr ? serving | kMeasured : serving);
  }

 private:
  /// In serving_: holds are measured. It makes the number another one than any ticket,
  /// so that who takes the lock finds out by the look that it takes anyway.
  static constexpr std::uint64_t kMeasured = std::uint64_t{1} << 63;

  /// What this core leaves as the holder of a ticket. Of another ticket it says nothing,
  /// so that nobody has to take it back.
  static std::uint64_t holder_of(std::uint64_t ticket) { return Core::mark() + (ticket << 32); }

  // Compiled in behind the look at whether exclusive accesses work yet.
  [[gnu::always_inline]] void take(std::uint64_t mask) {
    const std::uint64_t ticket = next_.fetch_add(1, std::memory_order_relaxed);
    if (serving_.load(std::memory_order_acquire) != ticket) [[unlikely]]
      wait_for(ticket);
    holder_.store(holder_of(ticket), std::memory_order_relaxed);
    mask_before_ = mask;
  }

  [[gnu::cold, gnu::noinline]] void wait_for(std::uint64_t ticket) {
    std::uint64_t serving = serving_.load(std::memory_order_acquire);
    const std::uint64_t since = (serving & kMeasured) != 0 ? Core::moment().ticks : 0;
    std::uint32_t turns = 0;
    while ((serving & ~kMeasured) != ticket) {
      if (held_by_this_core()) panic("a core takes a lock again that it holds");
      Core::relax(++turns);
      serving = serving_.load(std::memory_order_acquire);
    }
    // Only the holder counts, so that a plain store will do.
    if (turns > 0) {
      contended_.store(contended_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    if ((serving & kMeasured) != 0) note_taken(turns > 0 ? since : 0);
  }

  /// `since` is when the wait for it began; 0 for none, or none that was measured.
  void note_taken(std::uint64_t since) {
    record_->taken_at = Core::moment();
    if (since == 0) return;
    ++record_->waits;
    record_->waited_ticks += record_->taken_at.ticks - since;
  }

  /// Callers of unlock() need no register put away for its sake.
  [[gnu::cold, gnu::noinline]] static void unlock_measured(void* it) {
    auto& lock = *static_cast<TicketLock*>(it);
    // In a panic it may have been taken by nobody.
    if (!Core::panicking()) lock.note_hold();
    lock.give_back(lock.serving_.load(std::memory_order_relaxed));
  }

  // Compiled into the above, as Core::callers() must be.
  [[gnu::always_inline]] void note_hold() {
    const CoreMoment now = Core::moment();
    const CoreMoment& then = record_->taken_at;
    if (!record_->count(now.ticks - then.ticks)) return;
    record_->longest = {.ticks = now.ticks - then.ticks,
                        .cycles = now.cycles - then.cycles,
                        .instructions = now.instructions - then.instructions,
                        .core = Core::number(),
                        .callers = Core::callers()};
  }

  void give_back(std::uint64_t serving) {
    const std::uint64_t mask = mask_before_;
    serving_.store(serving + 1, std::memory_order_release);
    Core::restore_interrupts(mask);
  }

  /// Before interrupts are first unmasked, in a handler, and in a panic: that leaves
  /// only what unlock() reads, so that it keeps interrupts masked without having to ask
  /// for the panic itself.
  [[gnu::cold, gnu::noinline]] void lock_unusually(std::uint64_t mask) {
    if (Core::can_lock()) return take(mask);
    if (!Core::panicking()) panic("a spinlock was used before the MMU was on");
    mask_before_ = Core::mask_interrupts();
  }

  // Tickets are never used up: 2^63 of them.
  std::atomic<std::uint64_t> next_{0};
  std::atomic<std::uint64_t> serving_{0};
  std::atomic<std::uint64_t> holder_{0};
  std::uint64_t mask_before_ = 0;  // Of the holder.
  std::atomic<std::uint64_t> contended_{0};
  HoldRecord* record_ = nullptr;  // Where holds are measured; of the holder.
};

}  // namespace heapscope::kernel
