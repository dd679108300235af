// The serial line of this kernel: the mini UART, set up for the clock that the
// board runs at.
#pragma once

#include <cstdint>
#include <string_view>

#include "board_constants.hpp"
#include "kernel/cpu.hpp"
#include "kernel/mmio.hpp"
#include "shell/console.hpp"
#include "uart/buffered_uart.hpp"
#include "uart/mini_uart.hpp"

namespace heapscope::kernel {

inline constexpr uart::MiniUartPlace kSerialPlace{.aux_base = kBoard.aux, .gpio_base = kBoard.gpio};

/// The clock that the baud rate is made from, in Hz. The nominal rate has been
/// wrong in some firmwares, so that the measured one is asked for first.
[[nodiscard]] std::uint32_t core_clock_hz();

/// Sets the line up. A clock that no divisor fits is a wrong answer of the
/// firmware; then the default one is taken.
inline void start_line(uart::MiniUart<Mmio>& uart) {
  if (uart.initialize(core_clock_hz(), kBoard.baud)) return;
  (void)uart.initialize(kBoard.default_core_clock_hz, kBoard.baud);
}

/// Keeps this core's interrupts away for a moment.
struct CoreInterruptMask {
  static std::uint64_t mask() {
    const std::uint64_t before = read_interrupt_mask();
    mask_interrupts();
    return before;
  }
  static void restore(std::uint64_t before) { write_interrupt_mask(before); }
};

class Serial final : public shell::Console {
 public:
  constexpr explicit Serial(uart::ReceiveRing& ring)
      : uart_(bus_, kSerialPlace, ring), buffered_(uart_) {}

  /// Asks for the core clock and sets the line up, for polled use. To be called
  /// first.
  void initialize();
  /// From here on the line's interrupt does the work.
  void start_interrupts() { buffered_.start(); }
  /// For the interrupt's handler.
  void handle_interrupt() { buffered_.handle_interrupt(); }

  [[nodiscard]] std::optional<std::uint8_t> read() override { return buffered_.read(); }
  void write(std::string_view bytes) override { buffered_.write(bytes); }
  [[nodiscard]] bool take_interrupt() override { return buffered_.take_attention(); }
  /// Waits for the next interrupt, unless input waits already.
  void wait();
  /// Waits until everything written has left.
  void flush() { buffered_.flush(); }

 private:
  Mmio bus_;
  uart::MiniUart<Mmio> uart_;
  uart::BufferedUart<Mmio, CoreInterruptMask> buffered_;
};

/// The one serial line.
[[nodiscard]] Serial& serial();

/// Text in any state of the machine, without the driver: for panics and faults.
/// Each "\n" is sent as CR LF.
void write_last_words(std::string_view text);

}  // namespace heapscope::kernel
