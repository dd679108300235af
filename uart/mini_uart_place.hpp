// Where a board has its mini UART. The numbers are the board's: the kernel
// passes them in, the driver knows none.
#pragma once

#include <cstdint>

namespace heapscope::uart {

/// Addresses as the bus takes them.
struct MiniUartPlace {
  std::uintptr_t aux_base;   ///< Of AuxRegisters: peripherals + 0x215000.
  std::uintptr_t gpio_base;  ///< Of GpioRegisters: peripherals + 0x200000.
};

}  // namespace heapscope::uart
