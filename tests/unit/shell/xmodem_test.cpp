// The XMODEM receiver against a sender over lines good and bad: what comes out is the
// file, or a clean failure.
#include "shell/xmodem.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "xmodem_sender.hpp"

namespace heapscope::shell {
namespace {

using alloc::RandomSource;
using test::kAck;
using test::kCan;
using test::kEot;
using test::kNak;
using test::Noise;
using test::SenderOptions;
using test::xmodem_block;
using test::XmodemSender;

const std::string kCancel(8, kCan);

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A file that does not end with what padding is made of.
std::string random_file(RandomSource& random, std::size_t size) {
  std::string file;
  for (std::size_t i = 0; i < size; ++i) file += static_cast<char>(random.below(256));
  if (!file.empty()) file.back() = 'z';
  return file;
}

std::string file_of(std::size_t size) {
  RandomSource random(size);
  return random_file(random, size);
}

/// A receiver with memory whose end is guarded, and the time that has passed.
class Receiving {
 public:
  explicit Receiving(std::size_t room = 200'000) : memory_(room), receiver(memory_) {}

  std::string feed(std::string_view bytes) {
    std::string sent;
    for (const char c : bytes) sent += receiver.feed(static_cast<std::uint8_t>(c));
    return sent;
  }
  /// The next thing that happens because nothing arrives.
  std::string silence() {
    const std::uint64_t patience = receiver.patience();
    time_us += patience;
    return std::string(receiver.pass(patience));
  }
  /// Silence until it is over; what was sent in it.
  std::string silence_to_the_end() {
    std::string sent;
    while (receiver.state() == XmodemState::running) sent += silence();
    return sent;
  }
  /// A transfer up to so many blocks.
  void take(std::string_view file, std::size_t blocks, std::size_t block = 128) {
    ASSERT_EQ(silence(), "C");
    for (std::size_t i = 0; i < blocks; ++i) {
      std::string sent = feed(xmodem_block(static_cast<std::uint8_t>(i + 1),
                                           file.substr(i * block, block), true, block));
      if (i == 0) sent += silence();
      ASSERT_EQ(sent, std::string(1, kAck)) << i;
    }
  }

 private:
  std::vector<std::byte> memory_;

 public:
  XmodemReceiver receiver;
  std::uint64_t time_us = 0;
};

using Wire = std::function<std::string(std::string_view)>;

std::string unchanged(std::string_view bytes) { return std::string(bytes); }

/// Both ends until the receiver has done; each acts on what comes, or on silence.
void run(Receiving& receiving, XmodemSender& sender, const Wire& to_receiver = unchanged,
         const Wire& to_sender = unchanged) {
  XmodemReceiver& receiver = receiving.receiver;
  std::string arriving;
  while (receiver.state() == XmodemState::running) {
    std::string answers;
    if (arriving.empty()) {
      const std::uint64_t quiet = std::min(receiver.patience(), sender.patience());
      receiving.time_us += quiet;
      answers = receiver.pass(quiet);
      arriving += to_receiver(sender.pass(quiet));
    } else {
      answers = receiving.feed(arriving.substr(0, 1));
      arriving.erase(0, 1);
    }
    arriving += to_receiver(sender.hear(to_sender(answers)));
  }
}

TEST(XmodemCrc, IsThatOfTheKnownAnswers) {
  const auto crc = [](std::string_view text) {
    std::uint16_t value = 0;
    for (const char c : text) value = xmodem_crc(value, static_cast<std::uint8_t>(c));
    return value;
  };
  EXPECT_EQ(crc(""), 0);
  EXPECT_EQ(crc("A"), 0x58e5);
  EXPECT_EQ(crc("123456789"), 0x31c3);
  EXPECT_EQ(crc(std::string(128, '\0')), 0);
  EXPECT_EQ(crc(std::string(1, '\xff')), 0x1ef0);
}

TEST(Xmodem, TakesFilesOfAllSizesInBlocksOfBoth) {
  for (const std::size_t block : {128U, 1024U}) {
    for (const std::size_t size : {0U, 1U, 127U, 128U, 129U, 1023U, 1024U, 1025U, 5000U, 70'000U}) {
      SCOPED_TRACE(std::to_string(size) + " in " + std::to_string(block));
      const std::string file = file_of(size);
      Receiving receiving;
      XmodemSender sender(file, {.block = block, .knows_crc = true});
      run(receiving, sender);
      EXPECT_EQ(receiving.receiver.state(), XmodemState::complete);
      EXPECT_EQ(sender.state(), XmodemSender::State::done);
      EXPECT_EQ(text_of(receiving.receiver.unpadded()), file);
      const std::size_t blocks = (size + block - 1) / block;
      EXPECT_EQ(receiving.receiver.data().size(), blocks * block);
      EXPECT_EQ(receiving.receiver.blocks(), blocks);
      EXPECT_EQ(receiving.receiver.retries(), 0U);
      EXPECT_TRUE(receiving.receiver.uses_crc());
    }
  }
}

TEST(Xmodem, MixesBlocksOfBothSizes) {
  Receiving receiving;
  const std::string file = file_of(1024 + 128);
  receiving.take(file, 1, 1024);
  EXPECT_EQ(receiving.feed(xmodem_block(2, file.substr(1024), true, 128)), std::string(1, kAck));
  EXPECT_EQ(text_of(receiving.receiver.data()), file);
}

TEST(Xmodem, StripsThePaddingOfTheLastBlockOnly) {
  const std::string file = "text" + std::string(300, '\x1a');
  Receiving receiving;
  XmodemSender sender(file);
  run(receiving, sender);
  EXPECT_EQ(text_of(receiving.receiver.data()), "text" + std::string(380, '\x1a'));
  EXPECT_EQ(text_of(receiving.receiver.unpadded()), file.substr(0, 256));
}

TEST(Xmodem, AsksForTheFirstBlockForAMinuteAndThenGivesUp) {
  Receiving receiving;
  EXPECT_EQ(receiving.silence(), "C");
  EXPECT_EQ(receiving.time_us, 0U);
  EXPECT_EQ(receiving.silence_to_the_end(),
            "CCCCC\x15"
            "C\x15"
            "C\x15" +
                kCancel);
  EXPECT_EQ(receiving.receiver.state(), XmodemState::no_sender);
  EXPECT_GE(receiving.time_us, 60'000'000U);
  EXPECT_LE(receiving.time_us, 70'000'000U);
}

TEST(Xmodem, ASenderThatFindsManyRequestsGetsOneAnswer) {
  const std::string file = file_of(1000);
  for (std::size_t requests = 1; requests <= 11; ++requests) {
    SCOPED_TRACE(requests);
    Receiving receiving;
    std::string waiting;
    for (std::size_t i = 0; i < requests; ++i) waiting += receiving.silence();
    XmodemSender sender(file);
    EXPECT_EQ(receiving.feed(sender.hear(waiting)), "");
    EXPECT_EQ(receiving.receiver.retries(), requests - 1);
    std::string answer = receiving.silence();
    EXPECT_EQ(answer, std::string(1, kAck));
    while (receiving.receiver.state() == XmodemState::running) {
      const std::string sent = sender.hear(answer);
      answer = receiving.feed(sent);
      // No answer is left over: each block is answered once and by itself.
      ASSERT_LE(answer.size(), 1U);
      if (answer.empty()) answer = receiving.silence();
    }
    EXPECT_EQ(text_of(receiving.receiver.unpadded()), file);
  }
}

TEST(Xmodem, AsksForChecksumsWhereNobodyKnowsTheCrc) {
  for (const std::size_t size : {1U, 128U, 700U, 40'000U}) {
    const std::string file = file_of(size);
    Receiving receiving;
    XmodemSender sender(file, {.block = 128, .knows_crc = false});
    run(receiving, sender);
    EXPECT_EQ(text_of(receiving.receiver.unpadded()), file);
    EXPECT_FALSE(receiving.receiver.uses_crc());
  }
}

TEST(Xmodem, ABlockWithChecksumIsNoneWhereOnlyACrcWasAskedFor) {
  Receiving receiving;
  EXPECT_EQ(receiving.silence(), "C");
  EXPECT_EQ(receiving.feed(xmodem_block(1, "x", false, 128)), "");
  EXPECT_EQ(receiving.silence(), "C");
  EXPECT_EQ(receiving.receiver.blocks(), 0U);
}

TEST(Xmodem, ChecksumBlocksThatComeTwiceAtOnceAreOne) {
  Receiving receiving;
  for (int i = 0; i < 7; ++i) (void)receiving.silence();
  const std::string block = xmodem_block(1, "one", false, 128);
  EXPECT_EQ(receiving.feed(block + block), "");
  EXPECT_EQ(receiving.silence(), std::string(1, kAck));
  EXPECT_EQ(receiving.receiver.blocks(), 1U);
  EXPECT_FALSE(receiving.receiver.uses_crc());
}

/// What may become of one byte on its way.
enum class Harm : std::uint8_t { flip, drop, twice, end_of_text, cancel, start };

std::string harmed(std::string bytes, std::size_t at, Harm harm) {
  switch (harm) {
    case Harm::flip:
      bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
      break;
    case Harm::drop:
      bytes.erase(at, 1);
      break;
    case Harm::twice:
      bytes.insert(at, 1, bytes[at]);
      break;
    case Harm::end_of_text:
      bytes[at] = kEot;
      break;
    case Harm::cancel:
      bytes[at] = kCan;
      break;
    case Harm::start:
      bytes[at] = 1;
      break;
  }
  return bytes;
}

TEST(Xmodem, AnyByteOfAnyBlockMayBeHarmedOnce) {
  const std::string file = file_of(128 * 3);
  for (const Harm harm :
       {Harm::flip, Harm::drop, Harm::twice, Harm::end_of_text, Harm::cancel, Harm::start}) {
    for (std::size_t at = 0; at < 133 * 3; ++at) {
      SCOPED_TRACE(std::to_string(static_cast<int>(harm)) + " at " + std::to_string(at));
      Receiving receiving;
      XmodemSender sender(file);
      std::size_t sent = 0;
      run(receiving, sender, [&](std::string_view bytes) {
        const std::size_t first = std::exchange(sent, sent + bytes.size());
        const bool here = at >= first && at < sent;
        return here ? harmed(std::string(bytes), at - first, harm) : std::string(bytes);
      });
      ASSERT_EQ(receiving.receiver.state(), XmodemState::complete);
      ASSERT_EQ(text_of(receiving.receiver.data()), file);
    }
  }
}

TEST(Xmodem, AnyAnswerMayBeLost) {
  const std::string file = file_of(128 * 3);
  for (std::size_t lost = 0; lost < 5; ++lost) {
    SCOPED_TRACE(lost);
    Receiving receiving;
    XmodemSender sender(file);
    std::size_t answers = 0;
    run(receiving, sender, unchanged, [&](std::string_view bytes) {
      const bool drop = !bytes.empty() && answers++ == lost;
      return drop ? std::string() : std::string(bytes);
    });
    EXPECT_EQ(receiving.receiver.state(), XmodemState::complete);
    EXPECT_EQ(text_of(receiving.receiver.data()), file);
  }
}

TEST(Xmodem, ABlockThatComesTwiceIsAnsweredAndDropped) {
  Receiving receiving;
  const std::string file = file_of(384);
  receiving.take(file, 2);
  EXPECT_EQ(receiving.feed(xmodem_block(2, file.substr(128, 128), true, 128)), "");
  EXPECT_EQ(receiving.silence(), std::string(1, kAck));
  EXPECT_EQ(receiving.receiver.blocks(), 2U);
  EXPECT_EQ(receiving.receiver.retries(), 1U);
  EXPECT_EQ(receiving.feed(xmodem_block(3, file.substr(256), true, 128)), std::string(1, kAck));
  EXPECT_EQ(text_of(receiving.receiver.data()), file);
}

TEST(Xmodem, ASenderThatGoesOnNeedsNoAnswerToWhatCameTwice) {
  Receiving receiving;
  const std::string file = file_of(384);
  receiving.take(file, 2);
  EXPECT_EQ(receiving.feed(xmodem_block(2, file.substr(128, 128), true, 128) +
                           xmodem_block(3, file.substr(256), true, 128)),
            std::string(1, kAck));
  EXPECT_EQ(text_of(receiving.receiver.data()), file);
}

TEST(Xmodem, AWrongBlockEndsTheTransfer) {
  for (const unsigned number : {0U, 1U, 4U, 5U, 255U}) {
    Receiving receiving;
    receiving.take(file_of(256), 2);
    EXPECT_EQ(receiving.feed(xmodem_block(static_cast<std::uint8_t>(number), "?", true, 128)),
              kCancel);
    EXPECT_EQ(receiving.receiver.state(), XmodemState::out_of_step);
  }
  Receiving at_once;
  (void)at_once.silence();
  EXPECT_EQ(at_once.feed(xmodem_block(2, "?", true, 128)), kCancel);
  EXPECT_EQ(at_once.receiver.state(), XmodemState::out_of_step);
}

TEST(Xmodem, TellsAYmodemHeader) {
  Receiving receiving;
  (void)receiving.silence();
  EXPECT_EQ(receiving.feed(xmodem_block(0, "name", true, 128)), kCancel);
  EXPECT_EQ(receiving.receiver.state(), XmodemState::other_protocol);
}

TEST(Xmodem, TheEndMustBeSaidTwice) {
  Receiving receiving;
  receiving.take(file_of(128), 1);
  EXPECT_EQ(receiving.feed("\x04"), "");
  EXPECT_EQ(receiving.silence(), std::string(1, kNak));
  EXPECT_EQ(receiving.receiver.state(), XmodemState::running);
  EXPECT_EQ(receiving.feed("\x04"), "");
  EXPECT_EQ(receiving.silence(), std::string(1, kAck));
  EXPECT_EQ(receiving.receiver.state(), XmodemState::complete);
}

TEST(Xmodem, AnEndBetweenTwoBlocksIsNone) {
  Receiving receiving;
  const std::string file = file_of(256);
  receiving.take(file, 1);
  EXPECT_EQ(receiving.feed("\x04"), "");
  EXPECT_EQ(receiving.silence(), std::string(1, kNak));
  EXPECT_EQ(receiving.feed(xmodem_block(2, file.substr(128), true, 128)), std::string(1, kAck));
  EXPECT_EQ(receiving.feed("\x04"), "");
  EXPECT_EQ(receiving.silence(), std::string(1, kNak));
  EXPECT_EQ(receiving.receiver.state(), XmodemState::running);
}

// ---- giving up ----

/// In the order in which a transfer comes to them.
const std::vector<std::string> kBeforeTheCancel{
    "",          // Before the first block,
    "\x01\x01",  // in its head,
    "\x01\x01\xfe"
    "data",                                          // in its data,
    xmodem_block(1, "d", true, 128).substr(0, 131),  // before its check,
    xmodem_block(1, "d", true, 128).substr(0, 132),  // within it,
    xmodem_block(1, "d", true, 128),                 // behind it,
    xmodem_block(1, "d", true, 128) + "garbage",     // where something else came,
    xmodem_block(1, "d", true, 128) + "\x04",        // and at the end.
};

TEST(Xmodem, ASenderThatCancelsIsNoticedEverywhere) {
  for (const std::string& before : kBeforeTheCancel) {
    SCOPED_TRACE(::testing::PrintToString(before));
    Receiving receiving;
    (void)receiving.silence();
    (void)receiving.feed(before);
    EXPECT_EQ(receiving.feed(std::string(10, kCan) + std::string(10, '\b')), "");
    EXPECT_EQ(receiving.silence(), "");
    EXPECT_EQ(receiving.receiver.state(), XmodemState::cancelled);
  }
}

TEST(Xmodem, APersonMayTypeTheTwoCancelsSlowly) {
  Receiving receiving;
  receiving.take(file_of(128), 1);
  EXPECT_EQ(receiving.feed("\x18"), "");
  EXPECT_EQ(receiving.silence(), "");
  EXPECT_EQ(receiving.receiver.state(), XmodemState::running);
  EXPECT_EQ(receiving.feed("\x18"), "");
  EXPECT_EQ(receiving.silence(), "");
  EXPECT_EQ(receiving.receiver.state(), XmodemState::cancelled);
}

TEST(Xmodem, CancelsInDataAreData) {
  const std::string file = std::string(1000, kCan) + std::string(1000, '\b') + '.';
  for (const std::size_t block : {128U, 1024U}) {
    Receiving receiving;
    XmodemSender sender(file, {.block = block, .knows_crc = true});
    run(receiving, sender);
    EXPECT_EQ(text_of(receiving.receiver.unpadded()), file);
  }
}

TEST(Xmodem, CtrlCOnASilentLineInterrupts) {
  for (const std::size_t blocks : {0U, 1U}) {
    Receiving receiving;
    if (blocks == 0) (void)receiving.silence();
    if (blocks == 1) receiving.take(file_of(128), 1);
    EXPECT_EQ(receiving.feed("\x03"), "");
    EXPECT_EQ(receiving.silence(), kCancel);
    EXPECT_EQ(receiving.receiver.state(), XmodemState::interrupted);
  }
}

TEST(Xmodem, CtrlCInDataIsData) {
  const std::string file(1000, '\x03');
  Receiving receiving;
  XmodemSender sender(file);
  run(receiving, sender);
  EXPECT_EQ(text_of(receiving.receiver.unpadded()), file);
}

TEST(Xmodem, KeysBeforeTheFirstBlockAreNothing) {
  const std::string file = file_of(300);
  for (const std::string_view keys : {"\r", "\n", "a", "hello\r\n", "\x1b[A", "\x18", "\x04"}) {
    SCOPED_TRACE(::testing::PrintToString(keys));
    Receiving receiving;
    (void)receiving.feed(keys);
    XmodemSender sender(file);
    run(receiving, sender);
    EXPECT_EQ(text_of(receiving.receiver.unpadded()), file);
  }
}

TEST(Xmodem, ASenderThatDiesAnywhereIsGivenUpInTime) {
  const std::string file = file_of(128 * 3);
  for (std::size_t last = 1; last <= 133 * 3 + 1; last += 11) {
    SCOPED_TRACE(last);
    Receiving receiving;
    XmodemSender sender(file);
    std::size_t sent = 0;
    run(receiving, sender, [&](std::string_view bytes) {
      const std::size_t before = std::exchange(sent, sent + bytes.size());
      return std::string(bytes.substr(0, last > before ? last - before : 0));
    });
    const XmodemState state = receiving.receiver.state();
    EXPECT_EQ(state, last < 133 ? XmodemState::no_sender : XmodemState::silence);
    EXPECT_LE(receiving.time_us, last < 133 ? 70'000'000U : 40'000'000U);
  }
}

TEST(Xmodem, ABlockThatIsDamagedEachTimeIsGivenUp) {
  Receiving receiving;
  receiving.take(file_of(128), 1);
  std::string block = xmodem_block(2, "x", true, 128);
  block[50] = 'y';
  std::string sent;
  int times = 0;
  while (receiving.receiver.state() == XmodemState::running) {
    sent += receiving.feed(block);
    sent += receiving.silence();
    ++times;
  }
  EXPECT_EQ(sent, std::string(10, kNak) + kCancel);
  EXPECT_EQ(times, 11);
  EXPECT_EQ(receiving.receiver.state(), XmodemState::damaged);
}

TEST(Xmodem, AFileThatDoesNotFitIsCancelledBeforeItIsWrittenTo) {
  for (const std::size_t room : {0U, 127U, 128U, 1023U, 1024U, 1151U}) {
    for (const std::size_t block : {128U, 1024U}) {
      SCOPED_TRACE(std::to_string(room) + " " + std::to_string(block));
      Receiving receiving(room);
      XmodemSender sender(file_of(2048), {.block = block, .knows_crc = true});
      run(receiving, sender);
      EXPECT_EQ(receiving.receiver.state(), XmodemState::too_large);
      EXPECT_EQ(receiving.receiver.data().size(), room / block * block);
    }
  }
}

// ---- noise ----

struct Outcomes {
  std::size_t complete = 0;
  std::size_t failed = 0;
};

/// Transfers over that line; a file that is complete is the one that was sent.
Outcomes transfers(const Noise& forth, const Noise& back, std::size_t rounds) {
  Outcomes outcomes;
  for (const std::uint64_t seed : alloc::kSeeds) {
    RandomSource random(seed);
    for (std::size_t round = 0; round < rounds; ++round) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", round " + std::to_string(round));
      const std::string file = random_file(random, random.below(6000));
      Receiving receiving;
      XmodemSender sender(file, {.block = random.percent(50) ? 128U : 1024U, .knows_crc = true});
      run(
          receiving, sender, [&](std::string_view bytes) { return forth(bytes, random); },
          [&](std::string_view bytes) { return back(bytes, random); });
      const bool complete = receiving.receiver.state() == XmodemState::complete;
      ++(complete ? outcomes.complete : outcomes.failed);
      if (complete) {
        EXPECT_EQ(text_of(receiving.receiver.unpadded()), file);
      }
    }
  }
  return outcomes;
}

TEST(XmodemNoise, AQuietLineLosesNoFile) {
  const Noise noise{.flips = 3, .drops = 2, .doubles = 1, .inventions = 1};
  const Outcomes outcomes = transfers(noise, {}, 100);
  EXPECT_EQ(outcomes.failed, 0U);
}

TEST(XmodemNoise, ABadLineGivesTheFileOrNone) {
  const Noise noise{.flips = 20, .drops = 10, .doubles = 5, .inventions = 5};
  const Outcomes outcomes = transfers(noise, noise, 100);
  EXPECT_GT(outcomes.complete, 100U);
  EXPECT_GT(outcomes.failed, 0U);
}

TEST(XmodemNoise, NothingButNoiseIsGivenUp) {
  for (const std::uint64_t seed : alloc::kSeeds) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomSource random(seed);
    Receiving receiving;
    for (int i = 0; i < 100'000 && receiving.receiver.state() == XmodemState::running; ++i) {
      (void)receiving.feed(std::string(1, static_cast<char>(random.below(256))));
      if (random.percent(1)) (void)receiving.silence();
    }
    EXPECT_NE(receiving.receiver.state(), XmodemState::running);
    EXPECT_NE(receiving.receiver.state(), XmodemState::complete);
  }
}

}  // namespace
}  // namespace heapscope::shell
