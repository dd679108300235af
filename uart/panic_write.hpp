// The last words: text out of the mini UART when nothing else can be trusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "uart/mini_uart_place.hpp"
#include "uart/register_bus.hpp"
#include "uart/registers.hpp"
#include "uart/status_wait.hpp"

namespace heapscope::uart {

/// Sends `text` as it is, polled, and waits until it has left, so that a reset
/// may follow. Needs no MiniUart, takes no lock, reads no input. False when the
/// mini UART is not switched on or takes no byte within kStatusReadLimit status
/// reads: the rest is then given up, so dead hardware costs one wait, not one a
/// byte. O(text), in the time of the line.
template <RegisterBus Bus>
bool panic_write(Bus& bus, MiniUartPlace place, std::string_view text) {
  const std::uint32_t enables = bus.read(place.aux_base + offsetof(AuxRegisters, enables));
  if ((enables & aux_enables::kMiniUart) == 0) return false;
  for (const char character : text) {
    if (!wait_for_status(bus, place, lsr::kCanTakeByte)) return false;
    bus.write(place.aux_base + offsetof(AuxRegisters, io), static_cast<std::uint8_t>(character));
  }
  return wait_for_status(bus, place, lsr::kIdle);
}

}  // namespace heapscope::uart
