// The seam under the driver: how registers are reached. The kernel puts volatile
// memory accesses behind it, the host tests a simulated chip.
#pragma once

#include <concepts>
#include <cstdint>

namespace heapscope::uart {

/// A way to the chip's registers.
/// - `read(address)` and `write(address, value)`: exactly one 32-bit access each,
///   in program order, never merged or left out. Any barriers that the chip wants
///   when accesses move from one peripheral to another are the bus's business
///   ("BCM2835 ARM Peripherals", p. 7).
/// - `delay_cycles(n)`: comes back after at least `n` cycles of the core (VPU)
///   clock, 250 to 400 MHz on a Pi 3; longer does no harm.
template <class B>
concept RegisterBus = requires(B& bus, std::uintptr_t address, std::uint32_t value) {
  { bus.read(address) } -> std::same_as<std::uint32_t>;
  { bus.write(address, value) } -> std::same_as<void>;
  { bus.delay_cycles(value) } -> std::same_as<void>;
};

}  // namespace heapscope::uart
