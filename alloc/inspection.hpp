// What a heap tells about itself: figures, the extents that tile it, damage.
// Commands print these and tests check them; nothing here prints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "alloc/layout.hpp"

namespace heapscope::alloc {

/// The figures of a heap, all in bytes unless they count something. Always
/// heap_bytes = used_bytes + free_bytes + metadata_bytes.
struct Stats {
  Address start = 0;
  Address end = 0;
  std::uint64_t heap_bytes = 0;
  std::uint64_t used_bytes = 0;       ///< In blocks, rounding and padding included.
  std::uint64_t requested_bytes = 0;  ///< What callers asked for, of the memory in used_bytes.
  std::uint64_t free_bytes = 0;
  std::uint64_t metadata_bytes = 0;  ///< The allocator's own records.
  std::uint64_t peak_used_bytes = 0;
  std::uint64_t largest_free_bytes = 0;
  std::uint64_t live_blocks = 0;
  std::uint64_t allocations = 0;  ///< Calls that succeeded since the heap was set up.
  std::uint64_t frees = 0;
  std::uint64_t failures = 0;  ///< Allocations and reallocations that were refused.

  /// 1000 - 1000 * largest / free; 0 when nothing is free.
  [[nodiscard]] constexpr std::uint32_t fragmentation_permille() const {
    if (free_bytes == 0) return 0;
    return static_cast<std::uint32_t>(1000 - 1000 * largest_free_bytes / free_bytes);
  }
};

/// What is free in one size class.
struct BinStats {
  std::uint64_t size = 0;  ///< The smallest block that the class holds, in bytes.
  std::uint64_t free_blocks = 0;
  std::uint64_t free_bytes = 0;
};

enum class ExtentState : std::uint8_t {
  live,      ///< One live block.
  free,      ///< One run of free memory.
  used,      ///< Memory handed out whose blocks the allocator does not record.
  metadata,  ///< The allocator's own records, and ends too small to use.
};

/// The extent's state in scripts and JSON: "live", "free", "used", "metadata".
[[nodiscard]] constexpr std::string_view state_name(ExtentState state) {
  switch (state) {
    case ExtentState::live:
      return "live";
    case ExtentState::free:
      return "free";
    case ExtentState::used:
      return "used";
    case ExtentState::metadata:
      return "metadata";
  }
  return "unknown";
}

/// One piece of a heap. The extents of a heap tile it from start to end.
struct Extent {
  Address start = 0;
  std::size_t size = 0;  ///< Bytes, at least 1.
  ExtentState state = ExtentState::free;

  [[nodiscard]] constexpr Address end() const { return start + size; }
  friend constexpr bool operator==(const Extent&, const Extent&) = default;
};

/// A block that damage has to do with.
struct Party {
  Address address = 0;  ///< 0: there is none, or it is not known.
  std::size_t size = 0;
};

/// The first thing that an integrity check found wrong.
struct Damage {
  Address address = 0;
  std::string_view what;
  Party culprit = {};     ///< Whose pointer was used wrongly, where the allocator can tell.
  Party victim = {};      ///< The neighbour that was reached as well.
  bool disputed = false;  ///< The two may be the other way round: the bytes do not tell.
};

}  // namespace heapscope::alloc
