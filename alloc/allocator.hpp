// The concept that every allocator satisfies, and so all it takes to put a new
// one behind the lock wrapper, the shell, the tests and the benchmarks.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>

#include "alloc/error.hpp"
#include "alloc/inspection.hpp"
#include "alloc/layout.hpp"
#include "base/range.hpp"
#include "base/result.hpp"

namespace heapscope::alloc {

/// An allocator manages one range of memory. It does no locking and is told the
/// layout again when a block comes back.
/// - `can_manage(range)`: whether the range can hold its records and a block.
/// - `initialize(range)`: takes the range over; called once, first, and only
///   where can_manage() holds.
/// - `usable_size(layout)`: the bytes that a block of that (valid) layout gets.
/// - `resize_in_place(address, layout, size)`: the block keeps its address and
///   from then on has `size`; `exhausted` where it cannot (not counted as a
///   failure: the caller may move the block instead).
/// - `deallocate_unsized(address)`: for callers that have lost the layout; the
///   block's requested size is taken to be its usable size.
/// - `extent_at(address)`: the extent that holds an address inside the range.
/// - `bins(first, out)`: fills `out` with the size classes from number `first`
///   on and returns how many; 0 after the last.
/// - `check(address)`: verifies the extent that holds `address` and all that the
///   allocator keeps about it; returns the address of the next extent.
/// All are bounded in time whatever the heap's size and history.
template <class A>
concept Allocator = std::default_initializable<A> &&
    requires(A a, const A constant, Range range, Layout layout, Address address, std::size_t size,
             std::span<BinStats> bins) {
  { A::kName } -> std::convertible_to<std::string_view>;
  { A::can_manage(range) } -> std::same_as<bool>;
  { a.initialize(range) } -> std::same_as<void>;
  { a.allocate(layout) } -> std::same_as<Result<Address, HeapError>>;
  { a.deallocate(address, layout) } -> std::same_as<Result<void, HeapError>>;
  { a.deallocate_unsized(address) } -> std::same_as<Result<void, HeapError>>;
  { a.resize_in_place(address, layout, size) } -> std::same_as<Result<void, HeapError>>;
  { constant.usable_size(layout) } -> std::same_as<std::size_t>;
  { constant.stats() } -> std::same_as<Stats>;
  { constant.bins(size, bins) } -> std::same_as<std::size_t>;
  { constant.extent_at(address) } -> std::same_as<Extent>;
  { constant.check(address) } -> std::same_as<Result<Address, Damage>>;
};

}  // namespace heapscope::alloc
