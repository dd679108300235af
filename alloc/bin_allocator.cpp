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
  Address slabs = 0;
  Address base = 0;
  Granule granules = 0;
};

/// How a range is divided: the map and the records of slabs first, then as many
/// granules as they can describe in what is left. No granules where the range is
/// too small.
[[gnu::cold]] Plan plan_for(Range range, bool with_slabs) {
  if (range.empty() || range.start > UINT64_MAX - (kUnit - 1)) return {};
  const std::uint64_t start = (range.start + kUnit - 1) / kUnit * kUnit;
  if (start >= range.end) return {};
  const auto slab_bytes = [with_slabs](std::uint64_t granules) {
    return with_slabs ? Slabs::storage_bytes(granules) : 0;
  };
  const std::uint64_t room = (range.end - start) / kUnit;
  std::uint64_t fits = 0;
  std::uint64_t too_many = std::min(room, BlockMap::kMaxGranules) + 1;
  while (too_many - fits > 1) {
    const std::uint64_t middle = fits + (too_many - fits) / 2;
    const std::uint64_t records = BlockMap::storage_bytes(middle) + slab_bytes(middle);
    (records / kUnit + middle <= room ? fits : too_many) = middle;
  }
  const std::uint64_t slabs = start + BlockMap::storage_bytes(fits);
  return {.storage = static_cast<Address>(start),
          .slabs = static_cast<Address>(slabs),
          .base = static_cast<Address>(slabs + slab_bytes(fits)),
          .granules = static_cast<Granule>(fits)};
}

}  // namespace

template <bool kWithSlabs>
bool BasicBinAllocator<kWithSlabs>::can_manage(Range range) {
  return plan_for(range, kWithSlabs).granules > 0;
}

template <bool kWithSlabs>
void BasicBinAllocator<kWithSlabs>::initialize(Range range) {
  const Plan plan = plan_for(range, kWithSlabs);
  if (plan.granules == 0) panic("bin allocator: {} bytes are too few", range.size());
  range_ = range;
  base_ = plan.base;
  headroom_ = requested_ = peak_ = failures_ = 0;
  no_slab_ = {};
  classes_.fill({.slab = &no_slab_});
  frees_ = {};
  spare_ = kNoLine;
  map_.initialize(reinterpret_cast<std::uint64_t*>(plan.storage), plan.granules);
  if constexpr (kWithSlabs) {
    slabs_.initialize(reinterpret_cast<std::uint64_t*>(plan.slabs), plan.granules);
    class_count_ = Slabs::classes_for(plan.granules);
  }
  bins_.initialize(&map_, base_);
  map_.set_start(0);
  map_.set_free(0);
  bins_.victim = {.start = 0, .end = plan.granules};
}

template <bool kWithSlabs>
bool BasicBinAllocator<kWithSlabs>::servable(Layout layout) const {
  if (!layout.valid()) return false;
  const std::size_t room = limit() - base_;
  const std::size_t padding = (0 - base_) & (layout.align - 1);
  return padding <= room && layout.size <= room - padding;
}

template <bool kWithSlabs>
std::size_t BasicBinAllocator<kWithSlabs>::usable_size(Layout layout) const {
  return granules_for(layout.size) * kGranuleBytes;
}

template <bool kWithSlabs>
Result<Address, HeapError> BasicBinAllocator<kWithSlabs>::refuse(Layout layout) {
  ++failures_;
  return fail(servable(layout) ? HeapError::exhausted : HeapError::unsupported);
}

// --- Slabs ---

/// The slab that this class was allocated from is full, or it had none.
template <bool kWithSlabs>
Result<Address, HeapError> BasicBinAllocator<kWithSlabs>::allocate_from_next_slab(
    std::size_t size) {
  const std::uint64_t granules = (size + kUnit - 1) / kUnit;
  if (granules - 1 >= class_count_) return allocate_run(size);
  Line line = slabs_.first(granules);
  if (line != kNoLine) {
    slabs_.unlink(line, granules);
  } else {
    line = new_slab(granules);
    if (line == kNoLine) [[unlikely]]
      return allocate_run(size);
  }
  const std::uint64_t start = std::uint64_t{line} * Slabs::kLineGranules;
  SizeClass& size_class = classes_[granules];
  size_class.slab = map_.word_of(start);
  size_class.base = address_of(start);
  return allocate_usual(size);
}

/// A slab with nothing but free slots, in no list; kNoLine where no line is to be had.
template <bool kWithSlabs>
Line BasicBinAllocator<kWithSlabs>::new_slab(std::uint64_t size_class) {
  Line line = spare_;
  if (line != kNoLine && is_empty(line)) {
    drop_slab(line);
  } else {
    const std::uint64_t start = take_line();
    if (start == kNoGranule) return kNoLine;
    line = static_cast<Line>(start / Slabs::kLineGranules);
  }
  spare_ = kNoLine;
  slabs_.add(line, size_class);
  const std::uint64_t slots = Slabs::slot_starts(size_class);
  *map_.word_of(std::uint64_t{line} * Slabs::kLineGranules) = {.starts = slots, .free = slots};
  return line;
}

/// Takes a whole line out of some free run; kNoGranule where there is none in those
/// that are looked at. Something starts at its first granule then, and is not free.
template <bool kWithSlabs>
std::uint64_t BasicBinAllocator<kWithSlabs>::take_line() {
  constexpr std::uint64_t kLine = Slabs::kLineGranules;
  // One that was a slab, most likely.
  if (bins_.first(Bins::kFirstWide) != kNoGranule) {
    const Run run = first_of(Bins::kFirstWide);
    if (run.start % kLine == 0) {
      bins_.remove_first(Bins::kFirstWide, run.size());
      map_.clear_free(run.start);
      if (run.size() > kLine) insert_anew({.start = run.start + kLine, .end = run.end});
      return run.start;
    }
  }
  OpenRun& victim = bins_.victim;
  const std::uint64_t end = victim.end / kLine * kLine;
  if (end >= victim.start + kLine) return cut_line(end - kLine);
  // From here on a run has a whole line in it wherever it lies.
  constexpr std::uint64_t kAnyHas = 2 * kLine;
  const std::uint64_t bin = bins_.first_filled(Bins::bin_of(kAnyHas));
  if (bin == Bins::kBins) return kNoGranule;
  const Run run = first_of(bin);
  bins_.remove_first(bin, run.size());
  replace_victim(run);
  return cut_line(run.end / kLine * kLine - kLine);
}

/// Takes the line at `start` out of the victim, to which what is before it is left.
template <bool kWithSlabs>
std::uint64_t BasicBinAllocator<kWithSlabs>::cut_line(std::uint64_t start) {
  OpenRun& open = bins_.victim;
  const std::uint64_t end = start + Slabs::kLineGranules;
  if (end != open.end) insert_anew({.start = end, .end = open.end});
  if (start == open.start) {
    open = {};
    map_.clear_free(start);
  } else {
    open.end = static_cast<Granule>(start);
    map_.set_start(start);
  }
  return start;
}

/// A slab that was full gets a free slot, or one gets its last.
template <bool kWithSlabs>
Result<void, HeapError> BasicBinAllocator<kWithSlabs>::free_first_or_last_slot(std::uint64_t start,
                                                                               std::size_t size) {
  const std::uint64_t granules = (size + kUnit - 1) / kUnit;
  BlockMap::Word* const word = map_.word_of(start);
  const bool was_full = word->free == 0;
  word->free |= BlockMap::bit(start);
  ++frees_[granules];
  count_free(size, granules);
  const std::uint64_t line = start / Slabs::kLineGranules;
  if (was_full) {
    if (classes_[granules].slab != word) slabs_.push(line, granules);
    return {};
  }
  if (spare_ != line) {
    (void)release_spare();
    spare_ = static_cast<Line>(line);
  }
  // A size of the same rounding may have been given back instead.
  if (used() == 0) requested_ = 0;
  return {};
}

/// Whether no slot of a slab is used.
template <bool kWithSlabs>
bool BasicBinAllocator<kWithSlabs>::is_empty(Line line) const {
  const BlockMap::Word& word = *map_.word_of(std::uint64_t{line} * Slabs::kLineGranules);
  return word.free == word.starts;
}

/// An empty slab becomes one live block of the line's length, that nobody knows.
template <bool kWithSlabs>
void BasicBinAllocator<kWithSlabs>::drop_slab(Line line) {
  const auto size_class = static_cast<std::uint64_t>(slabs_.class_of(line));
  BlockMap::Word* const word = map_.word_of(std::uint64_t{line} * Slabs::kLineGranules);
  if (classes_[size_class].slab == word) {
    classes_[size_class].slab = &no_slab_;
  } else {
    slabs_.unlink(line, size_class);
  }
  slabs_.remove(line, size_class);
  *word = {.starts = 1, .free = 0};
}

/// Merges the line that is kept, if it is still empty.
template <bool kWithSlabs>
bool BasicBinAllocator<kWithSlabs>::release_spare() {
  const Line line = spare_;
  if (line == kNoLine) return false;
  spare_ = kNoLine;
  if (!is_empty(line)) return false;
  drop_slab(line);
  const std::uint64_t start = std::uint64_t{line} * Slabs::kLineGranules;
  (void)release({.start = start, .end = start + Slabs::kLineGranules});
  return true;
}

// --- Allocation ---

/// A block of another alignment than the usual one.
template <bool kWithSlabs>
Result<Address, HeapError> BasicBinAllocator<kWithSlabs>::allocate_oddly(Layout layout) {
  if (!servable(layout)) return refuse(layout);
  if (layout.align > kUnit) return take_aligned(layout.size, layout.align);
  return allocate_usual(layout.size);
}

/// A block that is in no slab.
template <bool kWithSlabs>
Result<Address, HeapError> BasicBinAllocator<kWithSlabs>::allocate_run(std::size_t size) {
  // Size 0 becomes the largest of all.
  const std::uint64_t bin = (size - 1) / kUnit;
  if (bin >= Bins::kExactSizes) return take_large(size);
  const std::uint64_t larger = bins_.filled_exact() >> bin;
  if (larger == 0) {
    if (bins_.victim.size() <= bin + 1) [[unlikely]]
      return take_wide(size);
    return from_victim_end(size);
  }
  if ((larger & 1) == 0) return take_split(size);
  const std::uint64_t run = bins_.first(bin);
  bins_.remove_first(bin, bin + 1);
  map_.clear_free(run);
  return taken(run, size);
}

/// Where the smallest list that is not empty holds runs of up to 1 KiB that are
/// larger, unless the victim fits better.
template <bool kWithSlabs>
Result<Address, HeapError> BasicBinAllocator<kWithSlabs>::take_split(std::size_t size) {
  const std::uint64_t bin = (size - 1) / kUnit;
  const std::uint64_t larger = bin + BlockMap::lowest(bins_.filled_exact() >> bin);
  const std::uint64_t victim = bins_.victim.size();
  if (victim > bin && victim <= larger) [[unlikely]]
    return victim == bin + 1 ? all_of_victim(size) : from_victim_end(size);
  const std::uint64_t run = bins_.first(larger);
  bins_.remove_first(larger, larger + 1);
  const std::uint64_t start = run + (larger - bin);
  const BlockMap::Unfinished unfinished = map_.begin_set_start(start);
  bins_.insert(run, start - run);
  return taken(start, size, unfinished);
}

/// A block of up to 1 KiB where no list of an exact size has a run for it, nor the
/// victim one that is larger.
template <bool kWithSlabs>
Result<Address, HeapError> BasicBinAllocator<kWithSlabs>::take_wide(std::size_t size) {
  const std::uint64_t granules = granules_for(size);
  if (bins_.victim.size() == granules) return all_of_victim(size);
  const std::uint64_t bin = bins_.first_filled(Bins::kFirstWide);
  if (bin == Bins::kBins) return take_last(size, kUnit);
  const Run run = first_of(bin);
  remove_slowly(run);
  replace_victim(run);
  return allocate_run(size);
}

/// Where nothing free is large enough: the line that is kept may make it so.
template <bool kWithSlabs>
Result<Address, HeapError> BasicBinAllocator<kWithSlabs>::take_last(std::size_t size,
                                                                    std::size_t align) {
  if constexpr (kWithSlabs) {
    if (release_spare()) {
      return align > kUnit ? take_aligned(size, align) : allocate_usual(size);
    }
  }
  return refuse({.size = size, .align = align});
}

template <bool kWithSlabs>
Result<Address, HeapError> BasicBinAllocator<kWithSlabs>::all_of_victim(std::size_t size) {
  const OpenRun victim = bins_.victim;
  bins_.victim = {};
  map_.clear_free(victim.start);
  map_.note_span(victim.start, victim.end);
  return taken(victim.start, size);
}

/// A block of up to 1 KiB, which no whole word of the map lies in, from a larger victim.
template <bool kWithSlabs>
Result<Address, HeapError> BasicBinAllocator<kWithSlabs>::from_victim_end(std::size_t size) {
  const std::uint64_t start = bins_.victim.end - granules_for(size);
  bins_.victim.end = static_cast<Granule>(start);
  return taken(start, size, map_.begin_set_start(start));
}

/// A block of any size from a victim that is as large, or larger.
template <bool kWithSlabs>
Result<Address, HeapError> BasicBinAllocator<kWithSlabs>::from_victim_start(std::size_t size) {
  OpenRun& victim = bins_.victim;
  const std::uint64_t start = victim.start;
  const std::uint64_t end = start + granules_for(size);
  if (end == victim.end) return all_of_victim(size);
  map_.clear_free(start);
  const BlockMap::Unfinished unfinished = map_.begin_set_start(end);
  map_.set_free(end);
  map_.note_span(start, end);
  victim.start = static_cast<Granule>(end);
  return taken(start, size, unfinished);
}

template <bool kWithSlabs>
Result<Address, HeapError> BasicBinAllocator<kWithSlabs>::finished(
    std::uint64_t start, BlockMap::Unfinished unfinished) {
  map_.finish(unfinished);
  return address_of(start);
}

/// The extent that starts at a granule, an open run included; in a slab that which
/// holds it, a slot or what is left at the end.
template <bool kWithSlabs>
typename BasicBinAllocator<kWithSlabs>::Run BasicBinAllocator<kWithSlabs>::run_at(
    std::uint64_t start) const {
  if (in_slab(start)) {
    constexpr std::uint64_t kLine = Slabs::kLineGranules;
    const auto size = static_cast<std::uint64_t>(slabs_.class_of(start / kLine));
    const std::uint64_t slot = start - start % kLine % size;
    const std::uint64_t end = start / kLine * kLine + kLine;
    return {.start = slot, .end = std::min(slot + size, end)};
  }
  if (start == bins_.victim.start) return {.start = start, .end = bins_.victim.end};
  return {.start = start, .end = map_.end_of(start)};
}

/// The first run of a wide list, which has one.
template <bool kWithSlabs>
typename BasicBinAllocator<kWithSlabs>::Run BasicBinAllocator<kWithSlabs>::first_of(
    std::uint64_t bin) const {
  const std::uint64_t start = bins_.first(bin);
  const Run run{.start = start, .end = map_.end_of(start)};
  if (run.size() <= Bins::kExactSizes || Bins::wide_bin_of(run.size()) != bin) [[unlikely]]
    bins_.report_damage(start);
  return run;
}

/// One of the first runs of list `bin` that has `size` granules; empty where none has.
template <bool kWithSlabs>
typename BasicBinAllocator<kWithSlabs>::Run BasicBinAllocator<kWithSlabs>::fitting(
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
/// blocks are cut off the other end, so that this one can grow where it is.
template <bool kWithSlabs>
Result<Address, HeapError> BasicBinAllocator<kWithSlabs>::take_large(std::size_t size) {
  if (size - 1 >= map_.granules() * kGranuleBytes) [[unlikely]]
    return refuse({.size = size});
  const std::uint64_t granules = granules_for(size);
  const std::uint64_t victim = bins_.victim.size();
  std::uint64_t bin = Bins::wide_bin_of(granules);
  Run run{};
  if (bins_.first(bin) != kNoGranule) run = first_of(bin);
  if (run.size() < granules) {
    bin = bins_.first_filled(bin + 1);
    if (bin == Bins::kBins) {
      return victim >= granules ? from_victim_start(size) : take_fitting(size);
    }
    run = first_of(bin);
  }
  if (victim >= granules && victim < run.size()) return from_victim_start(size);
  bins_.remove_first(bin, run.size());
  return from_start(run, size);
}

/// The same where the victim and the first runs of all lists are too short.
template <bool kWithSlabs>
Result<Address, HeapError> BasicBinAllocator<kWithSlabs>::take_fitting(std::size_t size) {
  const std::uint64_t granules = granules_for(size);
  const Run run = fitting(Bins::bin_of(granules), granules);
  return run.size() != 0 ? from_run(run, run.start, size) : take_last(size, kUnit);
}

/// A block of any size from a run that is in no list any more.
template <bool kWithSlabs>
Result<Address, HeapError> BasicBinAllocator<kWithSlabs>::from_start(Run run, std::size_t size) {
  const std::uint64_t end = run.start + granules_for(size);
  map_.clear_free(run.start);
  map_.note_span(run.start, end);
  if (end == run.end) return taken(run.start, size);
  const BlockMap::Unfinished unfinished = map_.begin_set_start(end);
  map_.set_free(end);
  insert({.start = end, .end = run.end});
  return taken(run.start, size, unfinished);
}

/// Takes a block out of the middle of any free run; what is left on both sides
/// stays free.
template <bool kWithSlabs>
Result<Address, HeapError> BasicBinAllocator<kWithSlabs>::from_run(Run run, std::uint64_t start,
                                                                   std::size_t size) {
  const std::uint64_t end = start + granules_for(size);
  detach(run);
  if (start == run.start) {
    map_.clear_free(start);
  } else {
    map_.set_start(start);
    insert_slowly({.start = run.start, .end = start});
  }
  if (end != run.end) {
    map_.set_start(end);
    map_.set_free(end);
    insert_slowly({.start = end, .end = run.end});
  }
  map_.note_span(start, end);
  return taken(start, size);
}

/// The last place in a run at which an aligned block of that size can start.
template <bool kWithSlabs>
typename BasicBinAllocator<kWithSlabs>::Place BasicBinAllocator<kWithSlabs>::aligned_in(
    Run run, std::uint64_t size, std::size_t align) const {
  if (run.size() < size) return {};
  const Address address = address_of(run.end - size) & ~(align - 1);
  // Rounding down may lead below the heap.
  if (address < address_of(run.start) || address > limit()) return {};
  return {.run = run, .start = (address - base_) / kGranuleBytes};
}

template <bool kWithSlabs>
Result<Address, HeapError> BasicBinAllocator<kWithSlabs>::take_aligned(std::size_t size,
                                                                       std::size_t align) {
  const std::uint64_t granules = granules_for(size);
  const std::uint64_t enough = granules + align / kGranuleBytes - 1;
  const std::uint64_t own = enough <= map_.granules() ? Bins::bin_of(enough) : Bins::kBins;
  // The first that fits of: the first run of a list where most do, the first of a longer
  // list, which all do, and the victim.
  for (const std::uint64_t from : {own, own + 1}) {
    const std::uint64_t bin = bins_.first_filled(from);
    if (bin == Bins::kBins) break;
    const Place place = aligned_in(fitting(bin, 1), granules, align);
    if (place.found()) return from_run(place.run, place.start, size);
  }
  const Place place =
      aligned_in({.start = bins_.victim.start, .end = bins_.victim.end}, granules, align);
  if (place.found()) return from_run(place.run, place.start, size);
  return take_aligned_tightly(size, align);
}

/// The same where only a shorter run may do, if its granules lie well, or one far back
/// in its list.
template <bool kWithSlabs>
Result<Address, HeapError> BasicBinAllocator<kWithSlabs>::take_aligned_tightly(std::size_t size,
                                                                               std::size_t align) {
  const std::uint64_t granules = granules_for(size);
  std::uint64_t bin = Bins::bin_of(granules);
  for (int i = 0; i < kRunsLookedAt; ++i, ++bin) {
    bin = bins_.first_filled(bin);
    if (bin == Bins::kBins) break;
    const Place place = aligned_in(fitting(bin, 1), granules, align);
    if (place.found()) return from_run(place.run, place.start, size);
  }
  const std::uint64_t enough = granules + align / kGranuleBytes - 1;
  if (enough <= map_.granules()) {
    const Place place = aligned_in(fitting(Bins::bin_of(enough), enough), granules, align);
    if (place.found()) return from_run(place.run, place.start, size);
  }
  return take_last(size, align);
}

// --- Freeing ---

/// An address that is none, or a layout with another alignment than the usual one.
template <bool kWithSlabs>
Result<void, HeapError> BasicBinAllocator<kWithSlabs>::deallocate_oddly(Address address,
                                                                        Layout layout) {
  const Freed found = examine(address, granules_for(layout.size));
  const bool right = found == Freed::yes && may_have(address, layout.align);
  return right ? deallocate_usual(address, layout.size) : refuse_free(address, layout);
}

/// Frees a block that is in no slab.
template <bool kWithSlabs>
Result<void, HeapError> BasicBinAllocator<kWithSlabs>::free_run(std::uint64_t start,
                                                                std::size_t size) {
  const std::uint64_t end = start + (size + kUnit - 1) / kUnit;
  const BlockMap::Word word = *map_.word_of(start);
  const bool live = (word.starts & ~word.free & BlockMap::bit(start)) != 0;
  if (!live || map_.end_of(start) != end) [[unlikely]]
    return refuse_free(address_of(start), {.size = size});
  count_free_behind(size, end - start);
  return release({.start = start, .end = end});
}

/// The same for a caller that is trusted.
template <bool kWithSlabs>
Result<void, HeapError> BasicBinAllocator<kWithSlabs>::free_run_unchecked(std::uint64_t start,
                                                                          std::size_t size) {
  const std::uint64_t granules = (size + kUnit - 1) / kUnit;
  count_free_behind(size, granules);
  return release({.start = start, .end = start + granules});
}

/// Whether a live block of so many granules starts at an address.
template <bool kWithSlabs>
typename BasicBinAllocator<kWithSlabs>::Freed BasicBinAllocator<kWithSlabs>::examine(
    Address address, std::uint64_t size) const {
  if (address < base_ || address >= limit()) return Freed::outside;
  if (address % kUnit != 0) return Freed::not_live;
  const std::uint64_t start = (address - base_) / kGranuleBytes;
  if (!map_.starts_at(start) || map_.is_free(start)) return Freed::not_live;
  const std::uint64_t own_size = run_at(start).size();
  return own_size == size ? Freed::yes : Freed::wrong_size;
}

/// Makes a live block free and merges it with what is free beside it.
template <bool kWithSlabs>
Result<void, HeapError> BasicBinAllocator<kWithSlabs>::release(Run block) {
  OpenRun& victim = bins_.victim;
  std::uint64_t start = block.start;
  std::uint64_t end = block.end;
  bool of_victim = start == victim.end;
  BlockMap::Unfinished left_of_it;
  BlockMap::Unfinished right_of_it;
  // The victim's ends are not noted in the map.
  if (of_victim) {
    start = victim.start;
  } else if (const std::uint64_t left = free_before(start); left != kNoGranule) {
    bins_.remove(left, start - left);
    start = left;
  }
  if (start == block.start) {
    map_.set_free(start);
  } else {
    left_of_it = map_.begin_clear_start(block.start);
  }
  if (map_.is_free(end) && !starts_in_slab(end)) {
    const std::uint64_t right = end;
    if (right == victim.start) {
      of_victim = true;
      end = victim.end;
    } else {
      end = map_.end_of(right);
      bins_.remove(right, end - right);
    }
    right_of_it = map_.begin_clear_start(right);
  }
  if (of_victim) {
    victim = {.start = static_cast<Granule>(start), .end = static_cast<Granule>(end)};
  } else {
    insert({.start = start, .end = end});
  }
  if (left_of_it.any() || right_of_it.any()) [[unlikely]]
    return released(left_of_it, right_of_it);
  return {};
}

template <bool kWithSlabs>
Result<void, HeapError> BasicBinAllocator<kWithSlabs>::released(BlockMap::Unfinished first,
                                                                BlockMap::Unfinished second) {
  map_.finish(first);
  map_.finish(second);
  return {};
}

/// The start of the free run that ends at `granule` and may be merged with;
/// kNoGranule where none does.
template <bool kWithSlabs>
std::uint64_t BasicBinAllocator<kWithSlabs>::free_before(std::uint64_t granule) const {
  const BlockMap::Word word = *map_.word_of(granule);
  const std::uint64_t below = word.starts & (BlockMap::bit(granule) - 1);
  if (below != 0) [[likely]] {
    const std::uint64_t last = BlockMap::highest(below);
    return (word.free >> last & 1) != 0 ? granule / 64 * 64 + last : kNoGranule;
  }
  if (granule == 0 || ends_in_slab(granule)) return kNoGranule;
  const std::uint64_t left = map_.start_before(granule);
  return map_.is_free(left) ? left : kNoGranule;
}

/// Makes a run free that nothing starts in, and puts it into its list.
template <bool kWithSlabs>
void BasicBinAllocator<kWithSlabs>::insert_anew(Run run) {
  map_.set_start(run.start);
  map_.set_free(run.start);
  insert_slowly(run);
}

/// Takes a free run out of its list, or out of being an open one.
template <bool kWithSlabs>
void BasicBinAllocator<kWithSlabs>::detach(Run run) {
  if (run.start == bins_.victim.start) {
    bins_.victim = {};
  } else {
    remove_slowly(run);
  }
}

/// `run`, which is in no list, becomes the victim in place of another.
template <bool kWithSlabs>
void BasicBinAllocator<kWithSlabs>::replace_victim(Run run) {
  const OpenRun before = bins_.victim;
  bins_.victim = {.start = static_cast<Granule>(run.start), .end = static_cast<Granule>(run.end)};
  if (!before.empty()) insert_slowly({.start = before.start, .end = before.end});
}

template <bool kWithSlabs>
Result<void, HeapError> BasicBinAllocator<kWithSlabs>::refuse_free(Address address,
                                                                   Layout layout) const {
  switch (examine(address, granules_for(layout.size))) {
    case Freed::outside:
      return fail(HeapError::outside_heap);
    case Freed::not_live:
      break;
    case Freed::wrong_size:
    case Freed::yes:  // Then it was the alignment.
      return fail(HeapError::wrong_layout);
  }
  const bool live = extent_at(address).state == ExtentState::live;
  return fail(live ? HeapError::inside_block : HeapError::not_allocated);
}

template <bool kWithSlabs>
Result<void, HeapError> BasicBinAllocator<kWithSlabs>::deallocate_unsized(Address address) {
  if (examine(address, 0) != Freed::wrong_size) {
    return refuse_free(address, {.size = 0, .align = kUnit});
  }
  return deallocate_usual(address, run_at(granule_of(address)).size() * kGranuleBytes);
}

template <bool kWithSlabs>
Result<void, HeapError> BasicBinAllocator<kWithSlabs>::resize_in_place(Address address,
                                                                       Layout layout,
                                                                       std::size_t size) {
  const std::uint64_t before = granules_for(layout.size);
  if (!may_have(address, layout.align) || examine(address, before) != Freed::yes) {
    return refuse_free(address, layout);
  }
  if (!servable({.size = size, .align = layout.align})) {
    ++failures_;
    return fail(HeapError::unsupported);
  }
  const std::uint64_t now = granules_for(size);
  const std::uint64_t start = granule_of(address);
  if (now != before && in_slab(start)) return fail(HeapError::exhausted);
  if (now < before) {
    map_.set_start(start + now);
    map_.note_span(start, start + now);
    (void)release({.start = start + now, .end = start + before});
  } else if (now > before) {
    const std::uint64_t behind = start + before;
    // The line that is kept is as good as free.
    if (starts_in_slab(behind) && (spare_ != behind / Slabs::kLineGranules || !release_spare())) {
      return fail(HeapError::exhausted);
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
        replace_victim(rest);
      } else {
        insert_slowly(rest);
      }
    }
    map_.note_span(start, start + now);
  }
  count_free(layout.size, before);
  count_allocation(size, now);
  return {};
}

// --- Inspection ---

template <bool kWithSlabs>
Stats BasicBinAllocator<kWithSlabs>::stats() const {
  const std::uint64_t blocks = map_.granules() * kGranuleBytes;
  const std::uint64_t used = this->used() * kGranuleBytes;
  std::uint64_t tails = 0;
  std::uint64_t allocations = classes_[0].allocations;
  std::uint64_t frees = frees_[0];
  std::uint64_t largest = bins_.victim.size();
  if (const std::uint64_t bin = bins_.last_filled(); bin != Bins::kBins) {
    std::uint64_t start = bins_.first(bin);
    for (int i = 0; i < kRunsLookedAt && start != kNoGranule; ++i, start = bins_.behind(start)) {
      largest = std::max(largest, run_at(start).size());
    }
  }
  for (std::uint64_t i = 1; i <= class_count_; ++i) {
    allocations += classes_[i].allocations;
    frees += frees_[i];
    tails += slabs_.count(i) * Slabs::tail(i) * kGranuleBytes;
    if (free_slots(i) != 0) largest = std::max(largest, i);
  }
  return {.start = static_cast<Address>(range_.start),
          .end = static_cast<Address>(range_.end),
          .heap_bytes = range_.size(),
          .used_bytes = used,
          // A size given back smaller than it was asked for would leave more, and
          // a larger one of the same rounding would wrap it.
          .requested_bytes = requested_ > UINT64_MAX / 2 ? 0 : std::min(requested_, used),
          .free_bytes = blocks - used - tails,
          .metadata_bytes = range_.size() - blocks + tails,
          .peak_used_bytes = peak_ * kGranuleBytes,
          .largest_free_bytes = largest * kGranuleBytes,
          .live_blocks = allocations - frees,
          .allocations = allocations,
          .frees = frees,
          .failures = failures_};
}

template <bool kWithSlabs>
std::uint64_t BasicBinAllocator<kWithSlabs>::calls() const {
  std::uint64_t calls = 0;
  for (std::size_t i = 0; i <= class_count_; ++i) calls += classes_[i].allocations + frees_[i];
  return calls;
}

template <bool kWithSlabs>
std::size_t BasicBinAllocator<kWithSlabs>::bins(std::size_t first, std::span<BinStats> out) const {
  std::size_t count = 0;
  for (std::size_t i = first; i < Bins::kBins - 1 && count < out.size(); ++i) {
    // Numbered without the list that is for no size.
    const std::uint64_t bin = i < Bins::kExactSizes ? i : i + 1;
    BinStats stats = bins_.stats(bin);
    if (const std::uint64_t size = bin + 1; size <= class_count_) {
      stats.free_blocks += free_slots(size);
      stats.free_bytes += free_slots(size) * size * kGranuleBytes;
    }
    if (const OpenRun& victim = bins_.victim;
        !victim.empty() && Bins::bin_of(victim.size()) == bin) {
      ++stats.free_blocks;
      stats.free_bytes += victim.size() * kGranuleBytes;
    }
    out[count++] = stats;
  }
  return count;
}

template <bool kWithSlabs>
Extent BasicBinAllocator<kWithSlabs>::extent_at(Address address) const {
  const auto start = static_cast<Address>(range_.start);
  const auto end = static_cast<Address>(range_.end);
  if (address < base_) {
    return {.start = start, .size = base_ - start, .state = ExtentState::metadata};
  }
  if (address >= limit()) {
    return {.start = limit(), .size = end - limit(), .state = ExtentState::metadata};
  }
  const std::uint64_t granule = (address - base_) / kGranuleBytes;
  const bool slab = in_slab(granule);
  const Run run = run_at(slab ? granule : map_.start_of(granule));
  ExtentState state = map_.is_free(run.start) ? ExtentState::free : ExtentState::live;
  if (slab && !map_.starts_at(run.start)) state = ExtentState::metadata;
  return {.start = address_of(run.start), .size = run.size() * kGranuleBytes, .state = state};
}

template <bool kWithSlabs>
Result<Address, Damage> BasicBinAllocator<kWithSlabs>::check(Address address) const {
  const Extent extent = extent_at(address);
  if (extent.state != ExtentState::free) return extent.end();
  const std::uint64_t start = granule_of(extent.start);
  if (in_slab(start)) return extent.end();
  const Run run = run_at(start);
  const bool open = start == bins_.victim.start;
  if (!map_.is_free(start) || open) return extent.end();
  if (run.end < map_.granules() && map_.is_free(run.end) && !starts_in_slab(run.end)) {
    return fail(Damage{.address = extent.end(), .what = "no live block follows a free run"});
  }
  if (const std::string_view wrong = bins_.check(start, run.size()); !wrong.empty()) {
    return fail(Damage{.address = extent.start, .what = wrong});
  }
  return extent.end();
}

template class BasicBinAllocator<true>;
template class BasicBinAllocator<false>;

}  // namespace heapscope::alloc
