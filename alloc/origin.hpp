// Where a block comes from: which call allocated it and, once it is freed, which call
// did that.
#pragma once

#include <cstdint>

#include "alloc/layout.hpp"
#include "alloc/witness.hpp"

namespace heapscope::alloc {

/// One call, as it is recorded.
struct CallStamp {
  std::uint64_t when = 0;  ///< The clock's ticks, the core's number in the top 8 bits.
  CallPath path = 0;

  /// `core`: only the lowest 8 bits count.
  [[gnu::always_inline]] static CallStamp made(std::uint64_t ticks, std::uint64_t core,
                                               CallPath path) {
    return {.when = ticks + (core << kCoreAt), .path = path};
  }
  [[nodiscard]] std::uint64_t ticks() const { return when & kTicks; }
  [[nodiscard]] std::uint32_t core() const { return static_cast<std::uint32_t>(when >> kCoreAt); }

 private:
  static constexpr int kCoreAt = 56;
  static constexpr std::uint64_t kTicks = (std::uint64_t{1} << kCoreAt) - 1;
};

/// What is recorded of a block.
struct Origin {
  Address address = 0;
  Layout layout;  ///< Its alignment is 0 where it is 4 GiB or more.
  bool live = false;
  std::uint64_t sequence = 0;  ///< Of the call that allocated it, counted from 1.
  CallStamp allocated;
  CallStamp freed;  ///< Counts where the block is not live.

  [[nodiscard]] Address end() const { return address + layout.size; }
};

}  // namespace heapscope::alloc
