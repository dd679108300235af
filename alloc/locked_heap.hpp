// The lock wrapper: a heap that can run any of several allocators, reachable
// only through its lock.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "alloc/allocator_operations.hpp"
#include "alloc/heap.hpp"
#include "alloc/instruments.hpp"
#include "base/panic.hpp"

namespace heapscope::alloc {

/// A lock that is cheaper where nobody else is there to be excluded: what enter_alone()
/// returns is what leave_alone() takes.
template <class Lock>
concept CanBeAlone = requires(Lock lock, std::uint64_t entry) {
  { lock.enter_alone() } -> std::same_as<std::uint64_t>;
  { lock.leave_alone(entry) } -> std::same_as<void>;
};

/// Says itself which calls are over at once, and does these without a call of its own;
/// `calls()` is a number that each of them changes, and that does not come back.
template <class A>
concept HasShortWays = requires(A a, Layout layout, Address address) {
  { a.calls() } -> std::same_as<std::uint64_t>;
  { a.allocate_at_once(layout, address) } -> std::same_as<bool>;
  { a.deallocate_at_once(address, layout) } -> std::same_as<bool>;
};

/// `Lock` has lock() and unlock(). The allocators that it can run are `Main`, whose
/// short ways are compiled into allocate() and deallocate(), and `Others`; several may
/// share a name and differ in hardening. Begins uninitialized, at compile time;
/// reset() is also what initializes it. An allocator that defers work is settled before
/// anybody looks at its heap; but for a check, where it can do without.
template <class Lock, Allocator Main, Allocator... Others>
class LockedHeap final : public Heap {
  static constexpr bool kHasQuickWay = CanBeAlone<Lock> && HasShortWays<Main>;
  using Witness = typename WitnessOf<Lock>::Type;

 public:
  constexpr LockedHeap() = default;
  LockedHeap(const LockedHeap&) = delete;
  LockedHeap& operator=(const LockedHeap&) = delete;

  /// Not compiled into its callers, and neither is the next.
  [[gnu::noinline]] Result<Address, HeapError> allocate(Layout layout) override {
    if constexpr (kHasQuickWay) {
      if (quick_) [[likely]] {
        const std::uint64_t entry = lock_.enter_alone();
        Address address = 0;
        if (main().allocate_at_once(layout, address)) [[likely]] {
          lock_.leave_alone(entry);
          return address;
        }
        return allocate_alone(layout, entry);
      }
    }
    return allocate_way_(*this, layout);
  }

  [[gnu::noinline]] Result<void, HeapError> deallocate(Address address, Layout layout) override {
    if constexpr (kHasQuickWay) {
      if (quick_) [[likely]] {
        const std::uint64_t entry = lock_.enter_alone();
        if (main().deallocate_at_once(address, layout)) [[likely]] {
          lock_.leave_alone(entry);
          return {};
        }
        return deallocate_alone(address, layout, entry);
      }
    }
    return deallocate_way_(*this, address, layout);
  }

  [[gnu::cold]] Result<void, HeapError> deallocate_unsized(Address address) override {
    const Guard guard(lock_);
    ++generation_;
    // Or there is no allocator.
    if (unwatched_ == nullptr) [[unlikely]]
      return deallocate_unsized_watched(address);
    return unwatched_->deallocate_unsized(room_.data(), address);
  }

  /// A moved block is copied, which costs more than calls do.
  [[gnu::cold]] Result<Address, HeapError> reallocate(Address address, Layout layout,
                                                      std::size_t size) override {
    const Layout wanted{.size = size, .align = layout.align};
    // As one allocation, whichever way it takes.
    const bool planned = size > layout.size && allocate_way_ == allocate_examined;
    if (planned && refused_on_purpose(wanted)) return fail(HeapError::exhausted);
    const auto resized = resize_in_place(address, layout, size);
    if (resized) return address;
    if (resized.error() != HeapError::exhausted) return fail(resized.error());
    const auto moved = planned ? allocate_without_plan(wanted) : allocate(wanted);
    if (!moved) return moved;
    std::memcpy(reinterpret_cast<void*>(*moved), reinterpret_cast<const void*>(address),
                std::min(layout.size, size));
    if (const auto freed = deallocate(address, layout); !freed) {
      panic("reallocate: the block at {:#x} was freed meanwhile", address);
    }
    return moved;
  }

  [[gnu::cold]] std::size_t usable_size(Layout layout) const override {
    const Guard guard(lock_);
    return running().usable_size(room_.data(), layout);
  }

  [[gnu::cold]] std::string_view allocator_name() const override {
    const Guard guard(lock_);
    return running().name;
  }

  [[gnu::cold]] Hardening hardening() const override {
    const Guard guard(lock_);
    return operations_ == nullptr ? Hardening::standard : operations_->hardening;
  }

  [[gnu::cold]] void set_hardening(Hardening wanted) override {
    const Guard guard(lock_);
    wanted_ = wanted;
  }

  [[gnu::cold]] bool harden_in_place(Hardening wanted) override {
    const Guard guard(lock_);
    const AllocatorOperations* const level = level_of_running(wanted);
    if (level == nullptr || level->state != operations_->state) return false;
    operations_ = level;
    wanted_ = wanted;
    choose_way();
    return true;
  }

  [[gnu::cold]] HardeningChange hardening_change(Hardening wanted) const override {
    const Guard guard(lock_);
    const AllocatorOperations* const level = level_of_running(wanted);
    if (level == nullptr) return HardeningChange::unavailable;
    if (level == operations_) return HardeningChange::none;
    return level->state == operations_->state ? HardeningChange::in_place
                                              : HardeningChange::restart;
  }

  [[gnu::cold]] Stats stats() const override {
    const Guard guard(lock_);
    return settled().stats(room_.data());
  }

  [[gnu::cold]] std::size_t bins(std::size_t first, std::span<BinStats> out) const override {
    const Guard guard(lock_);
    return settled().bins(room_.data(), first, out);
  }

  [[gnu::cold]] Result<Extent, HeapError> owner(Address address) const override {
    const Guard guard(lock_);
    const AllocatorOperations& allocator = settled();
    if (!range_.contains(address)) return fail(HeapError::outside_heap);
    return allocator.extent_at(room_.data(), address);
  }

  [[gnu::cold]] WalkStep walk(Address from, std::span<Extent> out) const override {
    const Guard guard(lock_);
    const AllocatorOperations& allocator = settled();
    WalkStep step{.count = 0, .generation = generation()};
    while (step.count < out.size() && range_.contains(from)) {
      const Extent extent = allocator.extent_at(room_.data(), from);
      from = extent.end();
      out[step.count++] = extent;
    }
    return step;
  }

  [[gnu::cold]] CheckStep check_some(Address from, std::size_t extents) const override {
    const Guard guard(lock_);
    const AllocatorOperations& allocator = ready_to_check();
    CheckStep step{.next = from, .generation = generation()};
    while (step.extents < extents && range_.contains(step.next)) {
      const Extent extent = allocator.extent_at(room_.data(), step.next);
      const auto next = check_at(allocator, step.next);
      if (!next) {
        step.damage = next.error();
        step.damaged = extent;
        break;
      }
      step.next = *next;
      ++step.extents;
      if (extent.state != ExtentState::live) continue;
      ++step.live_blocks;
      step.last_live = extent;
    }
    return step;
  }

  [[gnu::cold]] std::uint32_t alarms() const override {
    return alarms_.load(std::memory_order_relaxed);
  }

  [[gnu::cold]] std::optional<Finding> find_misuse(Address& from,
                                                   std::size_t extents) const override {
    const Guard guard(lock_);
    const AllocatorOperations& allocator = running();
    for (std::size_t i = 0; i < extents && range_.contains(from); ++i) {
      const Address at = from;
      const Address end = allocator.extent_at(room_.data(), at).end();
      // Damaged records may tell of an extent that ends before it.
      from = end > at ? end : static_cast<Address>(range_.end);
      if (const auto found = allocator.finding_at(room_.data(), at)) return found;
    }
    return std::nullopt;
  }

  [[gnu::cold]] std::optional<GuardedBlock> guarded_block(Address address) const override {
    const Guard guard(lock_);
    const AllocatorOperations& allocator = running();
    if (!range_.contains(address)) return std::nullopt;
    return allocator.guarded_block(room_.data(), address);
  }

  [[gnu::cold]] void visit_instruments(void (*visit)(void*, Instruments&), void* context) override {
    const Guard guard(lock_);
    visit(context, instruments_);
    choose_way();
  }

  [[gnu::cold]] std::span<const std::string_view> allocator_names() const override {
    return std::span(kNames.names).first(kNames.count);
  }

  [[gnu::cold]] bool can_reset(std::string_view allocator, Range range) const override {
    const AllocatorOperations* const chosen = choice(allocator);
    return chosen != nullptr && chosen->can_manage(range);
  }

  [[gnu::cold]] Result<void, HeapError> reset(std::string_view allocator, Range range) override {
    if (!can_reset(allocator, range)) return fail(HeapError::unsupported);
    const AllocatorOperations* const chosen = choice(allocator);
    close();
    // Without the lock: the records of a large heap take long to make.
    chosen->start(room_.data(), range);
    instruments_.forget_blocks();
    const Guard guard(lock_);
    range_ = range;
    operations_ = chosen;
    choose_way();
    return {};
  }

  /// Whether only the caller's core uses this heap, which makes its calls shorter. To be
  /// called while nobody else uses it. At first it is not so.
  [[gnu::cold]] void set_alone(bool alone) requires kHasQuickWay {
    const Guard guard(lock_);
    alone_ = alone;
    choose_way();
  }

  /// What the lock has counted, where it counts; taken without the lock.
  auto lock_counters() const requires requires(const Lock& lock) { lock.counters(); }
  { return lock_.counters(); }
  /// For a lock that can measure how long it is held: where it is to write that down.
  void measure_holds(auto* record) requires requires(Lock& lock) { lock.measure_holds(record); }
  { lock_.measure_holds(record); }

 private:
  class Guard {
   public:
    [[gnu::noinline]] explicit Guard(Lock& lock) : lock_(lock) { lock_.lock(); }
    [[gnu::noinline]] ~Guard() { lock_.unlock(); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Lock& lock_;
  };
  /// The same, compiled into what many wait for.
  class ShortGuard {
   public:
    explicit ShortGuard(Lock& lock) : lock_(lock) { lock_.lock(); }
    ~ShortGuard() { lock_.unlock(); }
    ShortGuard(const ShortGuard&) = delete;
    ShortGuard& operator=(const ShortGuard&) = delete;

   private:
    Lock& lock_;
  };

  [[gnu::noinline]] Result<Address, HeapError> allocate_alone(Layout layout, std::uint64_t entry) {
    const auto allocated = main().allocate(layout);
    lock_.leave_alone(entry);
    return allocated;
  }
  [[gnu::noinline]] Result<void, HeapError> deallocate_alone(Address address, Layout layout,
                                                             std::uint64_t entry) {
    const auto freed = main().deallocate(address, layout);
    lock_.leave_alone(entry);
    return freed;
  }

  // The ways of allocate() and deallocate() but for the quick one. Functions whose
  // addresses choose_way() takes, so that a call finds its way without asking.
  [[gnu::noinline]] static Result<Address, HeapError> allocate_by_table(LockedHeap& heap,
                                                                        Layout layout) {
    const ShortGuard guard(heap.lock_);
    ++heap.generation_;
    return heap.table_allocate_(heap.room_.data(), layout);
  }

  [[gnu::noinline]] static Result<void, HeapError> deallocate_by_table(LockedHeap& heap,
                                                                       Address address,
                                                                       Layout layout) {
    const ShortGuard guard(heap.lock_);
    ++heap.generation_;
    return heap.table_deallocate_(heap.room_.data(), address, layout);
  }

  /// These record the origins of blocks, and where `kTraced` holds the calls. `kQuick`: as
  /// the quick way, of which they take the place. Others may switch the instruments while
  /// a call waits for the lock: it looks again.
  template <bool kQuick, bool kTraced>
  [[gnu::noinline]] static Result<Address, HeapError> allocate_recorded(LockedHeap& heap,
                                                                        Layout layout) {
    const std::uint64_t entry = heap.template enter<kQuick>();
    if constexpr (!kQuick) {
      if (heap.allocate_way_ != allocate_recorded<kQuick, kTraced>) [[unlikely]] {
        heap.template leave<kQuick>(entry);
        return heap.allocate_way_(heap, layout);
      }
    }
    Address address = 0;
    if (!heap.template allocate_quickly<kQuick>(layout, address)) [[unlikely]] {
      const auto allocated = heap.table_allocate_(heap.room_.data(), layout);
      if (!allocated) [[unlikely]] {
        heap.note_refused(layout);
        heap.template leave<kQuick>(entry);
        return fail(allocated.error());
      }
      address = *allocated;
    }
    heap.instruments_.template note_allocated<kTraced>(address, layout,
                                                       stamp(__builtin_frame_address(0)));
    heap.template leave<kQuick>(entry);
    return address;
  }

  template <bool kQuick, bool kTraced>
  [[gnu::noinline]] static Result<void, HeapError> deallocate_recorded(LockedHeap& heap,
                                                                       Address address,
                                                                       Layout layout) {
    const std::uint64_t entry = heap.template enter<kQuick>();
    if constexpr (!kQuick) {
      if (heap.deallocate_way_ != deallocate_recorded<kQuick, kTraced>) [[unlikely]] {
        heap.template leave<kQuick>(entry);
        return heap.deallocate_way_(heap, address, layout);
      }
    }
    if (!heap.template deallocate_quickly<kQuick>(address, layout)) [[unlikely]] {
      const auto freed = heap.table_deallocate_(heap.room_.data(), address, layout);
      if (!freed) [[unlikely]] {
        heap.template leave<kQuick>(entry);
        return fail(freed.error());
      }
    }
    heap.instruments_.template note_freed<kTraced>(address, layout,
                                                   stamp(__builtin_frame_address(0)));
    heap.template leave<kQuick>(entry);
    return {};
  }

  template <bool kQuick>
  [[gnu::always_inline]] bool allocate_quickly(Layout layout, Address& address) {
    if constexpr (kQuick) return main().allocate_at_once(layout, address);
    return false;
  }
  template <bool kQuick>
  [[gnu::always_inline]] bool deallocate_quickly(Address address, Layout layout) {
    if constexpr (kQuick) return main().deallocate_at_once(address, layout);
    return false;
  }

  [[gnu::cold, gnu::noinline]] void note_refused(Layout layout) {
    instruments_.note_refused(layout, stamp(__builtin_frame_address(0)));
  }

  /// These do all that the instruments can do.
  [[gnu::cold, gnu::noinline]] static Result<Address, HeapError> allocate_examined(LockedHeap& heap,
                                                                                   Layout layout) {
    const Guard guard(heap.lock_);
    ++heap.generation_;
    const CallStamp call = stamp(__builtin_frame_address(0));
    if (heap.instruments_.failures().refuses(layout)) {
      heap.instruments_.note_refused(layout, call);
      return fail(HeapError::exhausted);
    }
    return heap.examine_allocation(layout, call);
  }

  /// These two ask, and do not ask, whether an allocation is to fail.
  [[gnu::cold, gnu::noinline]] bool refused_on_purpose(Layout layout) {
    const Guard guard(lock_);
    FailurePlan& plan = instruments_.failures();
    if (!plan.on() || !plan.refuses(layout)) return false;
    note_refused(layout);
    return true;
  }

  [[gnu::cold, gnu::noinline]] Result<Address, HeapError> allocate_without_plan(Layout layout) {
    const Guard guard(lock_);
    ++generation_;
    return examine_allocation(layout, stamp(__builtin_frame_address(0)));
  }

  /// The lock is held.
  [[gnu::cold]] Result<Address, HeapError> examine_allocation(Layout layout,
                                                              const CallStamp& call) {
    const Counters before;
    const auto allocated = running().allocate(room_.data(), layout);
    const Latency latency = before.passed();
    if (instruments_.measuring_latency()) {
      instruments_.latency().allocate.add(latency, layout, allocated.value_or(0), call);
    }
    if (!allocated) instruments_.note_refused(layout, call);
    if (allocated && instruments_.tracing() == Tracing::on) {
      instruments_.note_allocated<true>(*allocated, layout, call);
    } else if (allocated && instruments_.recording()) {
      instruments_.note_allocated<false>(*allocated, layout, call);
    }
    step_patrol(call);
    return allocated;
  }

  [[gnu::cold, gnu::noinline]] static Result<void, HeapError> deallocate_examined(LockedHeap& heap,
                                                                                  Address address,
                                                                                  Layout layout) {
    const Guard guard(heap.lock_);
    ++heap.generation_;
    Instruments& instruments = heap.instruments_;
    const CallStamp call = stamp(__builtin_frame_address(0));
    const Counters before;
    const auto freed = heap.running().deallocate(heap.room_.data(), address, layout);
    const Latency latency = before.passed();
    if (instruments.measuring_latency()) {
      instruments.latency().free.add(latency, layout, address, call);
    }
    if (freed) heap.note_freed(address, layout, call);
    heap.step_patrol(call);
    return freed;
  }

  /// Of deallocate_unsized(), which is not in a hurry.
  [[gnu::cold, gnu::noinline]] Result<void, HeapError> deallocate_unsized_watched(Address address) {
    const auto freed = running().deallocate_unsized(room_.data(), address);
    const CallStamp call = stamp(__builtin_frame_address(0));
    if (freed) note_freed(address, {}, call);
    step_patrol(call);
    return freed;
  }

  [[gnu::cold]] void note_freed(Address address, Layout layout, const CallStamp& call) {
    if (instruments_.tracing() != Tracing::off) {
      instruments_.note_freed<true>(address, layout, call);
    } else if (instruments_.recording()) {
      instruments_.note_freed<false>(address, layout, call);
    }
  }

  [[gnu::cold]] void step_patrol(const CallStamp& call) {
    Patrol& patrol = instruments_.patrol();
    if (!patrol.on()) return;
    const AllocatorOperations& allocator = ready_to_check();
    patrol.step(range_, call, instruments_.sequence(),
                [&](Address at) { return check_at(allocator, at); });
    if (patrol.finding()) alarms_.store(alarms() + 1, std::memory_order_relaxed);
  }

  /// Verifies one extent. Whatever its records have become, a check gets on.
  [[gnu::cold]] Result<Address, Damage> check_at(const AllocatorOperations& allocator,
                                                 Address at) const {
    const auto next = allocator.check(room_.data(), at);
    if (next && (*next <= at || *next > range_.end)) {
      return fail(Damage{.address = at, .what = "the allocator's records make no sense here"});
    }
    return next;
  }

  /// Who calls the function whose frame it is.
  [[gnu::always_inline]] static CallStamp stamp(const void* frame) {
    return CallStamp::made(Witness::ticks(), Witness::core(), Witness::path(frame));
  }

  /// What a call takes. The instructions are read last before it and first behind it, so
  /// that the reading is not counted among them.
  class Counters {
   public:
    [[nodiscard]] Latency passed() const {
      const std::uint64_t instructions = Witness::instructions();
      const std::uint64_t cycles = Witness::cycles();
      const std::uint64_t ticks = Witness::ticks();
      return {.instructions = static_cast<std::uint32_t>(instructions - instructions_),
              .cycles = static_cast<std::uint32_t>(cycles - cycles_),
              .ticks = static_cast<std::uint32_t>(ticks - ticks_)};
    }

   private:
    std::uint64_t ticks_ = Witness::ticks();
    std::uint64_t cycles_ = Witness::cycles();
    std::uint64_t instructions_ = Witness::instructions();
  };

  template <bool kQuick>
  std::uint64_t enter() {
    if constexpr (kQuick) return lock_.enter_alone();
    lock_.lock();
    return 0;
  }
  template <bool kQuick>
  void leave([[maybe_unused]] std::uint64_t entry) {
    if constexpr (kQuick) {
      lock_.leave_alone(entry);
    } else {
      lock_.unlock();
    }
  }

  [[gnu::cold]] Result<void, HeapError> resize_in_place(Address address, Layout layout,
                                                        std::size_t size) {
    const Guard guard(lock_);
    ++generation_;
    const auto resized = running().resize_in_place(room_.data(), address, layout, size);
    if (resized && instruments_.recording()) {
      instruments_.note_resized(address, {.size = size, .align = layout.align},
                                stamp(__builtin_frame_address(0)));
    }
    return resized;
  }

  /// From now on the heap is uninitialized.
  [[gnu::cold]] void close() {
    const Guard guard(lock_);
    // What generation() adds begins at 0 again.
    generation_ = generation() + 1;
    range_ = {};
    operations_ = nullptr;
    choose_way();
  }

  /// The allocator that runs. The lock is held.
  [[nodiscard]] const AllocatorOperations& running() const {
    if (operations_ == nullptr) [[unlikely]]
      panic_uninitialized();
    return *operations_;
  }
  /// The same for looking at its heap.
  [[nodiscard, gnu::noinline]] const AllocatorOperations& settled() const {
    const AllocatorOperations& allocator = running();
    allocator.settle(room_.data());
    return allocator;
  }
  /// The same for a check, which is not to meet damage before it finds it.
  [[nodiscard, gnu::cold]] const AllocatorOperations& ready_to_check() const {
    return running().checks_unsettled ? running() : settled();
  }
  [[noreturn, gnu::cold, gnu::noinline]] static void panic_uninitialized() {
    panic("the heap was used before it was initialized");
  }
  [[gnu::cold]] static Result<Address, HeapError> allocate_nothing(void*, Layout) {
    panic_uninitialized();
  }
  [[gnu::cold]] static Result<void, HeapError> deallocate_nothing(void*, Address, Layout) {
    panic_uninitialized();
  }
  Main& main() const { return *std::launder(reinterpret_cast<Main*>(room_.data())); }

  /// Calls that took the short way are known by what the allocator has counted, and those
  /// that were recorded by their sequence.
  [[nodiscard]] std::uint64_t generation() const {
    if constexpr (kHasQuickWay) {
      if (operations_ != nullptr && operations_->state == OperationsOf<Main>::kTable.state) {
        return generation_ + main().calls() + instruments_.sequence();
      }
    }
    return generation_ + instruments_.sequence();
  }

  /// Which way calls go from now on. The lock is held.
  [[gnu::cold]] void choose_way() {
    const bool recording = instruments_.recording();
    const bool watched = recording || instruments_.examining();
    const bool quick = alone_ && operations_ == &OperationsOf<Main>::kTable;
    quick_ = quick && !watched;
    unwatched_ = watched ? nullptr : operations_;
    table_allocate_ = operations_ == nullptr ? allocate_nothing : operations_->allocate;
    table_deallocate_ = operations_ == nullptr ? deallocate_nothing : operations_->deallocate;
    allocate_way_ = allocate_by_table;
    deallocate_way_ = deallocate_by_table;
    if (!watched || operations_ == nullptr) return;
    if (instruments_.examining()) {
      allocate_way_ = allocate_examined;
      deallocate_way_ = deallocate_examined;
      return;
    }
    if constexpr (kHasQuickWay) {
      if (quick) return choose_recorded_way<true>();
    }
    choose_recorded_way<false>();
  }

  template <bool kQuick>
  [[gnu::cold]] void choose_recorded_way() {
    const Tracing tracing = instruments_.tracing();
    allocate_way_ =
        tracing == Tracing::on ? allocate_recorded<kQuick, true> : allocate_recorded<kQuick, false>;
    deallocate_way_ = tracing == Tracing::off ? deallocate_recorded<kQuick, false>
                                              : deallocate_recorded<kQuick, true>;
  }

  /// The allocator that runs, at that level; null where it has no such level.
  [[gnu::cold]] const AllocatorOperations* level_of_running(Hardening wanted) const {
    const AllocatorOperations& now = running();
    for (const AllocatorOperations* const each : kAll) {
      if (each->name == now.name && each->hardening == wanted) return each;
    }
    return nullptr;
  }

  /// The allocator of that name whose hardening is nearest to what is wanted, and of two
  /// the lower; null where there is none.
  [[gnu::cold]] const AllocatorOperations* choice(std::string_view name) const {
    const AllocatorOperations* best = nullptr;
    int best_distance = 0;
    for (const AllocatorOperations* const each : kAll) {
      if (each->name != name) continue;
      const int above = static_cast<int>(each->hardening) - static_cast<int>(wanted_);
      // Twice the steps, and one more for going up.
      const int distance = above > 0 ? 2 * above + 1 : -2 * above;
      if (best != nullptr && distance >= best_distance) continue;
      best = each;
      best_distance = distance;
    }
    return best;
  }

  static constexpr std::array<const AllocatorOperations*, 1 + sizeof...(Others)> kAll{
      &OperationsOf<Main>::kTable, &OperationsOf<Others>::kTable...};

  /// The names of the allocators, each once.
  struct Names {
    constexpr Names() {
      for (const AllocatorOperations* const each : kAll) {
        const auto end = names.begin() + static_cast<std::ptrdiff_t>(count);
        if (std::find(names.begin(), end, each->name) == end) names[count++] = each->name;
      }
    }
    std::array<std::string_view, kAll.size()> names{};
    std::size_t count = 0;
  };
  static constexpr Names kNames{};

  mutable Lock lock_{};
  bool quick_ = false;  // Alone, and Main runs: where a short offset reaches it.
  bool alone_ = false;
  Hardening wanted_ = Hardening::standard;
  // Of the allocator that runs, on both sides of what is loaded with either.
  Result<Address, HeapError> (*table_allocate_)(void*, Layout) = allocate_nothing;
  std::uint64_t generation_ = 0;  // But for what generation() adds.
  Result<void, HeapError> (*table_deallocate_)(void*, Address, Layout) = deallocate_nothing;
  Result<Address, HeapError> (*allocate_way_)(LockedHeap&, Layout) = allocate_by_table;
  Result<void, HeapError> (*deallocate_way_)(LockedHeap&, Address, Layout) = deallocate_by_table;
  Instruments instruments_{latency_};
  const AllocatorOperations* unwatched_ = nullptr;  // That runs, where nobody watches.
  const AllocatorOperations* operations_ = nullptr;
  Range range_;
  // Mutable: settling changes how a heap is kept, not what is in it.
  alignas(std::max({alignof(Main), alignof(Others)...})) mutable std::array<
      std::byte, std::max({sizeof(Main), sizeof(Others)...})> room_{};
  LatencyLogs latency_;
  std::atomic<std::uint32_t> alarms_{0};
};

}  // namespace heapscope::alloc
