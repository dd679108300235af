// What the mini-UART driver has counted: the figures by which a user tells a
// lossy line from a broken program.
#pragma once

#include <cstdint>

namespace heapscope::uart {

/// Events since the driver was constructed. What was queued for read() is
/// `received - ring_overflows - attentions`.
struct MiniUartCounters {
  std::uint64_t received = 0;        ///< Bytes taken from the chip, whatever became of them.
  std::uint64_t sent = 0;            ///< Bytes handed to the chip.
  std::uint64_t overruns = 0;        ///< Times the chip reported a loss, of one byte or more.
  std::uint64_t ring_overflows = 0;  ///< Bytes dropped because nobody read the ring.
  std::uint64_t attentions = 0;      ///< Attention bytes.
  std::uint64_t unsent = 0;          ///< Bytes dropped: not initialized, or no room in time.

  friend constexpr bool operator==(const MiniUartCounters&, const MiniUartCounters&) = default;
};

}  // namespace heapscope::uart
