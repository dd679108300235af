// The mini UART driven by its interrupt: what arrives is taken at once, what is
// to be sent waits in a ring, and the other side is told to stop in time.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ring_buffer.hpp"
#include "uart/mini_uart.hpp"

namespace heapscope::uart {

/// Holds what is to be sent: short, so that Ctrl-C is not answered behind seconds
/// of output. 90 ms of line at 115200 baud.
using TransmitRing = RingBuffer<1024>;

/// How interrupts are kept away while the driver's state is between two others.
/// `mask()` masks them and returns what `restore()` takes.
template <class M>
concept InterruptMask = requires(std::uint64_t state) {
  { M::mask() } -> std::same_as<std::uint64_t>;
  { M::restore(state) } -> std::same_as<void>;
};

/// Sits on an initialized MiniUart, which nobody else may use from start() on.
/// Sends XOFF when the receive ring is three quarters full, and XON when it has
/// drained to one quarter.
template <RegisterBus Bus, InterruptMask Mask>
class BufferedUart {
 public:
  static constexpr std::uint8_t kXon = 0x11;
  static constexpr std::uint8_t kXoff = 0x13;
  static constexpr std::size_t kStopAt = ReceiveRing::capacity() / 4 * 3;
  static constexpr std::size_t kGoOnAt = ReceiveRing::capacity() / 4;

  constexpr explicit BufferedUart(MiniUart<Bus>& uart) : uart_(&uart) {}

  /// Lets the chip interrupt.
  void start() {
    const Guard guard;
    uart_->set_interrupts(true, transmitting_);
  }

  /// To be called by the interrupt's handler, interrupts masked: takes what has
  /// arrived and sends what waits, as far as the chip has room. O(FIFO).
  void handle_interrupt() {
    uart_->poll();
    serve();
  }

  /// The oldest byte that waits, if any.
  [[nodiscard]] std::optional<std::uint8_t> read() {
    const Guard guard;
    const auto byte = uart_->read();
    serve();
    return byte;
  }
  /// Whether Ctrl-C has arrived since the last call that said so.
  [[nodiscard]] bool take_attention() {
    const Guard guard;
    const bool called = uart_->take_attention();
    serve();
    return called;
  }
  /// Whether there is nothing to read and no Ctrl-C to take: a caller that masks
  /// interrupts first may then sleep until the next one.
  [[nodiscard]] bool idle() {
    const Guard guard;
    const bool nothing = !uart_->has_input() && !uart_->attention_waits();
    serve();
    return nothing;
  }

  /// Queues all bytes for sending, waiting for room where there is none. A
  /// transmitter that does not drain within kStatusReadLimit looks is given up
  /// on, as MiniUart::write() does.
  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t taken = std::min(bytes.size(), kMostAtOnce);
      write_at_once(bytes.substr(0, taken));
      bytes.remove_prefix(taken);
    }
  }

  /// Waits until everything has left.
  void flush() {
    const Guard guard;
    // Counted, so that it ends also where a broken program has damaged the ring.
    for (std::size_t sent = 0; sent <= TransmitRing::capacity() && more_to_send(); ++sent) {
      send_next();
    }
    uart_->flush();
    serve();
  }

  [[nodiscard]] MiniUartCounters counters() const {
    const Guard guard;
    return uart_->counters();
  }
  /// How often the other side was told to stop.
  [[nodiscard]] std::uint64_t stops() const { return stops_; }
  /// Bytes that wait to be read.
  [[nodiscard]] std::size_t waiting() const {
    const Guard guard;
    return uart_->waiting();
  }

 private:
  // Bytes that are queued with interrupts masked: far less work than arrives in a FIFO.
  static constexpr std::size_t kMostAtOnce = 32;

  class Guard {
   public:
    Guard() : state_(Mask::mask()) {}
    ~Guard() { Mask::restore(state_); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    std::uint64_t state_;
  };

  void write_at_once(std::string_view bytes) {
    const Guard guard;
    for (const char byte : bytes) {
      // Not just once: what goes first may be a request to stop, which frees nothing.
      while (ring_.full()) send_next();
      (void)ring_.push(static_cast<std::uint8_t>(byte));
    }
    serve();
  }

  /// What goes next: a request to stop or go on passes what waits.
  std::optional<std::uint8_t> take_next() {
    if (!urgent_) return ring_.pop();
    const std::uint8_t byte = *urgent_;
    urgent_.reset();
    return byte;
  }

  [[nodiscard]] bool more_to_send() const { return urgent_ || !ring_.empty(); }

  /// Waits until the chip takes it, or drops it if the transmitter is dead.
  void send_next() {
    if (const auto byte = take_next()) uart_->write(*byte);
  }

  /// Every call that may have polled ends with this, not only the interrupt: while
  /// a caller waits for room to write, the driver polls so eagerly that the
  /// interrupt finds nothing and might not come for as long as the output lasts.
  void serve() {
    control_flow();
    send_waiting();
  }

  void send_waiting() {
    for (std::uint32_t sent = 0; sent < kFifoDepth && more_to_send(); ++sent) {
      const std::uint8_t byte = urgent_ ? *urgent_ : ring_.front();
      if (!uart_->try_write(byte)) break;
      (void)take_next();
    }
    const bool more = more_to_send();
    if (more == transmitting_) return;
    transmitting_ = more;
    uart_->set_interrupts(true, more);
  }

  void control_flow() {
    const std::size_t waiting = uart_->waiting();
    if (!stopped_ && waiting >= kStopAt) {
      stopped_ = true;
      ++stops_;
      urgent_ = kXoff;
    } else if (stopped_ && waiting <= kGoOnAt) {
      stopped_ = false;
      urgent_ = kXon;
    }
  }

  MiniUart<Bus>* uart_;
  TransmitRing ring_;
  std::optional<std::uint8_t> urgent_{};
  std::uint64_t stops_ = 0;
  bool stopped_ = false;
  bool transmitting_ = false;
};

}  // namespace heapscope::uart
