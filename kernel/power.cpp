// Power management and semihosting. The registers and their password are those
// of U-Boot's arch/arm/mach-bcm283x/reset.c; semihosting is Arm's IHI 0096.
#include "kernel/power.hpp"

#include <cstddef>

#include "board_constants.hpp"
#include "kernel/cpu.hpp"
#include "kernel/mmio.hpp"

extern "C" std::uint64_t semihosting_call(std::uint64_t operation, const void* block);

namespace heapscope::kernel {
namespace {

struct PowerRegisters {
  std::uint32_t reserved[7];
  std::uint32_t reset_control;
  std::uint32_t reset_status;
  std::uint32_t watchdog;
};
static_assert(offsetof(PowerRegisters, reset_control) == 0x1c);
static_assert(offsetof(PowerRegisters, reset_status) == 0x20);
static_assert(offsetof(PowerRegisters, watchdog) == 0x24);

constexpr std::uint32_t kPassword = 0x5a00'0000;
constexpr std::uint32_t kValueMask = 0x00ff'ffff;
constexpr std::uint32_t kResetMask = 0xffff'ffcf;
constexpr std::uint32_t kFullReset = 0x20;
constexpr std::uint32_t kWatchdogTicks = 10;  // Of 16 microseconds.
// The boot partition is spread over every second bit of the status; 63 tells the
// boot loader to halt instead of starting anything.
constexpr std::uint32_t kPartitionMask = 0xffff'faaa;
constexpr std::uint32_t kHaltPartition = 0x555;

constexpr std::uint64_t kSysExit = 0x18;
constexpr std::uint64_t kApplicationExit = 0x2'0026;

std::uint32_t read(std::size_t offset) { return Mmio::read(kBoard.power_management + offset); }
void write(std::size_t offset, std::uint32_t value) {
  Mmio::write(kBoard.power_management + offset, kPassword | value);
}

}  // namespace

void reset() {
  write(offsetof(PowerRegisters, watchdog), kWatchdogTicks);
  const std::uint32_t control = read(offsetof(PowerRegisters, reset_control)) & kResetMask;
  write(offsetof(PowerRegisters, reset_control), (control & kValueMask) | kFullReset);
  halt();
}

void power_off(std::uint8_t status) {
  const std::uint64_t block[2] = {kApplicationExit, status};
  semihosting_call(kSysExit, block);
  const std::uint32_t partition = read(offsetof(PowerRegisters, reset_status)) & kPartitionMask;
  write(offsetof(PowerRegisters, reset_status), (partition & kValueMask) | kHaltPartition);
  reset();
}

}  // namespace heapscope::kernel
