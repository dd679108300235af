// The bin allocator: size classes in front, splitting and coalescing behind, no
// header on any block. What is where is kept in a map beside the blocks.
#pragma once

#include <array>
#include <bit>

#include "alloc/allocator.hpp"
#include "alloc/block_map.hpp"
#include "alloc/free_bins.hpp"
#include "alloc/hardening.hpp"
#include "alloc/slabs.hpp"

namespace heapscope::alloc {

/// A good-fit allocator in granules of 16 bytes, which every block is a whole
/// number of: a smaller alignment than 16 saves nothing here. Its records take two
/// bits a granule for the map and nine bytes a KiB for the slabs, 2.4 % of the
/// range, at its start.
///
/// Blocks of up to 256 bytes come from slabs, lines of 1 KiB that are cut into slots
/// of one size; a heap of less than 256 KiB has slabs for the smaller sizes only, one
/// size for each 16 KiB. Lines, larger blocks, and small ones that no line can be had
/// for come from free runs, which are split, and merge with their free neighbours at
/// once. One line that has become empty is kept for the next slab, until memory is
/// short or settle() is called.
///
/// Time is bounded for every call, whatever the heap's size and history: no call
/// looks at more than a few neighbours and a few runs of a list.
///
/// Every checked free is checked exactly: a live block must start at the address, the
/// layout's size must be that block's to the granule, and its alignment one that the
/// address has.
///
/// Without slabs, every request of the usual alignment that some free run can serve is
/// served.
template <bool kWithSlabs>
class BasicBinAllocator {
 public:
  static constexpr std::string_view kName = kWithSlabs ? "bin" : "coalescing";
  static constexpr Hardening kHardening = Hardening::standard;
  static constexpr bool kHasSlabs = kWithSlabs;
  static constexpr bool kChecksUnsettled = true;
  static constexpr std::size_t kGranuleBytes = FreeBins::kGranuleBytes;

  [[nodiscard, gnu::cold]] static bool can_manage(Range range);
  [[gnu::cold]] void initialize(Range range);

  /// An alignment above 16 in a nearly full heap may be refused although one of
  /// many free runs would do: only a few of those that are large enough are looked
  /// at. What was freed last always comes back to its layout.
  [[nodiscard]] Result<Address, HeapError> allocate(Layout layout) {
    const std::size_t size = layout.size;
    if (layout.align != kGranuleBytes) [[unlikely]]
      return allocate_oddly(layout);
    // Size 0, and what wraps, is of class 0, which never has a slab.
    const std::uint64_t granules = (size + kGranuleBytes - 1) / kGranuleBytes;
    if (!kWithSlabs || granules > Slabs::kClasses) return allocate_run(size);
    Address address = 0;
    if (take_slot(size, granules, address)) [[likely]]
      return address;
    return allocate_from_next_slab(size);
  }
  [[nodiscard]] Result<void, HeapError> deallocate(Address address, Layout layout) {
    const std::size_t size = layout.size;
    // Loaded together, for that takes fewer instructions.
    const BlockMap map = map_;
    const std::uint64_t start = granule_of(address);
    if ((start >= map.granules()) | (layout.align != kGranuleBytes)) [[unlikely]]
      return deallocate_oddly(address, layout);
    if constexpr (!kWithSlabs) return free_run(start, size);
    const std::int64_t of_class = slabs_.class_of(start / Slabs::kLineGranules);
    const std::uint64_t granules = (size + kGranuleBytes - 1) / kGranuleBytes;
    // A line that is no slab has another class than any size.
    if (of_class != static_cast<std::int64_t>(granules)) [[unlikely]] {
      if (of_class == Slabs::kNoClass) return free_run(start, size);
      return refuse_free(address, layout);
    }
    switch (free_slot(map, start, granules, size)) {
      case SlotFreed::yes:
        return {};
      case SlotFreed::first_or_last:
        return free_first_or_last_slot(start, size);
      case SlotFreed::no:
        break;
    }
    return refuse_free(address, layout);
  }

  /// allocate() and deallocate() where that takes a few steps and no call; false, and
  /// nothing is done, where it would take more.
  [[nodiscard, gnu::always_inline]] bool allocate_at_once(Layout layout, Address& address) {
    const std::uint64_t granules = (layout.size + kGranuleBytes - 1) / kGranuleBytes;
    return kWithSlabs && layout.align == kGranuleBytes && granules <= Slabs::kClasses &&
           take_slot(layout.size, granules, address);
  }
  [[nodiscard, gnu::always_inline]] bool deallocate_at_once(Address address, Layout layout) {
    const BlockMap map = map_;
    const std::uint64_t start = granule_of(address);
    if (!kWithSlabs || ((start >= map.granules()) | (layout.align != kGranuleBytes))) return false;
    const std::int64_t of_class = slabs_.class_of(start / Slabs::kLineGranules);
    const std::uint64_t granules = (layout.size + kGranuleBytes - 1) / kGranuleBytes;
    return of_class == static_cast<std::int64_t>(granules) &&
           free_slot(map, start, granules, layout.size) == SlotFreed::yes;
  }

  /// How many blocks were allocated and freed.
  [[nodiscard, gnu::cold]] std::uint64_t calls() const;
  [[nodiscard]] Result<void, HeapError> deallocate_unsized(Address address);
  /// A block with a slot stays there only where its size stays in the class. Others
  /// shrink always, and grow where the memory behind the block is free.
  [[nodiscard, gnu::cold]] Result<void, HeapError> resize_in_place(Address address, Layout layout,
                                                                   std::size_t size);
  [[nodiscard, gnu::cold]] std::size_t usable_size(Layout layout) const;

  /// Merges the empty line that is kept, so that stats(), extent_at() and check()
  /// show free memory as it will be found.
  void settle() {
    if constexpr (kWithSlabs) (void)release_spare();
  }

  /// `largest_free_bytes` is exact as long as no more than kRunsLookedAt runs share
  /// the list of the largest; else it is at most an eighth below the truth.
  [[nodiscard, gnu::cold]] Stats stats() const;
  [[nodiscard, gnu::cold]] std::size_t bins(std::size_t first, std::span<BinStats> out) const;
  [[nodiscard, gnu::cold]] Extent extent_at(Address address) const;
  [[nodiscard, gnu::cold]] Result<Address, Damage> check(Address address) const;

  /// How many runs stats() looks at, and lists an aligned block.
  static constexpr int kRunsLookedAt = 8;

 protected:
  using Bins = FreeBins;
  using OpenRun = FreeBins::OpenRun;

  /// What the next block of a class comes from.
  struct SizeClass {
    BlockMap::Word* slab = nullptr;  ///< Its word; no_slab_ where there is none.
    Address base = 0;                ///< Of the slab's first slot.
    std::uint64_t allocations = 0;
  };

  /// What an address is for a free.
  enum class Freed : std::uint8_t { yes, outside, not_live, wrong_size };

  /// What came of freeing a slot.
  enum class SlotFreed : std::uint8_t { yes, first_or_last, no };

  /// A run of granules.
  struct alignas(16) Run {
    std::uint64_t start;
    std::uint64_t end;

    [[nodiscard]] std::uint64_t size() const { return end - start; }
  };

  /// Where in a free run a block can start.
  struct Place {
    Run run{};
    std::uint64_t start = kNoGranule;

    [[nodiscard]] bool found() const { return start != kNoGranule; }
  };

  [[nodiscard]] Address address_of(std::uint64_t granule) const {
    return base_ + granule * kGranuleBytes;
  }
  /// Of an address that is not 16-byte aligned, a number beyond all granules.
  [[nodiscard]] std::uint64_t granule_of(Address address) const {
    return std::rotr(address - base_, 4);
  }
  [[nodiscard]] Address limit() const { return address_of(map_.granules()); }

  // Slabs.
  /// Takes a slot of the slab that a class is allocated from, if there is one.
  [[nodiscard, gnu::always_inline]] bool take_slot(std::size_t size, std::uint64_t granules,
                                                   Address& address) {
    SizeClass& size_class = classes_[granules];
    BlockMap::Word* const word = size_class.slab;
    const std::uint64_t free = word->free;
    if (free == 0) [[unlikely]]
      return false;
    word->free = free & (free - 1);
    ++size_class.allocations;
    count_allocation(size, granules);
    address = size_class.base + BlockMap::lowest(free) * kGranuleBytes;
    return true;
  }
  /// Frees a live slot of a slab of that class, unless it is its first or last free one.
  [[nodiscard, gnu::always_inline]] SlotFreed free_slot(const BlockMap& map, std::uint64_t start,
                                                        std::uint64_t granules, std::size_t size) {
    BlockMap::Word* const at = map.word_of(start);
    const BlockMap::Word word = *at;
    const std::uint64_t bit = BlockMap::bit(start);
    if ((word.starts & ~word.free & bit) == 0) [[unlikely]]
      return SlotFreed::no;
    const std::uint64_t free = word.free | bit;
    if ((word.free == 0) | (free == word.starts)) [[unlikely]]
      return SlotFreed::first_or_last;
    at->free = free;
    ++frees_[granules];
    count_free(size, granules);
    return SlotFreed::yes;
  }
  [[nodiscard, gnu::noinline]] Result<Address, HeapError> allocate_from_next_slab(std::size_t size);
  [[nodiscard]] Line new_slab(std::uint64_t size_class);
  [[nodiscard]] std::uint64_t take_line();
  [[nodiscard]] std::uint64_t cut_line(std::uint64_t start);
  [[nodiscard, gnu::noinline]] Result<void, HeapError> free_first_or_last_slot(std::uint64_t start,
                                                                               std::size_t size);
  [[nodiscard]] bool is_empty(Line line) const;
  void drop_slab(Line line);
  [[gnu::noinline]] bool release_spare();
  [[nodiscard]] bool in_slab(std::uint64_t granule) const {
    if constexpr (!kWithSlabs) return false;
    return slabs_.is_slab(granule / Slabs::kLineGranules);
  }
  /// Whether the extent that starts at a granule, or ends there, does so in a slab: no
  /// free run may merge across.
  [[nodiscard]] bool starts_in_slab(std::uint64_t granule) const {
    return granule % Slabs::kLineGranules == 0 && in_slab(granule);
  }
  [[nodiscard]] bool ends_in_slab(std::uint64_t granule) const {
    return granule % Slabs::kLineGranules == 0 && in_slab(granule - 1);
  }
  [[nodiscard]] std::uint64_t free_slots(std::uint64_t size_class) const {
    return slabs_.count(size_class) * Slabs::slots(size_class) -
           (classes_[size_class].allocations - frees_[size_class]);
  }

  // Allocation behind the slabs. Each path is whole in itself and the ways from one
  // to another are tail calls, never inlined, so that the short ones need no stack
  // frame.
  using Allocated = Result<Address, HeapError>;
  /// allocate() and deallocate() of the usual alignment, not compiled in once more.
  [[nodiscard, gnu::noinline]] Allocated allocate_usual(std::size_t size) {
    return allocate({.size = size});
  }
  [[nodiscard, gnu::noinline]] Result<void, HeapError> deallocate_usual(Address address,
                                                                        std::size_t size) {
    return deallocate(address, {.size = size});
  }
  [[nodiscard, gnu::noinline]] Allocated allocate_oddly(Layout layout);
  [[nodiscard, gnu::noinline]] Allocated allocate_run(std::size_t size);
  [[nodiscard, gnu::noinline]] Allocated take_split(std::size_t size);
  [[nodiscard, gnu::noinline]] Allocated take_wide(std::size_t size);
  [[nodiscard, gnu::noinline]] Allocated take_large(std::size_t size);
  [[nodiscard, gnu::cold, gnu::noinline]] Allocated take_fitting(std::size_t size);
  [[nodiscard, gnu::always_inline]] inline Allocated from_start(Run run, std::size_t size);
  [[nodiscard, gnu::cold, gnu::noinline]] Allocated take_aligned(std::size_t size,
                                                                 std::size_t align);
  [[nodiscard, gnu::cold, gnu::noinline]] Allocated take_aligned_tightly(std::size_t size,
                                                                         std::size_t align);
  [[nodiscard, gnu::noinline]] Allocated take_last(std::size_t size, std::size_t align);
  [[nodiscard, gnu::noinline]] Allocated all_of_victim(std::size_t size);
  [[nodiscard, gnu::always_inline]] inline Allocated from_victim_end(std::size_t size);
  [[nodiscard, gnu::always_inline]] inline Allocated from_victim_start(std::size_t size);
  /// Counts a block that the map shows, and what of the map is left to be done.
  [[nodiscard, gnu::always_inline]] Allocated taken(std::uint64_t start, std::size_t size,
                                                    BlockMap::Unfinished unfinished = {}) {
    count_behind(size, (size + kGranuleBytes - 1) / kGranuleBytes);
    if (unfinished.any()) [[unlikely]]
      return finished(start, unfinished);
    return address_of(start);
  }
  [[nodiscard, gnu::cold, gnu::noinline]] Allocated finished(std::uint64_t start,
                                                             BlockMap::Unfinished unfinished);
  [[nodiscard, gnu::cold, gnu::noinline]] Allocated from_run(Run run, std::uint64_t start,
                                                             std::size_t size);
  [[nodiscard, gnu::always_inline]] inline Run first_of(std::uint64_t bin) const;
  [[nodiscard, gnu::cold]] Run fitting(std::uint64_t bin, std::uint64_t size) const;
  [[nodiscard]] Run run_at(std::uint64_t start) const;
  [[nodiscard, gnu::cold, gnu::noinline]] Place aligned_in(Run run, std::uint64_t size,
                                                           std::size_t align) const;
  [[nodiscard, gnu::cold, gnu::noinline]] Allocated refuse(Layout layout);
  [[nodiscard]] bool servable(Layout layout) const;

  // Freeing behind the slabs.
  [[nodiscard, gnu::noinline]] Result<void, HeapError> deallocate_oddly(Address address,
                                                                        Layout layout);
  [[nodiscard, gnu::noinline]] Result<void, HeapError> free_run(std::uint64_t start,
                                                                std::size_t size);
  [[nodiscard, gnu::noinline]] Result<void, HeapError> free_run_unchecked(std::uint64_t start,
                                                                          std::size_t size);
  [[gnu::noinline]] Result<void, HeapError> release(Run block);
  [[nodiscard, gnu::always_inline]] inline std::uint64_t free_before(std::uint64_t granule) const;
  [[nodiscard]] Freed examine(Address address, std::uint64_t size) const;
  /// Whether a block with that alignment may lie there.
  [[nodiscard]] static bool may_have(Address address, std::size_t align) {
    return is_power_of_two(align) && (address & (align - 1)) == 0;
  }
  /// The error of a free that is none.
  [[nodiscard, gnu::cold, gnu::noinline]] Result<void, HeapError> refuse_free(Address address,
                                                                              Layout layout) const;

  [[gnu::cold, gnu::noinline]] void detach(Run run);
  [[gnu::always_inline]] void insert(Run run) {
    map_.note_span(run.start, run.end);
    bins_.insert(run.start, run.size());
  }
  [[gnu::cold, gnu::noinline]] Result<void, HeapError> released(BlockMap::Unfinished first,
                                                                BlockMap::Unfinished second);
  // The same for calls that are rare or take long anyway.
  [[gnu::cold, gnu::noinline]] void insert_slowly(Run run) { insert(run); }
  [[gnu::cold, gnu::noinline]] void remove_slowly(Run run) { bins_.remove(run.start, run.size()); }
  /// Makes a run free that was not, and puts it into its list.
  [[gnu::cold, gnu::noinline]] void insert_anew(Run run);
  [[gnu::cold, gnu::noinline]] void replace_victim(Run run);

  /// Live granules.
  [[nodiscard]] std::uint64_t used() const { return peak_ - headroom_; }
  [[gnu::always_inline]] void count_allocation(std::size_t size, std::uint64_t granules) {
    requested_ += size;
    const std::uint64_t headroom = headroom_;
    headroom_ = headroom - granules;
    if (headroom < granules) raise_peak();
  }
  /// More is in use than ever was: `headroom_` has wrapped.
  [[gnu::always_inline]] void raise_peak() {
    peak_ -= headroom_;
    headroom_ = 0;
  }
  [[gnu::always_inline]] void count_free(std::size_t size, std::uint64_t granules) {
    requested_ -= size;
    headroom_ += granules;
  }
  void count_behind(std::size_t size, std::uint64_t granules) {
    ++classes_[0].allocations;
    count_allocation(size, granules);
  }
  void count_free_behind(std::size_t size, std::uint64_t granules) {
    ++frees_[0];
    count_free(size, granules);
    // A size of the same rounding may have been given back instead.
    if (used() == 0) requested_ = 0;
  }

  // What every call needs comes first, where pairs of registers reach it. Class 0 is
  // that of all blocks that are in no slab.
  std::array<SizeClass, Slabs::kClasses + 1> classes_{};
  std::uint64_t headroom_ = 0;  // How many granules more may be used without a new peak.
  std::uint64_t requested_ = 0;
  Address base_ = 0;
  BlockMap map_;
  std::array<std::uint64_t, Slabs::kClasses + 1> frees_{};
  Slabs slabs_;
  std::uint64_t peak_ = 0;  // Granules.
  std::uint64_t class_count_ = 0;
  Line spare_ = kNoLine;      // The line that last became an empty slab.
  BlockMap::Word no_slab_{};  // Without a free slot.
  std::uint64_t failures_ = 0;
  Bins bins_;
  Range range_;
};

extern template class BasicBinAllocator<true>;
extern template class BasicBinAllocator<false>;

using BinAllocator = BasicBinAllocator<true>;
/// What is behind the slabs, by itself.
using CoalescingAllocator = BasicBinAllocator<false>;

/// Bin for programs that are trusted: a deallocate() with a usual layout is taken as it
/// comes.
class UncheckedBinAllocator : public BinAllocator {
 public:
  static constexpr Hardening kHardening = Hardening::none;
  using State = BinAllocator;

  [[nodiscard]] Result<void, HeapError> deallocate(Address address, Layout layout) {
    const std::size_t size = layout.size;
    const std::uint64_t start = granule_of(address);
    if ((start >= map_.granules()) | (layout.align != kGranuleBytes)) [[unlikely]]
      return deallocate_oddly(address, layout);
    const std::int64_t of_class = slabs_.class_of(start / Slabs::kLineGranules);
    if (of_class == Slabs::kNoClass) return free_run_unchecked(start, size);
    BlockMap::Word* const at = map_.word_of(start);
    const BlockMap::Word word = *at;
    const std::uint64_t free = word.free | BlockMap::bit(start);
    if ((word.free == 0) | (free == word.starts)) [[unlikely]]
      return free_first_or_last_slot(start, size);
    at->free = free;
    const auto granules = static_cast<std::uint64_t>(of_class);
    ++frees_[granules];
    count_free(size, granules);
    return {};
  }
};

static_assert(Allocator<BinAllocator>);
static_assert(Allocator<UncheckedBinAllocator>);

}  // namespace heapscope::alloc
