// One character on a serial line, as a receiver with settings of its own sees it.
#pragma once

#include <cstdint>

namespace heapscope::uart {

/// How one end of the line makes or reads a character. No parity, one stop bit.
struct SerialFrame {
  double bit_cycles;   ///< Length of a bit, in core clock cycles.
  unsigned data_bits;  ///< 7 or 8.

  /// Start bit, data bits, stop bit.
  [[nodiscard]] double cycles() const { return bit_cycles * (data_bits + 2); }
};

/// What `receiver` makes of `byte` sent by `sender` on a line otherwise idle: it
/// samples the middle of each bit, by its own idea of where that is.
[[nodiscard]] inline std::uint8_t sample_frame(std::uint8_t byte, SerialFrame sender,
                                               SerialFrame receiver) {
  std::uint8_t seen = 0;
  for (unsigned i = 0; i < receiver.data_bits; ++i) {
    const auto sent_bit =
        static_cast<unsigned>((i + 1.5) * receiver.bit_cycles / sender.bit_cycles);
    const bool is_start = sent_bit == 0;
    const bool is_idle = sent_bit > sender.data_bits;
    const bool level = !is_start && (is_idle || ((byte >> (sent_bit - 1)) & 1) != 0);
    if (level) seen = static_cast<std::uint8_t>(seen | (1U << i));
  }
  return seen;
}

}  // namespace heapscope::uart
