// The serial line of this kernel: the mini UART, set up for the clock that the
// board runs at.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/text_sink.hpp"
#include "board_constants.hpp"
#include "kernel/cpu.hpp"
#include "kernel/mmio.hpp"
#include "shell/console.hpp"
#include "uart/buffered_uart.hpp"
#include "uart/mini_uart.hpp"

namespace heapscope::kernel {

inline constexpr uart::MiniUartPlace kSerialPlace{.aux_base = kBoard.aux, .gpio_base = kBoard.gpio};

/// Who said how fast the core clock is.
enum class ClockSource : std::uint8_t {
  measured,  ///< The firmware, which measured it.
  nominal,   ///< The firmware, which set it.
  assumed,   ///< Nobody: it is what boards of this model start with.
};

/// The clock that the baud rate is made from.
struct CoreClock {
  std::uint32_t hz = 0;
  ClockSource source = ClockSource::assumed;
};

inline constexpr CoreClock kAssumedClock{.hz = kBoard.default_core_clock_hz};

/// The nominal rate has been wrong in some firmwares, so that the measured one is
/// asked for first.
[[nodiscard]] CoreClock core_clock();

/// What the line was set up with; all zero before it was.
struct LineSetup {
  CoreClock clock;
  uart::BaudRate rate{};
};

/// Sets the line up. A clock that no divisor fits is a wrong answer of the
/// firmware; then the default one is taken.
inline LineSetup start_line(uart::MiniUart<Mmio>& uart) {
  const CoreClock clock = core_clock();
  if (const auto rate = uart.initialize(clock.hz, kBoard.baud)) {
    return {.clock = clock, .rate = *rate};
  }
  static_assert(uart::find_baud_rate(kAssumedClock.hz, kBoard.baud));
  return {.clock = kAssumedClock, .rate = *uart.initialize(kAssumedClock.hz, kBoard.baud)};
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

  /// For panics: from here on everything is polled, and sent before the call
  /// returns. What had been written before is sent at once.
  void stop_interrupts() {
    polled_ = true;
    flush();
  }

  [[nodiscard]] std::optional<std::uint8_t> read() override { return buffered_.read(); }
  void write(std::string_view bytes) override {
    buffered_.write(bytes);
    if (polled_) flush();
  }
  [[nodiscard]] bool take_interrupt() override { return buffered_.take_attention(); }
  [[nodiscard]] bool has_input() override { return buffered_.waiting() != 0; }
  /// Waits for the next interrupt, unless input waits already.
  void wait();
  void wait(std::uint64_t microseconds) override;
  void set_raw(bool raw) override;
  /// Waits until everything written has left.
  void flush();

  [[nodiscard]] const LineSetup& setup() const { return setup_; }
  [[nodiscard]] uart::MiniUartCounters counters() const { return buffered_.counters(); }
  /// How often input was lost, one byte or more.
  [[nodiscard]] std::uint64_t losses() const {
    const uart::MiniUartCounters& counters = uart_.counters();
    return counters.overruns + counters.ring_overflows;
  }
  /// Whether there is a byte to read or a Ctrl-C to take.
  [[nodiscard]] bool has_something() { return !buffered_.idle(); }
  /// How often the other side was told to stop sending.
  [[nodiscard]] std::uint64_t stops() const { return buffered_.stops(); }
  /// Bytes that have arrived and wait to be read.
  [[nodiscard]] std::size_t waiting() const { return buffered_.waiting(); }

 private:
  LineSetup setup_;
  Mmio bus_;
  uart::MiniUart<Mmio> uart_;
  uart::BufferedUart<Mmio, CoreInterruptMask> buffered_;
  bool polled_ = false;
};

/// Where input waits. For serial() alone, and for a kernel that is misplaced and
/// cannot use that.
extern constinit uart::ReceiveRing receive_ring;

/// The one serial line.
[[nodiscard]] Serial& serial();

/// Text in any state of the machine, without the driver: for panics and faults.
/// Each "\n" is sent as CR LF.
void write_last_words(std::string_view text);

/// The same for format().
class LastWords final : public TextSink {
 public:
  void write(std::string_view text) override { write_last_words(text); }
};

}  // namespace heapscope::kernel
