// The first-fit allocator: the list, the marks, and checking what comes back.
#include "alloc/first_fit_allocator.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/panic.hpp"

namespace heapscope::alloc {
namespace {

constexpr std::size_t kUnit = FirstFitAllocator::kUnit;
constexpr std::size_t kBits = 64;

/// How a range is divided: three arrays of bits first, then whole units. An array
/// has as many words as the first two take units.
struct Plan {
  Address bits = 0;
  std::size_t words = 0;
  Address base = 0;
  Address limit = 0;
};

/// No units where the range is too small: base >= limit.
Plan plan_for(Range range) {
  if (range.empty() || range.start > UINT64_MAX - (kUnit - 1)) return {};
  const std::uint64_t start = (range.start + kUnit - 1) / kUnit * kUnit;
  const std::uint64_t end = range.end / kUnit * kUnit;
  if (start >= end) return {};
  const std::uint64_t units = (end - start) / kUnit;
  // Two words of the third array take a unit, and describe 64 words each.
  const std::uint64_t third = units / (2 * kBits * kBits) + 1;
  if (third >= units) return {};
  // A unit of the other two describes 64 more.
  const std::uint64_t words = (units - third + kBits) / (kBits + 1);
  return {.bits = static_cast<Address>(start),
          .words = static_cast<std::size_t>(words),
          .base = static_cast<Address>(start + (third + words) * kUnit),
          .limit = static_cast<Address>(end)};
}

/// The size must not be near the end of the address space.
constexpr std::size_t rounded(std::size_t size) { return (size + kUnit - 1) / kUnit * kUnit; }

constexpr std::size_t padding_to(Address address, std::size_t align) {
  return (0 - address) & (align - 1);
}

constexpr std::uint64_t bit_of(std::size_t i) { return std::uint64_t{1} << (i % kBits); }

/// The bits of a word from 0 to `i`, and from `i` on.
constexpr std::uint64_t up_to(std::size_t i) { return bit_of(i) | (bit_of(i) - 1); }
constexpr std::uint64_t from(std::size_t i) { return ~(bit_of(i) - 1); }

bool get(const std::uint64_t* bits, std::size_t i) { return (bits[i / kBits] & bit_of(i)) != 0; }

void set(std::uint64_t* bits, std::size_t i, bool value) {
  std::uint64_t& word = bits[i / kBits];
  word = value ? word | bit_of(i) : word & ~bit_of(i);
}

std::size_t lowest(std::uint64_t word) { return static_cast<std::size_t>(std::countr_zero(word)); }
std::size_t highest(std::uint64_t word) {
  return static_cast<std::size_t>(std::bit_width(word)) - 1;
}

/// The last bit that is set up to `i`; 0 where there is none.
std::size_t last_set(const std::uint64_t* bits, std::size_t i) {
  std::size_t at = i / kBits;
  std::uint64_t word = bits[at] & up_to(i);
  while (word == 0 && at > 0) word = bits[--at];
  return word == 0 ? 0 : at * kBits + highest(word);
}

/// The first bit that is set from `i` on; `end` where there is none.
std::size_t first_set(const std::uint64_t* bits, std::size_t i, std::size_t end) {
  for (std::uint64_t mask = from(i); i < end;
       i = (i / kBits + 1) * kBits, mask = ~std::uint64_t{0}) {
    const std::uint64_t word = bits[i / kBits] & mask;
    if (word != 0) return i / kBits * kBits + lowest(word);
  }
  return end;
}

}  // namespace

bool FirstFitAllocator::can_manage(Range range) {
  const Plan plan = plan_for(range);
  return plan.base < plan.limit;
}

void FirstFitAllocator::initialize(Range range) {
  const Plan plan = plan_for(range);
  if (plan.base >= plan.limit) panic("first-fit allocator: {} bytes are too few", range.size());
  range_ = range;
  base_ = plan.base;
  limit_ = plan.limit;
  starts_ = reinterpret_cast<std::uint64_t*>(plan.bits);
  free_ = starts_ + plan.words;
  filled_ = free_ + plan.words;
  first_ = 0;
  std::memset(starts_, 0, base_ - plan.bits);
  figures_.begin(range, range.size() - (limit_ - base_));
  put_free({.before = 0, .behind = 0}, base_, limit_ - base_);
}

bool FirstFitAllocator::starts(Address address) const { return get(starts_, unit_of(address)); }

bool FirstFitAllocator::starts_free(Address address) const { return get(free_, unit_of(address)); }

void FirstFitAllocator::mark(Address address, bool starts, bool free) {
  const std::size_t unit = unit_of(address);
  set(starts_, unit, starts);
  set(free_, unit, free);
  set(filled_, unit / kBits, starts_[unit / kBits] != 0);
}

/// Where the block or free run begins that holds `address`.
Address FirstFitAllocator::start_of(Address address) const {
  const std::size_t unit = unit_of(address);
  std::size_t at = unit / kBits;
  std::uint64_t word = starts_[at] & up_to(unit);
  if (word == 0 && at > 0) {
    at = last_set(filled_, at - 1);
    word = starts_[at];
  }
  return word == 0 ? base_ : base_ + (at * kBits + highest(word)) * kUnit;
}

/// Where the next one begins behind the one that begins at `address`.
Address FirstFitAllocator::next_start(Address address) const {
  const std::size_t unit = unit_of(address) + 1;
  const std::size_t end = (unit_of(limit_) + kBits - 1) / kBits;
  std::size_t at = unit / kBits;
  if (at >= end) return limit_;
  std::uint64_t word = starts_[at] & from(unit);
  if (word == 0) {
    at = first_set(filled_, at + 1, end);
    word = at < end ? starts_[at] : 0;
  }
  return word == 0 ? limit_ : base_ + (at * kBits + lowest(word)) * kUnit;
}

/// The first free run from the start `address` on; 0 where there is none.
Address FirstFitAllocator::next_free(Address address) const {
  while (address < limit_ && !starts_free(address)) address = next_start(address);
  return address < limit_ ? address : 0;
}

/// What of a free run's memory cannot be as it was written; empty where all can.
std::string_view FirstFitAllocator::wrong_node(Address run) const {
  const Node node = raw(run);
  constexpr std::string_view kWrongSize = "the size of the free run was overwritten";
  if (node.size == 0 || node.size % kUnit != 0 || node.size > limit_ - run) return kWrongSize;
  const Address end = run + node.size;
  if (end != limit_ && (!starts(end) || starts_free(end))) return kWrongSize;
  if (node.next == 0) return {};
  const bool possible = node.next > end && node.next < limit_ && node.next % kUnit == 0;
  return possible && starts_free(node.next) ? "" : "the link of the free run was overwritten";
}

/// The node of a free run of the list, which must not lead astray.
FirstFitAllocator::Node& FirstFitAllocator::node(Address run) const {
  if (const std::string_view wrong = wrong_node(run); !wrong.empty()) [[unlikely]] {
    panic("heap damaged: {} at {:#x}", wrong, run);
  }
  return raw(run);
}

void FirstFitAllocator::link(Address before, Address run) {
  (before == 0 ? first_ : raw(before).next) = run;
}

FirstFitAllocator::Place FirstFitAllocator::after(Place place) const {
  return {.before = place.behind, .behind = node(place.behind).next};
}

/// The place of the free run that begins at `address`, or where one would be put.
FirstFitAllocator::Place FirstFitAllocator::place_of(Address address) const {
  Place place{.before = 0, .behind = first_};
  while (place.behind != 0 && place.behind < address) place = after(place);
  return place;
}

/// A link that was overwritten may have cut the list short.
void FirstFitAllocator::check_listed(Place place, Address run) {
  if (place.behind == run) return;
  panic("heap damaged: the free run at {:#x} is not in the list", run);
}

/// Puts a run into the list that may begin with a block's mark, and merges it.
void FirstFitAllocator::put_free(Place place, Address start, std::size_t size) {
  const Address end = start + size;
  Node run{.next = place.behind, .size = size};
  if (end < limit_ && starts_free(end)) {
    check_listed(place, end);
    const Node behind = node(end);
    run = {.next = behind.next, .size = size + behind.size};
    mark(end, false, false);
  }
  if (place.before != 0) {
    // Not checked again: the list has just been followed through it.
    const std::size_t before = raw(place.before).size;
    if (place.before + before == start) {
      mark(start, false, false);
      raw(place.before) = {.next = run.next, .size = before + run.size};
      return;
    }
  }
  raw(start) = run;
  mark(start, true, true);
  link(place.before, start);
}

/// Takes `size` bytes from `start` on out of the free run behind `place`.
void FirstFitAllocator::take_from(Place place, Address start, std::size_t size) {
  const Address run = place.behind;
  const Node old = node(run);
  const Address end = start + size;
  const std::size_t rest = run + old.size - end;
  mark(run, false, false);
  Address next = old.next;
  if (rest > 0) {
    raw(end) = {.next = next, .size = rest};
    mark(end, true, true);
    next = end;
  }
  if (start > run) {
    raw(run) = {.next = next, .size = start - run};
    mark(run, true, true);
    next = run;
  }
  link(place.before, next);
}

bool FirstFitAllocator::servable(Layout layout) const {
  if (!layout.valid()) return false;
  const std::size_t room = limit_ - base_;
  const std::size_t padding = padding_to(base_, layout.align);
  return padding <= room && layout.size <= room - padding;
}

std::size_t FirstFitAllocator::usable_size(Layout layout) const { return rounded(layout.size); }

bool FirstFitAllocator::fits(Address run, std::size_t size, std::size_t align) const {
  const std::size_t room = node(run).size;
  const std::size_t padding = padding_to(run, align);
  return padding <= room && size <= room - padding;
}

Result<Address, HeapError> FirstFitAllocator::allocate(Layout layout) {
  if (!servable(layout)) return fail(figures_.refused(HeapError::unsupported));
  const std::size_t size = rounded(layout.size);
  Place place{.before = 0, .behind = first_};
  while (place.behind != 0 && !fits(place.behind, size, layout.align)) place = after(place);
  if (place.behind == 0) return fail(figures_.refused(HeapError::exhausted));
  const Address address = place.behind + padding_to(place.behind, layout.align);
  take_from(place, address, size);
  mark(address, true, false);
  figures_.allocated(size, layout.size);
  return address;
}

/// The live block that starts at `address`, or why there is none.
Result<Extent, HeapError> FirstFitAllocator::block_at(Address address) const {
  if (address < base_ || address >= limit_) return fail(HeapError::outside_heap);
  const Address start = start_of(address);
  if (starts_free(start)) return fail(HeapError::not_allocated);
  if (start != address) return fail(HeapError::inside_block);
  return Extent{.start = start, .size = next_start(start) - start, .state = ExtentState::live};
}

Result<Extent, HeapError> FirstFitAllocator::block_at(Address address, Layout layout) const {
  const auto block = block_at(address);
  if (!block) return block;
  const bool same = servable(layout) && rounded(layout.size) == block->size &&
                    padding_to(address, layout.align) == 0;
  if (!same) return fail(HeapError::wrong_layout);
  return block;
}

void FirstFitAllocator::release(const Extent& block, std::size_t requested) {
  put_free(place_of(block.start), block.start, block.size);
  figures_.freed(block.size, requested);
}

Result<void, HeapError> FirstFitAllocator::deallocate(Address address, Layout layout) {
  const auto block = block_at(address, layout);
  if (!block) return fail(block.error());
  release(*block, layout.size);
  return {};
}

Result<void, HeapError> FirstFitAllocator::deallocate_unsized(Address address) {
  const auto block = block_at(address);
  if (!block) return fail(block.error());
  release(*block, block->size);
  return {};
}

Result<void, HeapError> FirstFitAllocator::resize_in_place(Address address, Layout layout,
                                                           std::size_t size) {
  const auto block = block_at(address, layout);
  if (!block) return fail(block.error());
  if (!servable({.size = size, .align = layout.align})) {
    return fail(figures_.refused(HeapError::unsupported));
  }
  const std::size_t now = rounded(size);
  const Address end = block->end();
  if (now < block->size) {
    put_free(place_of(end), address + now, block->size - now);
  } else if (now > block->size) {
    const std::size_t more = now - block->size;
    const bool free_behind = end < limit_ && starts_free(end);
    if (!free_behind || node(end).size < more) return fail(HeapError::exhausted);
    const Place place = place_of(end);
    check_listed(place, end);
    take_from(place, end, more);
  }
  figures_.resized(block->size, layout.size, now, size);
  return {};
}

Stats FirstFitAllocator::stats() const {
  std::size_t largest = 0;
  for (Address run = first_; run != 0; run = node(run).next) {
    largest = std::max(largest, node(run).size);
  }
  return figures_.stats(largest);
}

Extent FirstFitAllocator::extent_at(Address address) const {
  const auto start = static_cast<Address>(range_.start);
  const auto end = static_cast<Address>(range_.end);
  if (address < base_) {
    return {.start = start, .size = base_ - start, .state = ExtentState::metadata};
  }
  if (address >= limit_) {
    return {.start = limit_, .size = end - limit_, .state = ExtentState::metadata};
  }
  const Address begin = start_of(address);
  return {.start = begin,
          .size = next_start(begin) - begin,
          .state = starts_free(begin) ? ExtentState::free : ExtentState::live};
}

Result<Address, Damage> FirstFitAllocator::check(Address address) const {
  const Extent extent = extent_at(address);
  if (extent.start < base_ && first_ != next_free(base_)) {
    return fail(Damage{.address = extent.start, .what = "the list misses the first free run"});
  }
  if (extent.state != ExtentState::free) return extent.end();
  std::string_view wrong = wrong_node(extent.start);
  const Node node = raw(extent.start);
  if (wrong.empty() && node.size != extent.size) wrong = "a block begins inside the free run";
  if (wrong.empty() && node.next != next_free(extent.end())) wrong = "the list misses a free run";
  if (!wrong.empty()) return fail(Damage{.address = extent.start, .what = wrong});
  return extent.end();
}

}  // namespace heapscope::alloc
