// Setting the mini UART up: the order and the values, what is left alone, and
// doing it again. QEMU checks none of this.
#include <gtest/gtest.h>

#include <vector>

#include "uart_rig.hpp"

namespace heapscope::uart {
namespace {

using Kind = BusEvent::Kind;

struct IdleBus {
  std::uint32_t read(std::uintptr_t) { return 0; }
  void write(std::uintptr_t, std::uint32_t) {}
  void delay_cycles(std::uint32_t) {}
};

// That this compiles is the test: all three can be globals of a kernel.
constinit IdleBus idle_bus;
constinit ReceiveRing idle_ring;
constinit MiniUart<IdleBus> idle_uart{
    idle_bus, {.aux_base = 0x1000, .gpio_base = 0x2000}, idle_ring};
static_assert(sizeof(idle_uart) <= 128, "it goes to .data, so the ring must not be inside");

TEST(MiniUartSetup, WritesTheDocumentedSequenceAndNothingElse) {
  UartRig rig;
  ASSERT_TRUE(rig.uart.initialize(250'000'000, 115'200));
  const std::uint32_t gpfsel1 = (SimulatedChip::kResetGpfsel1 & 0xfffc'0fffU) | 0x0001'2000U;
  const std::vector<BusEvent> expected{
      {Kind::write, "GPFSEL1", gpfsel1},
      {Kind::write, "GPPUD", 0},
      {Kind::delay, "", 150},
      {Kind::write, "GPPUDCLK0", 0xc000},
      {Kind::delay, "", 150},
      {Kind::write, "GPPUD", 0},
      {Kind::write, "GPPUDCLK0", 0},
      {Kind::write, "AUX_ENABLES", 0b111},
      {Kind::write, "MU_CNTL", 0},
      {Kind::write, "MU_IER", 0},
      {Kind::write, "MU_LCR", 3},
      {Kind::write, "MU_MCR", 0},
      {Kind::write, "MU_BAUD", 270},
      {Kind::write, "MU_IIR", 6},
      {Kind::write, "MU_CNTL", 3},
  };
  EXPECT_EQ(rig.chip.changes(), expected);
  EXPECT_TRUE(rig.chip.errors().empty()) << rig.chip.errors().front();
}

TEST(MiniUartSetup, LeavesEveryNeighbourAlone) {
  UartRig rig;
  ASSERT_TRUE(rig.uart.initialize(250'000'000, 115'200));
  EXPECT_EQ(rig.chip.enables(), SimulatedChip::kResetEnables | 1);
  constexpr std::uint32_t kOthers = ~(0b111'111U << 12);
  EXPECT_EQ(rig.chip.gpfsel1() & kOthers, SimulatedChip::kResetGpfsel1 & kOthers);
  for (unsigned pin = 0; pin < 32; ++pin) {
    EXPECT_EQ(rig.chip.pull(pin), pin == 14 || pin == 15 ? 0U : 1U) << pin;
  }
}

TEST(MiniUartSetup, SetsThePinsUpBeforeTheReceiverCanSeeThem) {
  UartRig rig;
  rig.chip.set_access_cycles(100);  // Longer than a character at the rate after a reset.
  ASSERT_TRUE(rig.uart.initialize(250'000'000, 115'200));
  EXPECT_EQ(rig.chip.bytes_from_low_line(), 0U);
}

TEST(MiniUartSetup, ComputesTheDivisorFromTheClock) {
  for (const std::uint32_t clock : {250'000'000U, 400'000'000U, 500'000'000U}) {
    UartRig rig(clock);
    const auto rate = rig.uart.initialize(clock, 115'200);
    ASSERT_TRUE(rate);
    EXPECT_NEAR(rig.chip.line_baud(), 115'200, 115'200 * 0.002) << clock;
    EXPECT_NEAR(rig.chip.line_baud(), rate->baud, 1) << clock;
    rig.uart.write("in time");
    rig.uart.flush();
    EXPECT_EQ(rig.chip.screen(), "in time") << clock;
    rig.chip.type("as well");
    EXPECT_EQ(rig.read_all(), "as well") << clock;
  }
}

TEST(MiniUartSetup, ChangesNothingWhereNoDivisorFits) {
  UartRig rig;
  EXPECT_EQ(rig.uart.initialize(250'000'000, 100), fail(BaudError::too_slow));
  EXPECT_EQ(rig.uart.initialize(250'000'000, 40'000'000), fail(BaudError::too_fast));
  EXPECT_TRUE(rig.chip.events().empty());

  ASSERT_TRUE(rig.uart.initialize(250'000'000, 115'200));
  rig.chip.clear_events();
  EXPECT_EQ(rig.uart.initialize(250'000'000, 100), fail(BaudError::too_slow));
  EXPECT_TRUE(rig.chip.events().empty());
  rig.uart.write("still there");
  rig.uart.flush();
  EXPECT_EQ(rig.chip.screen(), "still there");
}

TEST(MiniUartSetup, TouchesNothingBeforeItIsInitialized) {
  UartRig rig;
  rig.uart.write("lost");
  rig.uart.poll();
  rig.uart.set_interrupts(true, false);
  EXPECT_FALSE(rig.uart.flush());
  EXPECT_FALSE(rig.uart.has_input());
  EXPECT_FALSE(rig.uart.take_attention());
  EXPECT_EQ(rig.uart.read(), std::nullopt);
  EXPECT_TRUE(rig.chip.events().empty());
  EXPECT_EQ(rig.uart.counters(), (MiniUartCounters{.unsent = 4}));
}

TEST(MiniUartSetup, DropsTheBogusBytesThatAreThereAtTheStart) {
  UartRig rig;
  rig.chip.glitch_on_receiver_start(std::string_view("\xff\x00\xfe", 3));
  ASSERT_TRUE(rig.uart.initialize(250'000'000, 115'200));
  EXPECT_EQ(rig.uart.read(), std::nullopt);
  rig.chip.type("real");
  EXPECT_EQ(rig.read_all(), "real");
  EXPECT_EQ(rig.uart.counters(), (MiniUartCounters{.received = 4}));
}

TEST(MiniUartSetup, ForgetsAnOverrunOfBogusBytes) {
  UartRig rig;
  rig.chip.glitch_on_receiver_start("more than eight");
  ASSERT_TRUE(rig.uart.initialize(250'000'000, 115'200));
  EXPECT_EQ(rig.read_all(), "");
  EXPECT_EQ(rig.uart.counters(), MiniUartCounters{});
}

TEST(MiniUartSetup, LetsABootLoaderFinishItsLastText) {
  UartRig rig;
  rig.chip.set_up_by_boot_loader(270);
  for (const char character : std::string_view("loaded\r\n")) {
    rig.chip.write(SimulatedChip::kPlace.aux_base + 0x40, static_cast<std::uint8_t>(character));
  }
  rig.type_unattended("xyz");
  rig.chip.write(SimulatedChip::kPlace.aux_base + 0x40, '!');
  ASSERT_TRUE(rig.uart.initialize(250'000'000, 115'200));
  EXPECT_EQ(rig.chip.screen(), "loaded\r\n!");
  EXPECT_EQ(rig.uart.read(), std::nullopt) << "input meant for the boot loader";
  EXPECT_TRUE(rig.chip.errors().empty()) << rig.chip.errors().front();
}

TEST(MiniUartSetup, ChangesTheSpeedBetweenTwoCharacters) {
  UartRig rig;
  ASSERT_TRUE(rig.uart.initialize(250'000'000, 115'200));
  rig.uart.write("slow text ");
  rig.type_unattended("typed");
  rig.uart.write("to the end,");
  const auto rate = rig.uart.initialize(250'000'000, 1'000'000);
  ASSERT_TRUE(rate);
  EXPECT_EQ(rig.chip.screen(), "slow text to the end,") << "all of it at the old speed";
  rig.chip.set_terminal_baud(1'000'000);
  rig.uart.write(" then fast text");
  rig.uart.flush();
  EXPECT_EQ(rig.chip.screen(), "slow text to the end, then fast text");
  rig.chip.type(" fast");
  EXPECT_EQ(rig.read_all(), "typed fast") << "what had arrived before is kept";
  EXPECT_TRUE(rig.chip.errors().empty()) << rig.chip.errors().front();
}

TEST(MiniUartSetup, KeepsWhatIsInTheFifoWhenItIsSetUpAgain) {
  UartRig rig;
  ASSERT_TRUE(rig.uart.initialize(250'000'000, 115'200));
  rig.type_unattended("12345678");
  ASSERT_TRUE(rig.uart.initialize(250'000'000, 115'200));
  EXPECT_EQ(rig.read_all(), "12345678");
}

}  // namespace
}  // namespace heapscope::uart
