// The behaviour of the simulated mini UART. Its numbers are its own, not those of
// uart/registers.hpp: a wrong constant in the driver must not agree with a copy
// of itself here.
#include "simulated_chip.hpp"

#include <algorithm>

namespace heapscope::uart {
namespace {

struct NamedAddress {
  std::uintptr_t address;
  std::string_view name;
};

constexpr std::array kRegisters{
    NamedAddress{0x3f20'0004, "GPFSEL1"},     NamedAddress{0x3f20'0094, "GPPUD"},
    NamedAddress{0x3f20'0098, "GPPUDCLK0"},   NamedAddress{0x3f21'5000, "AUX_IRQ"},
    NamedAddress{0x3f21'5004, "AUX_ENABLES"}, NamedAddress{0x3f21'5040, "MU_IO"},
    NamedAddress{0x3f21'5044, "MU_IER"},      NamedAddress{0x3f21'5048, "MU_IIR"},
    NamedAddress{0x3f21'504c, "MU_LCR"},      NamedAddress{0x3f21'5050, "MU_MCR"},
    NamedAddress{0x3f21'5054, "MU_LSR"},      NamedAddress{0x3f21'5060, "MU_CNTL"},
    NamedAddress{0x3f21'5068, "MU_BAUD"},
};

std::string_view name_of(std::uintptr_t address) {
  const auto* found = std::ranges::find(kRegisters, address, &NamedAddress::address);
  return found == kRegisters.end() ? "UNKNOWN" : found->name;
}

bool is_mini_uart(std::string_view name) { return name.starts_with("MU_"); }

}  // namespace

SimulatedChip::SimulatedChip(std::uint32_t core_clock_hz, std::uint32_t terminal_baud)
    : core_clock_hz_(core_clock_hz), terminal_{} {
  set_terminal_baud(terminal_baud);
  pulls_.fill(1);
}

std::uint32_t SimulatedChip::read(std::uintptr_t address) {
  run_until(now_ + access_cycles_);
  const std::string_view name = name_of(address);
  const std::uint32_t value = read_register(name);
  log(BusEvent::Kind::read, name, value);
  return value;
}

void SimulatedChip::write(std::uintptr_t address, std::uint32_t value) {
  run_until(now_ + access_cycles_);
  const std::string_view name = name_of(address);
  log(BusEvent::Kind::write, name, value);
  write_register(name, value);
  watch_low_line();
  start_character();
}

void SimulatedChip::delay_cycles(std::uint32_t cycles) {
  log(BusEvent::Kind::delay, {}, cycles);
  pull_settled_ += cycles;
  run_until(now_ + cycles);
}

void SimulatedChip::type(std::string_view bytes) {
  if (typed_.empty() && !bytes.empty()) {
    typed_arrives_ = now_ + static_cast<std::uint64_t>(terminal_.cycles());
  }
  typed_.insert(typed_.end(), bytes.begin(), bytes.end());
}

void SimulatedChip::set_terminal_baud(std::uint32_t baud) {
  terminal_ = {.bit_cycles = core_clock_hz_ / baud, .data_bits = 8};
}

void SimulatedChip::advance_cycles(std::uint64_t cycles) { run_until(now_ + cycles); }

void SimulatedChip::advance_characters(std::uint64_t count) {
  advance_cycles(static_cast<std::uint64_t>(terminal_.cycles() * static_cast<double>(count)));
}

void SimulatedChip::restart_transmitter() {
  transmitter_stopped_ = false;
  if (shifting()) shift_done_ = now_ + chip_character_cycles();
}

void SimulatedChip::set_up_by_boot_loader(std::uint16_t divisor) {
  gpfsel1_ = (gpfsel1_ & ~0x3f000U) | 0x12000U;
  enables_ |= 1;
  lcr_ = 3;
  baud_ = divisor;
}

std::vector<BusEvent> SimulatedChip::changes() const {
  std::vector<BusEvent> result;
  std::ranges::copy_if(events_, std::back_inserter(result),
                       [](const BusEvent& event) { return event.kind != BusEvent::Kind::read; });
  return result;
}

double SimulatedChip::line_baud() const { return core_clock_hz_ / chip_frame().bit_cycles; }

bool SimulatedChip::interrupt_line() const {
  if (!mini_uart_on()) return false;
  const bool receive = (ier_ & 1) != 0 && !receive_fifo_.empty();
  const bool transmit = (ier_ & 2) != 0 && transmit_fifo_.empty();
  return receive || transmit;
}

bool SimulatedChip::has_function_alt5(unsigned pin) const {
  return ((gpfsel1_ >> (3 * (pin - 10))) & 7) == 2;
}

SerialFrame SimulatedChip::chip_frame() const {
  return {.bit_cycles = 8.0 * (baud_ + 1), .data_bits = (lcr_ & 3) == 3 ? 8U : 7U};
}

std::uint64_t SimulatedChip::chip_character_cycles() const {
  return static_cast<std::uint64_t>(chip_frame().cycles());
}

std::uint32_t SimulatedChip::read_register(std::string_view name) {
  if (is_mini_uart(name)) return read_mini_uart(name);
  if (name == "AUX_ENABLES") return enables_;
  if (name == "AUX_IRQ") return interrupt_line() ? 1 : 0;
  if (name == "GPFSEL1") return gpfsel1_;
  if (name == "GPPUD") return gppud_;
  if (name == "GPPUDCLK0") return gppudclk0_;
  note("read of a register that the driver has no business with");
  return 0;
}

std::uint32_t SimulatedChip::read_mini_uart(std::string_view name) {
  if (!mini_uart_on()) {
    note("mini UART register read while it is off in AUX_ENABLES", name);
    return 0;
  }
  if (name == "MU_IO") return take_received();
  if (name == "MU_LSR") return take_line_status();
  if (name == "MU_IER") return ier_;
  if (name == "MU_LCR") return lcr_;
  if (name == "MU_MCR") return mcr_;
  if (name == "MU_CNTL") return cntl_;
  if (name == "MU_BAUD") return baud_;
  // MU_IIR: the receiver has priority; the FIFO bits 7:6 always read as ones.
  if (!interrupt_line()) return 0xc1;
  return (ier_ & 1) != 0 && !receive_fifo_.empty() ? 0xc4 : 0xc2;
}

void SimulatedChip::write_register(std::string_view name, std::uint32_t value) {
  if (is_mini_uart(name)) return write_mini_uart(name, value);
  if (name == "AUX_ENABLES") {
    enables_ = value;
  } else if (name == "GPFSEL1") {
    if (transmitter_busy()) refuse_while_sending("pins changed");
    gpfsel1_ = value;
  } else if (name == "GPPUD") {
    write_pull(value);
  } else if (name == "GPPUDCLK0") {
    write_pull_clock(value);
  } else {
    note("write to a register that the driver has no business with", name);
  }
}

void SimulatedChip::write_mini_uart(std::string_view name, std::uint32_t value) {
  if (!mini_uart_on()) {
    note("mini UART register written while it is off in AUX_ENABLES", name);
  } else if (name == "MU_IO") {
    take_byte_to_send(value);
  } else if (name == "MU_IER") {
    ier_ = value & 3;
  } else if (name == "MU_IIR") {
    clear_fifos(value);
  } else if (name == "MU_LCR") {
    refuse_while_sending("LCR changed");
    lcr_ = value;
  } else if (name == "MU_MCR") {
    mcr_ = value;
  } else if (name == "MU_CNTL") {
    write_control(value);
  } else if (name == "MU_BAUD") {
    refuse_while_sending("BAUD changed");
    if (value > 0xffff) note("BAUD has 16 bits");
    baud_ = value & 0xffff;
  } else {
    note("write to a read-only register", name);
  }
}

std::uint32_t SimulatedChip::take_received() {
  if (receive_fifo_.empty()) {
    note("read of an empty receive FIFO");
    return 0;
  }
  const std::uint8_t byte = receive_fifo_.front();
  receive_fifo_.pop_front();
  return byte;
}

std::uint32_t SimulatedChip::take_line_status() {
  std::uint32_t status = 0;
  if (!receive_fifo_.empty()) status |= 0x01;
  if (overrun_) status |= 0x02;
  if (transmit_fifo_.size() < kFifoBytes) status |= 0x20;
  if (!transmitter_busy()) status |= 0x40;
  overrun_ = false;
  return status;
}

void SimulatedChip::take_byte_to_send(std::uint32_t value) {
  if (transmit_fifo_.size() == kFifoBytes) return note("byte written to a full transmit FIFO");
  transmit_fifo_.push_back(static_cast<std::uint8_t>(value & 0xff));
}

void SimulatedChip::clear_fifos(std::uint32_t value) {
  if ((value & 2) != 0) receive_fifo_.clear();
  if ((value & 4) == 0) return;
  if (!transmit_fifo_.empty()) note("bytes to send were cleared away");
  transmit_fifo_.clear();
}

void SimulatedChip::write_control(std::uint32_t value) {
  const bool receiver_starts = (cntl_ & 1) == 0 && (value & 1) != 0;
  if ((value & 2) == 0) refuse_while_sending("transmitter switched off");
  cntl_ = value;
  if (!receiver_starts) return;
  for (const char byte : glitch_) receive(static_cast<std::uint8_t>(byte));
  glitch_.clear();
}

void SimulatedChip::write_pull(std::uint32_t value) {
  gppud_ = value;
  if (gppudclk0_ != 0) return check_pull_hold();
  pull_settled_ = 0;
}

// The pads take the control signal over while they are clocked.
void SimulatedChip::write_pull_clock(std::uint32_t value) {
  if (value == 0) {
    check_pull_hold();
    if (gppud_ != 0) note("pull clock taken away before the control signal");
  } else {
    if (pull_settled_ < 150) note("pull control not set up for 150 cycles");
    for (unsigned pin = 0; pin < 32; ++pin) {
      if (((value >> pin) & 1) != 0) pulls_.at(pin) = gppud_;
    }
    pull_settled_ = 0;
  }
  gppudclk0_ = value;
}

void SimulatedChip::check_pull_hold() {
  if (gppudclk0_ != 0 && pull_settled_ < 150) note("pull control not held for 150 cycles");
}

void SimulatedChip::refuse_while_sending(std::string_view what) {
  if (mini_uart_on() && transmitter_busy()) note("while sending", what);
}

void SimulatedChip::run_until(std::uint64_t time) {
  for (;;) {
    const std::uint64_t shift_done = transmitter_stopped_ ? kNever : shift_done_;
    const std::uint64_t next = std::min({shift_done, typed_arrives_, low_line_arrives_});
    if (next > time) break;
    now_ = next;
    if (next == shift_done) {
      finish_character();
    } else if (next == typed_arrives_) {
      hear_typed_character();
    } else {
      hear_low_line();
    }
  }
  now_ = time;
}

void SimulatedChip::start_character() {
  if (shifting() || transmit_fifo_.empty() || !transmitter_on()) return;
  shifting_byte_ = transmit_fifo_.front();
  transmit_fifo_.pop_front();
  shift_done_ = now_ + chip_character_cycles();
}

void SimulatedChip::finish_character() {
  if (has_function_alt5(14)) {
    screen_.push_back(static_cast<char>(sample_frame(shifting_byte_, chip_frame(), terminal_)));
  } else {
    note("byte sent while GPIO 14 is not TXD1");
  }
  shift_done_ = kNever;
  start_character();
}

void SimulatedChip::hear_typed_character() {
  const std::uint8_t byte = typed_.front();
  typed_.pop_front();
  typed_arrives_ = typed_.empty() ? kNever : now_ + static_cast<std::uint64_t>(terminal_.cycles());
  if (receiver_on() && has_function_alt5(15)) {
    receive(sample_frame(byte, terminal_, chip_frame()));
  } else {
    ++bytes_unheard_;
  }
}

void SimulatedChip::hear_low_line() {
  ++bytes_from_low_line_;
  receive(0);
  low_line_arrives_ = now_ + chip_character_cycles();
}

// A receiver whose pin is not connected sees a low line (manual p. 10).
void SimulatedChip::watch_low_line() {
  const bool low = receiver_on() && !has_function_alt5(15);
  if (!low) {
    low_line_arrives_ = kNever;
  } else if (low_line_arrives_ == kNever) {
    low_line_arrives_ = now_ + chip_character_cycles();
  }
}

void SimulatedChip::receive(std::uint8_t byte) {
  if (receive_fifo_.size() == kFifoBytes) {
    overrun_ = true;
    ++bytes_overrun_;
    return;
  }
  receive_fifo_.push_back(byte);
}

void SimulatedChip::log(BusEvent::Kind kind, std::string_view name, std::uint32_t value) {
  if (events_.size() < kEventLimit) events_.push_back({kind, name, value});
}

void SimulatedChip::note(std::string_view what, std::string_view name) {
  constexpr std::size_t kEnough = 100;
  if (errors_.size() == kEnough) return;
  std::string error(what);
  if (!name.empty()) error.append(": ").append(name);
  errors_.push_back(error);
}

}  // namespace heapscope::uart
