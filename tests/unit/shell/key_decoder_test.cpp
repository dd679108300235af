// Keys out of bytes: every sequence that terminals are known to send, whole and split
// at every byte, and what is no key.
#include "shell/key_decoder.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace heapscope::shell {
namespace {

std::vector<KeyPress> decode(KeyDecoder& decoder, std::string_view bytes) {
  std::vector<KeyPress> keys;
  for (const char c : bytes) {
    if (const auto key = decoder.feed(static_cast<std::uint8_t>(c))) keys.push_back(*key);
  }
  return keys;
}

std::vector<KeyPress> decode(std::string_view bytes) {
  KeyDecoder decoder;
  return decode(decoder, bytes);
}

struct Case {
  std::string_view bytes;
  Key key;
};

constexpr Case kCases[] = {
    {"\x1b[A", Key::up},
    {"\x1bOA", Key::up},
    {"\x1b[B", Key::down},
    {"\x1bOB", Key::down},
    {"\x1b[C", Key::right},
    {"\x1bOC", Key::right},
    {"\x1b[D", Key::left},
    {"\x1bOD", Key::left},
    {"\x1b[H", Key::home},
    {"\x1bOH", Key::home},
    {"\x1b[1~", Key::home},
    {"\x1b[7~", Key::home},
    {"\x1b[1;2H", Key::home},
    {"\x1b[F", Key::end},
    {"\x1bOF", Key::end},
    {"\x1b[4~", Key::end},
    {"\x1b[8~", Key::end},
    {"\x1b[1;5F", Key::end},
    {"\x1b[2~", Key::other},
    {"\x1b[3~", Key::erase},
    {"\x1b[3;2~", Key::erase},
    {"\x1b[3;5~", Key::erase_word_right},
    {"\x1b[3^", Key::erase_word_right},
    {"\x1b[5~", Key::page_up},
    {"\x1b[6~", Key::page_down},
    {"\x1b[1;5C", Key::word_right},
    {"\x1b[1;3C", Key::word_right},
    {"\x1b[5C", Key::word_right},
    {"\x1bO5C", Key::word_right},
    {"\x1bOc", Key::word_right},
    {"\x1b\x1b[C", Key::word_right},
    {"\x1b[1;2C", Key::right},
    {"\x1b[1;5D", Key::word_left},
    {"\x1b[1;3D", Key::word_left},
    {"\x1bOd", Key::word_left},
    {"\x1b\x1bOD", Key::word_left},
    {"\x1b[1;2D", Key::left},
    {"\x1b[1;5A", Key::up},
    {"\x1b"
     "b",
     Key::word_left},
    {"\x1b"
     "f",
     Key::word_right},
    {"\x1b"
     "d",
     Key::erase_word_right},
    {"\x1b\x7f", Key::erase_word_left},
    {"\x1b\x08", Key::erase_word_left},
    {"\x1bx", Key::alt},
    {"\x1b]", Key::alt},
    {"\x1b\r", Key::enter},
    {"\x1bOM", Key::enter},
    {"\x1bOp", Key::text},
    {"\x1b[200~", Key::paste_begins},
    {"\x1b[201~", Key::paste_ends},
    {"\x1b[0n", Key::status},
    {"\x1b[3n", Key::other},
    {"\x1b[24;80R", Key::position},
    {"\x1b[8;24;80t", Key::position},
    {"\x1b[R", Key::other},
    {"\x1b[?1;2c", Key::other},
    {"\x1b[>0;276;0c", Key::other},
    {"\x1b[?2004;1$y", Key::other},
    {"\x1b[11~", Key::other},
    {"\x1b[24~", Key::other},
    {"\x1b[[A", Key::other},
    {"\x1b[[E", Key::other},
    {"\x1bOP", Key::other},
    {"\x1bOS", Key::other},
    {"\x1b[1;5P", Key::other},
    {"\x1b[Z", Key::other},
    {"\x1b[I", Key::other},
    {"\x1b[13;2u", Key::other},
    {"\x1b[99999999999999999999;1;2;3;4;5;6~", Key::other},
    {"\r", Key::enter},
    {"\t", Key::tab},
    {"\x08", Key::backspace},
    {"\x7f", Key::backspace},
    {"\x01", Key::control},
    {"\x1f", Key::control},
    {"a", Key::text},
    {"\u00e9", Key::text},
    {"\u4e2d", Key::text},
    {"\U0001f600", Key::text},
    {"\u0085", Key::invalid},
    {"\x80", Key::invalid},
    {"\xff", Key::invalid},
    {"\xe0\x80\x80", Key::invalid},
    {"\xed\xa0\x80", Key::invalid},
};

std::string shown(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += std::to_string(static_cast<unsigned char>(c)) + " ";
  return text;
}

TEST(KeyDecoder, EverySequenceIsOneKeyAndTheNextOneIsWhatItIs) {
  for (const Case& each : kCases) {
    KeyDecoder decoder;
    const auto keys = decode(decoder, each.bytes);
    ASSERT_EQ(keys.size(), 1U) << shown(each.bytes);
    EXPECT_EQ(keys[0].key, each.key) << shown(each.bytes);
    const auto next = decode(decoder, "z");
    ASSERT_EQ(next.size(), 1U) << shown(each.bytes);
    EXPECT_EQ(next[0].text(), "z") << shown(each.bytes);
  }
}

TEST(KeyDecoder, NothingComesBeforeTheLastByteHoweverTheyAreSplit) {
  for (const Case& each : kCases) {
    for (std::size_t split = 1; split < each.bytes.size(); ++split) {
      KeyDecoder decoder;
      EXPECT_TRUE(decode(decoder, each.bytes.substr(0, split)).empty()) << shown(each.bytes);
      const auto keys = decode(decoder, each.bytes.substr(split));
      ASSERT_EQ(keys.size(), 1U) << shown(each.bytes) << "split at " << split;
      EXPECT_EQ(keys[0].key, each.key) << shown(each.bytes);
    }
  }
}

TEST(KeyDecoder, AControlByteEndsASequenceAndCounts) {
  for (const std::string_view begun : {"\x1b", "\x1b[", "\x1b[1;", "\x1bO", "\xe4\xb8"}) {
    const auto keys = decode(std::string(begun) + "\ra");
    ASSERT_EQ(keys.size(), 2U) << shown(begun);
    EXPECT_EQ(keys[0].key, Key::enter) << shown(begun);
    EXPECT_EQ(keys[1].text(), "a") << shown(begun);
  }
}

TEST(KeyDecoder, ASequenceThatIsBrokenOffByAnotherLeavesTheOther) {
  const auto keys = decode("\x1b[1;\x1b[A");
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0].key, Key::up);
}

TEST(KeyDecoder, CarriageReturnAndLineFeedAreOneEnter) {
  EXPECT_EQ(decode("\r\n").size(), 1U);
  EXPECT_EQ(decode("\n").size(), 1U);
  EXPECT_EQ(decode("\r\r\n\n").size(), 3U);
  EXPECT_EQ(decode("\n\r").size(), 2U);
}

TEST(KeyDecoder, PositionsAreRead) {
  const auto keys = decode("\x1b[24;132R\x1b[8;50;40t\x1b[99999;70000R");
  ASSERT_EQ(keys.size(), 3U);
  EXPECT_EQ(keys[0].row, 24);
  EXPECT_EQ(keys[0].column, 132);
  EXPECT_EQ(keys[1].row, 50);
  EXPECT_EQ(keys[1].column, 40);
  EXPECT_EQ(keys[2].row, 9999);
}

TEST(KeyDecoder, TheKeypadSendsItsCharacters) {
  std::string text;
  for (const KeyPress& key : decode("\x1bOj\x1bOk\x1bOl\x1bOm\x1bOn\x1bOo\x1bOp\x1bOy")) {
    text += key.text();
  }
  EXPECT_EQ(text, "*+,-./09");
}

TEST(KeyDecoder, AnEscapeAloneIsAKeyWhenSomebodySaysSo) {
  KeyDecoder decoder;
  EXPECT_FALSE(decoder.after_escape());
  EXPECT_TRUE(decode(decoder, "\x1b").empty());
  EXPECT_TRUE(decoder.after_escape());
  EXPECT_EQ(decoder.end_escape().key, Key::escape);
  const auto keys = decode(decoder, "[A");
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[0].text(), "[");
}

TEST(KeyDecoder, ABrokenCharacterIsToldWithTheKeyThatBrokeIt) {
  const auto keys = decode(
      "\xe4\xb8"
      "a\xc3\x1b[A");
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_TRUE(keys[0].after_invalid);
  EXPECT_EQ(keys[0].text(), "a");
}

TEST(KeyDecoder, WhateverComesTextFollowsAfterAFewBytes) {
  const unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    KeyDecoder decoder;
    std::string noise;
    for (int i = 0; i < 20; ++i) noise += static_cast<char>(random() % 256);
    decode(decoder, noise);
    // A final byte ends whatever sequence is open; then text is text.
    decode(decoder, "~~~");
    const auto keys = decode(decoder, "x");
    ASSERT_EQ(keys.size(), 1U) << "seed " << seed << ": " << shown(noise);
    EXPECT_EQ(keys[0].text(), "x") << "seed " << seed << ": " << shown(noise);
  }
}

}  // namespace
}  // namespace heapscope::shell
