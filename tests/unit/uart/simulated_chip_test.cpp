// The simulated chip itself: a test that it punishes the mistakes which the
// driver's tests rely on it to punish.
#include "simulated_chip.hpp"

#include <gtest/gtest.h>

#include "uart_rig.hpp"

namespace heapscope::uart {
namespace {

constexpr std::uintptr_t kAux = SimulatedChip::kPlace.aux_base;
constexpr std::uintptr_t kGpio = SimulatedChip::kPlace.gpio_base;
constexpr std::uintptr_t kIo = kAux + 0x40;
constexpr std::uintptr_t kIer = kAux + 0x44;
constexpr std::uintptr_t kIir = kAux + 0x48;
constexpr std::uintptr_t kLcr = kAux + 0x4c;
constexpr std::uintptr_t kLsr = kAux + 0x54;

SimulatedChip running_chip() {
  SimulatedChip chip;
  chip.set_up_by_boot_loader(270);
  return chip;
}

TEST(SimulatedChip, SpeaksAtTheWrongRateForTheWrongClock) {
  UartRig rig(400'000'000);
  ASSERT_TRUE(rig.uart.initialize(250'000'000, 115'200));
  EXPECT_NEAR(rig.chip.line_baud(), 184'502, 1);
  rig.uart.write("hello");
  rig.uart.flush();
  EXPECT_NE(rig.chip.screen(), "hello");
  rig.chip.type("hello");
  EXPECT_NE(rig.read_all(), "hello");
}

TEST(SimulatedChip, TakesTenBitsForACharacter) {
  SimulatedChip chip = running_chip();
  chip.write(kIo, 'x');
  chip.advance_cycles(10 * 8 * 271 - 1);
  EXPECT_EQ(chip.screen(), "");
  chip.advance_cycles(1);
  EXPECT_EQ(chip.screen(), "x");
}

TEST(SimulatedChip, MakesSevenBitCharactersWhereLcrIsOne) {
  SimulatedChip chip = running_chip();
  chip.write(kLcr, 1);
  chip.write(kIo, 'A');
  chip.advance_characters(2);
  EXPECT_EQ(chip.screen(), "\xc1") << "the stop bit in the place of bit 7";
  chip.type("\xc1");
  chip.advance_characters(2);
  EXPECT_EQ(chip.read(kIo), 0x41U);
}

TEST(SimulatedChip, HasRoomForNineBytesToSend) {
  SimulatedChip chip = running_chip();
  for (int i = 0; i < 9; ++i) chip.write(kIo, 'x');
  EXPECT_EQ(chip.read(kLsr), 0U);
  EXPECT_TRUE(chip.errors().empty());
  chip.write(kIo, 'y');
  EXPECT_EQ(chip.errors().size(), 1U);
  chip.advance_characters(20);
  EXPECT_EQ(chip.screen(), "xxxxxxxxx");
  EXPECT_EQ(chip.read(kLsr), 0x60U);
}

TEST(SimulatedChip, KeepsTheOverrunUntilTheStatusIsRead) {
  SimulatedChip chip = running_chip();
  chip.type("123456789");
  chip.advance_characters(10);
  EXPECT_EQ(chip.read(kIo), '1');
  EXPECT_EQ(chip.read(kLsr), 0x63U);
  EXPECT_EQ(chip.read(kLsr), 0x61U);
}

TEST(SimulatedChip, HasItsInterruptBitsWhereTheErratumSays) {
  SimulatedChip chip = running_chip();
  chip.write(kIer, 1);
  EXPECT_FALSE(chip.interrupt_line());
  EXPECT_EQ(chip.read(kIir), 0xc1U);
  chip.type("k");
  chip.advance_characters(2);
  EXPECT_TRUE(chip.interrupt_line());
  EXPECT_EQ(chip.read(kIir), 0xc4U);
  EXPECT_EQ(chip.read(kAux), 1U);
  chip.write(kIer, 2);
  EXPECT_EQ(chip.read(kIir), 0xc2U);
}

TEST(SimulatedChip, DoesNotAnswerBeforeItIsEnabled) {
  SimulatedChip chip;
  EXPECT_EQ(chip.read(kLsr), 0U);
  chip.write(kLcr, 3);
  EXPECT_EQ(chip.errors().size(), 2U);
}

TEST(SimulatedChip, SendsAndHearsNothingThroughOtherPins) {
  SimulatedChip chip = running_chip();
  chip.write(kGpio + 4, SimulatedChip::kResetGpfsel1);
  chip.write(kIo, 'x');
  chip.type("y");
  chip.advance_characters(2);
  EXPECT_EQ(chip.screen(), "");
  EXPECT_EQ(chip.bytes_unheard(), 1U);
  EXPECT_GT(chip.bytes_from_low_line(), 0U);
  EXPECT_EQ(chip.errors().size(), 1U);
}

TEST(SimulatedChip, WantsThePullsToSettle) {
  SimulatedChip hasty;
  hasty.write(kGpio + 0x94, 2);
  hasty.delay_cycles(149);
  hasty.write(kGpio + 0x98, 1U << 14);
  hasty.delay_cycles(149);
  hasty.write(kGpio + 0x94, 0);
  EXPECT_EQ(hasty.errors().size(), 2U);

  SimulatedChip patient;
  patient.write(kGpio + 0x94, 2);
  patient.delay_cycles(150);
  patient.write(kGpio + 0x98, 1U << 14);
  patient.delay_cycles(150);
  patient.write(kGpio + 0x94, 0);
  patient.write(kGpio + 0x98, 0);
  EXPECT_TRUE(patient.errors().empty()) << patient.errors().front();
  EXPECT_EQ(patient.pull(14), 2U);
  EXPECT_EQ(patient.pull(15), 1U);
}

}  // namespace
}  // namespace heapscope::uart
