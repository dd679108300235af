// Setting the line up, and the way around the driver for last words.
#include "kernel/serial.hpp"

#include "kernel/mailbox.hpp"
#include "uart/panic_write.hpp"

namespace heapscope::kernel {
namespace {

constexpr std::uint8_t kControlC = 3;
constexpr uart::MiniUartPlace kPlace{.aux_base = kBoard.aux, .gpio_base = kBoard.gpio};

constinit uart::ReceiveRing receive_ring;
constinit Serial the_serial(receive_ring);

/// The clock that the baud rate is made from. The nominal rate has been wrong in
/// some firmwares, so that the measured one comes first.
std::uint32_t core_clock_hz() {
  if (const auto measured = Mailbox::measured_clock(ClockId::core)) return *measured;
  if (const auto nominal = Mailbox::nominal_clock(ClockId::core)) return *nominal;
  return kBoard.default_core_clock_hz;
}

}  // namespace

void Serial::initialize() {
  // A clock that no divisor fits is a wrong answer of the firmware.
  if (!uart_.initialize(core_clock_hz(), kBoard.baud)) {
    (void)uart_.initialize(kBoard.default_core_clock_hz, kBoard.baud);
  }
  uart_.set_attention(kControlC);
}

Serial& serial() { return the_serial; }

void write_last_words(std::string_view text) {
  Mmio bus;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (!uart::panic_write(bus, kPlace, text.substr(0, end))) return;
    if (end == std::string_view::npos) return;
    if (!uart::panic_write(bus, kPlace, "\r\n")) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace heapscope::kernel
