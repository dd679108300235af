// Receiving: order, losses that are counted, the attention byte, the interrupt.
#include <gtest/gtest.h>

#include <vector>

#include "uart_rig.hpp"

namespace heapscope::uart {
namespace {

class MiniUartReceive : public testing::Test {
 protected:
  MiniUartReceive() { EXPECT_TRUE(rig.uart.initialize(250'000'000, 115'200)); }
  ~MiniUartReceive() override {
    EXPECT_TRUE(rig.chip.errors().empty()) << rig.chip.errors().front();
  }

  UartRig rig;
};

TEST_F(MiniUartReceive, GivesEveryByteValueInOrder) {
  std::string all;
  for (int value = 0; value < 256; ++value) all.push_back(static_cast<char>(value));
  rig.chip.type(all);
  EXPECT_EQ(rig.read_all(), all);
  EXPECT_EQ(rig.uart.counters(), (MiniUartCounters{.received = 256}));
}

TEST_F(MiniUartReceive, SaysWhetherInputWaits) {
  EXPECT_FALSE(rig.uart.has_input());
  rig.type_unattended("k");
  EXPECT_TRUE(rig.uart.has_input());
  EXPECT_TRUE(rig.uart.has_input());
  EXPECT_EQ(rig.uart.read(), 'k');
  EXPECT_FALSE(rig.uart.has_input());
  EXPECT_EQ(rig.uart.read(), std::nullopt);
}

TEST_F(MiniUartReceive, ReadsTheLineStatusOnceForEachByte) {
  rig.type_unattended("ab");
  rig.chip.clear_events();
  rig.uart.poll();
  std::vector<std::string_view> names;
  for (const BusEvent& event : rig.chip.events()) names.push_back(event.name);
  EXPECT_EQ(names, (std::vector<std::string_view>{"MU_LSR", "MU_IO", "MU_LSR", "MU_IO", "MU_LSR"}));
}

TEST_F(MiniUartReceive, CountsAnOverrunWhenNobodyPolls) {
  rig.type_unattended("0123456789ABCDEF");
  EXPECT_EQ(rig.chip.bytes_overrun(), 8U);
  EXPECT_EQ(rig.read_all(), "01234567");
  EXPECT_EQ(rig.uart.counters(), (MiniUartCounters{.received = 8, .overruns = 1}));
}

TEST_F(MiniUartReceive, CountsEachOverrunOnceWhoeverReadsTheStatus) {
  for (std::uint64_t round = 1; round <= 5; ++round) {
    rig.type_unattended("nine bytes");
    if (round % 2 == 0) rig.uart.write('x');
    while (rig.uart.read()) continue;
    EXPECT_EQ(rig.uart.counters().overruns, round);
  }
}

TEST_F(MiniUartReceive, LosesNothingThatIsPolledInTime) {
  rig.chip.type(varied_bytes(64));
  for (int round = 0; round < 8; ++round) {
    rig.chip.advance_characters(8);
    rig.uart.poll();
  }
  EXPECT_EQ(rig.read_all(), varied_bytes(64));
  EXPECT_EQ(rig.uart.counters(), (MiniUartCounters{.received = 64}));
}

TEST_F(MiniUartReceive, DropsAndCountsWhatTheRingCannotHold) {
  const std::string bytes = varied_bytes(ReceiveRing::capacity() + 104);
  rig.chip.set_terminal_baud(1'000'000);
  ASSERT_TRUE(rig.uart.initialize(250'000'000, 1'000'000));
  rig.chip.type(bytes);
  while (rig.chip.is_typing()) {
    rig.chip.advance_characters(4);
    rig.uart.poll();
  }
  EXPECT_EQ(rig.uart.counters(),
            (MiniUartCounters{.received = bytes.size(), .ring_overflows = 104}));
  EXPECT_EQ(rig.read_all(), bytes.substr(0, ReceiveRing::capacity()));
  rig.chip.type("room again");
  EXPECT_EQ(rig.read_all(), "room again");
  EXPECT_EQ(rig.uart.counters().ring_overflows, 104U);
}

TEST_F(MiniUartReceive, QueuesEveryByteWhileNoAttentionByteIsSet) {
  rig.chip.type("a\x03z");
  EXPECT_EQ(rig.read_all(), "a\x03z");
  EXPECT_FALSE(rig.uart.take_attention());
}

TEST_F(MiniUartReceive, DropsWhatWaitsWhenAttentionIsCalledFor) {
  rig.uart.set_attention(0x03);
  rig.type_unattended("alloc");
  rig.uart.poll();
  rig.type_unattended("64\x03ok");
  EXPECT_TRUE(rig.uart.take_attention());
  EXPECT_FALSE(rig.uart.take_attention());
  EXPECT_EQ(rig.read_all(), "ok");
  EXPECT_EQ(rig.uart.counters(), (MiniUartCounters{.received = 10, .attentions = 1}));
}

TEST_F(MiniUartReceive, GivesNothingTypedAfterAttentionUntilItIsTaken) {
  rig.uart.set_attention(0x03);
  rig.type_unattended("al\x03st");
  EXPECT_FALSE(rig.uart.has_input());
  EXPECT_EQ(rig.uart.read(), std::nullopt);
  EXPECT_TRUE(rig.uart.take_attention());
  EXPECT_EQ(rig.read_all(), "st");
}

TEST_F(MiniUartReceive, CallsForAttentionOnceHoweverOftenTheKeyIsPressed) {
  rig.uart.set_attention(0x03);
  rig.type_unattended("\x03\x03\x03");
  EXPECT_TRUE(rig.uart.take_attention());
  EXPECT_FALSE(rig.uart.take_attention());
  EXPECT_EQ(rig.uart.counters().attentions, 3U);
  rig.type_unattended("\x03");
  EXPECT_TRUE(rig.uart.take_attention()) << "it polls by itself";
}

TEST_F(MiniUartReceive, HearsAttentionThroughAFullRing) {
  rig.uart.set_attention(0x03);
  for (std::size_t i = 0; i < ReceiveRing::capacity(); ++i) ASSERT_TRUE(rig.ring->push('x'));
  rig.type_unattended("y\x03z");
  EXPECT_TRUE(rig.uart.take_attention());
  EXPECT_EQ(rig.read_all(), "z");
  EXPECT_EQ(rig.uart.counters().ring_overflows, 1U);
}

TEST_F(MiniUartReceive, CanTurnAttentionOffAgain) {
  rig.uart.set_attention(0x03);
  rig.uart.set_attention(std::nullopt);
  rig.chip.type("\x03");
  EXPECT_EQ(rig.read_all(), "\x03");
  EXPECT_FALSE(rig.uart.take_attention());
}

TEST_F(MiniUartReceive, InterruptsWhileAByteWaitsAndOnlyThen) {
  rig.type_unattended("a");
  EXPECT_FALSE(rig.chip.interrupt_line()) << "off after initialize";
  rig.uart.poll();
  rig.uart.set_interrupts(true, false);
  EXPECT_FALSE(rig.chip.interrupt_line()) << "the transmitter's interrupt would storm";
  rig.type_unattended("b");
  EXPECT_TRUE(rig.chip.interrupt_line());
  rig.uart.poll();
  EXPECT_FALSE(rig.chip.interrupt_line());
  rig.uart.set_interrupts(false, false);
  rig.type_unattended("c");
  EXPECT_FALSE(rig.chip.interrupt_line());
  EXPECT_EQ(rig.read_all(), "abc");
}

// A bus that answers like one that nothing drives.
struct AllOnesBus {
  std::uint32_t read(std::uintptr_t) {
    ++reads;
    return 0xffff'ffff;
  }
  void write(std::uintptr_t, std::uint32_t) {}
  void delay_cycles(std::uint32_t) {}
  std::uint64_t reads = 0;
};

TEST(MiniUartOnADeadBus, AlwaysComesBack) {
  AllOnesBus bus;
  const auto ring = std::make_unique<ReceiveRing>();
  MiniUart<AllOnesBus> uart(bus, SimulatedChip::kPlace, *ring);
  ASSERT_TRUE(uart.initialize(250'000'000, 115'200));
  uart.poll();
  EXPECT_EQ(uart.read(), 0xff);
  EXPECT_TRUE(uart.has_input());
  uart.write("text");
  EXPECT_TRUE(uart.flush());
  EXPECT_LT(bus.reads, 200U);
}

}  // namespace
}  // namespace heapscope::uart
