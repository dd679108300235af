// Who overwrote the zones between two blocks: an overflow of the lower one, or an underflow
// of the upper one. Both leave the same zones; where the overwritten bytes end differs.
#pragma once

#include <cstdint>

#include "alloc/guarded_block.hpp"

namespace heapscope::alloc {

/// Where a run of overwritten bytes that covers a zone ends in the block beside it.
enum class Edge : std::uint8_t {
  unknown,  ///< The bytes do not tell.
  at_zone,  ///< Where the zone does: the block's own bytes are as they were.
  inside,   ///< In the middle of the block's bytes.
  whole,    ///< All of the block's bytes look like it.
};

/// Where the run begins whose bytes fill the zone behind `lower`, and where the one ends
/// whose bytes fill the record in front of `upper`.
///
/// Overwritten bytes are known by a pattern of 1, 2, 4 or 8 bytes that fills the zone and
/// goes on in the block, and intact ones by the fill that the heap left there, live or
/// freed. At most GuardedBlock::kMostFilled bytes are looked at.
[[nodiscard]] Edge edge_below(const GuardedBlock& lower);
[[nodiscard]] Edge edge_above(const GuardedBlock& upper);

enum class Culprit : std::uint8_t { unknown, lower, upper };

/// Whose pointer was used: a write past a block's end begins there, or at the block's
/// start, and ends anywhere; one before its start ends there, or at the block's end.
[[nodiscard]] Culprit culprit_of(Edge below, Edge above);

}  // namespace heapscope::alloc
