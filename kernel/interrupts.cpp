// The BCM2835's interrupt controller ("BCM2835 ARM Peripherals", p. 112). Its
// requests go to core 0 unless told otherwise. There is nothing to acknowledge:
// a request ends when its device is served.
#include "kernel/interrupts.hpp"

#include <cstddef>
#include <cstdint>

#include "board_constants.hpp"
#include "kernel/cores.hpp"
#include "kernel/cpu.hpp"
#include "kernel/mmio.hpp"
#include "kernel/serial.hpp"

namespace heapscope::kernel {
namespace {

struct ControllerRegisters {
  std::uint32_t basic_pending;
  std::uint32_t pending1;
  std::uint32_t pending2;
  std::uint32_t fiq_control;
  std::uint32_t enable1;
  std::uint32_t enable2;
  std::uint32_t enable_basic;
  std::uint32_t disable1;
};
static_assert(offsetof(ControllerRegisters, pending1) == 0x04);
static_assert(offsetof(ControllerRegisters, enable1) == 0x10);
static_assert(offsetof(ControllerRegisters, disable1) == 0x1c);

/// Of the mini UART and SPI 1 and 2, of which only the mini UART is in use.
constexpr std::uint32_t kAuxiliary = 1U << 29;

}  // namespace

void start_interrupts() {
  serial().start_interrupts();
  Mmio::write(kBoard.interrupt_controller + offsetof(ControllerRegisters, enable1), kAuxiliary);
  unmask_interrupts();
}

void stop_interrupts() {
  Mmio::write(kBoard.interrupt_controller + offsetof(ControllerRegisters, disable1), kAuxiliary);
}

void handle_interrupts() {
  handle_core_signal();
  if (core_number() != 0) return;
  const std::uint32_t pending =
      Mmio::read(kBoard.interrupt_controller + offsetof(ControllerRegisters, pending1));
  if ((pending & kAuxiliary) != 0) serial().handle_interrupt();
}

}  // namespace heapscope::kernel
