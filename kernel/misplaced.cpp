// The report of an image that is not where it was linked to be. Only what is
// addressed relative to the code itself works here: no virtual function, no
// table of pointers, no object that was initialized with an address.
#include <array>

#include "kernel/cpu.hpp"
#include "kernel/serial.hpp"

namespace heapscope::kernel {
namespace {

void write_address(std::uint64_t address) {
  std::array<char, 18> text{'0', 'x'};
  std::size_t length = 2;
  int shift = 60;
  while (shift > 0 && (address >> shift) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) {
    const auto digit = static_cast<char>(address >> shift & 0xf);
    text[length++] = static_cast<char>(digit < 10 ? '0' + digit : 'a' + digit - 10);
  }
  write_last_words({text.data(), length});
}

}  // namespace

/// Called by start.S with the address that the image is at and the one it is
/// linked for.
extern "C" [[noreturn]] void report_misplaced(std::uint64_t actual, std::uint64_t linked) {
  Mmio bus;
  uart::MiniUart<Mmio> uart(bus, kSerialPlace, receive_ring);
  start_line(uart);
  write_last_words("\nfatal: the kernel was loaded at ");
  write_address(actual);
  write_last_words(", but is linked for ");
  write_address(linked);
  write_last_words(".\nSet kernel_address=");
  write_address(linked);
  write_last_words(" in config.txt.\nhalted\n");
  halt();
}

}  // namespace heapscope::kernel
