// The bump allocator: one pointer that only moves up. The simplest allocator
// there is, and the floor that others are measured against.
#pragma once

#include "alloc/allocator.hpp"
#include "alloc/hardening.hpp"

namespace heapscope::alloc {

/// Hands out memory from the range's start upwards. Freeing succeeds and gives
/// no memory back. It records no blocks, so a free is only checked against what
/// was handed out as a whole: a second free of the same block is not noticed
/// while other blocks are live. Every call is O(1).
class BumpAllocator {
 public:
  static constexpr std::string_view kName = "bump";
  static constexpr Hardening kHardening = Hardening::none;

  [[nodiscard]] static bool can_manage(Range range) { return !range.empty(); }
  void initialize(Range range);

  [[nodiscard]] Result<Address, HeapError> allocate(Layout layout);
  [[nodiscard]] Result<void, HeapError> deallocate(Address address, Layout layout);
  [[nodiscard]] Result<void, HeapError> deallocate_unsized(Address address);
  /// In place where the block is the last one handed out, and for any shrinking.
  [[nodiscard, gnu::cold]] Result<void, HeapError> resize_in_place(Address address, Layout layout,
                                                                   std::size_t size);
  [[nodiscard]] std::size_t usable_size(Layout layout) const { return layout.size; }

  [[nodiscard]] Stats stats() const;
  [[nodiscard]] std::size_t bins(std::size_t first, std::span<BinStats> out) const;
  [[nodiscard]] Extent extent_at(Address address) const;
  [[nodiscard]] Result<Address, Damage> check(Address address) const;

 private:
  [[nodiscard]] bool fits_when_empty(Layout layout) const;
  [[nodiscard, gnu::cold, gnu::noinline]] Result<Address, HeapError> allocate_slowly(Layout layout);
  /// Where the next block starts at the earliest.
  [[nodiscard]] Address current() const { return last_ + 1; }
  [[nodiscard]] Result<void, HeapError> check_freed(Address address, Layout layout) const;

  Address last_ = 0;  // The last byte that is not free.
  Address end_ = 0;
  Address start_ = 0;
  std::size_t peak_ = 0;  // Of use before the last block shrank; else last_ says it.
  std::uint64_t requested_ = 0;
  std::uint64_t allocations_ = 0;
  std::uint64_t frees_ = 0;
  std::uint64_t failures_ = 0;
};

static_assert(Allocator<BumpAllocator>);

}  // namespace heapscope::alloc
