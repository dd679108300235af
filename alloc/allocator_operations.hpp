// What a heap asks of whichever allocator it runs, as a table of functions: one of
// several allocators is chosen at run time by the address of its table.
#pragma once

#include <new>
#include <span>

#include "alloc/capabilities.hpp"
#include "alloc/hardening.hpp"

namespace heapscope::alloc {

/// The functions of an allocator; `self` is one that `start` has made. What it cannot do
/// is done as capabilities.hpp says.
struct AllocatorOperations {
  std::string_view name;
  Hardening hardening;
  /// The same for allocators that can take one another's place while blocks live.
  const void* state;
  bool (*can_manage)(Range range);
  /// Makes the allocator in `room`, which is large enough and aligned for it, and
  /// initializes it. Allocators need no destructor.
  void (*start)(void* room, Range range);
  Result<Address, HeapError> (*allocate)(void* self, Layout layout);
  Result<void, HeapError> (*deallocate)(void* self, Address address, Layout layout);
  Result<void, HeapError> (*deallocate_unsized)(void* self, Address address);
  Result<void, HeapError> (*resize_in_place)(void* self, Address address, Layout layout,
                                             std::size_t size);
  void (*settle)(void* self);
  std::size_t (*usable_size)(const void* self, Layout layout);
  Stats (*stats)(const void* self);
  std::size_t (*bins)(const void* self, std::size_t first, std::span<BinStats> out);
  Extent (*extent_at)(const void* self, Address address);
  Result<Address, Damage> (*check)(const void* self, Address address);
  bool checks_unsettled;  ///< See alloc/capabilities.hpp.
  std::optional<Finding> (*finding_at)(const void* self, Address address);
  std::optional<GuardedBlock> (*guarded_block)(const void* self, Address address);
};

/// Has another address for each class.
template <class State>
struct StateMark {
  static constexpr char kMark[1]{};
};

/// The functions of `A`. An allocator that only does its calls in another way than its
/// base, with the same state, names that as its `State`.
template <Allocator A>
class OperationsOf {
  static_assert(std::is_trivially_destructible_v<A>);

  static constexpr const void* state() {
    if constexpr (requires { typename A::State; }) {
      static_assert(std::is_base_of_v<typename A::State, A> &&
                    sizeof(A) == sizeof(typename A::State));
      return StateMark<typename A::State>::kMark;
    }
    return StateMark<A>::kMark;
  }

  static A& at(void* self) { return *static_cast<A*>(self); }
  static const A& at(const void* self) { return *static_cast<const A*>(self); }

  [[gnu::cold]] static bool can_manage(Range range) { return A::can_manage(range); }
  [[gnu::cold]] static void start(void* room, Range range) { (new (room) A())->initialize(range); }
  [[gnu::cold]] static Result<Address, HeapError> allocate(void* self, Layout layout) {
    return at(self).allocate(layout);
  }
  [[gnu::cold]] static Result<void, HeapError> deallocate(void* self, Address address,
                                                          Layout layout) {
    return at(self).deallocate(address, layout);
  }
  [[gnu::cold]] static Result<void, HeapError> deallocate_unsized(void* self, Address address) {
    return alloc::deallocate_unsized(at(self), address);
  }
  [[gnu::cold]] static Result<void, HeapError> resize_in_place(void* self, Address address,
                                                               Layout layout, std::size_t size) {
    return alloc::resize_in_place(at(self), address, layout, size);
  }
  [[gnu::cold]] static void settle(void* self) { alloc::settle(at(self)); }
  [[gnu::cold]] static std::size_t usable_size(const void* self, Layout layout) {
    return at(self).usable_size(layout);
  }
  [[gnu::cold]] static Stats stats(const void* self) { return at(self).stats(); }
  [[gnu::cold]] static std::size_t bins(const void* self, std::size_t first,
                                        std::span<BinStats> out) {
    return alloc::bins(at(self), first, out);
  }
  [[gnu::cold]] static Extent extent_at(const void* self, Address address) {
    return alloc::extent_at(at(self), address);
  }
  [[gnu::cold]] static Result<Address, Damage> check(const void* self, Address address) {
    return alloc::check(at(self), address);
  }

  [[gnu::cold]] static std::optional<Finding> finding_at(const void* self, Address address) {
    return alloc::finding_at(at(self), address);
  }
  [[gnu::cold]] static std::optional<GuardedBlock> guarded_block(const void* self,
                                                                 Address address) {
    return alloc::guarded_block(at(self), address);
  }

 public:
  static constexpr AllocatorOperations kTable{.name = A::kName,
                                              .hardening = hardening_of<A>(),
                                              .state = state(),
                                              .can_manage = can_manage,
                                              .start = start,
                                              .allocate = allocate,
                                              .deallocate = deallocate,
                                              .deallocate_unsized = deallocate_unsized,
                                              .resize_in_place = resize_in_place,
                                              .settle = settle,
                                              .usable_size = usable_size,
                                              .stats = stats,
                                              .bins = bins,
                                              .extent_at = extent_at,
                                              .check = check,
                                              .checks_unsettled = alloc::checks_unsettled<A>(),
                                              .finding_at = finding_at,
                                              .guarded_block = guarded_block};
};

}  // namespace heapscope::alloc
