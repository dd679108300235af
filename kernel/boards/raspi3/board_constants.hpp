// The Raspberry Pi 3 (BCM2837): every address and number that is this board's
// and no other's. Another Pi is another folder beside this one.
// Sources: "BCM2835 ARM Peripherals" with its addresses moved to 0x3f000000, as
// the BCM2837 has them; raspberrypi/tools armstubs/armstub8.S for the low page;
// "BCM2836 ARM-local peripherals" (QA7_rev3.4) for the cores' own registers.
#pragma once

#include <cstdint>

namespace heapscope::kernel {

struct BoardConstants {
  std::uint64_t peripherals;      ///< Where memory ends and registers begin.
  std::uint64_t peripherals_end;  ///< Of the registers, the cores' own included.
  std::uintptr_t aux;             ///< Mini UART, with SPI 1 and 2.
  std::uintptr_t gpio;
  std::uintptr_t mailbox;
  std::uintptr_t interrupt_controller;
  std::uintptr_t power_management;
  std::uintptr_t local_registers;  ///< Of the cores: their mailboxes and interrupts.
  std::uintptr_t spin_table;       ///< An address to jump to for each core that the stub holds.
  std::uintptr_t spin_code;        ///< In the stub, for 64 bytes of code: all of it has run.
  std::uint64_t stub_end;          ///< The firmware's stub and spin table lie below.
  std::uint64_t gpu_alias;         ///< What the GPU adds to an address to bypass its cache.
  std::uint32_t default_core_clock_hz;
  std::uint32_t default_timer_hz;  ///< Of the cores' counter where CNTFRQ is not set.
  std::uint32_t baud;
};

inline constexpr BoardConstants kBoard{
    .peripherals = 0x3f00'0000,
    .peripherals_end = 0x4020'0000,
    .aux = 0x3f21'5000,
    .gpio = 0x3f20'0000,
    .mailbox = 0x3f00'b880,
    .interrupt_controller = 0x3f00'b200,
    .power_management = 0x3f10'0000,
    .local_registers = 0x4000'0000,
    .spin_table = 0xd8,
    .spin_code = 0x80,
    .stub_end = 0x100,
    .gpu_alias = 0xc000'0000,
    .default_core_clock_hz = 250'000'000,
    .default_timer_hz = 19'200'000,
    .baud = 115'200,
};

}  // namespace heapscope::kernel
