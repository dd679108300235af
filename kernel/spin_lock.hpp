// The spinlock of this machine.
#pragma once

#include "kernel/cpu.hpp"
#include "kernel/doze.hpp"
#include "kernel/mmu.hpp"
#include "kernel/panic.hpp"
#include "kernel/performance.hpp"
#include "kernel/ticket_lock.hpp"

namespace heapscope::kernel {

/// The core that runs this code, as the lock needs it.
struct ThisCore {
  static std::uint64_t mask_interrupts() {
    const std::uint64_t mask = read_interrupt_mask();
    kernel::mask_interrupts();
    return mask;
  }
  static void restore_interrupts(std::uint64_t mask) { write_interrupt_mask(mask); }
  /// FIQ is unmasked once the core is set up, but in handlers and in a panic.
  static bool usual(std::uint64_t mask) { return (mask & kFiqMask) == 0; }
  static bool can_lock() { return usual_state(); }
  static bool panicking() { return kernel::panicking(); }
  /// Bit 31 of the register is always set, and on these cores none above it. Source:
  /// Cortex-A53 TRM, 4.3.2.
  static std::uint64_t mark() { return read_affinity(); }
  static std::uint32_t number() { return core_number(); }
  static CoreMoment moment() {
    const auto instructions = read_instructions();
    return {.ticks = read_counter_unordered(),
            .cycles = read_cycles(),
            .instructions = static_cast<std::uint32_t>(instructions.value_or(0))};
  }
  /// All registers but those named are left as they are (call_aside.S).
  [[gnu::always_inline]] static void call_aside(void (*function)(void*), void* argument) {
    register auto with asm("x9") = argument;
    register auto what asm("x10") = function;
    asm volatile("bl call_aside" : "+r"(with), "+r"(what)::"x30", "cc", "memory");
  }
  /// From the frame of call_aside.S on, which is the one above that of the function
  /// that this is compiled into.
  [[gnu::always_inline]] static Callers callers() {
    return callers_from(*static_cast<const std::uint64_t*>(__builtin_frame_address(0)));
  }
  /// The holder of a heap's lock is soon done, unless it does not run: an emulator
  /// may have fewer processors than cores, and who turns then takes one from it.
  static void relax(std::uint32_t turn) {
    if (turn < kTurnsBeforeDozing) return yield();
    doze(kDozeMicroseconds);
  }

 private:
  static constexpr std::uint64_t kFiqMask = std::uint64_t{1} << 6;
  static constexpr std::uint32_t kTurnsBeforeDozing = 200;
  static constexpr std::uint32_t kDozeMicroseconds = 5;
};

using SpinLock = TicketLock<ThisCore>;

}  // namespace heapscope::kernel
