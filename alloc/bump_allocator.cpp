// The bump allocator. Fits are compared by subtraction, so that no size wraps.
#include "alloc/bump_allocator.hpp"

#include <algorithm>

namespace heapscope::alloc {
namespace {

/// Bytes to skip from `address` to the next multiple of `align` (a power of two).
std::size_t padding_to(Address address, std::size_t align) { return (0 - address) & (align - 1); }

}  // namespace

void BumpAllocator::initialize(Range range) {
  *this = BumpAllocator();
  start_ = static_cast<Address>(range.start);
  end_ = static_cast<Address>(range.end);
  last_ = start_ - 1;
}

bool BumpAllocator::fits_when_empty(Layout layout) const {
  const std::size_t room = end_ - start_;
  const std::size_t padding = padding_to(start_, layout.align);
  return padding <= room && layout.size <= room - padding;
}

Result<Address, HeapError> BumpAllocator::allocate(Layout layout) {
  const std::size_t below = layout.align - 1;
  const Address last_skipped = last_ | below;
  const Address last = last_skipped + layout.size;
  const Address end = end_;
  // Only a power of two differs so much from its predecessor; a sum that wraps, and
  // one with 0, is not above. Joined bit by bit, for that is one branch.
  const bool fits = ((layout.align ^ below) > below) & (last > last_skipped) & (last < end);
  if (!fits) [[unlikely]]
    return allocate_slowly(layout);
  last_ = last;
  requested_ += layout.size;
  ++allocations_;
  return last_skipped + 1;
}

/// The same for any layout and any range, one that starts at address 0 included.
Result<Address, HeapError> BumpAllocator::allocate_slowly(Layout layout) {
  const Address current = last_ + 1;
  const std::size_t room = end_ - current;
  const std::size_t padding = padding_to(current, layout.align);
  if (!layout.valid() || padding > room || layout.size > room - padding) {
    ++failures_;
    const bool ever = layout.valid() && fits_when_empty(layout);
    return fail(ever ? HeapError::exhausted : HeapError::unsupported);
  }
  last_ += padding + layout.size;
  requested_ += layout.size;
  ++allocations_;
  return current + padding;
}

Result<void, HeapError> BumpAllocator::check_freed(Address address, Layout layout) const {
  if (address < start_ || address >= end_) return fail(HeapError::outside_heap);
  if (address >= current() || allocations_ == frees_) return fail(HeapError::not_allocated);
  if (layout.size > current() - address) return fail(HeapError::wrong_layout);
  if (!layout.valid() || padding_to(address, layout.align) != 0) {
    return fail(HeapError::wrong_layout);
  }
  return {};
}

Result<void, HeapError> BumpAllocator::deallocate(Address address, Layout layout) {
  if (const auto checked = check_freed(address, layout); !checked) [[unlikely]]
    return checked;
  ++frees_;
  return {};
}

Result<void, HeapError> BumpAllocator::deallocate_unsized(Address address) {
  if (const auto checked = check_freed(address, {.size = 1, .align = 1}); !checked) return checked;
  ++frees_;
  return {};
}

Result<void, HeapError> BumpAllocator::resize_in_place(Address address, Layout layout,
                                                       std::size_t size) {
  if (const auto checked = check_freed(address, layout); !checked) return checked;
  if (size == 0 || size > end_ - start_) {
    ++failures_;
    return fail(HeapError::unsupported);
  }
  const bool last = address + layout.size == current();
  if (size > layout.size && (!last || size > end_ - address)) {
    return fail(HeapError::exhausted);
  }
  // A shrunk block in the middle keeps its room: requested_ counts what was
  // asked for the memory in use, so it only follows where memory is given back.
  if (last) {
    peak_ = std::max(peak_, current() - start_);
    // A layout over several blocks is longer than what was asked for them.
    requested_ = requested_ - std::min<std::uint64_t>(requested_, layout.size) + size;
    last_ = address + size - 1;
  }
  return {};
}

Stats BumpAllocator::stats() const {
  const std::size_t used = current() - start_;
  return {.start = start_,
          .end = end_,
          .heap_bytes = end_ - start_,
          .used_bytes = used,
          .requested_bytes = requested_,
          .free_bytes = end_ - current(),
          .metadata_bytes = 0,
          .peak_used_bytes = std::max(peak_, used),
          .largest_free_bytes = end_ - current(),
          .live_blocks = allocations_ - frees_,
          .allocations = allocations_,
          .frees = frees_,
          .failures = failures_};
}

std::size_t BumpAllocator::bins(std::size_t, std::span<BinStats>) const { return 0; }

Extent BumpAllocator::extent_at(Address address) const {
  if (address < current()) {
    return {.start = start_, .size = current() - start_, .state = ExtentState::used};
  }
  return {.start = current(), .size = end_ - current(), .state = ExtentState::free};
}

Result<Address, Damage> BumpAllocator::check(Address address) const {
  if (current() < start_ || current() > end_) {
    return fail(Damage{.address = current(), .what = "the bump pointer is outside the heap"});
  }
  return extent_at(address).end();
}

}  // namespace heapscope::alloc
