// The bin allocator: finding, splitting, merging, and checking what comes back.
#include "alloc/bin_allocator.hpp"

#include <algorithm>

#include "base/panic.hpp"

namespace heapscope::alloc {
namespace {

/// How many runs of the best-fitting size are tried for an alignment.
constexpr int kAlignmentTries = 16;

/// The granules that a layout of at least 1 byte takes; the size must not be
/// near the end of the address space.
constexpr std::size_t granules_for(const Layout& layout) {
  const std::size_t unit = layout.align >= kDefaultAlign ? kDefaultAlign : FreeIndex::kGranuleBytes;
  return (layout.size + unit - 1) / unit * (unit / FreeIndex::kGranuleBytes);
}

struct Plan {
  Address storage = 0;
  Address base = 0;
  Granule granules = 0;
};

/// How a range is divided: the map first, then as many granules as it can
/// describe in what is left. No granules where the range is too small.
Plan plan_for(Range range) {
  constexpr std::uint64_t kUnit = FreeIndex::kGranuleBytes;
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
  // Whole units of the default alignment, so that the largest free run of an
  // empty heap can be had without asking for less.
  const std::uint64_t behind_map = start + BlockMap::storage_bytes(fits);
  const std::uint64_t padding = (0 - behind_map) % kDefaultAlign;
  const std::uint64_t granules = fits - std::min(fits, padding / kUnit);
  constexpr std::uint64_t kGranulesPerUnit = kDefaultAlign / kUnit;
  return {.storage = static_cast<Address>(start),
          .base = static_cast<Address>(behind_map + padding),
          .granules = static_cast<Granule>(granules / kGranulesPerUnit * kGranulesPerUnit)};
}

}  // namespace

bool BinAllocator::can_manage(Range range) { return plan_for(range).granules > 0; }

void BinAllocator::initialize(Range range) {
  const Plan plan = plan_for(range);
  if (plan.granules == 0) panic("bin allocator: {} bytes are too few", range.size());
  range_ = range;
  base_ = plan.base;
  used_granules_ = 0;
  peak_granules_ = 0;
  last_freed_ = kNoGranule;
  requested_ = 0;
  allocations_ = 0;
  frees_ = 0;
  failures_ = 0;
  map_.initialize(reinterpret_cast<std::uint64_t*>(plan.storage), plan.granules);
  free_.initialize(&map_, base_);
  make_free({.start = 0, .size = plan.granules});
}

bool BinAllocator::servable(const Layout& layout) const {
  if (!layout.valid()) return false;
  const std::size_t room = limit() - base_;
  const std::size_t padding = (0 - base_) & (layout.align - 1);
  if (padding > room || layout.size > room - padding) return false;
  return granules_for(layout) * kGranuleBytes <= room - padding;
}

std::size_t BinAllocator::usable_size(const Layout& layout) const {
  return granules_for(layout) * kGranuleBytes;
}

Granule BinAllocator::aligned_in(Granule run, std::size_t align) const {
  const std::size_t padding = (0 - address_of(run)) & (align - 1);
  const std::size_t granule = run + (padding + kGranuleBytes - 1) / kGranuleBytes;
  return static_cast<Granule>(std::min<std::size_t>(granule, map_.granules()));
}

bool BinAllocator::fits(Granule run, Granule size, std::size_t align) const {
  const Granule end = run + free_run_size(run);
  const Granule start = aligned_in(run, align);
  return start < end && end - start >= size;
}

/// The free run to take `size` granules of that alignment from, or kNoGranule.
Granule BinAllocator::find(Granule size, std::size_t align) const {
  Granule run = free_.best_fit(size);
  for (int i = 0; i < kAlignmentTries && run != kNoGranule; ++i) {
    if (fits(run, size, align)) return run;
    run = free_.same_size(run);
  }
  if (align <= kGranuleBytes) return kNoGranule;
  const std::size_t enough = size + align / kGranuleBytes - 1;
  if (enough <= map_.granules()) {
    run = free_.best_fit(static_cast<Granule>(enough));
    // Its size was read from free memory, so it is not relied on.
    if (run != kNoGranule && fits(run, size, align)) return run;
  }
  // What was freed last comes back to its layout, whatever its alignment.
  const bool still_free = last_freed_ != kNoGranule && map_.at(last_freed_) == Mark::free_start;
  return still_free && fits(last_freed_, size, align) ? last_freed_ : kNoGranule;
}

Granule BinAllocator::free_run_size(Granule run) const {
  const Granule behind = map_.next(run);
  const bool has_end = behind < map_.granules() && map_.at(behind) == Mark::free_end;
  return has_end ? behind - run + 1 : 1;
}

void BinAllocator::make_free(Run run) {
  map_.set(run.start, Mark::free_start);
  if (run.size > 1) map_.set(run.start + run.size - 1, Mark::free_end);
  free_.insert(run.start, run.size);
}

void BinAllocator::take_free(Run run) {
  free_.remove(run.start, run.size);
  map_.clear(run.start);
  if (run.size > 1) map_.clear(run.start + run.size - 1);
}

Result<Address, HeapError> BinAllocator::allocate(const Layout& layout) {
  if (!servable(layout)) [[unlikely]] {
    ++failures_;
    return fail(HeapError::unsupported);
  }
  const auto size = static_cast<Granule>(granules_for(layout));
  const Granule found = find(size, layout.align);
  if (found == kNoGranule) {
    ++failures_;
    return fail(HeapError::exhausted);
  }
  const Run run{.start = found, .size = free_run_size(found)};
  const Granule start = aligned_in(found, layout.align);
  take_free(run);
  if (start > run.start) make_free({.start = run.start, .size = start - run.start});
  map_.set(start, Mark::live_start);
  const Granule rest = run.start + run.size - (start + size);
  if (rest > 0) make_free({.start = start + size, .size = rest});
  used_granules_ += size;
  peak_granules_ = std::max(peak_granules_, used_granules_);
  requested_ += layout.size;
  ++allocations_;
  return address_of(start);
}

/// The granule of the live block that starts at `address`, or why there is none.
Result<Granule, HeapError> BinAllocator::live_block_at(Address address) const {
  if (address < base_ || address >= limit()) return fail(HeapError::outside_heap);
  const Granule granule = granule_of(address);
  const Mark mark = map_.at(granule);
  if (mark == Mark::live_start) {
    if (address == address_of(granule)) return granule;
    return fail(HeapError::inside_block);
  }
  if (mark != Mark::none) return fail(HeapError::not_allocated);
  const bool live = map_.at(map_.previous(granule)) == Mark::live_start;
  return fail(live ? HeapError::inside_block : HeapError::not_allocated);
}

Result<BinAllocator::Run, HeapError> BinAllocator::live_block(Address address,
                                                              const Layout& layout) const {
  const auto start = live_block_at(address);
  if (!start) return fail(start.error());
  const Run block{.start = *start, .size = map_.next(*start) - *start};
  const bool same =
      servable(layout) && granules_for(layout) == block.size && (address & (layout.align - 1)) == 0;
  if (!same) return fail(HeapError::wrong_layout);
  return block;
}

Result<void, HeapError> BinAllocator::deallocate(Address address, const Layout& layout) {
  const auto block = live_block(address, layout);
  if (!block) return fail(block.error());
  release(*block, layout.size);
  return {};
}

Result<void, HeapError> BinAllocator::deallocate_unsized(Address address) {
  const auto start = live_block_at(address);
  if (!start) return fail(start.error());
  const Granule size = map_.next(*start) - *start;
  release({.start = *start, .size = size}, std::size_t{size} * kGranuleBytes);
  return {};
}

void BinAllocator::release(Run block, std::size_t requested) {
  used_granules_ -= block.size;
  // A block given back with a larger size of the same rounding must not wrap it.
  requested_ -= std::min<std::uint64_t>(requested_, requested);
  ++frees_;
  map_.clear(block.start);
  Granule start = block.start;
  Granule end = block.start + block.size;
  if (end < map_.granules() && map_.at(end) == Mark::free_start) {
    const Run right{.start = end, .size = free_run_size(end)};
    take_free(right);
    end += right.size;
  }
  if (start > 0) {
    const Mark before = map_.at(start - 1);
    if (before == Mark::free_start || before == Mark::free_end) {
      const Granule left = before == Mark::free_start ? start - 1 : map_.previous(start - 1);
      take_free({.start = left, .size = start - left});
      start = left;
    }
  }
  make_free({.start = start, .size = end - start});
  last_freed_ = start;
}

Result<void, HeapError> BinAllocator::resize_in_place(Address address, const Layout& layout,
                                                      std::size_t size) {
  const auto block = live_block(address, layout);
  if (!block) return fail(block.error());
  const Layout wanted{.size = size, .align = layout.align};
  if (!servable(wanted)) {
    ++failures_;
    return fail(HeapError::unsupported);
  }
  const auto now = static_cast<Granule>(granules_for(wanted));
  const Granule end = block->start + block->size;
  const bool free_behind = end < map_.granules() && map_.at(end) == Mark::free_start;
  const Run behind{.start = end, .size = free_behind ? free_run_size(end) : 0};
  if (now > block->size && now - block->size > behind.size) {
    return fail(HeapError::exhausted);
  }
  if (now != block->size) {
    if (behind.size > 0) take_free(behind);
    const Granule rest = block->size + behind.size - now;
    if (rest > 0) make_free({.start = block->start + now, .size = rest});
    used_granules_ = used_granules_ - block->size + now;
    peak_granules_ = std::max(peak_granules_, used_granules_);
  }
  requested_ = requested_ - std::min<std::uint64_t>(requested_, layout.size) + size;
  return {};
}

Stats BinAllocator::stats() const {
  const std::uint64_t blocks = std::uint64_t{map_.granules()} * kGranuleBytes;
  const std::uint64_t used = std::uint64_t{used_granules_} * kGranuleBytes;
  return {.start = static_cast<Address>(range_.start),
          .end = static_cast<Address>(range_.end),
          .heap_bytes = range_.size(),
          .used_bytes = used,
          // A size given back smaller than it was asked for would leave more.
          .requested_bytes = std::min(requested_, used),
          .free_bytes = blocks - used,
          .metadata_bytes = range_.size() - blocks,
          .peak_used_bytes = std::uint64_t{peak_granules_} * kGranuleBytes,
          .largest_free_bytes = std::uint64_t{free_.largest()} * kGranuleBytes,
          .live_blocks = allocations_ - frees_,
          .allocations = allocations_,
          .frees = frees_,
          .failures = failures_};
}

std::size_t BinAllocator::bins(std::size_t first, std::span<BinStats> out) const {
  std::size_t count = 0;
  // Bin 0 would hold runs of no granules.
  for (std::size_t i = first; i < FreeIndex::kBins - 1 && count < out.size(); ++i) {
    out[count++] = free_.bin_stats(i + 1);
  }
  return count;
}

Extent BinAllocator::extent_at(Address address) const {
  const auto start = static_cast<Address>(range_.start);
  const auto end = static_cast<Address>(range_.end);
  if (address < base_) {
    return {.start = start, .size = base_ - start, .state = ExtentState::metadata};
  }
  if (address >= limit()) {
    return {.start = limit(), .size = end - limit(), .state = ExtentState::metadata};
  }
  Granule granule = granule_of(address);
  const Mark mark = map_.at(granule);
  if (mark == Mark::none || mark == Mark::free_end) granule = map_.previous(granule);
  const bool live = map_.at(granule) == Mark::live_start;
  const Granule size = live ? map_.next(granule) - granule : free_run_size(granule);
  return {.start = address_of(granule),
          .size = std::size_t{size} * kGranuleBytes,
          .state = live ? ExtentState::live : ExtentState::free};
}

Result<Address, Damage> BinAllocator::check(Address address) const {
  const Extent extent = extent_at(address);
  if (extent.state != ExtentState::free) return extent.end();
  const Granule run = granule_of(extent.start);
  const auto size = static_cast<Granule>(extent.size / kGranuleBytes);
  const Granule behind = run + size;
  if (behind < map_.granules() && map_.at(behind) != Mark::live_start) {
    return fail(Damage{.address = extent.end(), .what = "no live block follows a free run"});
  }
  if (const std::string_view wrong = free_.check(run, size); !wrong.empty()) {
    return fail(Damage{.address = extent.start, .what = wrong});
  }
  return extent.end();
}

}  // namespace heapscope::alloc
