// A Raspberry Pi's mini UART and its two pins, with a terminal at the other end
// of the line. It does what QEMU leaves out: time, FIFO depths, losses, pins and
// pulls, the divisor, 7-bit characters, registers that do not answer yet.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "serial_frame.hpp"
#include "uart/mini_uart_place.hpp"
#include "uart/register_bus.hpp"

namespace heapscope::uart {

/// One thing that the driver did, in order.
struct BusEvent {
  enum class Kind : std::uint8_t { read, write, delay };
  Kind kind;
  std::string_view name;  ///< The register; empty for a delay.
  std::uint32_t value;    ///< What was read or written; the cycles of a delay.

  friend bool operator==(const BusEvent&, const BusEvent&) = default;
};

/// A register bus over a chip that has just been reset. Time is counted in cycles
/// of the core clock and passes with every access and delay, and with nothing else
/// but the advance functions. What a real chip punishes by lost bytes or worse is
/// noted in errors().
class SimulatedChip {
 public:
  static constexpr MiniUartPlace kPlace{.aux_base = 0x3f21'5000, .gpio_base = 0x3f20'0000};
  /// What the bits beside the mini UART's own are at the start, so that a driver
  /// that wipes them is seen: SPI1 and SPI2 on, the other pins in other functions.
  static constexpr std::uint32_t kResetEnables = 0b110;
  static constexpr std::uint32_t kResetGpfsel1 = 01'623'756'541;  // Octal, a digit a pin.

  /// A core clock in Hz, and the speed of the terminal in baud.
  explicit SimulatedChip(std::uint32_t core_clock_hz = 250'000'000,
                         std::uint32_t terminal_baud = 115'200);

  // The register bus.
  std::uint32_t read(std::uintptr_t address);
  void write(std::uintptr_t address, std::uint32_t value);
  void delay_cycles(std::uint32_t cycles);

  // The terminal.
  /// Sends `bytes` back to back, after whatever it is sending already.
  void type(std::string_view bytes);
  /// All that it has received.
  [[nodiscard]] const std::string& screen() const { return screen_; }
  [[nodiscard]] bool is_typing() const { return !typed_.empty(); }
  /// Changes its speed, for what is typed and shown from now on.
  void set_terminal_baud(std::uint32_t baud);

  // Time.
  void advance_cycles(std::uint64_t cycles);
  /// As long as the terminal takes for `count` characters.
  void advance_characters(std::uint64_t count);
  [[nodiscard]] std::uint64_t now_cycles() const { return now_; }
  /// How long a register access takes; 25 cycles, 100 ns, at the start.
  void set_access_cycles(std::uint64_t cycles) { access_cycles_ = cycles; }

  // States that a test puts the chip in.
  /// The transmitter never finishes a character from now on.
  void stop_transmitter() { transmitter_stopped_ = true; }
  void restart_transmitter();
  /// These bytes sit in the receive FIFO as soon as the receiver is next switched on.
  void glitch_on_receiver_start(std::string_view bytes) { glitch_ = bytes; }
  /// As a boot loader leaves it: pins, UART and speed set up.
  void set_up_by_boot_loader(std::uint16_t divisor);

  // What has happened.
  [[nodiscard]] const std::vector<BusEvent>& events() const { return events_; }
  /// Only the writes and delays: the part of events() that changes something.
  [[nodiscard]] std::vector<BusEvent> changes() const;
  void clear_events() { events_.clear(); }
  [[nodiscard]] const std::vector<std::string>& errors() const { return errors_; }

  [[nodiscard]] std::uint32_t enables() const { return enables_; }
  [[nodiscard]] std::uint32_t gpfsel1() const { return gpfsel1_; }
  /// The baud rate on the line.
  [[nodiscard]] double line_baud() const;
  /// The GPPUD code in force at a pin: 0 off, 1 down (after a reset), 2 up.
  [[nodiscard]] std::uint32_t pull(unsigned pin) const { return pulls_.at(pin); }
  [[nodiscard]] std::uint64_t bytes_overrun() const { return bytes_overrun_; }
  /// Characters of value 0 that the receiver made of a line not connected.
  [[nodiscard]] std::uint64_t bytes_from_low_line() const { return bytes_from_low_line_; }
  /// Typed characters that came while nobody listened.
  [[nodiscard]] std::uint64_t bytes_unheard() const { return bytes_unheard_; }
  [[nodiscard]] bool interrupt_line() const;

 private:
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
  static constexpr std::size_t kFifoBytes = 8;
  static constexpr std::size_t kEventLimit = 4096;

  [[nodiscard]] bool mini_uart_on() const { return (enables_ & 1) != 0; }
  [[nodiscard]] bool receiver_on() const { return mini_uart_on() && (cntl_ & 1) != 0; }
  [[nodiscard]] bool transmitter_on() const { return mini_uart_on() && (cntl_ & 2) != 0; }
  [[nodiscard]] bool has_function_alt5(unsigned pin) const;
  [[nodiscard]] SerialFrame chip_frame() const;
  [[nodiscard]] std::uint64_t chip_character_cycles() const;
  [[nodiscard]] bool shifting() const { return shift_done_ != kNever; }
  [[nodiscard]] bool transmitter_busy() const { return shifting() || !transmit_fifo_.empty(); }

  std::uint32_t read_register(std::string_view name);
  std::uint32_t read_mini_uart(std::string_view name);
  void write_register(std::string_view name, std::uint32_t value);
  void write_mini_uart(std::string_view name, std::uint32_t value);
  std::uint32_t take_received();
  std::uint32_t take_line_status();
  void take_byte_to_send(std::uint32_t value);
  void clear_fifos(std::uint32_t value);
  void write_control(std::uint32_t value);
  void write_pull(std::uint32_t value);
  void write_pull_clock(std::uint32_t value);
  void check_pull_hold();
  void refuse_while_sending(std::string_view what);

  void run_until(std::uint64_t time);
  void start_character();
  void finish_character();
  void hear_typed_character();
  void hear_low_line();
  void watch_low_line();
  void receive(std::uint8_t byte);
  void log(BusEvent::Kind kind, std::string_view name, std::uint32_t value);
  void note(std::string_view what, std::string_view name = {});

  double core_clock_hz_;
  SerialFrame terminal_;
  std::uint64_t now_ = 0;
  std::uint64_t access_cycles_ = 25;

  std::uint32_t enables_ = kResetEnables;
  std::uint32_t gpfsel1_ = kResetGpfsel1;
  std::uint32_t ier_ = 0;
  std::uint32_t lcr_ = 0;
  std::uint32_t mcr_ = 0;
  std::uint32_t cntl_ = 3;
  std::uint32_t baud_ = 0;
  bool overrun_ = false;
  std::deque<std::uint8_t> receive_fifo_;
  std::deque<std::uint8_t> transmit_fifo_;
  std::uint8_t shifting_byte_ = 0;
  std::uint64_t shift_done_ = kNever;
  bool transmitter_stopped_ = false;

  std::array<std::uint32_t, 32> pulls_{};
  std::uint32_t gppud_ = 0;
  std::uint32_t gppudclk0_ = 0;
  std::uint64_t pull_settled_ = 0;  // Cycles of delay since the control or the clock was set.

  std::deque<std::uint8_t> typed_;
  std::uint64_t typed_arrives_ = kNever;
  std::uint64_t low_line_arrives_ = kNever;
  std::string screen_;
  std::string glitch_;

  std::uint64_t bytes_overrun_ = 0;
  std::uint64_t bytes_from_low_line_ = 0;
  std::uint64_t bytes_unheard_ = 0;
  std::vector<BusEvent> events_;
  std::vector<std::string> errors_;
};
static_assert(RegisterBus<SimulatedChip>);

}  // namespace heapscope::uart
