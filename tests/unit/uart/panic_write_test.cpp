// Panic output: it needs nothing but the chip, and it always comes back.
#include "uart/panic_write.hpp"

#include <gtest/gtest.h>

#include "uart_rig.hpp"

namespace heapscope::uart {
namespace {

TEST(PanicWrite, SendsAllOfItBeforeItReturns) {
  UartRig rig;
  ASSERT_TRUE(rig.uart.initialize(250'000'000, 115'200));
  rig.uart.write("half a li");
  EXPECT_TRUE(panic_write(rig.chip, SimulatedChip::kPlace, "\r\npanic: out of cheese\r\n"));
  EXPECT_EQ(rig.chip.screen(), "half a li\r\npanic: out of cheese\r\n");
  EXPECT_TRUE(rig.chip.errors().empty()) << rig.chip.errors().front();
}

TEST(PanicWrite, NeedsNoDriver) {
  SimulatedChip chip;
  chip.set_up_by_boot_loader(270);
  EXPECT_TRUE(panic_write(chip, SimulatedChip::kPlace, "no object anywhere"));
  EXPECT_EQ(chip.screen(), "no object anywhere");
}

TEST(PanicWrite, TakesNoInput) {
  UartRig rig;
  ASSERT_TRUE(rig.uart.initialize(250'000'000, 115'200));
  rig.type_unattended("typed");
  EXPECT_TRUE(panic_write(rig.chip, SimulatedChip::kPlace, "panic"));
  EXPECT_EQ(rig.read_all(), "typed");
}

TEST(PanicWrite, KeepsOffAMiniUartThatIsNotOn) {
  SimulatedChip chip;
  EXPECT_FALSE(panic_write(chip, SimulatedChip::kPlace, "too early"));
  EXPECT_TRUE(chip.changes().empty());
  EXPECT_TRUE(chip.errors().empty()) << chip.errors().front();
}

TEST(PanicWrite, GivesUpAfterOneWait) {
  SimulatedChip chip;
  chip.set_up_by_boot_loader(270);
  chip.stop_transmitter();
  EXPECT_FALSE(panic_write(chip, SimulatedChip::kPlace, "many more bytes than fit in"));
  EXPECT_LT(chip.now_cycles() / 25, kStatusReadLimit + 100);
  EXPECT_TRUE(chip.errors().empty()) << chip.errors().front();
}

}  // namespace
}  // namespace heapscope::uart
