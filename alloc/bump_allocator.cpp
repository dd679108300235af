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
  current_ = start_;
}

bool BumpAllocator::fits_when_empty(const Layout& layout) const {
  const std::size_t room = end_ - start_;
  const std::size_t padding = padding_to(start_, layout.align);
  return padding <= room && layout.size <= room - padding;
}

Result<Address, HeapError> BumpAllocator::allocate(const Layout& layout) {
  const std::size_t room = end_ - current_;
  const std::size_t padding = padding_to(current_, layout.align);
  if (!layout.valid() || padding > room || layout.size > room - padding) [[unlikely]] {
    ++failures_;
    const bool ever = layout.valid() && fits_when_empty(layout);
    return fail(ever ? HeapError::exhausted : HeapError::unsupported);
  }
  const Address address = current_ + padding;
  current_ = address + layout.size;
  requested_ += layout.size;
  ++allocations_;
  return address;
}

Result<void, HeapError> BumpAllocator::check_freed(Address address, std::size_t size) const {
  if (address < start_ || address >= end_) return fail(HeapError::outside_heap);
  if (address >= current_ || allocations_ == frees_) return fail(HeapError::not_allocated);
  if (size > current_ - address) return fail(HeapError::wrong_layout);
  return {};
}

Result<void, HeapError> BumpAllocator::deallocate(Address address, const Layout& layout) {
  if (const auto checked = check_freed(address, layout.size); !checked) return checked;
  if (!layout.valid() || padding_to(address, layout.align) != 0) {
    return fail(HeapError::wrong_layout);
  }
  ++frees_;
  return {};
}

Result<void, HeapError> BumpAllocator::deallocate_unsized(Address address) {
  if (const auto checked = check_freed(address, 1); !checked) return checked;
  ++frees_;
  return {};
}

Result<void, HeapError> BumpAllocator::resize_in_place(Address address, const Layout& layout,
                                                       std::size_t size) {
  if (const auto checked = check_freed(address, layout.size); !checked) return checked;
  if (!layout.valid() || padding_to(address, layout.align) != 0) {
    return fail(HeapError::wrong_layout);
  }
  if (size == 0 || size > end_ - start_) {
    ++failures_;
    return fail(HeapError::unsupported);
  }
  const bool last = address + layout.size == current_;
  if (size > layout.size && (!last || size > end_ - address)) {
    return fail(HeapError::exhausted);
  }
  // A shrunk block in the middle keeps its room: requested_ counts what was
  // asked for the memory in use, so it only follows where memory is given back.
  if (last) {
    peak_ = std::max(peak_, current_ - start_);
    // A layout over several blocks is longer than what was asked for them.
    requested_ = requested_ - std::min<std::uint64_t>(requested_, layout.size) + size;
    current_ = address + size;
  }
  return {};
}

Stats BumpAllocator::stats() const {
  const std::size_t used = current_ - start_;
  return {.start = start_,
          .end = end_,
          .heap_bytes = end_ - start_,
          .used_bytes = used,
          .requested_bytes = requested_,
          .free_bytes = end_ - current_,
          .metadata_bytes = 0,
          .peak_used_bytes = std::max(peak_, used),
          .largest_free_bytes = end_ - current_,
          .live_blocks = allocations_ - frees_,
          .allocations = allocations_,
          .frees = frees_,
          .failures = failures_};
}

std::size_t BumpAllocator::bins(std::size_t, std::span<BinStats>) const { return 0; }

Extent BumpAllocator::extent_at(Address address) const {
  if (address < current_) {
    return {.start = start_, .size = current_ - start_, .state = ExtentState::used};
  }
  return {.start = current_, .size = end_ - current_, .state = ExtentState::free};
}

Result<Address, Damage> BumpAllocator::check(Address address) const {
  if (current_ < start_ || current_ > end_) {
    return fail(Damage{.address = current_, .what = "the bump pointer is outside the heap"});
  }
  return extent_at(address).end();
}

}  // namespace heapscope::alloc
