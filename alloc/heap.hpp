// The heap as its users see it: locked, inspectable, and whichever allocator
// runs behind it.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "alloc/allocator.hpp"
#include "alloc/hardening.hpp"
#include "alloc/heap_finding.hpp"
#include "alloc/instruments.hpp"

namespace heapscope::alloc {

/// A piece of a walk: how many extents were written, and the heap's generation
/// at that moment. A walk whose pieces differ in generation has seen the heap
/// change under it.
struct WalkStep {
  std::size_t count = 0;
  std::uint64_t generation = 0;
};

/// A piece of a check. One whose pieces differ in generation has seen the heap change
/// under it.
struct CheckStep {
  Address next = 0;             ///< Where to go on; the heap's end when all is done.
  std::size_t extents = 0;      ///< That were found to be right,
  std::size_t live_blocks = 0;  ///< the live blocks among them,
  /// and the last of these.
  std::optional<Extent> last_live = std::nullopt;
  /// What is wrong, where something is. The check ends there.
  std::optional<Damage> damage = std::nullopt;
  Extent damaged = {};  ///< The extent that this was found in.
  std::uint64_t generation = 0;
};

/// What it takes to change the hardening level.
enum class HardeningChange : std::uint8_t {
  none,         ///< It is the level that runs.
  in_place,     ///< harden_in_place() does it.
  restart,      ///< Only a reset() does.
  unavailable,  ///< The allocator that runs has no such level.
};

/// Every call holds the heap's lock for a bounded time, and but for a reset() takes it
/// once; to look at a whole heap, call in steps. Panics where the heap was not set up.
class Heap {
 public:
  /// An address aligned to `layout.align` with at least `layout.size` bytes.
  [[nodiscard]] virtual Result<Address, HeapError> allocate(Layout layout) = 0;
  /// Takes back a block with the layout that it was allocated with.
  [[nodiscard]] virtual Result<void, HeapError> deallocate(Address address, Layout layout) = 0;
  /// For callers that have lost the layout; see the Allocator concept.
  [[nodiscard]] virtual Result<void, HeapError> deallocate_unsized(Address address) = 0;
  /// Changes a block's size, in place where that can be, else by moving it: the
  /// bytes are copied outside the lock. An error leaves the block as it was.
  [[nodiscard]] virtual Result<Address, HeapError> reallocate(Address address, Layout layout,
                                                              std::size_t size) = 0;
  /// Bytes that a block of this (valid) layout gets.
  [[nodiscard]] virtual std::size_t usable_size(Layout layout) const = 0;

  [[nodiscard]] virtual std::string_view allocator_name() const = 0;
  [[nodiscard]] virtual Stats stats() const = 0;
  /// Fills `out` with size classes from number `first` on; returns how many.
  [[nodiscard]] virtual std::size_t bins(std::size_t first, std::span<BinStats> out) const = 0;
  /// The extent that holds `address`, or an error where it is outside the heap.
  [[nodiscard]] virtual Result<Extent, HeapError> owner(Address address) const = 0;
  /// Writes the extents from the one that holds `from` on, in address order.
  /// Continue at the end of the last one; no extents: the walk is over.
  [[nodiscard]] virtual WalkStep walk(Address from, std::span<Extent> out) const = 0;
  /// Verifies up to `extents` extents from the one that holds `from` on.
  [[nodiscard]] virtual CheckStep check_some(Address from, std::size_t extents) const = 0;
  /// The same; returns where to go on or what is damaged.
  [[nodiscard]] Result<Address, Damage> check(Address from, std::size_t extents) const {
    const CheckStep step = check_some(from, extents);
    if (step.damage) return fail(*step.damage);
    return step.next;
  }
  /// How often a patrol has found something. Takes no lock, so that it can be asked often.
  [[nodiscard]] virtual std::uint32_t alarms() const = 0;

  /// What somebody has overwritten, and whose pointer did it: the first of up to `extents`
  /// extents from the one that holds `from` on where something is found. `from` is moved on,
  /// behind that one or to the heap's end when all is done. Brings nothing in order first,
  /// so that it works in a heap that is damaged.
  [[nodiscard]] virtual std::optional<Finding> find_misuse(Address& from,
                                                           std::size_t extents) const = 0;
  /// In a heap with zones around its blocks, the block whose memory, zones and all, holds
  /// `address`, live or kept back after it was freed; nothing elsewhere.
  [[nodiscard]] virtual std::optional<GuardedBlock> guarded_block(Address address) const = 0;

  /// The hardening level of the allocator that runs; `standard` before one does.
  [[nodiscard]] virtual Hardening hardening() const = 0;
  /// What reset() will start: the named allocator at this level, or at the level
  /// nearest to it that the heap has of that allocator. `standard` at first.
  virtual void set_hardening(Hardening wanted) = 0;
  /// Changes the level of the allocator that runs, with all its blocks, and what reset()
  /// will start; false, and nothing changes, where only a reset() can do that.
  [[nodiscard]] virtual bool harden_in_place(Hardening wanted) = 0;
  /// What that level would take of the allocator that runs.
  [[nodiscard]] virtual HardeningChange hardening_change(Hardening wanted) const = 0;
  /// The allocators that this heap can run.
  [[nodiscard]] virtual std::span<const std::string_view> allocator_names() const = 0;
  /// Whether reset() would succeed.
  [[nodiscard]] virtual bool can_reset(std::string_view allocator, Range range) const = 0;
  /// Starts anew: the named allocator on `range`. All blocks are gone. An
  /// unknown name or a range that is too small is `unsupported`, and changes
  /// nothing. It takes as long as the range is large, without the lock: nobody else may
  /// use the heap meanwhile, and who does panics as before the first start.
  [[nodiscard]] virtual Result<void, HeapError> reset(std::string_view allocator, Range range) = 0;

  /// Calls `look(Instruments&)` with the heap's lock held, and returns what it returns.
  /// What it switches holds from the next call on. It is to be over soon, and must not
  /// call the heap.
  template <class Look>
  auto with_instruments(Look look) {
    using Seen = decltype(look(std::declval<Instruments&>()));
    if constexpr (std::is_void_v<Seen>) {
      visit_instruments([](void* it, Instruments& all) { (*static_cast<Look*>(it))(all); }, &look);
    } else {
      struct Call {
        Look& look;
        std::optional<Seen> seen;
      } call{look, std::nullopt};
      visit_instruments(
          [](void* it, Instruments& all) {
            auto& made = *static_cast<Call*>(it);
            made.seen.emplace(made.look(all));
          },
          &call);
      return *std::move(call.seen);
    }
  }

 protected:
  virtual void visit_instruments(void (*visit)(void*, Instruments&), void* context) = 0;

  ~Heap() = default;
};

/// Switches the recording of origins, in steps that keep nobody from the heap for long.
inline void record_origins(Heap& heap, bool on) {
  while (!heap.with_instruments([&](Instruments& all) { return all.record_origins(on); })) {
  }
}

/// The same for the trace, for which origins are recorded too.
inline void set_tracing(Heap& heap, Tracing tracing) {
  if (tracing != Tracing::off) record_origins(heap, true);
  while (!heap.with_instruments([&](Instruments& all) { return all.set_tracing(tracing); })) {
  }
}

}  // namespace heapscope::alloc
