// The bin allocator: size classes with splitting and coalescing, no header on
// any block. What is where is kept in a map beside the blocks.
#pragma once

#include <array>

#include "alloc/allocator.hpp"
#include "alloc/block_map.hpp"
#include "alloc/free_bins.hpp"
#include "alloc/hardening.hpp"

namespace heapscope::alloc {

/// A good-fit allocator in granules of 16 bytes, which every block is a whole
/// number of: a smaller alignment than 16 saves nothing here. The map takes two
/// bits a granule, 1.6 % of the range, at its start.
///
/// Freed memory merges with its free neighbours at once, but for one block of each
/// size up to 256 bytes, which is kept aside for the next block of that size. What
/// is kept is merged too before memory is said to be exhausted, before anybody
/// looks at the heap (settle()), and when the last live block goes.
///
/// Time is bounded for every call, whatever the heap's size and history: no call
/// looks at more than a few neighbours and a few runs of a list, and at most
/// kPockets kept blocks are merged by one.
///
/// Unless hardening is `none`, every free is checked exactly: a live block must
/// start at the address, the layout's size must be that block's to the granule, and
/// its alignment one that the address has (whatever the hardening).
template <Hardening kLevel>
class BasicBinAllocator {
 public:
  static constexpr std::string_view kName = "bin";
  static constexpr Hardening kHardening = kLevel;
  static constexpr std::size_t kGranuleBytes = FreeBins<kLevel>::kGranuleBytes;
  /// Sizes, in granules from 1 on, of which one freed block is kept aside.
  static constexpr std::size_t kPockets = 16;

  [[nodiscard, gnu::cold]] static bool can_manage(Range range);
  [[gnu::cold]] void initialize(Range range);

  /// An alignment above 16 in a nearly full heap may be refused although one of
  /// many free runs would do: only a few of those that are large enough are looked
  /// at. What was freed last always comes back to its layout.
  [[nodiscard, gnu::always_inline]] Result<Address, HeapError> allocate(const Layout& layout) {
    const Address address = take(layout.size, layout.align);
    if (address != 0) [[likely]]
      return address;
    return fail(refusal(layout));
  }
  [[nodiscard, gnu::always_inline]] Result<void, HeapError> deallocate(Address address,
                                                                       const Layout& layout) {
    if (layout.align != kGranuleBytes && !may_have(address, layout.align)) [[unlikely]]
      return fail(misaligned(address, layout));
    const Freed freed = give_back(address, layout.size);
    if (freed == Freed::yes) [[likely]]
      return {};
    return fail(reason(freed, address));
  }
  [[nodiscard]] Result<void, HeapError> deallocate_unsized(Address address);
  /// Shrinks always; grows where the memory behind the block is free.
  [[nodiscard]] Result<void, HeapError> resize_in_place(Address address, const Layout& layout,
                                                        std::size_t size);
  [[nodiscard, gnu::cold]] std::size_t usable_size(const Layout& layout) const;

  /// Merges the blocks that are kept aside, so that stats(), extent_at() and
  /// check() show free memory as it will be found. At most kPockets of them.
  void settle() { (void)settle_pockets(); }

  /// `largest_free_bytes` is exact as long as no more than kRunsLookedAt runs share
  /// the list of the largest; else it is at most an eighth below the truth.
  [[nodiscard, gnu::cold]] Stats stats() const;
  [[nodiscard, gnu::cold]] std::size_t bins(std::size_t first, std::span<BinStats> out) const;
  [[nodiscard, gnu::cold]] Extent extent_at(Address address) const;
  [[nodiscard, gnu::cold]] Result<Address, Damage> check(Address address) const;

  /// How many runs stats() looks at, and lists an aligned block.
  static constexpr int kRunsLookedAt = 8;

 private:
  using Bins = FreeBins<kLevel>;
  using OpenRun = typename Bins::OpenRun;

  /// What became of a free; everything but `yes` has changed nothing.
  enum class Freed : std::uint8_t { yes, outside, not_live, wrong_size };

  /// A run of granules.
  struct Run {
    std::uint64_t start;
    std::uint64_t end;

    [[nodiscard]] std::uint64_t size() const { return end - start; }
  };

  [[nodiscard]] Address address_of(std::uint64_t granule) const {
    return base_ + granule * kGranuleBytes;
  }
  [[nodiscard]] Address limit() const { return address_of(map_.granules()); }

  // Allocation. Address 0 stands for a refusal; each path is whole in itself and
  // the ways from one to another are tail calls, never inlined, so that the short
  // ones need no stack frame.
  [[nodiscard]] Address take(std::size_t size, std::size_t align);
  [[nodiscard, gnu::noinline]] Address take_general(std::size_t size, std::size_t align);
  [[nodiscard, gnu::noinline]] Address take_exact(std::size_t size);
  [[nodiscard, gnu::noinline]] Address take_split(std::size_t size);
  [[nodiscard, gnu::noinline]] Address take_wide(std::size_t size);
  [[nodiscard, gnu::noinline]] Address take_large(std::size_t size);
  [[nodiscard, gnu::noinline]] Address take_aligned(std::size_t size, std::size_t align);
  [[nodiscard, gnu::noinline]] Address take_last(std::size_t size);
  [[nodiscard]] Address from_open(OpenRun& open, std::size_t size);
  [[nodiscard]] Address from_start(OpenRun& open, std::size_t size);
  [[nodiscard]] Address from_run(Run run, std::uint64_t start, std::size_t size);
  [[nodiscard]] Run first_of(std::uint64_t bin) const;
  [[nodiscard]] Run fitting(std::uint64_t bin, std::uint64_t size) const;
  [[nodiscard]] Run run_at(std::uint64_t start) const;
  [[nodiscard]] std::uint64_t aligned_start(Run run, std::uint64_t size, std::size_t align) const;
  [[nodiscard, gnu::cold]] HeapError refusal(const Layout& layout);
  [[nodiscard]] bool servable(const Layout& layout) const;

  // Freeing.
  [[nodiscard]] Freed give_back(Address address, std::size_t size);
  [[nodiscard, gnu::noinline]] Freed give_back_far(Address address, std::size_t size);
  [[nodiscard, gnu::noinline]] Freed merge(Address address, std::size_t size);
  [[nodiscard, gnu::noinline, gnu::cold]] Freed free_last(Address address, std::size_t size);
  [[gnu::noinline]] Freed release(Run block);
  void remove(Run run);
  /// A run that is in no list becomes the latest; the one before goes to its list.
  [[gnu::always_inline]] Freed open_anew(Run run) {
    const Run before{.start = bins_.latest.start, .end = bins_.latest.end};
    bins_.latest = {.start = static_cast<Granule>(run.start), .end = static_cast<Granule>(run.end)};
    const std::uint64_t size = before.size();
    if (size == 0) return Freed::yes;
    if (size > Bins::kExactSizes) [[unlikely]]
      return insert(before);
    bins_.insert_exact(before.start, size);
    return Freed::yes;
  }
  [[nodiscard]] Freed examine(Address address, std::uint64_t size) const;
  [[nodiscard, gnu::cold]] HeapError reason(Freed freed, Address address) const;
  /// Whether a block with that alignment may lie there.
  [[nodiscard]] static bool may_have(Address address, std::size_t align) {
    return is_power_of_two(align) && (address & (align - 1)) == 0;
  }
  /// The error of a free with an alignment that its block cannot have.
  [[nodiscard, gnu::cold]] HeapError misaligned(Address address, const Layout& layout) const;
  [[nodiscard, gnu::cold]] HeapError inside_or_free(Address address) const;
  [[nodiscard, gnu::noinline]] bool settle_pockets();
  [[nodiscard]] bool in_pocket(std::uint64_t start, std::uint64_t size) const;

  void detach(Run run);
  Freed insert(Run run);
  void replace_open(OpenRun& open, Run run);

  void count_allocation(std::size_t size, std::uint64_t granules) {
    const std::uint64_t used = used_ + granules;
    requested_ += size;
    used_ = used;
    ++allocations_;
    peak_ = used > peak_ ? used : peak_;
  }
  void count_free(std::size_t size, std::uint64_t granules) {
    requested_ -= size;
    used_ -= granules;
    ++frees_;
  }

  std::array<Address, kPockets> pockets_{};
  Address base_ = 0;
  BlockMap map_;
  std::uint64_t requested_ = 0;
  std::uint64_t used_ = 0;  // Granules, as is the peak.
  std::uint64_t allocations_ = 0;
  std::uint64_t peak_ = 0;
  std::uint64_t frees_ = 0;
  std::uint64_t failures_ = 0;
  Bins bins_;
  Range range_;
};

extern template class BasicBinAllocator<Hardening::none>;
extern template class BasicBinAllocator<Hardening::standard>;

using BinAllocator = BasicBinAllocator<Hardening::standard>;

static_assert(Allocator<BinAllocator>);

}  // namespace heapscope::alloc
