// The concept that every allocator satisfies, and so all it takes to put a new
// one behind the lock wrapper, the shell, the tests and the benchmarks.
#pragma once

#include <concepts>
#include <cstddef>
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
/// - `allocate(layout)`: `unsupported` for what an empty heap could not serve
///   either, `exhausted` for what does not fit now.
/// - `usable_size(layout)`: the bytes that a block of that (valid) layout gets.
/// A refused call changes nothing but the count of failures. Every call is bounded
/// in time whatever the heap's size and history, or the allocator's comment says
/// which are not.
///
/// What else it can do, such as resizing a block in place, is in
/// alloc/capabilities.hpp; all of that may be left out.
///
/// The smallest example, a whole allocator:
///
///     class SmallestAllocator {
///      public:
///       static constexpr std::string_view kName = "smallest";
///       static bool can_manage(Range range) { return !range.empty(); }
///       void initialize(Range range) {
///         figures_.begin(range, 0);
///         next_ = range.start;
///         end_ = range.end;
///       }
///       Result<Address, HeapError> allocate(Layout layout) {
///         const std::size_t padding = (0 - next_) & (layout.align - 1);
///         const std::size_t room = end_ - next_;
///         if (!layout.valid()) return fail(figures_.refused(HeapError::unsupported));
///         if (padding > room || layout.size > room - padding) {
///           return fail(figures_.refused(HeapError::exhausted));
///         }
///         next_ += padding + layout.size;
///         figures_.allocated(padding + layout.size, layout.size);
///         return next_ - layout.size;
///       }
///       Result<void, HeapError> deallocate(Address, Layout) {
///         figures_.freed(0, 0);
///         return {};
///       }
///       std::size_t usable_size(Layout layout) const { return layout.size; }
///       Stats stats() const { return figures_.stats(end_ - next_); }
///
///      private:
///       Figures figures_;
///       Address next_ = 0;
///       Address end_ = 0;
///     };
template <class A>
concept Allocator = std::default_initializable<A> &&
    requires(A a, const A constant, Range range, Layout layout, Address address) {
  { A::kName } -> std::convertible_to<std::string_view>;
  { A::can_manage(range) } -> std::same_as<bool>;
  { a.initialize(range) } -> std::same_as<void>;
  { a.allocate(layout) } -> std::same_as<Result<Address, HeapError>>;
  { a.deallocate(address, layout) } -> std::same_as<Result<void, HeapError>>;
  { constant.usable_size(layout) } -> std::same_as<std::size_t>;
  { constant.stats() } -> std::same_as<Stats>;
};

}  // namespace heapscope::alloc
