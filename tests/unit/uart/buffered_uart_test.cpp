// The mini UART driven by its interrupt: nothing lost either way while nobody but
// the handler polls, no interrupt storm, Ctrl-C, and a terminal told to stop.
#include "uart/buffered_uart.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "uart_rig.hpp"

namespace heapscope::uart {
namespace {

/// A core that takes its one interrupt when that is requested and not masked.
struct FakeCore {
  static constexpr std::uint64_t kOpen = 0;
  static constexpr std::uint64_t kMasked = 0x80;  // Where an ARM core has the bit.

  static std::uint64_t mask() {
    ++mask_calls;
    return std::exchange(state, kMasked);
  }
  static void restore(std::uint64_t before) {
    ++restore_calls;
    state = before;
    take_interrupts();
  }
  /// Runs the handler for as long as there is a request.
  static void take_interrupts() {
    constexpr int kStorm = 1000;
    for (int taken = 0; state == kOpen && requested && requested(); ++taken) {
      ASSERT_LT(taken, kStorm) << "the handler does not end its interrupt";
      state = kMasked;
      handler();
      state = kOpen;
      ++interrupts;
    }
  }
  static void reset() {
    requested = nullptr;
    handler = nullptr;
    state = kOpen;
    mask_calls = restore_calls = interrupts = 0;
  }

  static inline std::function<bool()> requested;
  static inline std::function<void()> handler;
  static inline std::uint64_t state = kOpen;
  static inline std::uint64_t mask_calls = 0;
  static inline std::uint64_t restore_calls = 0;
  static inline std::uint64_t interrupts = 0;
};

/// The chip, which sees whether an interrupt could have come in between.
struct WatchedBus {
  std::uint32_t read(std::uintptr_t address) {
    watch();
    return chip.read(address);
  }
  void write(std::uintptr_t address, std::uint32_t value) {
    watch();
    chip.write(address, value);
  }
  void delay_cycles(std::uint32_t cycles) { chip.delay_cycles(cycles); }
  void watch() {
    if (FakeCore::state == FakeCore::kOpen) ++unmasked_accesses;
  }

  SimulatedChip chip;
  std::uint64_t unmasked_accesses = 0;
};

using Buffered = BufferedUart<WatchedBus, FakeCore>;

class BufferedUartTest : public testing::Test {
 protected:
  BufferedUartTest() {
    FakeCore::reset();
    chip.set_access_cycles(250);  // A slow bus, and a faster test.
    EXPECT_TRUE(uart.initialize(250'000'000, 115'200));
    uart.set_attention(0x03);
    bus.unmasked_accesses = 0;
    FakeCore::requested = [this] { return chip.interrupt_line(); };
    FakeCore::handler = [this] { buffered.handle_interrupt(); };
  }
  ~BufferedUartTest() override {
    EXPECT_TRUE(chip.errors().empty()) << chip.errors().front();
    EXPECT_EQ(bus.unmasked_accesses, 0U);
    EXPECT_EQ(FakeCore::mask_calls, FakeCore::restore_calls);
    EXPECT_EQ(chip.bytes_overrun(), 0U);
    FakeCore::reset();
  }

  /// Time passes; the core does nothing but to take its interrupts.
  void pump(std::size_t characters) {
    for (std::size_t i = 0; i < characters; ++i) {
      chip.advance_characters(1);
      FakeCore::take_interrupts();
    }
  }
  void type_and_pump(std::string_view bytes) {
    chip.type(bytes);
    pump(bytes.size() + 1);
  }
  /// Without waiting for more.
  std::string read_what_waits() {
    std::string result;
    while (const auto byte = buffered.read()) result.push_back(static_cast<char>(*byte));
    return result;
  }
  /// Fills the receive ring as if that had arrived.
  void fill_receive_ring(std::size_t size) {
    while (ring->size() < size) ASSERT_TRUE(ring->push('.'));
  }
  /// Room for what the chip takes at once, so that this fills both exactly.
  std::string fill_transmitter() {
    std::string text = varied_bytes(1 + kFifoDepth + TransmitRing::capacity());
    chip.set_access_cycles(1);  // No character leaves meanwhile.
    buffered.write(text);
    chip.set_access_cycles(250);
    return text;
  }

  WatchedBus bus;
  SimulatedChip& chip = bus.chip;
  std::unique_ptr<ReceiveRing> ring = std::make_unique<ReceiveRing>();
  MiniUart<WatchedBus> uart{bus, SimulatedChip::kPlace, *ring};
  std::unique_ptr<Buffered> owner = std::make_unique<Buffered>(uart);
  Buffered& buffered = *owner;
};

/// Bytes as varied_bytes() gives them, but none that has a meaning on the line.
std::string pasted_bytes(std::size_t size) {
  std::string result = varied_bytes(size);
  for (char& byte : result)
    byte = static_cast<char>(0x20 + (static_cast<unsigned char>(byte) % 95));
  return result;
}

TEST_F(BufferedUartTest, InterruptsNobodyBeforeItIsStarted) {
  chip.type("early");
  pump(6);
  EXPECT_EQ(FakeCore::interrupts, 0U);
  buffered.start();
  EXPECT_EQ(FakeCore::interrupts, 1U);
  EXPECT_EQ(read_what_waits(), "early");
}

TEST_F(BufferedUartTest, SendsAfterTheStartWhatWasWrittenBefore) {
  const std::string text = varied_bytes(200);
  FakeCore::requested = nullptr;  // Nobody listens to the line's interrupt yet.
  buffered.write(text);
  buffered.start();
  FakeCore::requested = [this] { return chip.interrupt_line(); };
  pump(201);
  EXPECT_EQ(chip.screen(), text);
}

TEST_F(BufferedUartTest, ReceivesInOrderWhileNobodyReads) {
  constexpr std::size_t kSize = 64 * 1024;
  const std::string input = pasted_bytes(kSize);
  buffered.start();
  type_and_pump(input);
  EXPECT_EQ(buffered.waiting(), kSize);
  EXPECT_EQ(read_what_waits(), input);
  EXPECT_EQ(buffered.counters(), (MiniUartCounters{.received = kSize}));
}

TEST_F(BufferedUartTest, SendsInOrderWhileNobodyPolls) {
  constexpr std::size_t kSize = 64 * 1024;
  constexpr std::size_t kPart = TransmitRing::capacity();
  const std::string output = varied_bytes(kSize);
  buffered.start();
  for (std::size_t at = 0; at < kSize; at += kPart) {
    buffered.write(std::string_view(output).substr(at, kPart));
    pump(kPart);
  }
  pump(2);
  EXPECT_EQ(chip.screen(), output);
  EXPECT_EQ(buffered.counters(), (MiniUartCounters{.sent = kSize}));
}

TEST_F(BufferedUartTest, LosesNothingInBothDirectionsAtOnce) {
  constexpr std::size_t kSize = 64 * 1024;
  const std::string input = pasted_bytes(kSize);
  const std::string output = varied_bytes(kSize + 1).substr(1);
  buffered.start();
  chip.type(input);
  buffered.write(output);
  while (chip.is_typing() || chip.screen().size() < kSize) {
    ASSERT_LT(chip.now_cycles(), 250'000'000U * 10) << "it takes 6 seconds";
    pump(1);
  }
  pump(1);
  EXPECT_EQ(chip.screen(), output);
  EXPECT_EQ(read_what_waits(), input);
  EXPECT_EQ(buffered.counters(), (MiniUartCounters{.received = kSize, .sent = kSize}));
}

TEST_F(BufferedUartTest, KeepsTheLineBusyWhileThereIsSomethingToSend) {
  buffered.start();
  (void)fill_transmitter();
  pump(1 + kFifoDepth + TransmitRing::capacity() + 1);
  EXPECT_EQ(chip.screen().size(), 1 + kFifoDepth + TransmitRing::capacity());
}

TEST_F(BufferedUartTest, AsksForNoInterruptWhenThereIsNothingToSend) {
  buffered.start();
  EXPECT_FALSE(chip.interrupt_line());
  buffered.write("a few");
  EXPECT_FALSE(chip.interrupt_line()) << "all of it is in the chip";
  pump(20);
  EXPECT_FALSE(chip.interrupt_line());
  EXPECT_EQ(FakeCore::interrupts, 0U);
}

TEST_F(BufferedUartTest, AsksForInterruptsWhileBytesWaitAndNoLonger) {
  buffered.start();
  const std::string text = varied_bytes(1 + 3 * kFifoDepth);
  buffered.write(text);
  pump(text.size() + 1);
  EXPECT_EQ(chip.screen(), text);
  EXPECT_GE(FakeCore::interrupts, 2U) << "two FIFOs of it had to wait";
  EXPECT_LE(FakeCore::interrupts, 3U);
  const std::uint64_t before = FakeCore::interrupts;
  pump(100);
  EXPECT_EQ(FakeCore::interrupts, before);
  EXPECT_FALSE(chip.interrupt_line());
}

TEST_F(BufferedUartTest, WriteReturnsAtOnceWhileTheRingHasRoom) {
  buffered.start();
  const std::uint64_t before = chip.now_cycles();
  buffered.write(varied_bytes(TransmitRing::capacity()));
  const std::uint64_t accesses = (chip.now_cycles() - before) / 250;
  EXPECT_LT(accesses, 2 * TransmitRing::capacity());
}

TEST_F(BufferedUartTest, WriteWaitsForRoomAndLosesNothing) {
  buffered.start();
  std::string text = fill_transmitter();
  EXPECT_EQ(chip.screen(), "");
  text += "tail";
  buffered.write("tail");
  EXPECT_GE(chip.screen().size(), 3U) << "it had to wait for the line";
  buffered.flush();
  EXPECT_EQ(chip.screen(), text);
  EXPECT_EQ(buffered.counters().unsent, 0U);
}

TEST_F(BufferedUartTest, WriteLosesNothingWithInterruptsMaskedAllTheTime) {
  buffered.start();
  const std::string text = varied_bytes(5'000);
  FakeCore::state = FakeCore::kMasked;
  buffered.write(text);
  buffered.flush();
  FakeCore::state = FakeCore::kOpen;
  EXPECT_EQ(chip.screen(), text);
}

TEST_F(BufferedUartTest, FlushWaitsUntilTheLastStopBit) {
  buffered.start();
  const std::string text = varied_bytes(900);
  buffered.write(text);
  EXPECT_LT(chip.screen().size(), 100U);
  chip.type("meanwhile");
  buffered.flush();
  EXPECT_EQ(chip.screen(), text);
  EXPECT_FALSE(chip.interrupt_line());
  EXPECT_EQ(read_what_waits(), "meanwhile");
  buffered.write("and on");
  pump(10);
  EXPECT_EQ(chip.screen(), text + "and on");
}

TEST_F(BufferedUartTest, GivesADeadTransmitterUpAndComesBack) {
  buffered.start();
  chip.set_access_cycles(1);
  chip.stop_transmitter();
  const std::string lost = varied_bytes(1 + kFifoDepth + TransmitRing::capacity() + 5);
  buffered.write(lost);
  EXPECT_EQ(buffered.counters(), (MiniUartCounters{.sent = 1 + kFifoDepth, .unsent = 5}));
  chip.set_access_cycles(250);
  chip.restart_transmitter();
  pump(lost.size());
  const std::string text = varied_bytes(3'000);
  buffered.write(text);
  buffered.flush();
  EXPECT_TRUE(chip.screen().ends_with(text));
  EXPECT_EQ(buffered.counters().unsent, 5U) << "only the oldest had to go";
}

TEST_F(BufferedUartTest, CtrlCDropsWhatWaitsAndIsToldOnce) {
  buffered.start();
  type_and_pump(pasted_bytes(10'000) + "\x03");
  EXPECT_EQ(buffered.waiting(), 0U);
  type_and_pump("ok");
  EXPECT_EQ(buffered.read(), std::nullopt) << "until it is taken";
  EXPECT_TRUE(buffered.take_attention());
  EXPECT_FALSE(buffered.take_attention());
  EXPECT_EQ(read_what_waits(), "ok");
  EXPECT_EQ(buffered.counters().attentions, 1U);
}

TEST_F(BufferedUartTest, CtrlCIsHeardWhileAWriterWaits) {
  buffered.start();
  chip.type("queued\x03");
  buffered.write(varied_bytes(TransmitRing::capacity() + 100));
  EXPECT_TRUE(buffered.take_attention());
  EXPECT_EQ(buffered.waiting(), 0U);
}

// Who sleeps on a Ctrl-C that has been taken out of the chip already, sleeps until
// the next key.
TEST_F(BufferedUartTest, IsNotIdleWhileCtrlCOrInputWaits) {
  buffered.start();
  EXPECT_TRUE(buffered.idle());
  type_and_pump("\x03");
  EXPECT_FALSE(buffered.idle());
  EXPECT_TRUE(buffered.take_attention());
  EXPECT_TRUE(buffered.idle());

  FakeCore::state = FakeCore::kMasked;
  chip.type("\x03");
  chip.advance_characters(2);
  EXPECT_FALSE(buffered.idle()) << "it polls by itself";
  FakeCore::state = FakeCore::kOpen;
  EXPECT_TRUE(buffered.take_attention());

  type_and_pump("k");
  EXPECT_FALSE(buffered.idle());
  EXPECT_EQ(buffered.read(), 'k');
  EXPECT_TRUE(buffered.idle());
}

TEST_F(BufferedUartTest, StopsTheTerminalOnceAtThreeQuartersAndLetsItGoOnAtOne) {
  buffered.start();
  fill_receive_ring(Buffered::kStopAt - 2);
  type_and_pump("a");
  EXPECT_EQ(chip.screen(), "");
  type_and_pump("bcdef");
  pump(2);
  EXPECT_EQ(chip.screen(), "\x13");
  EXPECT_EQ(buffered.stops(), 1U);

  while (buffered.waiting() > Buffered::kGoOnAt + 1) ASSERT_TRUE(buffered.read());
  pump(2);
  EXPECT_EQ(chip.screen(), "\x13");
  ASSERT_TRUE(buffered.read());
  pump(2);
  EXPECT_EQ(chip.screen(), "\x13\x11");
  (void)read_what_waits();
  pump(2);
  EXPECT_EQ(chip.screen(), "\x13\x11");

  fill_receive_ring(Buffered::kStopAt);
  type_and_pump("g");
  pump(2);
  EXPECT_EQ(chip.screen(), "\x13\x11\x13");
  EXPECT_EQ(buffered.stops(), 2U);
}

TEST_F(BufferedUartTest, LetsTheTerminalGoOnAfterCtrlC) {
  buffered.start();
  fill_receive_ring(Buffered::kStopAt);
  type_and_pump("a");
  type_and_pump("\x03");
  pump(2);
  EXPECT_EQ(chip.screen(), "\x13\x11");
}

TEST_F(BufferedUartTest, StopsTheTerminalAheadOfOutputThatWaits) {
  buffered.start();
  fill_receive_ring(Buffered::kStopAt);
  const std::string text = fill_transmitter();
  FakeCore::take_interrupts();
  type_and_pump("a");
  pump(2 * kFifoDepth);
  const std::size_t at = chip.screen().find('\x13');
  EXPECT_LE(at, 2 * kFifoDepth) << "only what was in the chip is ahead of it";
  buffered.flush();
  std::string without = chip.screen();
  without.erase(at, 1);
  EXPECT_EQ(without, text);
}

TEST_F(BufferedUartTest, AskingToStopCostsAWriterWithAFullRingNoByte) {
  buffered.start();
  std::string text = fill_transmitter();
  fill_receive_ring(Buffered::kStopAt);
  chip.set_access_cycles(1);  // The chip stays full, so that XOFF must wait.
  FakeCore::state = FakeCore::kMasked;
  buffered.handle_interrupt();
  FakeCore::state = FakeCore::kOpen;
  ASSERT_EQ(buffered.stops(), 1U);
  chip.set_access_cycles(250);
  text += "!";
  buffered.write("!");
  buffered.flush();
  std::string without = chip.screen();
  std::erase(without, '\x13');
  std::erase(text, '\x13');
  EXPECT_EQ(without, text);
  EXPECT_EQ(buffered.counters().unsent, 0U);
}

TEST_F(BufferedUartTest, StopsTheTerminalWhileAWriterWaits) {
  buffered.start();
  fill_receive_ring(Buffered::kStopAt - 100);
  chip.type(pasted_bytes(4'000));
  buffered.write(pasted_bytes(4'000));
  EXPECT_EQ(buffered.stops(), 1U);
  EXPECT_NE(chip.screen().find('\x13'), std::string::npos);
}

/// A terminal that pastes a text and obeys XOFF and XON, late as terminals do.
class ObedientTerminal {
 public:
  ObedientTerminal(SimulatedChip& chip, std::string text) : chip_(chip), text_(std::move(text)) {}

  void go_on() {
    for (; seen_ < chip_.screen().size(); ++seen_) {
      if (chip_.screen()[seen_] == Buffered::kXoff) stopped_ = true;
      if (chip_.screen()[seen_] == Buffered::kXon) stopped_ = false;
    }
    if (stopped_ || chip_.is_typing()) return;
    constexpr std::size_t kOnTheWay = 64;
    chip_.type(std::string_view(text_).substr(at_, kOnTheWay));
    at_ = std::min(at_ + kOnTheWay, text_.size());
  }
  [[nodiscard]] bool stopped() const { return stopped_; }
  [[nodiscard]] bool done() const { return at_ == text_.size() && !chip_.is_typing(); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  SimulatedChip& chip_;
  std::string text_;
  std::size_t at_ = 0;
  std::size_t seen_ = 0;
  bool stopped_ = false;
};

TEST_F(BufferedUartTest, LosesNothingOfALongPasteWhileTheReaderSleeps) {
  buffered.start();
  ObedientTerminal terminal(chip, pasted_bytes(2 * ReceiveRing::capacity()));
  std::string received;
  while (!terminal.done()) {
    // The reader sleeps until the terminal has stopped, for a while more, and
    // then reads all that is there.
    while (!terminal.stopped() && !terminal.done()) {
      terminal.go_on();
      pump(1);
    }
    for (int i = 0; i < 1'000; ++i) {
      terminal.go_on();
      pump(1);
    }
    received += read_what_waits();
    pump(2);
    terminal.go_on();
  }
  pump(2);
  received += read_what_waits();
  EXPECT_EQ(received, terminal.text());
  EXPECT_EQ(buffered.stops(), 2U);
  EXPECT_EQ(buffered.counters().ring_overflows, 0U);
  EXPECT_EQ(chip.screen(), "\x13\x11\x13\x11");
}

TEST_F(BufferedUartTest, MasksInterruptsAndLeavesThemAsTheyWere) {
  const std::pair<std::string_view, std::function<void()>> calls[] = {
      {"start", [this] { buffered.start(); }},
      {"read", [this] { (void)buffered.read(); }},
      {"take_attention", [this] { (void)buffered.take_attention(); }},
      {"idle", [this] { (void)buffered.idle(); }},
      {"write", [this] { buffered.write("x"); }},
      {"flush", [this] { buffered.flush(); }},
      {"counters", [this] { (void)buffered.counters(); }},
      {"waiting", [this] { (void)buffered.waiting(); }},
  };
  for (const std::uint64_t before : {FakeCore::kOpen, FakeCore::kMasked}) {
    for (const auto& [name, call] : calls) {
      FakeCore::state = before;
      const std::uint64_t mask_calls = FakeCore::mask_calls;
      call();
      EXPECT_EQ(FakeCore::state, before) << name;
      EXPECT_EQ(FakeCore::mask_calls, mask_calls + 1) << name;
    }
  }
  FakeCore::state = FakeCore::kOpen;
}

}  // namespace
}  // namespace heapscope::uart
