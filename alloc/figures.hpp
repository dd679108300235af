// The figures of an allocator that has no better source for them: it says what
// happens, and they add up.
#pragma once

#include <algorithm>

#include "alloc/error.hpp"
#include "alloc/inspection.hpp"
#include "base/range.hpp"

namespace heapscope::alloc {

class Figures {
 public:
  /// Starts anew on `range`, of which `metadata_bytes` never go into a block.
  void begin(Range range, std::uint64_t metadata_bytes) {
    stats_ = {.start = static_cast<Address>(range.start),
              .end = static_cast<Address>(range.end),
              .heap_bytes = range.size(),
              .metadata_bytes = metadata_bytes};
  }

  /// A block of `used` bytes, for which a caller asked `requested`.
  void allocated(std::uint64_t used, std::uint64_t requested) {
    ++stats_.allocations;
    add(used, requested);
  }
  void freed(std::uint64_t used, std::uint64_t requested) {
    ++stats_.frees;
    take(used, requested);
  }
  /// A block that was `used` and `requested` bytes is `now_used` and
  /// `now_requested`.
  void resized(std::uint64_t used, std::uint64_t requested, std::uint64_t now_used,
               std::uint64_t now_requested) {
    take(used, requested);
    add(now_used, now_requested);
  }
  /// Counts a failure, and gives back its reason.
  HeapError refused(HeapError reason) {
    ++stats_.failures;
    return reason;
  }

  [[nodiscard]] Stats stats(std::uint64_t largest_free_bytes) const {
    Stats stats = stats_;
    stats.live_blocks = stats.allocations - stats.frees;
    stats.free_bytes = stats.heap_bytes - stats.metadata_bytes - stats.used_bytes;
    stats.largest_free_bytes = largest_free_bytes;
    // A size given back smaller than it was asked for would leave more.
    stats.requested_bytes = std::min(stats.requested_bytes, stats.used_bytes);
    return stats;
  }

 private:
  void add(std::uint64_t used, std::uint64_t requested) {
    stats_.used_bytes += used;
    stats_.requested_bytes += requested;
    stats_.peak_used_bytes = std::max(stats_.peak_used_bytes, stats_.used_bytes);
  }
  void take(std::uint64_t used, std::uint64_t requested) {
    stats_.used_bytes -= used;
    // A block given back with a larger size of the same rounding must not wrap it.
    stats_.requested_bytes -= std::min(stats_.requested_bytes, requested);
  }

  Stats stats_;
};

}  // namespace heapscope::alloc
