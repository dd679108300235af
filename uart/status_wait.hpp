// Waiting for the mini UART's status without an object: for panics, and for a
// chip that somebody else has left switched on.
#pragma once

#include <cstddef>
#include <cstdint>

#include "uart/mini_uart_place.hpp"
#include "uart/register_bus.hpp"
#include "uart/registers.hpp"

namespace heapscope::uart {

/// How many times LSR is read before the transmitter counts as dead. Even at 50 ns
/// a read that is 0.2 s, which a full FIFO takes at 477 baud, the slowest that a
/// 250 MHz core clock can be divided to.
inline constexpr std::uint32_t kStatusReadLimit = 1U << 22;

/// Waits until one of `bits` (of lsr) is set; false when it was not within
/// kStatusReadLimit reads. AUX_ENABLES must be on. Reading LSR forgets an overrun.
template <RegisterBus Bus>
bool wait_for_status(Bus& bus, MiniUartPlace place, std::uint32_t bits) {
  for (std::uint32_t reads = 0; reads < kStatusReadLimit; ++reads) {
    if ((bus.read(place.aux_base + offsetof(AuxRegisters, lsr)) & bits) != 0) return true;
  }
  return false;
}

}  // namespace heapscope::uart
