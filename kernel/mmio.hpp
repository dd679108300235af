// Access to registers in memory: one 32-bit access each, never merged.
#pragma once

#include <cstdint>

#include "kernel/cpu.hpp"
#include "uart/register_bus.hpp"

namespace heapscope::kernel {

/// The bus of the real machine. The barriers keep accesses in order when they
/// move from one peripheral to another ("BCM2835 ARM Peripherals", p. 7).
struct Mmio {
  static std::uint32_t read(std::uintptr_t address) {
    const std::uint32_t value = *reinterpret_cast<const volatile std::uint32_t*>(address);
    memory_barrier();
    return value;
  }
  static void write(std::uintptr_t address, std::uint32_t value) {
    memory_barrier();
    *reinterpret_cast<volatile std::uint32_t*>(address) = value;
  }
  /// The cores run at up to 1.4 GHz, the core clock at 250 MHz and more: six
  /// turns of the loop are longer than one of its cycles.
  static void delay_cycles(std::uint32_t cycles) {
    for (std::uint64_t turns = std::uint64_t{cycles} * 6; turns > 0; --turns) {
      asm volatile("nop");
    }
  }
};
static_assert(uart::RegisterBus<Mmio>);

}  // namespace heapscope::kernel
