// Setting the line up, and the way around the driver for last words.
#include "kernel/serial.hpp"

#include <algorithm>
#include <optional>

#include "kernel/doze.hpp"
#include "kernel/mailbox.hpp"
#include "uart/panic_write.hpp"

namespace heapscope::kernel {

constinit uart::ReceiveRing receive_ring;

namespace {

constexpr std::uint8_t kControlC = 3;

// Made when it is first asked for, at boot, so that it takes no room in the image.
constinit std::optional<Serial> the_serial;

}  // namespace

CoreClock core_clock() {
  if (const auto measured = Mailbox::measured_clock(ClockId::core)) {
    return {.hz = *measured, .source = ClockSource::measured};
  }
  if (const auto nominal = Mailbox::nominal_clock(ClockId::core)) {
    return {.hz = *nominal, .source = ClockSource::nominal};
  }
  return kAssumedClock;
}

void Serial::initialize() {
  setup_ = start_line(uart_);
  uart_.set_attention(kControlC);
}

void Serial::flush() { buffered_.flush(); }

void Serial::wait() {
  // A core that waits wakes up for a masked interrupt too, so that none is missed
  // between the look and the wait.
  const std::uint64_t before = CoreInterruptMask::mask();
  if (buffered_.idle()) wait_for_interrupt();
  CoreInterruptMask::restore(before);
}

void Serial::wait(std::uint64_t microseconds) {
  // A timer's count has 31 bits of ticks; and a panic has no interrupts to wait for.
  constexpr std::uint64_t kLongest = 1'000'000;
  constexpr std::uint64_t kPolled = 100;
  const std::uint64_t most = polled_ ? kPolled : kLongest;
  const std::uint64_t before = CoreInterruptMask::mask();
  if (buffered_.idle()) doze(static_cast<std::uint32_t>(std::min(microseconds, most)));
  CoreInterruptMask::restore(before);
}

void Serial::set_raw(bool raw) {
  uart_.set_attention(raw ? std::nullopt : std::optional(kControlC));
}

Serial& serial() {
  if (!the_serial) [[unlikely]]
    the_serial.emplace(receive_ring);
  return *the_serial;
}

void write_last_words(std::string_view text) {
  Mmio bus;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (!uart::panic_write(bus, kSerialPlace, text.substr(0, end))) return;
    if (end == std::string_view::npos) return;
    if (!uart::panic_write(bus, kSerialPlace, "\r\n")) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace heapscope::kernel
