// Stopping and restarting the machine.
#pragma once

#include <cstdint>

namespace heapscope::kernel {

/// Ends an emulator with that exit status, by semihosting; where nobody listens,
/// asks the power management to halt.
[[noreturn]] void power_off(std::uint8_t status);

/// Resets the board by its watchdog.
[[noreturn]] void reset();

}  // namespace heapscope::kernel
