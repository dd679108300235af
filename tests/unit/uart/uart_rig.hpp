// What most driver tests begin with: a chip, a ring and a driver over them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "simulated_chip.hpp"
#include "uart/mini_uart.hpp"

namespace heapscope::uart {

/// A driver over a simulated chip, not yet initialized.
struct UartRig {
  explicit UartRig(std::uint32_t core_clock_hz = 250'000'000, std::uint32_t terminal_baud = 115'200)
      : chip(core_clock_hz, terminal_baud) {}

  /// Types and lets it all arrive while nobody polls.
  void type_unattended(std::string_view bytes) {
    chip.type(bytes);
    chip.advance_characters(bytes.size() + 1);
  }
  /// Reads until nothing waits and the terminal has nothing more to send; stops
  /// early where time does not get on, so that a broken driver fails its test.
  std::string read_all() {
    std::string result;
    for (int idle_reads = 0; idle_reads < 1'000'000; ++idle_reads) {
      const bool last_round = !chip.is_typing();
      while (const auto byte = uart.read()) result.push_back(static_cast<char>(*byte));
      if (last_round) break;
    }
    return result;
  }

  SimulatedChip chip;
  std::unique_ptr<ReceiveRing> ring = std::make_unique<ReceiveRing>();
  MiniUart<SimulatedChip> uart{chip, SimulatedChip::kPlace, *ring};
};

/// `size` bytes that never repeat with a short period.
inline std::string varied_bytes(std::size_t size) {
  std::string result(size, '\0');
  std::uint32_t state = 1;
  for (char& byte : result) {
    state = state * 1'664'525 + 1'013'904'223;
    byte = static_cast<char>(state >> 24);
  }
  return result;
}

}  // namespace heapscope::uart
