// The hardening level `full` for any allocator: red zones, fill, a quarantine of
// freed blocks, and a check of the whole heap that goes on as the heap is used.
#pragma once

#include <algorithm>

#include "alloc/allocator.hpp"
#include "alloc/capabilities.hpp"
#include "alloc/damage_edge.hpp"
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

  /// What is wrong around `address`, and whose pointer did it. Follows what was overwritten
  /// from block to block, kMostFollowed of them on either side.
  [[nodiscard, gnu::cold]] std::optional<Finding> finding_at(Address address) const {
    const Extent outer = inner_.extent_at(address);
    if (const auto found = finding_in(outer)) return found;
    if (const auto checked = inner_.check(address); !checked) {
      if (outer.state == ExtentState::free) return blame_for(outer, std::nullopt);
      return records_damaged(checked.error().address);
    }
    return std::nullopt;
  }
  static constexpr int kMostFollowed = 4096;

  /// The block whose memory, zones and all, holds `address`, live or in quarantine.
  [[nodiscard, gnu::cold]] std::optional<GuardedBlock> guarded_block(Address address) const {
    return neighbour_at(address);
  }

  /// Lets all quarantined blocks go, after a last look at each.
  [[gnu::cold]] void release_quarantine() {
    while (!quarantine_.empty()) release_oldest();
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

  static Finding records_damaged(Address address) {
    return {.kind = FindingKind::records, .at = address, .block = {}, .other = {}};
  }

  [[nodiscard, gnu::cold]] std::optional<Finding> finding_in(const Extent& outer) const {
    if (outer.state != ExtentState::live) return std::nullopt;
    const auto block = block_in(outer);
    return block ? finding_of(*block) : blame_for(outer, std::nullopt);
  }

  [[nodiscard, gnu::cold]] std::optional<Finding> finding_of(const GuardedBlock& block) const {
    if (block.damage_before() != 0 || block.damage_behind() != 0) {
      return blame_for(outer_of(block), block);
    }
    if (const Address at = block.damage_inside()) {
      return Finding{.kind = FindingKind::use_after_free, .at = at, .block = block, .other = {}};
    }
    return std::nullopt;
  }

  /// What the block has of the memory of `A`, which may be more than it asked for.
  [[nodiscard, gnu::cold]] Extent outer_of(const GuardedBlock& block) const {
    const Extent inner = inner_.extent_at(block.outer_start());
    const Address end = inner.state == ExtentState::live ? inner.end() : block.outer_end();
    return {.start = block.outer_start(),
            .size = end - block.outer_start(),
            .state = ExtentState::live};
  }

  /// Where a run of overwritten zones ends on one side: with a block of which only the
  /// zone on the other side was overwritten. None where it ends between two blocks, or at
  /// memory that is nobody's.
  struct RunEnd {
    std::optional<GuardedBlock> block;
    std::optional<GuardedBlock> nearest;  ///< The first block on the way to there.
  };

  /// The extent of the next block down or up, behind what is no block's too.
  template <bool kUp>
  [[nodiscard, gnu::cold]] std::optional<Extent> next_block(const Extent& from) const {
    Address at = kUp ? from.end() : from.start - 1;
    for (int i = 0; i < kMostFollowed && range_.contains(at); ++i) {
      const Extent extent = inner_.extent_at(at);
      if (extent.state == ExtentState::live) return extent;
      at = kUp ? extent.end() : extent.start - 1;
    }
    return std::nullopt;
  }

  template <bool kUp>
  [[nodiscard, gnu::cold]] RunEnd end_of_run(Extent from) const {
    RunEnd end;
    for (int i = 0; i < kMostFollowed; ++i) {
      const auto next = next_block<kUp>(from);
      if (!next) return end;
      const auto block = block_in(*next);
      if (block) {
        const Address near = kUp ? block->damage_before() : block->damage_behind();
        const Address far = kUp ? block->damage_behind() : block->damage_before();
        if (near == 0) return end;
        if (!end.nearest) end.nearest = block;
        if (far == 0) {
          end.block = block;
          return end;
        }
      }
      from = *next;
    }
    return end;
  }

  /// The block at the other end of a run that is lost sight of, because some of the memory
  /// that it went over was free and has been allocated since: the first one whose zone on
  /// this side was overwritten as a whole, where that is the first one overwritten at all.
  template <bool kUp>
  [[nodiscard, gnu::cold]] std::optional<GuardedBlock> facing_end(Extent from) const {
    for (int i = 0; i < kMostFollowed; ++i) {
      const auto next = next_block<kUp>(from);
      if (!next) return std::nullopt;
      from = *next;
      const auto block = block_in(*next);
      if (!block) continue;
      const Address near = kUp ? block->damage_before() : block->damage_behind();
      const Address far = kUp ? block->damage_behind() : block->damage_before();
      const bool whole =
          kUp ? block->overwritten_through_front() && block->overwritten_up_to_start()
              : block->overwritten_from_end() && block->overwritten_through_tail();
      if (near != 0 && far == 0 && whole) return block;
      if (near == 0 && far != 0) return std::nullopt;
    }
    return std::nullopt;
  }

  /// Of `outer` a zone was overwritten, of which only `block` may be known: by the block
  /// at the lower end of all that was, past its end, or by the one at the upper end.
  [[nodiscard, gnu::cold]] Finding blame_for(const Extent& outer,
                                             const std::optional<GuardedBlock>& block) const {
    RunEnd below{.block = block, .nearest = {}};
    RunEnd above{.block = block, .nearest = {}};
    if (!block || block->damage_before() != 0) below = end_of_run<false>(outer);
    if (!block || block->damage_behind() != 0) above = end_of_run<true>(outer);
    if (below.block && !above.block && below.block->overwritten_through_tail()) {
      above.block = facing_end<true>(outer);
    } else if (above.block && !below.block && above.block->overwritten_through_front()) {
      below.block = facing_end<false>(outer);
    }
    if (below.block && above.block) {
      return blame_one_of(*below.block, *above.block, block ? block : below.nearest);
    }
    if (below.block) {
      const bool own = block && block->address == below.block->address;
      return overflow_of(*below.block, own || !block ? above.nearest : block);
    }
    if (above.block) {
      const bool own = block && block->address == above.block->address;
      return underflow_of(*above.block, own || !block ? below.nearest : block);
    }
    if (outer.state == ExtentState::free) return records_damaged(outer.start);
    if (!block) return lost(outer.start);
    return block->damage_before() != 0 ? underflow_of(*block, {}) : overflow_of(*block, {});
  }

  using Other = std::optional<GuardedBlock>;

  [[nodiscard, gnu::cold]] Finding overflow_of(const GuardedBlock& block,
                                               const Other& other) const {
    Finding finding{
        .kind = FindingKind::overflow, .at = block.damage_behind(), .block = block, .other = other};
    name_neighbour<true>(finding);
    return finding;
  }

  [[nodiscard, gnu::cold]] Finding underflow_of(const GuardedBlock& block,
                                                const Other& other) const {
    Finding finding{.kind = FindingKind::underflow,
                    .at = block.damage_before(),
                    .block = block,
                    .other = other};
    name_neighbour<false>(finding);
    if (finding.lost == 0 && finding.other && finding.other->address < block.address) {
      if (const Address beside = finding.other->damage_behind()) finding.at = beside;
    }
    return finding;
  }

  /// The block beside the culprit, where that was reached, is named in place of others.
  template <bool kUp>
  [[gnu::cold]] void name_neighbour(Finding& finding) const {
    const auto next = next_block<kUp>(outer_of(finding.block));
    if (!next) return;
    const auto block = block_in(*next);
    if (!block) {
      finding.lost = next->start;
    } else if ((kUp ? block->damage_before() : block->damage_behind()) != 0) {
      finding.other = block;
    }
  }

  /// All between the two was overwritten; `between` may be a block there.
  [[nodiscard, gnu::cold]] Finding blame_one_of(const GuardedBlock& lower,
                                                const GuardedBlock& upper,
                                                const Other& between) const {
    const bool amid =
        between && between->address > lower.address && between->address < upper.address;
    Culprit culprit = Culprit::unknown;
    if (!lower.overwritten_from_end()) {
      culprit = Culprit::upper;
    } else if (!upper.overwritten_up_to_start()) {
      culprit = Culprit::lower;
    } else {
      culprit = culprit_of(edge_below(lower), edge_above(upper));
    }
    if (culprit == Culprit::lower) return overflow_of(lower, amid ? between : Other(upper));
    if (culprit == Culprit::upper) return underflow_of(upper, amid ? between : Other(lower));
    return {.kind = FindingKind::between_blocks,
            .at = lower.damage_behind(),
            .block = lower,
            .other = upper};
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
    while (!quarantine_.has_room(bytes)) release_oldest();
    quarantine_.push(block);
  }

  /// After a last look, while it is still known as one that was freed.
  [[gnu::cold]] void release_oldest() {
    report_if_damaged(quarantine_.oldest());
    release(quarantine_.pop());
  }

  /// Gives a freed block's memory back.
  [[gnu::cold]] void release(const GuardedBlock& block) {
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
      const auto found = finding_at(checked_to_);
      if (found && found->kind != FindingKind::records) {
        Report::report(*found);
      } else if (const auto checked = inner_.check(checked_to_); !checked) {
        Report::report(checked.error());
      }
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
