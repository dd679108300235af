// The bin allocator: finding, splitting, merging, and checking what comes back.
#include "alloc/bin_allocator.hpp"

#include <algorithm>

#include "base/panic.hpp"

namespace heapscope::alloc {
namespace {

constexpr std::uint64_t kUnit = kDefaultAlign;

/// The granules that `size` bytes take; for size 0 more than any heap has.
constexpr std::uint64_t granules_for(std::size_t size) { return (size - 1) / kUnit + 1; }

struct Plan {
  Address storage = 0;
  Address base = 0;
  Granule granules = 0;
};

/// How a range is divided: the map first, then as many granules as it can
/// describe in what is left. No granules where the range is too small.
Plan plan_for(Range range) {
  if (range.empty() || range.start > UINT64_MAX - (kUnit - 1)) return {};
  const std::uint64_t start = (range.start + kUnit - 1) / kUnit * kUnit;
  if (start >= range.end) return {};
  const std::uint64_t room = (range.end - start) / kUnit;
  std::uint64_t fits = 0;
  std::uint64_t too_many = std::min(room, BlockMap::kMaxGranules) + 1;
  while (too_many - fits > 1) {
    const std::uint64_t middle = fits + (too_many - fits) / 2;
    const std::uint64_t needed = BlockMap::storage_bytes(middle) / kUnit + middle;
    (needed <= room ? fits : too_many) = middle;
  }
  return {.storage = static_cast<Address>(start),
          .base = static_cast<Address>(start + BlockMap::storage_bytes(fits)),
          .granules = static_cast<Granule>(fits)};
}

}  // namespace

template <Hardening kLevel>
bool BasicBinAllocator<kLevel>::can_manage(Range range) {
  return plan_for(range).granules > 0;
}

template <Hardening kLevel>
void BasicBinAllocator<kLevel>::initialize(Range range) {
  const Plan plan = plan_for(range);
  if (plan.granules == 0) panic("bin allocator: {} bytes are too few", range.size());
  range_ = range;
  base_ = plan.base;
  pockets_ = {};
  requested_ = used_ = allocations_ = peak_ = frees_ = failures_ = 0;
  map_.initialize(reinterpret_cast<std::uint64_t*>(plan.storage), plan.granules);
  bins_.initialize(&map_, base_);
  map_.set_start(0);
  map_.set_free(0);
  bins_.victim = {.start = 0, .end = plan.granules};
}

template <Hardening kLevel>
bool BasicBinAllocator<kLevel>::servable(const Layout& layout) const {
  if (!layout.valid()) return false;
  const std::size_t room = limit() - base_;
  const std::size_t padding = (0 - base_) & (layout.align - 1);
  return padding <= room && layout.size <= room - padding;
}

template <Hardening kLevel>
std::size_t BasicBinAllocator<kLevel>::usable_size(const Layout& layout) const {
  return granules_for(layout.size) * kGranuleBytes;
}

template <Hardening kLevel>
HeapError BasicBinAllocator<kLevel>::refusal(const Layout& layout) {
  ++failures_;
  return servable(layout) ? HeapError::exhausted : HeapError::unsupported;
}

// --- Allocation ---

template <Hardening kLevel>
Address BasicBinAllocator<kLevel>::take(std::size_t size, std::size_t align) {
  const std::size_t pocket = (size - 1) / kUnit;
  if (align != kUnit || pocket >= kPockets) [[unlikely]]
    return take_general(size, align);
  const Address kept = pockets_[pocket];
  if (kept != 0) {
    pockets_[pocket] = 0;
    count_allocation(size, pocket + 1);
    return kept;
  }
  const std::uint64_t larger = bins_.filled_exact() >> pocket;
  if (larger != 0) return (larger & 1) != 0 ? take_exact(size) : take_split(size);
  OpenRun& victim = bins_.victim;
  const std::uint64_t start = victim.end - pocket - 1;
  if (victim.size() <= pocket + 1) [[unlikely]]
    return take_wide(size);
  BlockMap::Word* const word = map_.word_of(start);
  const std::uint64_t starts = word->starts;
  if (starts == 0) [[unlikely]]
    return take_wide(size);
  word->starts = starts | BlockMap::bit(start);
  victim.end = static_cast<Granule>(start);
  count_allocation(size, pocket + 1);
  return address_of(start);
}

/// Anything but a small block of the usual alignment whose size was kept aside.
template <Hardening kLevel>
Address BasicBinAllocator<kLevel>::take_general(std::size_t size, std::size_t align) {
  if (size - 1 >= map_.granules() * kGranuleBytes || !is_power_of_two(align)) return 0;
  if (align > kUnit) return take_aligned(size, align);
  const std::uint64_t bin = (size - 1) / kUnit;
  if (bin >= Bins::kExactSizes) return take_large(size);
  if (bin < kPockets && pockets_[bin] != 0) return take(size, kUnit);
  const std::uint64_t larger = bins_.filled_exact() >> bin;
  if (larger == 0) return take_wide(size);
  return (larger & 1) != 0 ? take_exact(size) : take_split(size);
}

/// Where there is a free run of exactly that size.
template <Hardening kLevel>
Address BasicBinAllocator<kLevel>::take_exact(std::size_t size) {
  const std::uint64_t bin = (size - 1) / kUnit;
  const std::uint64_t run = bins_.first(bin);
  const std::uint64_t next = bins_.unchecked_next(run);
  if (next == kNoGranule || bins_.shows_next(run, next, bin + 1)) [[likely]] {
    bins_.advance_exact(bin, next);
  } else {
    bins_.remove_first(bin, bin + 1);
  }
  map_.clear_free(run);
  count_allocation(size, bin + 1);
  return address_of(run);
}

/// Where the smallest list that is not empty holds runs of up to 1 KiB that are
/// larger: what is left of one is the next victim, unless the present one is the
/// better fit.
template <Hardening kLevel>
Address BasicBinAllocator<kLevel>::take_split(std::size_t size) {
  const std::uint64_t bin = (size - 1) / kUnit;
  const std::uint64_t larger = bin + BlockMap::lowest(bins_.filled_exact() >> bin);
  const std::uint64_t victim_size = bins_.victim.size();
  const std::uint64_t latest_size = bins_.latest.size();
  if (latest_size > bin && latest_size <= larger) return from_open(bins_.latest, size);
  if (victim_size > bin && victim_size <= larger) return from_open(bins_.victim, size);
  const std::uint64_t run = bins_.first(larger);
  bins_.remove_first(larger, larger + 1);
  const std::uint64_t start = run + (larger - bin);
  map_.set_start(start);
  replace_open(bins_.victim, {.start = run, .end = start});
  count_allocation(size, bin + 1);
  return address_of(start);
}

/// A small block where no list of an exact size has a run for it.
template <Hardening kLevel>
Address BasicBinAllocator<kLevel>::take_wide(std::size_t size) {
  const std::uint64_t granules = granules_for(size);
  if (bins_.victim.size() >= granules) return from_open(bins_.victim, size);
  const std::uint64_t bin = bins_.first_filled(Bins::kFirstWide);
  const std::uint64_t latest = bins_.latest.size();
  const bool nothing_else = bin == Bins::kBins;
  if (latest >= granules && (nothing_else || latest <= Bins::kExactSizes)) {
    return from_open(bins_.latest, size);
  }
  if (nothing_else) return take_last(size);
  const Run run = first_of(bin);
  bins_.remove_first(bin, run.size());
  const std::uint64_t start = run.end - granules;
  map_.set_start(start);
  replace_open(bins_.victim, {.start = run.start, .end = start});
  count_allocation(size, granules);
  return address_of(start);
}

/// Where nothing free is large enough: what is kept aside may make it so.
template <Hardening kLevel>
Address BasicBinAllocator<kLevel>::take_last(std::size_t size) {
  return settle_pockets() ? take_general(size, kUnit) : 0;
}

template <Hardening kLevel>
Address BasicBinAllocator<kLevel>::from_open(OpenRun& open, std::size_t size) {
  const Run run{.start = open.start, .end = open.end};
  const std::uint64_t start = run.end - granules_for(size);
  if (start == run.start) {
    open = {};
    map_.clear_free(start);
  } else {
    open.end = static_cast<Granule>(start);
    map_.set_start(start);
  }
  map_.note_span(start, run.end);
  count_allocation(size, run.end - start);
  return address_of(start);
}

template <Hardening kLevel>
Address BasicBinAllocator<kLevel>::from_start(OpenRun& open, std::size_t size) {
  const std::uint64_t start = open.start;
  const std::uint64_t end = start + granules_for(size);
  map_.clear_free(start);
  map_.note_span(start, end);
  if (end == open.end) {
    open = {};
  } else {
    open.start = static_cast<Granule>(end);
    map_.set_start(end);
    map_.set_free(end);
  }
  count_allocation(size, end - start);
  return address_of(start);
}

/// The free run that starts at a granule, in a list or not.
template <Hardening kLevel>
typename BasicBinAllocator<kLevel>::Run BasicBinAllocator<kLevel>::run_at(
    std::uint64_t start) const {
  if (start == bins_.victim.start) return {.start = start, .end = bins_.victim.end};
  if (start == bins_.latest.start) return {.start = start, .end = bins_.latest.end};
  return {.start = start, .end = map_.end_of(start)};
}

/// The first run of a list, which has one.
template <Hardening kLevel>
typename BasicBinAllocator<kLevel>::Run BasicBinAllocator<kLevel>::first_of(
    std::uint64_t bin) const {
  const std::uint64_t start = bins_.first(bin);
  const Run run{.start = start, .end = map_.end_of(start)};
  if (Bins::bin_of(run.size()) != bin) [[unlikely]]
    bins_.report_damage(start);
  return run;
}

/// One of the first runs of list `bin` that has `size` granules; empty where none has.
template <Hardening kLevel>
typename BasicBinAllocator<kLevel>::Run BasicBinAllocator<kLevel>::fitting(
    std::uint64_t bin, std::uint64_t size) const {
  std::uint64_t start = bins_.first(bin);
  for (int i = 0; i < kRunsLookedAt && start != kNoGranule; ++i, start = bins_.behind(start)) {
    const Run run{.start = start, .end = map_.end_of(start)};
    if (Bins::bin_of(run.size()) != bin) [[unlikely]]
      bins_.report_damage(start);
    if (run.size() >= size) return run;
  }
  return {};
}

/// A block of more than 63 granules, at the start of the best-fitting run: small
/// blocks are carved from the other end, so that this one can grow where it is.
template <Hardening kLevel>
Address BasicBinAllocator<kLevel>::take_large(std::size_t size) {
  const std::uint64_t granules = granules_for(size);
  const std::uint64_t own = Bins::bin_of(granules);
  Run run{};
  if (bins_.first(own) != kNoGranule) run = first_of(own);
  if (run.size() < granules) {
    const std::uint64_t larger = bins_.first_filled(own + 1);
    run = larger != Bins::kBins ? first_of(larger) : fitting(own, granules);
  }
  const std::uint64_t best = run.size() != 0 ? run.size() : ~std::uint64_t{0};
  const std::uint64_t victim = bins_.victim.size();
  const std::uint64_t latest = bins_.latest.size();
  if (victim >= granules && victim < best && (latest < granules || victim <= latest)) {
    return from_start(bins_.victim, size);
  }
  if (latest >= granules && latest < best) return from_start(bins_.latest, size);
  if (run.size() == 0) return take_last(size);
  bins_.remove(run.start, run.size());
  OpenRun rest{.start = static_cast<Granule>(run.start), .end = static_cast<Granule>(run.end)};
  const Address address = from_start(rest, size);
  if (!rest.empty()) insert({.start = rest.start, .end = rest.end});
  return address;
}

/// Takes a block out of the middle of any free run; what is left on both sides
/// stays free.
template <Hardening kLevel>
Address BasicBinAllocator<kLevel>::from_run(Run run, std::uint64_t start, std::size_t size) {
  const std::uint64_t end = start + granules_for(size);
  detach(run);
  if (start == run.start) {
    map_.clear_free(start);
  } else {
    map_.set_start(start);
    insert({.start = run.start, .end = start});
  }
  if (end != run.end) {
    map_.set_start(end);
    map_.set_free(end);
    insert({.start = end, .end = run.end});
  }
  map_.note_span(start, end);
  count_allocation(size, end - start);
  return address_of(start);
}

/// The last granule of a run at which an aligned block of that size can start;
/// kNoGranule where it does not fit.
template <Hardening kLevel>
std::uint64_t BasicBinAllocator<kLevel>::aligned_start(Run run, std::uint64_t size,
                                                       std::size_t align) const {
  if (run.size() < size) return kNoGranule;
  const Address address = address_of(run.end - size) & ~(align - 1);
  // Rounding down may lead below the heap.
  if (address < address_of(run.start) || address > limit()) return kNoGranule;
  return (address - base_) / kGranuleBytes;
}

template <Hardening kLevel>
Address BasicBinAllocator<kLevel>::take_aligned(std::size_t size, std::size_t align) {
  const std::uint64_t granules = granules_for(size);
  if (granules <= kPockets && (pockets_[granules - 1] & (align - 1)) == 0 &&
      pockets_[granules - 1] != 0) {
    return take(size, kUnit);
  }
  // From the smallest to the one that holds it wherever its granules lie.
  std::uint64_t bin = Bins::bin_of(granules);
  for (int i = 0; i < kRunsLookedAt; ++i, ++bin) {
    bin = bins_.first_filled(bin);
    if (bin == Bins::kBins) break;
    const Run run = first_of(bin);
    const std::uint64_t start = aligned_start(run, granules, align);
    if (start != kNoGranule) return from_run(run, start, size);
  }
  for (const OpenRun* const open : {&bins_.latest, &bins_.victim}) {
    if (open->empty()) continue;
    const Run run{.start = open->start, .end = open->end};
    const std::uint64_t start = aligned_start(run, granules, align);
    if (start != kNoGranule) return from_run(run, start, size);
  }
  const std::uint64_t enough = granules + align / kGranuleBytes - 1;
  const std::uint64_t own = enough <= map_.granules() ? Bins::bin_of(enough) : Bins::kBins;
  // Any run of a larger list will do, and of its own list one that is large enough.
  for (const std::uint64_t from : {own, own + 1}) {
    const std::uint64_t wide = bins_.first_filled(from);
    if (wide == Bins::kBins) break;
    const Run run = first_of(wide);
    const std::uint64_t start = aligned_start(run, granules, align);
    if (start != kNoGranule) return from_run(run, start, size);
  }
  if (own != Bins::kBins) {
    const Run run = fitting(own, enough);
    if (run.size() != 0) return from_run(run, aligned_start(run, granules, align), size);
  }
  return settle_pockets() ? take_aligned(size, align) : 0;
}

// --- Freeing ---

template <Hardening kLevel>
typename BasicBinAllocator<kLevel>::Freed BasicBinAllocator<kLevel>::give_back(Address address,
                                                                               std::size_t size) {
  const std::uint64_t granules = granules_for(size);
  // A misaligned address becomes a huge number, as one outside the heap is.
  const std::uint64_t start = std::rotr(address - base_, 4);
  if (kLevel != Hardening::none && start >= map_.granules()) [[unlikely]] {
    return give_back_far(address, size);
  }
  BlockMap::Word* const at = map_.word_of(start);
  const std::uint64_t starts = at->starts;
  const std::uint64_t free = at->free;
  // Bit 0 set and the next one at bit `granules`: see FreeBins::shows_next().
  const std::uint64_t from = (starts >> (start % 64)) - 1;
  const std::uint64_t free_from = free >> (start % 64);
  if (BlockMap::lowest(from | std::uint64_t{1} << 63) != granules || (free_from & 1) != 0)
      [[unlikely]] {
    return give_back_far(address, size);
  }
  if (granules <= kPockets) [[likely]] {
    Address& kept = pockets_[granules - 1];
    if (kept == 0 && used_ != granules) {
      kept = address;
      count_free(size, granules);
      return Freed::yes;
    }
    if (kLevel != Hardening::none && kept == address) [[unlikely]]
      return Freed::not_live;
  }
  // Bit 63 was set above, whatever starts there.
  if (granules >= Bins::kExactSizes) [[unlikely]]
    return give_back_far(address, size);
  const std::uint64_t bit = BlockMap::bit(start);
  const std::uint64_t below = bit - 1;
  // Of the starts below, the last one is free: then it is the highest bit of both,
  // and gone from their difference. Without any start below, both are 0.
  const bool alone = ((starts ^ free) & below) > (free & below) && (free_from >> granules & 1) == 0;
  if (!alone || used_ == granules) return merge(address, size);
  at->free = free | bit;
  count_free(size, granules);
  return open_anew({.start = start, .end = start + granules});
}

/// A block whose end, or whose error, one word of the map does not show.
template <Hardening kLevel>
typename BasicBinAllocator<kLevel>::Freed BasicBinAllocator<kLevel>::give_back_far(
    Address address, std::size_t size) {
  const std::uint64_t granules = granules_for(size);
  if constexpr (kLevel != Hardening::none) {
    const Freed answer = examine(address, granules);
    if (answer != Freed::yes) return answer;
  }
  if (used_ == granules) return free_last(address, size);
  count_free(size, granules);
  const std::uint64_t start = (address - base_) / kGranuleBytes;
  return release({.start = start, .end = start + granules});
}

/// Whether a live block of so many granules starts at an address.
template <Hardening kLevel>
typename BasicBinAllocator<kLevel>::Freed BasicBinAllocator<kLevel>::examine(
    Address address, std::uint64_t size) const {
  if (address < base_ || address >= limit()) return Freed::outside;
  if (address % kUnit != 0) return Freed::not_live;
  const std::uint64_t start = (address - base_) / kGranuleBytes;
  if (!map_.starts_at(start) || map_.is_free(start)) return Freed::not_live;
  const std::uint64_t own_size = map_.end_of(start) - start;
  if (in_pocket(start, own_size)) return Freed::not_live;
  return own_size == size ? Freed::yes : Freed::wrong_size;
}

template <Hardening kLevel>
bool BasicBinAllocator<kLevel>::in_pocket(std::uint64_t start, std::uint64_t size) const {
  return size <= kPockets && pockets_[size - 1] == address_of(start);
}

/// Frees a live block. Where one word of the map holds its ends and the start of
/// what lies to its left, and no list must be searched, that is done here.
template <Hardening kLevel>
typename BasicBinAllocator<kLevel>::Freed BasicBinAllocator<kLevel>::merge(Address address,
                                                                           std::size_t size) {
  const std::uint64_t granules = granules_for(size);
  const std::uint64_t start = (address - base_) / kGranuleBytes;
  const std::uint64_t end = start + granules;
  BlockMap::Word* const at = map_.word_of(start);
  const BlockMap::Word word = *at;
  const std::uint64_t bit = BlockMap::bit(start);
  const std::uint64_t below = word.starts & (bit - 1);
  if (used_ == granules) [[unlikely]]
    return free_last(address, size);
  count_free(size, granules);
  if (below == 0 || end / 64 != start / 64) [[unlikely]] {
    return release({.start = start, .end = end});
  }
  const std::uint64_t left = (start | 63) - static_cast<std::uint64_t>(std::countl_zero(below));
  const bool right_is_free = (word.free_from(end) & 1) != 0;
  if ((word.free_from(left) & 1) != 0) {
    OpenRun& open = left == bins_.victim.start ? bins_.victim : bins_.latest;
    if (right_is_free || open.start != left) return release({.start = start, .end = end});
    at->starts = word.starts & ~bit;
    open.end = static_cast<Granule>(end);
  } else if (right_is_free) {
    OpenRun& open = end == bins_.victim.start ? bins_.victim : bins_.latest;
    if (open.start != end) return release({.start = start, .end = end});
    const std::uint64_t end_bit = BlockMap::bit(end);
    at->starts = word.starts & ~end_bit;
    at->free = (word.free | bit) & ~end_bit;
    open.start = static_cast<Granule>(start);
  } else {
    at->free = word.free | bit;
    return open_anew({.start = start, .end = end});
  }
  return Freed::yes;
}

/// Frees the last live block: the whole heap is one run again.
template <Hardening kLevel>
typename BasicBinAllocator<kLevel>::Freed BasicBinAllocator<kLevel>::free_last(Address address,
                                                                               std::size_t size) {
  const std::uint64_t start = (address - base_) / kGranuleBytes;
  const std::uint64_t granules = granules_for(size);
  count_free(size, granules);
  (void)release({.start = start, .end = start + granules});
  (void)settle_pockets();
  // A size of the same rounding may have been given back instead.
  requested_ = 0;
  return Freed::yes;
}

/// Makes a live block free and merges it with what is free beside it.
template <Hardening kLevel>
typename BasicBinAllocator<kLevel>::Freed BasicBinAllocator<kLevel>::release(Run block) {
  Run run = block;
  OpenRun* open = nullptr;
  // An open run's end is not noted in the map.
  if (block.start == bins_.victim.end) {
    open = &bins_.victim;
    run.start = open->start;
  } else if (block.start == bins_.latest.end) {
    open = &bins_.latest;
    run.start = open->start;
  } else if (block.start > 0) {
    const std::uint64_t left = map_.start_before(block.start);
    if (map_.is_free(left)) {
      run.start = left;
      remove({.start = left, .end = block.start});
    }
  }
  if (run.start == block.start) {
    map_.set_free(block.start);
  } else {
    map_.clear_start(block.start);
  }
  if (map_.is_free(block.end)) {
    if (block.end == bins_.victim.start) {
      run.end = bins_.victim.end;
      if (open != nullptr) *open = {};
      open = &bins_.victim;
    } else if (block.end == bins_.latest.start) {
      run.end = bins_.latest.end;
      if (open != nullptr) {
        bins_.latest = {};
      } else {
        open = &bins_.latest;
      }
    } else {
      run.end = map_.end_of(block.end);
      remove({.start = block.end, .end = run.end});
    }
    map_.clear_start(block.end);
  }
  if (open == nullptr) return open_anew(run);
  *open = {.start = static_cast<Granule>(run.start), .end = static_cast<Granule>(run.end)};
  return Freed::yes;
}

/// Takes a free run out of its list.
template <Hardening kLevel>
void BasicBinAllocator<kLevel>::remove(Run run) {
  const std::uint64_t size = run.size();
  if (size <= Bins::kExactSizes && bins_.try_remove_exact(run.start, size)) [[likely]]
    return;
  bins_.remove(run.start, size);
}

/// Puts a free run into its list.
template <Hardening kLevel>
typename BasicBinAllocator<kLevel>::Freed BasicBinAllocator<kLevel>::insert(Run run) {
  map_.note_span(run.start, run.end);
  bins_.insert(run.start, run.size());
  return Freed::yes;
}

/// Takes a free run out of its list, or out of being an open one.
template <Hardening kLevel>
void BasicBinAllocator<kLevel>::detach(Run run) {
  if (run.start == bins_.victim.start) {
    bins_.victim = {};
  } else if (run.start == bins_.latest.start) {
    bins_.latest = {};
  } else {
    bins_.remove(run.start, run.size());
  }
}

/// `run`, which is in no list, becomes the open run in place of another.
template <Hardening kLevel>
void BasicBinAllocator<kLevel>::replace_open(OpenRun& open, Run run) {
  const OpenRun before = open;
  open = {.start = static_cast<Granule>(run.start), .end = static_cast<Granule>(run.end)};
  if (!before.empty()) insert({.start = before.start, .end = before.end});
}

template <Hardening kLevel>
bool BasicBinAllocator<kLevel>::settle_pockets() {
  bool any = false;
  for (std::size_t i = 0; i < kPockets; ++i) {
    const Address kept = pockets_[i];
    if (kept == 0) continue;
    pockets_[i] = 0;
    const std::uint64_t start = (kept - base_) / kGranuleBytes;
    (void)release({.start = start, .end = start + i + 1});
    any = true;
  }
  return any;
}

template <Hardening kLevel>
HeapError BasicBinAllocator<kLevel>::reason(Freed freed, Address address) const {
  if (freed == Freed::outside) return HeapError::outside_heap;
  if (freed == Freed::wrong_size) return HeapError::wrong_layout;
  return inside_or_free(address);
}

template <Hardening kLevel>
HeapError BasicBinAllocator<kLevel>::misaligned(Address address, const Layout& layout) const {
  const Freed found = examine(address, granules_for(layout.size));
  return found == Freed::yes ? HeapError::wrong_layout : reason(found, address);
}

template <Hardening kLevel>
HeapError BasicBinAllocator<kLevel>::inside_or_free(Address address) const {
  const bool live = extent_at(address).state == ExtentState::live;
  return live ? HeapError::inside_block : HeapError::not_allocated;
}

template <Hardening kLevel>
Result<void, HeapError> BasicBinAllocator<kLevel>::deallocate_unsized(Address address) {
  if (const Freed found = examine(address, 0); found != Freed::wrong_size) {
    return fail(reason(found, address));
  }
  const std::uint64_t start = (address - base_) / kGranuleBytes;
  return deallocate(address,
                    {.size = (map_.end_of(start) - start) * kGranuleBytes, .align = kUnit});
}

template <Hardening kLevel>
Result<void, HeapError> BasicBinAllocator<kLevel>::resize_in_place(Address address,
                                                                   const Layout& layout,
                                                                   std::size_t size) {
  const std::uint64_t before = granules_for(layout.size);
  if (const Freed found = examine(address, before); found != Freed::yes) {
    return fail(reason(found, address));
  }
  if (!may_have(address, layout.align)) return fail(HeapError::wrong_layout);
  if (!servable({.size = size, .align = layout.align})) {
    ++failures_;
    return fail(HeapError::unsupported);
  }
  const std::uint64_t now = granules_for(size);
  const std::uint64_t start = (address - base_) / kGranuleBytes;
  if (now < before) {
    map_.set_start(start + now);
    map_.note_span(start, start + now);
    (void)release({.start = start + now, .end = start + before});
  } else if (now > before) {
    // What is kept aside behind the block is free as well.
    const std::uint64_t behind = start + before;
    if (behind < map_.granules() && !map_.is_free(behind)) {
      const std::uint64_t its_size = map_.end_of(behind) - behind;
      if (!in_pocket(behind, its_size)) return fail(HeapError::exhausted);
      pockets_[its_size - 1] = 0;
      (void)release({.start = behind, .end = behind + its_size});
    }
    if (!map_.is_free(behind)) return fail(HeapError::exhausted);
    const Run run = run_at(behind);
    if (run.end - start < now) return fail(HeapError::exhausted);
    const bool of_victim = run.start == bins_.victim.start;
    detach(run);
    map_.clear_start(behind);
    if (start + now != run.end) {
      map_.set_start(start + now);
      map_.set_free(start + now);
      const Run rest{.start = start + now, .end = run.end};
      if (of_victim) {
        replace_open(bins_.victim, rest);
      } else {
        insert(rest);
      }
    }
    map_.note_span(start, start + now);
  }
  used_ = used_ - before + now;
  peak_ = std::max(peak_, used_);
  requested_ = requested_ - layout.size + size;
  return {};
}

// --- Inspection ---

template <Hardening kLevel>
Stats BasicBinAllocator<kLevel>::stats() const {
  const std::uint64_t blocks = map_.granules() * kGranuleBytes;
  const std::uint64_t used = used_ * kGranuleBytes;
  std::uint64_t largest = std::max(bins_.victim.size(), bins_.latest.size());
  if (const std::uint64_t bin = bins_.last_filled(); bin != Bins::kBins) {
    std::uint64_t start = bins_.first(bin);
    for (int i = 0; i < kRunsLookedAt && start != kNoGranule; ++i, start = bins_.behind(start)) {
      largest = std::max(largest, run_at(start).size());
    }
  }
  return {.start = static_cast<Address>(range_.start),
          .end = static_cast<Address>(range_.end),
          .heap_bytes = range_.size(),
          .used_bytes = used,
          // A size given back smaller than it was asked for would leave more, and
          // a larger one of the same rounding would wrap it.
          .requested_bytes = requested_ > UINT64_MAX / 2 ? 0 : std::min(requested_, used),
          .free_bytes = blocks - used,
          .metadata_bytes = range_.size() - blocks,
          .peak_used_bytes = peak_ * kGranuleBytes,
          .largest_free_bytes = largest * kGranuleBytes,
          .live_blocks = allocations_ - frees_,
          .allocations = allocations_,
          .frees = frees_,
          .failures = failures_};
}

template <Hardening kLevel>
std::size_t BasicBinAllocator<kLevel>::bins(std::size_t first, std::span<BinStats> out) const {
  std::size_t count = 0;
  for (std::size_t i = first; i < Bins::kBins - 1 && count < out.size(); ++i) {
    // Numbered without the list that is for no size.
    const std::uint64_t bin = i < Bins::kExactSizes ? i : i + 1;
    BinStats stats = bins_.stats(bin);
    for (const OpenRun* const open : {&bins_.victim, &bins_.latest}) {
      if (open->empty() || Bins::bin_of(open->size()) != bin) continue;
      ++stats.free_blocks;
      stats.free_bytes += open->size() * kGranuleBytes;
    }
    out[count++] = stats;
  }
  return count;
}

template <Hardening kLevel>
Extent BasicBinAllocator<kLevel>::extent_at(Address address) const {
  const auto start = static_cast<Address>(range_.start);
  const auto end = static_cast<Address>(range_.end);
  if (address < base_) {
    return {.start = start, .size = base_ - start, .state = ExtentState::metadata};
  }
  if (address >= limit()) {
    return {.start = limit(), .size = end - limit(), .state = ExtentState::metadata};
  }
  const std::uint64_t first = map_.start_of((address - base_) / kGranuleBytes);
  const Run run = run_at(first);
  const bool free = map_.is_free(first) || in_pocket(first, run.size());
  return {.start = address_of(first),
          .size = run.size() * kGranuleBytes,
          .state = free ? ExtentState::free : ExtentState::live};
}

template <Hardening kLevel>
Result<Address, Damage> BasicBinAllocator<kLevel>::check(Address address) const {
  const Extent extent = extent_at(address);
  if (extent.state != ExtentState::free) return extent.end();
  const std::uint64_t start = (extent.start - base_) / kGranuleBytes;
  const Run run = run_at(start);
  const bool open = start == bins_.victim.start || start == bins_.latest.start;
  if (!map_.is_free(start) || open) return extent.end();
  if (run.end < map_.granules() && map_.is_free(run.end)) {
    return fail(Damage{.address = extent.end(), .what = "no live block follows a free run"});
  }
  if (const std::string_view wrong = bins_.check(start, run.size()); !wrong.empty()) {
    return fail(Damage{.address = extent.start, .what = wrong});
  }
  return extent.end();
}

template class BasicBinAllocator<Hardening::none>;
template class BasicBinAllocator<Hardening::standard>;

}  // namespace heapscope::alloc
