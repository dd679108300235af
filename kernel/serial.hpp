// The serial line of this kernel: the mini UART, set up for the clock that the
// board runs at.
#pragma once

#include <cstdint>
#include <string_view>

#include "board_constants.hpp"
#include "kernel/mmio.hpp"
#include "shell/console.hpp"
#include "uart/mini_uart.hpp"

namespace heapscope::kernel {

class Serial final : public shell::Console {
 public:
  constexpr explicit Serial(uart::ReceiveRing& ring)
      : uart_(bus_, {.aux_base = kBoard.aux, .gpio_base = kBoard.gpio}, ring) {}

  /// Asks for the core clock and sets the line up. To be called first.
  void initialize();

  [[nodiscard]] std::optional<std::uint8_t> read() override { return uart_.read(); }
  void write(std::string_view bytes) override { uart_.write(bytes); }
  [[nodiscard]] bool take_interrupt() override { return uart_.take_attention(); }
  /// Waits until everything written has left.
  void flush() { uart_.flush(); }

 private:
  Mmio bus_;
  uart::MiniUart<Mmio> uart_;
};

/// The one serial line.
[[nodiscard]] Serial& serial();

/// Text in any state of the machine, without the driver: for panics and faults.
/// Each "\n" is sent as CR LF.
void write_last_words(std::string_view text);

}  // namespace heapscope::kernel
