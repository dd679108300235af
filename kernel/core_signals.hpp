// The mailboxes by which one core interrupts another ("BCM2836 ARM-local
// peripherals", QA7_rev3.4, 4.6 to 4.8). They hold words; here only that one came.
#pragma once

#include <cstddef>
#include <cstdint>

#include "board_constants.hpp"
#include "kernel/mmio.hpp"

namespace heapscope::kernel {

/// The cores' local registers, as far as signals need them.
struct LocalRegisters {
  std::uint32_t reserved[16];
  std::uint32_t timer_control[4];  ///< Of each core.
  std::uint32_t mailbox_control[4];
  std::uint32_t irq_source[4];
  std::uint32_t fiq_source[4];
  std::uint32_t mailbox_set[4][4];  ///< Of each core, its four mailboxes.
  std::uint32_t mailbox_clear[4][4];
};
static_assert(offsetof(LocalRegisters, timer_control) == 0x40);
static_assert(offsetof(LocalRegisters, mailbox_control) == 0x50);
static_assert(offsetof(LocalRegisters, irq_source) == 0x60);
static_assert(offsetof(LocalRegisters, mailbox_set) == 0x80);
static_assert(offsetof(LocalRegisters, mailbox_clear) == 0xc0);

/// What a core can be told.
enum class CoreSignal : std::uint32_t {
  look = 0,  ///< An IRQ: there is something to do, or to stop for.
  stop = 1,  ///< An FIQ: stop where you are.
};

class CoreSignals {
 public:
  /// Takes away what is left from before and lets both signals reach `core`, and its
  /// physical timer, which doze() needs.
  static void enable(std::uint32_t core) {
    clear(core, CoreSignal::look);
    clear(core, CoreSignal::stop);
    Mmio::write(of(core, offsetof(LocalRegisters, mailbox_control)), kLookByIrq | kStopByFiq);
    Mmio::write(of(core, offsetof(LocalRegisters, timer_control)), kPhysicalTimerByIrq);
  }
  /// Lets nothing of the two, nor the timer, reach `core` any more, and leaves none.
  static void disable(std::uint32_t core) {
    Mmio::write(of(core, offsetof(LocalRegisters, mailbox_control)), 0);
    Mmio::write(of(core, offsetof(LocalRegisters, timer_control)), 0);
    clear(core, CoreSignal::look);
    clear(core, CoreSignal::stop);
  }
  static void send(std::uint32_t core, CoreSignal signal) {
    Mmio::write(mailbox(core, signal, offsetof(LocalRegisters, mailbox_set)), 1);
  }
  static void clear(std::uint32_t core, CoreSignal signal) {
    Mmio::write(mailbox(core, signal, offsetof(LocalRegisters, mailbox_clear)), 0xffff'ffff);
  }

 private:
  static constexpr std::uint32_t kPhysicalTimerByIrq = 1U << 1;  // Of the non-secure world.
  static constexpr std::uint32_t kLookByIrq = 1U << 0;
  static constexpr std::uint32_t kStopByFiq = 1U << 5;

  static std::uintptr_t of(std::uint32_t core, std::size_t registers) {
    return kBoard.local_registers + registers + core * sizeof(std::uint32_t);
  }
  static std::uintptr_t mailbox(std::uint32_t core, CoreSignal signal, std::size_t registers) {
    return kBoard.local_registers + registers +
           (core * 4 + static_cast<std::uint32_t>(signal)) * sizeof(std::uint32_t);
  }
};

}  // namespace heapscope::kernel
