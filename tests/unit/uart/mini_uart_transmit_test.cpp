// Sending: nothing lost in an 8-deep FIFO, receiving meanwhile, and coming back
// from a transmitter that is dead.
#include <gtest/gtest.h>

#include <array>

#include "uart_rig.hpp"

namespace heapscope::uart {
namespace {

class MiniUartTransmit : public testing::Test {
 protected:
  MiniUartTransmit() { EXPECT_TRUE(rig.uart.initialize(250'000'000, 115'200)); }
  ~MiniUartTransmit() override {
    EXPECT_TRUE(rig.chip.errors().empty()) << rig.chip.errors().front();
  }

  UartRig rig;
};

TEST_F(MiniUartTransmit, SendsEveryByteValueAsItIs) {
  std::array<std::uint8_t, 256> all{};
  for (std::size_t i = 0; i < all.size(); ++i) all.at(i) = static_cast<std::uint8_t>(i);
  rig.uart.write(all);
  EXPECT_TRUE(rig.uart.flush());
  EXPECT_EQ(rig.chip.screen(), std::string(all.begin(), all.end()));
  EXPECT_EQ(rig.uart.counters(), (MiniUartCounters{.sent = 256}));
}

TEST_F(MiniUartTransmit, TranslatesNoLineEnds) {
  rig.uart.write("a\nb\r\n");
  rig.uart.flush();
  EXPECT_EQ(rig.chip.screen(), "a\nb\r\n");
}

TEST_F(MiniUartTransmit, LosesNothingInAFifoOfEightBytes) {
  const std::string text = varied_bytes(5'000);
  rig.uart.write(text);
  rig.uart.flush();
  EXPECT_EQ(rig.chip.screen(), text);
}

TEST_F(MiniUartTransmit, LooksForRoomBeforeEveryByte) {
  rig.chip.clear_events();
  rig.uart.write("four");
  std::string accesses;
  for (const BusEvent& event : rig.chip.events()) accesses.append(event.name).append(" ");
  EXPECT_EQ(accesses, "MU_LSR MU_IO MU_LSR MU_IO MU_LSR MU_IO MU_LSR MU_IO ");
}

TEST_F(MiniUartTransmit, ReceivesWhileItWaitsForRoom) {
  constexpr std::size_t kSize = 64 * 1024;
  const std::string input = varied_bytes(kSize);
  const std::string output = varied_bytes(kSize + 1).substr(1);
  rig.chip.set_access_cycles(250);  // A slow bus, and a faster test.
  rig.chip.type(input);
  rig.uart.write(output);
  EXPECT_TRUE(rig.uart.flush());
  EXPECT_EQ(rig.chip.screen(), output);
  EXPECT_EQ(rig.read_all(), input);
  EXPECT_EQ(rig.chip.bytes_overrun(), 0U);
  EXPECT_EQ(rig.uart.counters(), (MiniUartCounters{.received = kSize, .sent = kSize}));
}

TEST_F(MiniUartTransmit, ReceivesWhileItFlushes) {
  rig.uart.write("123456789");
  rig.chip.type("abcdefghi");
  EXPECT_TRUE(rig.uart.flush());
  EXPECT_EQ(rig.read_all(), "abcdefghi");
  EXPECT_EQ(rig.chip.bytes_overrun(), 0U);
}

TEST_F(MiniUartTransmit, NoticesAttentionWhileItSends) {
  rig.uart.set_attention(0x03);
  rig.chip.type("queued\x03");
  rig.uart.write(varied_bytes(100));
  EXPECT_EQ(rig.uart.counters().attentions, 1U);
  EXPECT_TRUE(rig.uart.take_attention());
  EXPECT_FALSE(rig.uart.has_input());
}

TEST_F(MiniUartTransmit, FlushesUntilTheLastStopBit) {
  rig.uart.write("end");
  EXPECT_EQ(rig.chip.screen(), "");
  EXPECT_TRUE(rig.uart.flush());
  EXPECT_EQ(rig.chip.screen(), "end");
  EXPECT_TRUE(rig.uart.flush()) << "nothing to wait for";
}

TEST_F(MiniUartTransmit, GivesADeadTransmitterUpAfterOneWait) {
  rig.chip.stop_transmitter();
  rig.uart.write("123456789");  // One in the shifter, eight in the FIFO.
  EXPECT_EQ(rig.uart.counters(), (MiniUartCounters{.sent = 9}));

  const auto reads_during = [this](auto call) {
    const std::uint64_t before = rig.chip.now_cycles();
    call();
    return (rig.chip.now_cycles() - before) / 25;
  };
  EXPECT_EQ(reads_during([this] { rig.uart.write('a'); }), kStatusReadLimit);
  EXPECT_EQ(reads_during([this] { rig.uart.write("bcd"); }), 3U);
  EXPECT_EQ(reads_during([this] { EXPECT_FALSE(rig.uart.flush()); }), 1U);
  EXPECT_EQ(rig.uart.counters(), (MiniUartCounters{.sent = 9, .unsent = 4}));

  rig.chip.restart_transmitter();
  rig.chip.advance_characters(2);
  rig.uart.write("efghijklmnop");
  EXPECT_TRUE(rig.uart.flush());
  EXPECT_EQ(rig.chip.screen(), "123456789efghijklmnop");
  EXPECT_EQ(rig.uart.counters(), (MiniUartCounters{.sent = 21, .unsent = 4}));
}

TEST_F(MiniUartTransmit, ReceivesWhileTheTransmitterIsDead) {
  rig.chip.stop_transmitter();
  rig.uart.write("123456789");
  rig.chip.type(varied_bytes(50));
  EXPECT_FALSE(rig.uart.flush());
  EXPECT_EQ(rig.read_all(), varied_bytes(50));
}

TEST(MiniUartAtTheSlowestRate, OutlastsAFullFifo) {
  UartRig rig(250'000'000, 477);
  ASSERT_TRUE(rig.uart.initialize(250'000'000, 477));
  rig.chip.set_access_cycles(13);  // 50 ns, the fastest that kStatusReadLimit allows for.
  rig.uart.write("123456789");
  EXPECT_TRUE(rig.uart.flush());
  EXPECT_EQ(rig.chip.screen(), "123456789");
}

}  // namespace
}  // namespace heapscope::uart
