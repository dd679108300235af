// The registers that the mini UART needs, as the chip lays them out: the
// auxiliary block and the GPIO block, and the names of their bits. Sources:
// "BCM2835 ARM Peripherals" (the manual below) and eLinux's errata to it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapscope::uart {

/// The auxiliary block, with the mini UART inside (manual p. 8). A picture of
/// the layout: it is never instantiated, registers are reached by address.
struct AuxRegisters {
  std::uint32_t irq;      ///< AUX_IRQ: which of the three devices interrupts.
  std::uint32_t enables;  ///< AUX_ENABLES: see aux_enables.
  std::uint32_t reserved_08[14];
  std::uint32_t io;       ///< AUX_MU_IO_REG: a read takes a byte, a write sends one.
  std::uint32_t ier;      ///< AUX_MU_IER_REG: see ier.
  std::uint32_t iir;      ///< AUX_MU_IIR_REG: see iir.
  std::uint32_t lcr;      ///< AUX_MU_LCR_REG: see lcr.
  std::uint32_t mcr;      ///< AUX_MU_MCR_REG: the RTS line; 0 is its resting state.
  std::uint32_t lsr;      ///< AUX_MU_LSR_REG: see lsr.
  std::uint32_t msr;      ///< AUX_MU_MSR_REG: the CTS line.
  std::uint32_t scratch;  ///< AUX_MU_SCRATCH: one byte without a meaning.
  std::uint32_t cntl;     ///< AUX_MU_CNTL_REG: see cntl.
  std::uint32_t stat;     ///< AUX_MU_STAT_REG: FIFO levels.
  std::uint32_t baud;     ///< AUX_MU_BAUD_REG: 16 bits, see baud.hpp.
};
static_assert(sizeof(AuxRegisters) == 0x6c);
static_assert(offsetof(AuxRegisters, irq) == 0x00);
static_assert(offsetof(AuxRegisters, enables) == 0x04);
static_assert(offsetof(AuxRegisters, io) == 0x40);
static_assert(offsetof(AuxRegisters, ier) == 0x44);
static_assert(offsetof(AuxRegisters, iir) == 0x48);
static_assert(offsetof(AuxRegisters, lcr) == 0x4c);
static_assert(offsetof(AuxRegisters, mcr) == 0x50);
static_assert(offsetof(AuxRegisters, lsr) == 0x54);
static_assert(offsetof(AuxRegisters, msr) == 0x58);
static_assert(offsetof(AuxRegisters, scratch) == 0x5c);
static_assert(offsetof(AuxRegisters, cntl) == 0x60);
static_assert(offsetof(AuxRegisters, stat) == 0x64);
static_assert(offsetof(AuxRegisters, baud) == 0x68);

/// The GPIO block of BCM2835 to BCM2837 (manual p. 90). The BCM2711 (Pi 4) has
/// neither GPPUD nor GPPUDCLK: it keeps its pulls elsewhere.
struct GpioRegisters {
  std::uint32_t gpfsel0;  ///< Function of pins 0 to 9, three bits a pin.
  std::uint32_t gpfsel1;  ///< Function of pins 10 to 19: see gpfsel1.
  std::uint32_t gpfsel2;
  std::uint32_t gpfsel3;
  std::uint32_t gpfsel4;
  std::uint32_t gpfsel5;
  std::uint32_t reserved_18;
  std::uint32_t gpset0;
  std::uint32_t gpset1;
  std::uint32_t reserved_24;
  std::uint32_t gpclr0;
  std::uint32_t gpclr1;
  std::uint32_t reserved_30;
  std::uint32_t gplev0;
  std::uint32_t gplev1;
  std::uint32_t reserved_3c;
  std::uint32_t gpeds0;
  std::uint32_t gpeds1;
  std::uint32_t reserved_48;
  std::uint32_t gpren0;
  std::uint32_t gpren1;
  std::uint32_t reserved_54;
  std::uint32_t gpfen0;
  std::uint32_t gpfen1;
  std::uint32_t reserved_60;
  std::uint32_t gphen0;
  std::uint32_t gphen1;
  std::uint32_t reserved_6c;
  std::uint32_t gplen0;
  std::uint32_t gplen1;
  std::uint32_t reserved_78;
  std::uint32_t gparen0;
  std::uint32_t gparen1;
  std::uint32_t reserved_84;
  std::uint32_t gpafen0;
  std::uint32_t gpafen1;
  std::uint32_t reserved_90;
  std::uint32_t gppud;      ///< What the pulls shall become: see gppud.
  std::uint32_t gppudclk0;  ///< Which of pins 0 to 31 take it over: one bit a pin.
  std::uint32_t gppudclk1;
};
static_assert(sizeof(GpioRegisters) == 0xa0);
static_assert(offsetof(GpioRegisters, gpfsel0) == 0x00);
static_assert(offsetof(GpioRegisters, gpfsel1) == 0x04);
static_assert(offsetof(GpioRegisters, gpfsel5) == 0x14);
static_assert(offsetof(GpioRegisters, gpset0) == 0x1c);
static_assert(offsetof(GpioRegisters, gpclr0) == 0x28);
static_assert(offsetof(GpioRegisters, gplev0) == 0x34);
static_assert(offsetof(GpioRegisters, gpeds0) == 0x40);
static_assert(offsetof(GpioRegisters, gpren0) == 0x4c);
static_assert(offsetof(GpioRegisters, gpfen0) == 0x58);
static_assert(offsetof(GpioRegisters, gphen0) == 0x64);
static_assert(offsetof(GpioRegisters, gplen0) == 0x70);
static_assert(offsetof(GpioRegisters, gparen0) == 0x7c);
static_assert(offsetof(GpioRegisters, gpafen0) == 0x88);
static_assert(offsetof(GpioRegisters, gppud) == 0x94);
static_assert(offsetof(GpioRegisters, gppudclk0) == 0x98);
static_assert(offsetof(GpioRegisters, gppudclk1) == 0x9c);

/// Depth of each of the two FIFOs, in bytes (manual p. 10).
inline constexpr std::uint32_t kFifoDepth = 8;

/// AUX_ENABLES (manual p. 9). Bits 1 and 2 switch SPI1 and SPI2: keep them.
namespace aux_enables {
/// While clear, the mini UART's own registers do not answer.
inline constexpr std::uint32_t kMiniUart = 1U << 0;
}  // namespace aux_enables

/// Interrupt enable. The manual (p. 12) has the two bits the wrong way round:
/// erratum p12, and raspberrypi/documentation#2385 for an observation on a chip.
namespace ier {
inline constexpr std::uint32_t kReceive = 1U << 0;   ///< While a byte is waiting.
inline constexpr std::uint32_t kTransmit = 1U << 1;  ///< While the transmit FIFO is empty.
}  // namespace ier

/// Interrupt identification when read, FIFO clearing when written (manual p. 13).
namespace iir {
inline constexpr std::uint32_t kNothingPending = 1U << 0;  ///< Read: 0 while one is pending.
inline constexpr std::uint32_t kTransmitEmpty = 0b01U << 1;
inline constexpr std::uint32_t kReceiveReady = 0b10U << 1;
inline constexpr std::uint32_t kClearReceive = 1U << 1;   ///< Write: empties the receive FIFO.
inline constexpr std::uint32_t kClearTransmit = 1U << 2;  ///< Write: empties the transmit FIFO.
}  // namespace iir

/// Line control.
namespace lcr {
/// Both bits: the manual (p. 14) names bit 0 only, but that gives 7-bit
/// characters (erratum p14, confirmed in raspberrypi/documentation#2717).
inline constexpr std::uint32_t kEightBits = 0b11;
}  // namespace lcr

/// Line status (manual p. 15).
namespace lsr {
inline constexpr std::uint32_t kDataReady = 1U << 0;
/// A byte came while the receive FIFO was full and was lost. Reading LSR clears it.
inline constexpr std::uint32_t kOverrun = 1U << 1;
/// Room for at least one byte: "not full", not "empty" (raspberrypi/linux#1855).
inline constexpr std::uint32_t kCanTakeByte = 1U << 5;
/// Transmit FIFO empty and the last stop bit sent.
inline constexpr std::uint32_t kIdle = 1U << 6;
}  // namespace lsr

/// Extra control (manual p. 16). Both bits are set after a reset.
namespace cntl {
inline constexpr std::uint32_t kReceiverOn = 1U << 0;
inline constexpr std::uint32_t kTransmitterOn = 1U << 1;
}  // namespace cntl

/// Function select of pins 10 to 19 (manual p. 92); ALT5 makes pins 14 and 15
/// TXD1 and RXD1 (p. 102). The other eight pins belong to somebody else.
namespace gpfsel1 {
inline constexpr std::uint32_t kSerialPins = (0b111U << 12) | (0b111U << 15);
inline constexpr std::uint32_t kSerialPinsAlt5 = (0b010U << 12) | (0b010U << 15);
}  // namespace gpfsel1

/// Pull control (manual p. 100).
namespace gppud {
inline constexpr std::uint32_t kOff = 0;
}  // namespace gppud

/// Pull clock (manual p. 101).
namespace gppudclk0 {
inline constexpr std::uint32_t kSerialPins = (1U << 14) | (1U << 15);
/// Set-up and hold time of the pull control (p. 101). The manual does not say
/// whose cycles; the firmware waits about as many of the core clock.
inline constexpr std::uint32_t kSettleCycles = 150;
}  // namespace gppudclk0

}  // namespace heapscope::uart
