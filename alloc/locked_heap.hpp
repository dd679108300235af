// The lock wrapper: a heap that can run any of several allocators, reachable
// only through its lock.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <variant>

#include "alloc/capabilities.hpp"
#include "alloc/heap.hpp"
#include "base/panic.hpp"

namespace heapscope::alloc {

/// `Lock` has lock() and unlock(); `As` are the allocators it can run, and what
/// one of them cannot do is done as capabilities.hpp says. Begins uninitialized,
/// at compile time; reset() is also what initializes it. An allocator that defers
/// work is settled before anybody looks at its heap.
template <class Lock, Allocator... As>
class LockedHeap final : public Heap {
 public:
  constexpr LockedHeap() = default;
  LockedHeap(const LockedHeap&) = delete;
  LockedHeap& operator=(const LockedHeap&) = delete;

  /// Not compiled into its callers, and neither are the next: the lock and the short
  /// ways of the allocators are compiled into these.
  [[gnu::noinline]] Result<Address, HeapError> allocate(Layout layout) override {
    const Guard guard(lock_);
    ++generation_;
    return with([&](auto& allocator) { return allocator.allocate(layout); });
  }

  [[gnu::noinline]] Result<void, HeapError> deallocate(Address address, Layout layout) override {
    const Guard guard(lock_);
    ++generation_;
    return with([&](auto& allocator) { return allocator.deallocate(address, layout); });
  }

  [[gnu::noinline]] Result<void, HeapError> deallocate_unsized(Address address) override {
    const Guard guard(lock_);
    ++generation_;
    return with([&](auto& allocator) { return alloc::deallocate_unsized(allocator, address); });
  }

  /// Kept small: a moved block is copied, which costs more than calls do.
  [[gnu::cold]] Result<Address, HeapError> reallocate(Address address, Layout layout,
                                                      std::size_t size) override {
    const auto resized = resize_in_place(address, layout, size);
    if (resized) return address;
    if (resized.error() != HeapError::exhausted) return fail(resized.error());
    const auto moved = allocate({.size = size, .align = layout.align});
    if (!moved) return moved;
    std::memcpy(reinterpret_cast<void*>(*moved), reinterpret_cast<const void*>(address),
                std::min(layout.size, size));
    if (const auto freed = deallocate(address, layout); !freed) {
      panic("reallocate: the block at {:#x} was freed meanwhile", address);
    }
    return moved;
  }

  [[gnu::cold]] std::size_t usable_size(Layout layout) const override {
    const InspectionGuard guard(lock_);
    return with([&](const auto& allocator) { return allocator.usable_size(layout); });
  }

  [[gnu::cold]] std::string_view allocator_name() const override {
    const InspectionGuard guard(lock_);
    return with([]<class A>(const A&) { return std::string_view(A::kName); });
  }

  [[gnu::cold]] Stats stats() const override {
    const InspectionGuard guard(lock_);
    return inspect([](const auto& allocator) { return allocator.stats(); });
  }

  [[gnu::cold]] std::size_t bins(std::size_t first, std::span<BinStats> out) const override {
    const InspectionGuard guard(lock_);
    return inspect([&](const auto& allocator) { return alloc::bins(allocator, first, out); });
  }

  [[gnu::cold]] Result<Extent, HeapError> owner(Address address) const override {
    const InspectionGuard guard(lock_);
    return inspect([&](const auto& allocator) -> Result<Extent, HeapError> {
      if (!range_.contains(address)) return fail(HeapError::outside_heap);
      return alloc::extent_at(allocator, address);
    });
  }

  [[gnu::cold]] WalkStep walk(Address from, std::span<Extent> out) const override {
    const InspectionGuard guard(lock_);
    return inspect([&](const auto& allocator) {
      WalkStep step{.count = 0, .generation = generation_};
      while (step.count < out.size() && range_.contains(from)) {
        const Extent extent = alloc::extent_at(allocator, from);
        from = extent.end();
        out[step.count++] = extent;
      }
      return step;
    });
  }

  [[gnu::cold]] Result<Address, Damage> check(Address from, std::size_t extents) const override {
    const InspectionGuard guard(lock_);
    return inspect([&](const auto& allocator) -> Result<Address, Damage> {
      for (std::size_t i = 0; i < extents && range_.contains(from); ++i) {
        const auto next = alloc::check(allocator, from);
        if (!next) return next;
        from = *next;
      }
      return from;
    });
  }

  [[gnu::cold]] std::span<const std::string_view> allocator_names() const override {
    return kNames;
  }

  [[gnu::cold]] bool can_reset(std::string_view allocator, Range range) const override {
    return ((allocator == As::kName && As::can_manage(range)) || ...);
  }

  [[gnu::cold]] Result<void, HeapError> reset(std::string_view allocator, Range range) override {
    if (!can_reset(allocator, range)) return fail(HeapError::unsupported);
    const InspectionGuard guard(lock_);
    ++generation_;
    range_ = range;
    (start_if_named<As>(allocator), ...);
    return {};
  }

  /// What the lock has counted, where it counts; taken without the lock.
  auto lock_counters() const requires requires(const Lock& lock) { lock.counters(); }
  { return lock_.counters(); }
  /// For a lock that can measure how long it is held: it does so anew, or no more.
  void measure_holds(bool measured) requires requires(Lock& lock) { lock.measure_holds(true); }
  { lock_.measure_holds(measured); }

 private:
  class Guard {
   public:
    explicit Guard(Lock& lock) : lock_(lock) { lock_.lock(); }
    ~Guard() { lock_.unlock(); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Lock& lock_;
  };

  /// The same for calls that nobody waits for: not compiled into each of them.
  class InspectionGuard {
   public:
    [[gnu::noinline]] explicit InspectionGuard(Lock& lock) : guard_(lock) {}
    [[gnu::noinline]] ~InspectionGuard() {}
    InspectionGuard(const InspectionGuard&) = delete;
    InspectionGuard& operator=(const InspectionGuard&) = delete;

   private:
    Guard guard_;
  };

  [[gnu::cold]] Result<void, HeapError> resize_in_place(Address address, Layout layout,
                                                        std::size_t size) {
    const Guard guard(lock_);
    ++generation_;
    return with(
        [&](auto& allocator) { return alloc::resize_in_place(allocator, address, layout, size); });
  }

  template <class A>
  void start_if_named(std::string_view name) {
    if (name != A::kName) return;
    allocator_.template emplace<A>().initialize(range_);
    running_ = static_cast<std::uint8_t>(allocator_.index());
  }

  /// Calls `function` with the allocator that runs. The lock is held.
  template <class Function>
  auto with(Function function) {
    return dispatch<As...>(*this, function);
  }
  template <class Function>
  auto with(Function function) const {
    return dispatch<As...>(*this, function);
  }

  /// The same for `function` that looks at it, which it is settled for.
  template <class Function>
  auto inspect(Function function) const {
    return with([&]<class A>(const A& allocator) {
      if constexpr (Settles<A>) settle(*std::get_if<A>(&allocator_));
      return function(allocator);
    });
  }

  template <class A, class... Others, class Self, class Function>
  static auto dispatch(Self& self, Function& function)
      -> decltype(function(*std::get_if<A>(&self.allocator_))) {
    // The place in the variant: what is not tried any more comes before.
    constexpr std::size_t kIndex = sizeof...(As) - sizeof...(Others);
    if (self.running_ == kIndex) {
      auto* const allocator = std::get_if<kIndex>(&self.allocator_);
      if (allocator == nullptr) __builtin_unreachable();
      return function(*allocator);
    }
    if constexpr (sizeof...(Others) > 0) {
      return dispatch<Others...>(self, function);
    } else {
      panic("the heap was used before it was initialized");
    }
  }

  static constexpr std::array<std::string_view, sizeof...(As)> kNames{As::kName...};

  mutable Lock lock_{};
  // The variant's index, where the lock's cache line and a short offset reach it.
  std::uint8_t running_ = 0;
  std::uint64_t generation_ = 0;
  Range range_;
  // Mutable: settling changes how a heap is kept, not what is in it.
  mutable std::variant<std::monostate, As...> allocator_;
};

}  // namespace heapscope::alloc
