// What an allocator may be able to do beyond the concept, and what happens in
// its place where it cannot.
#pragma once

#include <span>

#include "alloc/allocator.hpp"
#include "alloc/heap_finding.hpp"

namespace heapscope::alloc {

/// `resize_in_place(address, layout, size)`: the block keeps its address and from
/// then on has `size`; `exhausted` where it cannot (not counted as a failure: the
/// caller may move the block instead).
template <class A>
concept ResizesInPlace = requires(A a, Address address, Layout layout, std::size_t size) {
  { a.resize_in_place(address, layout, size) } -> std::same_as<Result<void, HeapError>>;
};

/// `deallocate_unsized(address)`: for callers that have lost the layout; the
/// block's requested size is taken to be its usable size.
template <class A>
concept FreesUnsized = requires(A a, Address address) {
  { a.deallocate_unsized(address) } -> std::same_as<Result<void, HeapError>>;
};

/// `extent_at(address)`: the extent that holds an address inside the range.
template <class A>
concept KnowsExtents = requires(const A a, Address address) {
  { a.extent_at(address) } -> std::same_as<Extent>;
};

/// `bins(first, out)`: fills `out` with the size classes from number `first` on
/// and returns how many; 0 after the last.
template <class A>
concept HasBins = requires(const A a, std::size_t first, std::span<BinStats> out) {
  { a.bins(first, out) } -> std::same_as<std::size_t>;
};

/// `check(address)`: verifies the extent that holds `address` and all that the
/// allocator keeps about it; returns the address of the next extent.
template <class A>
concept ChecksItself = requires(const A a, Address address) {
  { a.check(address) } -> std::same_as<Result<Address, Damage>>;
};

/// `finding_at(address)`: what is wrong with the extent that holds `address`, and whose
/// pointer did it.
/// `guarded_block(address)`: the block whose memory, zones and all, holds `address`, live or
/// kept back after it was freed; nothing elsewhere.
template <class A>
concept NamesCulprits = requires(const A a, Address address) {
  { a.finding_at(address) } -> std::same_as<std::optional<Finding>>;
  { a.guarded_block(address) } -> std::same_as<std::optional<GuardedBlock>>;
};

/// `settle()`: brings everything deferred in order, before somebody looks at the
/// heap; bounded in time.
template <class A>
concept Settles = requires(A a) {
  { a.settle() } -> std::same_as<void>;
};

/// `kChecksUnsettled`: extent_at() and check() can be asked before settle(), which may
/// not stand damage that check() is to find.
template <class A>
[[nodiscard]] constexpr bool checks_unsettled() {
  if constexpr (requires { A::kChecksUnsettled; }) {
    return A::kChecksUnsettled;
  } else {
    return !Settles<A>;
  }
}

/// Else nothing can be resized, so that the block moves.
template <Allocator A>
Result<void, HeapError> resize_in_place(A& allocator, Address address, Layout layout,
                                        std::size_t size) {
  if constexpr (ResizesInPlace<A>) return allocator.resize_in_place(address, layout, size);
  return fail(HeapError::exhausted);
}

/// Else `unsupported`: such an allocator cannot serve `delete` without a size.
template <Allocator A>
Result<void, HeapError> deallocate_unsized(A& allocator, Address address) {
  if constexpr (FreesUnsized<A>) return allocator.deallocate_unsized(address);
  return fail(HeapError::unsupported);
}

/// Else the heap is one extent, free as long as nothing in it is used.
template <Allocator A>
Extent extent_at(const A& allocator, Address address) {
  if constexpr (KnowsExtents<A>) return allocator.extent_at(address);
  const Stats stats = allocator.stats();
  return {.start = stats.start,
          .size = stats.end - stats.start,
          .state = stats.used_bytes == 0 ? ExtentState::free : ExtentState::used};
}

/// Else there are no size classes.
template <Allocator A>
std::size_t bins(const A& allocator, std::size_t first, std::span<BinStats> out) {
  if constexpr (HasBins<A>) return allocator.bins(first, out);
  return 0;
}

/// Else there is nothing to verify.
template <Allocator A>
Result<Address, Damage> check(const A& allocator, Address address) {
  if constexpr (ChecksItself<A>) return allocator.check(address);
  return extent_at(allocator, address).end();
}

/// Else only that the allocator found its own records damaged.
template <Allocator A>
std::optional<Finding> finding_at(const A& allocator, Address address) {
  if constexpr (NamesCulprits<A>) return allocator.finding_at(address);
  const auto checked = check(allocator, address);
  if (checked) return std::nullopt;
  return Finding{
      .kind = FindingKind::records, .at = checked.error().address, .block = {}, .other = {}};
}

/// Else there are no zones.
template <Allocator A>
std::optional<GuardedBlock> guarded_block(const A& allocator, Address address) {
  if constexpr (NamesCulprits<A>) return allocator.guarded_block(address);
  return std::nullopt;
}

/// Else nothing is deferred.
template <Allocator A>
void settle(A& allocator) {
  if constexpr (Settles<A>) allocator.settle();
}

}  // namespace heapscope::alloc
