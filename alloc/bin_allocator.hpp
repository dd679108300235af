// The bin allocator: size classes with splitting and coalescing, no header on
// any block. What is where is kept in a map beside the blocks.
#pragma once

#include "alloc/allocator.hpp"
#include "alloc/block_map.hpp"
#include "alloc/free_index.hpp"

namespace heapscope::alloc {

/// A best-fit allocator in granules of 8 bytes. Blocks of alignment 16 or more
/// are rounded up to 16 bytes, others to 8. Freed memory merges with its free
/// neighbours at once, so that after everything is freed the heap is one run
/// again. The map takes two bits a granule at the start of the range. Time is
/// bounded for every call: by the bits of a size and the levels of the map.
///
/// Every free is checked exactly: the address must start a live block, and the
/// layout must be as long as that block.
class BinAllocator {
 public:
  static constexpr std::string_view kName = "bin";
  static constexpr std::size_t kGranuleBytes = FreeIndex::kGranuleBytes;

  [[nodiscard]] static bool can_manage(Range range);
  void initialize(Range range);

  /// An alignment above 8 in a nearly full heap may be refused although one of
  /// many free runs would do: of the runs of the best-fitting size only the first
  /// few are looked at.
  [[nodiscard]] Result<Address, HeapError> allocate(const Layout& layout);
  [[nodiscard]] Result<void, HeapError> deallocate(Address address, const Layout& layout);
  [[nodiscard]] Result<void, HeapError> deallocate_unsized(Address address);
  /// Shrinks always; grows where the memory behind the block is free.
  [[nodiscard]] Result<void, HeapError> resize_in_place(Address address, const Layout& layout,
                                                        std::size_t size);
  [[nodiscard]] std::size_t usable_size(const Layout& layout) const;

  [[nodiscard]] Stats stats() const;
  [[nodiscard]] std::size_t bins(std::size_t first, std::span<BinStats> out) const;
  [[nodiscard]] Extent extent_at(Address address) const;
  [[nodiscard]] Result<Address, Damage> check(Address address) const;

 private:
  /// A run of granules: where it starts and how many.
  struct Run {
    Granule start;
    Granule size;
  };

  [[nodiscard]] Address address_of(Granule granule) const {
    return base_ + std::size_t{granule} * kGranuleBytes;
  }
  [[nodiscard]] Granule granule_of(Address address) const {
    return static_cast<Granule>((address - base_) / kGranuleBytes);
  }
  [[nodiscard]] Address limit() const { return address_of(map_.granules()); }

  [[nodiscard]] bool servable(const Layout& layout) const;
  [[nodiscard]] Granule aligned_in(Granule run, std::size_t align) const;
  [[nodiscard]] bool fits(Granule run, Granule size, std::size_t align) const;
  [[nodiscard]] Granule find(Granule size, std::size_t align) const;
  [[nodiscard]] Granule free_run_size(Granule run) const;
  [[nodiscard]] Result<Granule, HeapError> live_block_at(Address address) const;
  [[nodiscard]] Result<Run, HeapError> live_block(Address address, const Layout& layout) const;

  void make_free(Run run);
  void take_free(Run run);
  void release(Run block, std::size_t requested);

  BlockMap map_;
  FreeIndex free_;
  Range range_;
  Address base_ = 0;
  Granule used_granules_ = 0;
  Granule peak_granules_ = 0;
  Granule last_freed_ = kNoGranule;
  std::uint64_t requested_ = 0;
  std::uint64_t allocations_ = 0;
  std::uint64_t frees_ = 0;
  std::uint64_t failures_ = 0;
};

static_assert(Allocator<BinAllocator>);

}  // namespace heapscope::alloc
