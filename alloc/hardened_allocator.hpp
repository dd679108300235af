// The hardening level `full` for any allocator: red zones, fill, a quarantine of
// freed blocks, and a check of the whole heap that goes on as the heap is used.
#pragma once

#include <algorithm>

#include "alloc/capabilities.hpp"
#include "alloc/guarded_block.hpp"
#include "alloc/hardening.hpp"
#include "alloc/heap_finding.hpp"
#include "alloc/quarantine.hpp"
#include "base/panic.hpp"

namespace heapscope::alloc {

/// What can be chosen of a hardened heap.
struct HardenedOptions {
  /// A check of the whole heap begins every so many operations; 0: never.
  std::uint32_t check_interval = 1024;
  /// The most that the quarantine holds; at most an eighth of the heap counts.
  std::size_t quarantine_bytes = std::size_t{256} * 1024;
};

/// An allocator around an `A` that records its blocks, as extents that begin where the
/// blocks do. Each block has a zone of 16 bytes in front (its alignment, where that is
/// more) and of 17 to 32 behind. A free must bring exactly the layout of the block; a
/// block's zones are checked when it is freed, resized, leaves the quarantine, and by the
/// check of the whole heap, which looks at kExtentsPerStep extents with every operation.
/// What is found goes to `Report`; should that return, the heap goes on as if nothing had
/// been.
///
/// In the figures, zones and quarantined blocks are used memory but not requested;
/// only blocks that callers hold are live. In a walk a live block begins where its
/// caller's bytes do and ends behind its zone; the zone in front of it, and a
/// quarantined block, show as used.
///
/// Over an `A` that does not record its blocks (bump) a block is known only by the
/// zone in front, and the check of the whole heap sees none.
///
/// All of it is cold code, which is compiled for size: who asks for `full` does not
/// ask for speed.
///
/// Every call is bounded as the calls of `A` are, by what is filled
/// (GuardedBlock::kMostFilled) and by the quarantine's bounds.
template <Allocator A, class Report = PanicOnFinding>
class Hardened {
 public:
  static constexpr std::string_view kName = A::kName;
  static constexpr Hardening kHardening = Hardening::full;
  static constexpr bool kChecksUnsettled = checks_unsettled<A>();
  static constexpr int kExtentsPerStep = 4;

  [[nodiscard, gnu::cold]] static bool can_manage(Range range) {
    // The smallest block and its zones need so much more than without them.
    constexpr std::uint64_t kZones = 64;
    return !range.empty() && range.size() > kZones &&
           A::can_manage({.start = range.start, .end = range.end - kZones});
  }

  [[gnu::cold]] void initialize(Range range) {
    inner_.initialize(range);
    range_ = range;
    configure({});
  }

  /// To be called before the first block is allocated.
  [[gnu::cold]] void configure(const HardenedOptions& options) {
    const std::uint64_t share = range_.size() / 8;
    quarantine_ = Quarantine(
        static_cast<std::size_t>(std::min<std::uint64_t>(options.quarantine_bytes, share)));
    check_interval_ = options.check_interval;
  }

  [[nodiscard, gnu::cold]] Result<Address, HeapError> allocate(Layout layout) {
    check_a_few();
    if (!GuardedBlock::possible(layout)) {
      ++failures_;
      return fail(HeapError::unsupported);
    }
    GuardedBlock block{.address = 0, .layout = layout};
    auto outer = inner_.allocate(block.outer_layout());
    if (!outer && outer.error() == HeapError::exhausted && !quarantine_.empty()) {
      release_quarantine();
      outer = inner_.allocate(block.outer_layout());
    }
    if (!outer) {
      ++failures_;
      return outer;
    }
    block.address = *outer + block.front_bytes();
    block.prepare();
    ++allocations_;
    requested_ += layout.size;
    return block.address;
  }

  [[nodiscard, gnu::cold]] Result<void, HeapError> deallocate(Address address, Layout layout) {
    check_a_few();
    const auto block = live_block(address);
    if (!block) return fail(block.error());
    if (block->layout != layout) return fail(HeapError::wrong_layout);
    retire(*block);
    return {};
  }

  /// The block's own record says its layout.
  [[nodiscard, gnu::cold]] Result<void, HeapError> deallocate_unsized(Address address) {
    check_a_few();
    const auto block = live_block(address);
    if (!block) return fail(block.error());
    retire(*block);
    return {};
  }

  [[nodiscard, gnu::cold]] Result<void, HeapError> resize_in_place(Address address, Layout layout,
                                                                   std::size_t size) {
    check_a_few();
    const auto block = live_block(address);
    if (!block) return fail(block.error());
    if (block->layout != layout) return fail(HeapError::wrong_layout);
    report_if_damaged(*block);
    const GuardedBlock wanted{.address = address, .layout = {.size = size, .align = layout.align}};
    const auto resized = resize_outer(*block, wanted);
    if (!resized) {
      if (resized.error() == HeapError::unsupported) ++failures_;
      return resized;
    }
    wanted.prepare_resized(layout.size);
    requested_ = requested_ - layout.size + size;
    return {};
  }

  [[nodiscard]] std::size_t usable_size(Layout layout) const { return layout.size; }

  [[nodiscard, gnu::cold]] Stats stats() const {
    Stats stats = inner_.stats();
    stats.requested_bytes = requested_;
    stats.live_blocks = allocations_ - frees_;
    stats.allocations = allocations_;
    stats.frees = frees_;
    stats.failures = failures_;
    return stats;
  }

  [[nodiscard, gnu::cold]] std::size_t bins(std::size_t first, std::span<BinStats> out) const {
    return inner_.bins(first, out);
  }

  [[nodiscard, gnu::cold]] Extent extent_at(Address address) const {
    const Extent outer = inner_.extent_at(address);
    if (outer.state != ExtentState::live) return outer;
    const auto block = block_in(outer);
    if (!block || block->freed) {
      return {.start = outer.start, .size = outer.size, .state = ExtentState::used};
    }
    if (address < block->address) {
      return {
          .start = outer.start, .size = block->address - outer.start, .state = ExtentState::used};
    }
    return {
        .start = block->address, .size = outer.end() - block->address, .state = ExtentState::live};
  }

  [[nodiscard, gnu::cold]] Result<Address, Damage> check(Address address) const {
    if (const auto checked = inner_.check(address); !checked) return checked;
    if (const auto found = finding_in(inner_.extent_at(address))) return fail(damage_of(*found));
    return extent_at(address).end();
  }

  /// Lets all quarantined blocks go, after a last look at each.
  [[gnu::cold]] void release_quarantine() {
    while (!quarantine_.empty()) release(quarantine_.pop());
  }

  /// See Settles: what the allocator inside has deferred is settled.
  void settle() requires requires(A a) { a.settle(); }
  { inner_.settle(); }

 private:
  static Range range_of(const Extent& extent) {
    return {.start = extent.start, .end = extent.end()};
  }

  void settle_inner() {
    if constexpr (requires { inner_.settle(); }) inner_.settle();
  }

  /// The block in a live extent of `A`.
  [[nodiscard, gnu::cold]] std::optional<GuardedBlock> block_in(const Extent& outer) const {
    auto block = GuardedBlock::in(range_of(outer));
    // Found by the record behind, which does not say.
    if (block && !block->freed) block->freed = quarantine_.holds(block->address);
    return block;
  }

  [[nodiscard, gnu::cold]] std::optional<GuardedBlock> neighbour_at(Address address) const {
    if (!range_.contains(address)) return std::nullopt;
    const Extent extent = inner_.extent_at(address);
    return extent.state == ExtentState::live ? block_in(extent) : std::nullopt;
  }

  [[nodiscard, gnu::cold]] Result<GuardedBlock, HeapError> live_block(Address address) {
    const auto block = GuardedBlock::at(address, range_);
    if (block && !block->freed && is_recorded(*block)) return *block;
    settle_inner();
    return find_or_refuse(address);
  }

  /// Whether the allocator inside knows the block, as far as it knows any: its
  /// record may be one that an earlier heap left in this memory.
  [[nodiscard, gnu::cold]] bool is_recorded(const GuardedBlock& block) const {
    const Extent outer = inner_.extent_at(block.outer_start());
    if (outer.state != ExtentState::live) return outer.state == ExtentState::used;
    return outer.start == block.outer_start() && outer.end() >= block.outer_end();
  }

  /// For an address without the record of a live block before it.
  [[nodiscard, gnu::cold]] Result<GuardedBlock, HeapError> find_or_refuse(Address address) const {
    if (!range_.contains(address)) return fail(HeapError::outside_heap);
    const Extent outer = inner_.extent_at(address);
    if (outer.state == ExtentState::metadata) return fail(HeapError::outside_heap);
    if (outer.state != ExtentState::live || quarantine_.holds(address)) {
      return fail(HeapError::not_allocated);
    }
    const auto block = block_in(outer);
    if (!block) Report::report(lost(address));
    if (!block || block->address != address) return fail(HeapError::inside_block);
    return *block;
  }

  static Finding lost(Address address) {
    return {.kind = FindingKind::zones_lost, .at = address, .block = {}, .other = {}};
  }

  [[nodiscard, gnu::cold]] std::optional<Finding> finding_in(const Extent& outer) const {
    if (outer.state != ExtentState::live) return std::nullopt;
    const auto block = block_in(outer);
    return block ? finding_of(*block) : lost(outer.start);
  }

  [[nodiscard, gnu::cold]] std::optional<Finding> finding_of(const GuardedBlock& block) const {
    if (const Address at = block.damage_before()) return blame_for_front(block, at);
    if (const Address at = block.damage_behind()) return blame_for_back(block, at);
    if (const Address at = block.damage_inside()) {
      return Finding{.kind = FindingKind::use_after_free, .at = at, .block = block, .other = {}};
    }
    return std::nullopt;
  }

  /// The zone in front was overwritten: by its own block, or from the one before.
  [[nodiscard, gnu::cold]] Finding blame_for_front(const GuardedBlock& block, Address at) const {
    if (const auto before = neighbour_at(block.outer_start() - 1)) {
      if (const Address past = before->damage_behind()) {
        return {.kind = FindingKind::overflow, .at = past, .block = *before, .other = block};
      }
    }
    return {.kind = FindingKind::underflow, .at = at, .block = block, .other = {}};
  }

  /// The zone behind was overwritten: what begins at the block's end came from it.
  [[nodiscard, gnu::cold]] Finding blame_for_back(const GuardedBlock& block, Address at) const {
    auto behind = neighbour_at(block.outer_end());
    if (behind && behind->damage_before() == 0) behind.reset();
    if (behind && at != block.end()) {
      return {.kind = FindingKind::underflow, .at = at, .block = *behind, .other = block};
    }
    return {.kind = FindingKind::overflow, .at = at, .block = block, .other = behind};
  }

  [[gnu::cold]] void report_if_damaged(const GuardedBlock& block) const {
    if (block.damage_before() == 0 && block.damage_behind() == 0 && block.damage_inside() == 0) {
      return;
    }
    if (const auto found = finding_of(block)) Report::report(*found);
  }

  [[gnu::cold]] Result<void, HeapError> resize_outer(const GuardedBlock& block,
                                                     const GuardedBlock& wanted) {
    if (!GuardedBlock::possible(wanted.layout)) return fail(HeapError::unsupported);
    return inner_.resize_in_place(block.outer_start(), block.outer_layout(),
                                  wanted.outer_layout().size);
  }

  /// Takes a live block from its caller.
  [[gnu::cold]] void retire(GuardedBlock block) {
    report_if_damaged(block);
    ++frees_;
    requested_ -= block.layout.size;
    block.poison();
    const std::size_t bytes = block.outer_layout().size;
    if (!quarantine_.admits(bytes)) {
      release(block);
      return;
    }
    while (!quarantine_.has_room(bytes)) release(quarantine_.pop());
    quarantine_.push(block);
  }

  /// Gives a freed block's memory back.
  [[gnu::cold]] void release(const GuardedBlock& block) {
    report_if_damaged(block);
    block.wipe();
    if (!inner_.deallocate(block.outer_start(), block.outer_layout())) {
      panic("heap damaged: the records of the block at {:#x} are gone", block.address);
    }
  }

  /// A step of the check of the whole heap, where one is on.
  [[gnu::cold]] void check_a_few() {
    if (check_interval_ == 0) return;
    if (operations_++ % check_interval_ == 0 && !range_.contains(checked_to_)) {
      checked_to_ = static_cast<Address>(range_.start);
    }
    if (!range_.contains(checked_to_)) return;
    settle_inner();
    for (int i = 0; i < kExtentsPerStep && range_.contains(checked_to_); ++i) {
      const Extent outer = inner_.extent_at(checked_to_);
      if (const auto checked = inner_.check(checked_to_); !checked) Report::report(checked.error());
      if (const auto found = finding_in(outer)) Report::report(*found);
      checked_to_ = outer.end();
    }
  }

  A inner_;
  Quarantine quarantine_;
  Range range_;
  Address checked_to_ = 0;  // Outside the range: no check is on.
  std::uint32_t check_interval_ = 0;
  std::uint32_t operations_ = 0;
  std::uint64_t requested_ = 0;
  std::uint64_t allocations_ = 0;
  std::uint64_t frees_ = 0;
  std::uint64_t failures_ = 0;
};

}  // namespace heapscope::alloc
