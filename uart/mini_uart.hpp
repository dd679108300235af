// The driver of the mini UART (UART1 on GPIO 14 and 15): bytes in through a ring,
// bytes out by polling, and a count of everything that was lost on the way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "base/ring_buffer.hpp"
#include "uart/baud.hpp"
#include "uart/mini_uart_counters.hpp"
#include "uart/mini_uart_place.hpp"
#include "uart/register_bus.hpp"
#include "uart/registers.hpp"
#include "uart/status_wait.hpp"

namespace heapscope::uart {

/// Holds what arrived until it is read: 22 seconds of line at 115200 baud.
using ReceiveRing = RingBuffer<std::size_t{256} * 1024>;

/// A mini UART, 8 data bits, no parity, one stop bit, no flow control.
///
/// The caller owns `Bus` and ring, which must outlive the driver. The ring is
/// apart so that a program can have both as `constinit` globals: the ring, all
/// zero, then costs no byte in the image, while the driver, which is not all zero
/// (it holds addresses), is small.
///
/// Until initialize() has succeeded no other call touches the chip: input is
/// empty and output is dropped and counted.
///
/// Bytes pass as they are: there is no CR/LF translation here. The receive FIFO
/// is 8 bytes, 0.7 ms at 115200 baud, so somebody must poll() that often, or let
/// the receive interrupt do it; every call that waits polls by itself.
///
/// Not reentrant: whoever calls poll() from an interrupt handler masks that
/// interrupt around every other call.
template <RegisterBus Bus>
class MiniUart {
 public:
  /// Touches no register.
  constexpr MiniUart(Bus& bus, MiniUartPlace place, ReceiveRing& ring)
      : bus_(&bus), place_(place), ring_(&ring) {}

  /// Sets pins and UART up for `baud`, given the core clock as it is now, and
  /// says what rate it became; whether its error can be borne is the caller's to
  /// judge. On an error nothing has been touched.
  ///
  /// May be called again, for another rate: what was being sent is sent first (see
  /// flush()), what has been received stays, the receive interrupt is off again.
  Result<BaudRate, BaudError> initialize(std::uint32_t core_clock_hz, std::uint32_t baud) {
    const Result<BaudRate, BaudError> rate = find_baud_rate(core_clock_hz, baud);
    if (!rate) return rate;
    finish_sending();
    // Pins first: a receiver switched on while its line is low takes that for
    // characters of value 0 (manual p. 10).
    connect_pins();
    switch_on();
    configure(rate->divisor);
    drop_bogus_input();
    running_ = true;
    return rate;
  }

  /// Takes what has arrived out of the chip, at most one FIFO of it, so that the
  /// call is bounded even where the bus reads as all ones. Bytes go to the ring;
  /// where that is full they are dropped and counted. O(1).
  void poll() {
    if (!running_) return;
    for (std::uint32_t bytes = 0; bytes < kFifoDepth; ++bytes) {
      if ((serve_receiver() & lsr::kDataReady) == 0) return;
    }
  }

  /// Polls; then the oldest byte that waits, if any; none while an attention has
  /// not been taken. Never waits itself.
  [[nodiscard]] std::optional<std::uint8_t> read() {
    if (!has_input()) return std::nullopt;
    return ring_->pop();
  }

  /// Polls; then whether read() has a byte.
  [[nodiscard]] bool has_input() {
    poll();
    return !attention_pending_ && !ring_->empty();
  }

  /// Sends one byte; waits for room in the chip, receiving meanwhile. A
  /// transmitter that makes no room within kStatusReadLimit status reads counts
  /// as dead: the byte is dropped and counted as unsent, and so is every further
  /// one, after a single look each, until there is room again.
  void write(std::uint8_t byte) {
    if (!running_ || !wait_for(lsr::kCanTakeByte)) {
      ++counters_.unsent;
      return;
    }
    write_aux(offsetof(AuxRegisters, io), byte);
    ++counters_.sent;
  }
  /// Sends all of them, in order.
  void write(std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) write(byte);
  }
  void write(std::string_view text) {
    for (const char character : text) write(static_cast<std::uint8_t>(character));
  }

  /// Waits until the last stop bit has left, receiving meanwhile; before the
  /// baud rate changes or the machine stops. False when the transmitter was not
  /// idle within kStatusReadLimit status reads, or was dead already.
  bool flush() { return running_ && wait_for(lsr::kIdle); }

  /// Which byte (Ctrl-C: 3) calls for attention instead of being queued; nothing
  /// (the state at the start) for none, as binary input needs it. When it
  /// arrives, everything that waits in the ring is dropped.
  constexpr void set_attention(std::optional<std::uint8_t> byte) { attention_ = byte; }

  /// Polls; then whether the attention byte has arrived since the last call that
  /// said so. Until it is taken, read() gives nothing, so that the first bytes
  /// typed after it are not mistaken for the last ones before it.
  [[nodiscard]] bool take_attention() {
    poll();
    const bool called = attention_pending_;
    attention_pending_ = false;
    return called;
  }

  /// Whether an attention byte has arrived that take_attention() has not yet told.
  [[nodiscard]] constexpr bool attention_waits() const { return attention_pending_; }

  /// Sends one byte if the chip has room for it at once; receives meanwhile.
  /// False, and nothing sent, where it has none.
  [[nodiscard]] bool try_write(std::uint8_t byte) {
    if (!running_ || (serve_receiver() & lsr::kCanTakeByte) == 0) return false;
    transmitter_dead_ = false;
    write_aux(offsetof(AuxRegisters, io), byte);
    ++counters_.sent;
    return true;
  }

  /// Whether the chip interrupts while it holds a byte that arrived, and while it
  /// has room for one to send. The second is always so when nothing is sent: it
  /// is to be off then. Both are off after initialize().
  void set_interrupts(bool receive, bool transmit) {
    if (!running_) return;
    write_aux(offsetof(AuxRegisters, ier),
              (receive ? ier::kReceive : 0) | (transmit ? ier::kTransmit : 0));
  }

  /// Bytes that wait to be read.
  [[nodiscard]] std::size_t waiting() const { return ring_->size(); }

  [[nodiscard]] constexpr MiniUartCounters counters() const { return counters_; }

 private:
  void finish_sending() {
    if (running_) {
      flush();
      poll();  // The FIFO is cleared later on; what it holds now came at the right rate.
      return;
    }
    // A boot loader may have left the UART on with its last text on the way. Its
    // input is none of ours.
    if ((read_aux(offsetof(AuxRegisters, enables)) & aux_enables::kMiniUart) == 0) return;
    if ((read_aux(offsetof(AuxRegisters, cntl)) & cntl::kTransmitterOn) == 0) return;
    wait_for_status(*bus_, place_, lsr::kIdle);
  }

  void connect_pins() {
    const std::uint32_t others =
        read_gpio(offsetof(GpioRegisters, gpfsel1)) & ~gpfsel1::kSerialPins;
    write_gpio(offsetof(GpioRegisters, gpfsel1), others | gpfsel1::kSerialPinsAlt5);
    // The sequence of p. 101 of the manual.
    write_gpio(offsetof(GpioRegisters, gppud), gppud::kOff);
    bus_->delay_cycles(gppudclk0::kSettleCycles);
    write_gpio(offsetof(GpioRegisters, gppudclk0), gppudclk0::kSerialPins);
    bus_->delay_cycles(gppudclk0::kSettleCycles);
    write_gpio(offsetof(GpioRegisters, gppud), gppud::kOff);
    write_gpio(offsetof(GpioRegisters, gppudclk0), 0);
  }

  void switch_on() {
    const std::uint32_t enables = read_aux(offsetof(AuxRegisters, enables));
    write_aux(offsetof(AuxRegisters, enables), enables | aux_enables::kMiniUart);
  }

  void configure(std::uint16_t divisor) {
    write_aux(offsetof(AuxRegisters, cntl), 0);
    write_aux(offsetof(AuxRegisters, ier), 0);
    write_aux(offsetof(AuxRegisters, lcr), lcr::kEightBits);
    write_aux(offsetof(AuxRegisters, mcr), 0);
    write_aux(offsetof(AuxRegisters, baud), divisor);
    write_aux(offsetof(AuxRegisters, iir), iir::kClearReceive | iir::kClearTransmit);
    write_aux(offsetof(AuxRegisters, cntl), cntl::kReceiverOn | cntl::kTransmitterOn);
  }

  // What is in the receiver now was made at another rate or of a glitch.
  void drop_bogus_input() {
    for (std::uint32_t bytes = 0; bytes < kFifoDepth; ++bytes) {
      if ((read_aux(offsetof(AuxRegisters, lsr)) & lsr::kDataReady) == 0) return;
      read_aux(offsetof(AuxRegisters, io));
    }
  }

  // Takes one byte if one is there, and returns the status. One read of LSR for
  // both of its receive bits: the read clears the overrun bit, so a second read
  // would lose what the first one saw.
  std::uint32_t serve_receiver() {
    const std::uint32_t status = read_aux(offsetof(AuxRegisters, lsr));
    if ((status & lsr::kOverrun) != 0) ++counters_.overruns;
    if ((status & lsr::kDataReady) != 0) {
      accept(static_cast<std::uint8_t>(read_aux(offsetof(AuxRegisters, io)) & 0xff));
    }
    return status;
  }

  void accept(std::uint8_t byte) {
    ++counters_.received;
    if (byte == attention_) {
      ++counters_.attentions;
      attention_pending_ = true;
      ring_->clear();
      return;
    }
    if (!ring_->push(byte)) ++counters_.ring_overflows;
  }

  bool wait_for(std::uint32_t bits) {
    const std::uint32_t limit = transmitter_dead_ ? 1 : kStatusReadLimit;
    for (std::uint32_t reads = 0; reads < limit; ++reads) {
      if ((serve_receiver() & bits) != 0) {
        transmitter_dead_ = false;
        return true;
      }
    }
    transmitter_dead_ = true;
    return false;
  }

  std::uint32_t read_aux(std::size_t offset) { return bus_->read(place_.aux_base + offset); }
  void write_aux(std::size_t offset, std::uint32_t value) {
    bus_->write(place_.aux_base + offset, value);
  }
  std::uint32_t read_gpio(std::size_t offset) { return bus_->read(place_.gpio_base + offset); }
  void write_gpio(std::size_t offset, std::uint32_t value) {
    bus_->write(place_.gpio_base + offset, value);
  }

  Bus* bus_;
  MiniUartPlace place_;
  ReceiveRing* ring_;
  MiniUartCounters counters_{};
  std::optional<std::uint8_t> attention_{};
  bool attention_pending_ = false;
  bool running_ = false;
  bool transmitter_dead_ = false;
};

}  // namespace heapscope::uart
