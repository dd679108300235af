// Finding the ends of what was overwritten, and what they say.
#include "alloc/damage_edge.hpp"

#include <algorithm>
#include <span>

namespace heapscope::alloc {
namespace {

/// So many bytes in succession are no accident.
constexpr std::size_t kConvincing = 8;

/// A block's bytes and the zone beside them, both counted from where they meet.
class Side {
 public:
  static Side below(const GuardedBlock& block) {
    return {block, block.end(), block.end() - 1, 1, block.tail_bytes()};
  }
  static Side above(const GuardedBlock& block) {
    return {block, block.address - 1, block.address, -1, GuardedBlock::kRecordBytes};
  }

  [[nodiscard]] Edge edge() const {
    const std::size_t intact = filled();
    if (intact >= std::min(size_, kConvincing)) return Edge::at_zone;
    if (freed_) return freed_edge();
    for (const std::size_t period :
         {std::size_t{1}, std::size_t{2}, std::size_t{4}, std::size_t{8}}) {
      if (zone_repeats(period)) return edge_after(repeating(period));
    }
    return Edge::unknown;
  }

 private:
  Side(const GuardedBlock& block, Address zone, Address bytes, int step, std::size_t zone_size)
      : zone_(zone),
        bytes_(bytes),
        step_(step),
        zone_size_(zone_size),
        size_(std::min(block.layout.size, GuardedBlock::kMostFilled)),
        all_(size_ == block.layout.size),
        freed_(block.freed) {}

  static unsigned char at(Address address) {
    return *reinterpret_cast<const unsigned char*>(address);
  }
  /// The zone's and the block's byte number `index`, from where they meet on.
  [[nodiscard]] unsigned char zone(std::size_t index) const {
    return at(step_ > 0 ? zone_ + index : zone_ - index);
  }
  [[nodiscard]] unsigned char byte(std::size_t index) const {
    return at(step_ > 0 ? bytes_ - index : bytes_ + index);
  }

  /// How many of the block's bytes are as the heap filled them.
  [[nodiscard]] std::size_t filled() const {
    if (!all_ && step_ > 0) return 0;  // Of a large block only the beginning is filled.
    const unsigned char fill = freed_ ? GuardedBlock::kFreedFill : GuardedBlock::kFreshFill;
    std::size_t count = 0;
    while (count < size_ && byte(count) == fill) ++count;
    return count;
  }

  /// What nobody may write to shows each byte that somebody wrote.
  [[nodiscard]] Edge freed_edge() const {
    if (!all_ && step_ > 0) return Edge::unknown;
    std::size_t last = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      if (byte(i) != GuardedBlock::kFreedFill) last = i + 1;
    }
    if (last < size_) return Edge::inside;
    return all_ ? Edge::whole : Edge::unknown;
  }

  [[nodiscard]] bool zone_repeats(std::size_t period) const {
    for (std::size_t i = period; i < zone_size_; ++i) {
      if (zone(i) != zone(i - period)) return false;
    }
    return true;
  }

  /// How many of the block's bytes go on with what the zone repeats.
  [[nodiscard]] std::size_t repeating(std::size_t period) const {
    std::size_t count = 0;
    // The byte that lies one period away from the zone's first is the block's own.
    while (count < size_ && byte(count) == zone((period - 1) - count % period)) ++count;
    return count;
  }

  [[nodiscard]] Edge edge_after(std::size_t count) const {
    if (count == 0) return Edge::at_zone;
    if (count == size_) return all_ ? Edge::whole : Edge::unknown;
    return count >= kConvincing ? Edge::inside : Edge::unknown;
  }

  Address zone_;
  Address bytes_;
  int step_;
  std::size_t zone_size_;
  std::size_t size_;
  bool all_;  // Whether that is the whole block.
  bool freed_;
};

}  // namespace

Edge edge_below(const GuardedBlock& lower) { return Side::below(lower).edge(); }
Edge edge_above(const GuardedBlock& upper) { return Side::above(upper).edge(); }

Culprit culprit_of(Edge below, Edge above) {
  if (below == Edge::at_zone || above == Edge::at_zone) {
    if (below == above) return Culprit::unknown;
    return below == Edge::at_zone ? Culprit::lower : Culprit::upper;
  }
  if (below == Edge::whole && above == Edge::inside) return Culprit::lower;
  if (below == Edge::inside && above == Edge::whole) return Culprit::upper;
  return Culprit::unknown;
}

}  // namespace heapscope::alloc
