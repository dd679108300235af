// The tag list against damaged and random words: whatever it is given, it reads
// nothing outside its window, ends, and gives only what is in the window.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "atags/tag_list.hpp"
#include "tests/unit/atags/exact_buffer.hpp"
#include "tests/unit/atags/tag_words.hpp"

namespace heapscope::atags {
namespace {

using test::ExactBuffer;
using test::Words;
using Random = std::mt19937;

std::uint32_t below(Random& random, std::size_t limit) {
  return std::uniform_int_distribution<std::uint32_t>(
      0, static_cast<std::uint32_t>(limit - 1))(random);
}

// Values that are likely to hurt: sizes around the limits, identifiers, text.
std::uint32_t nasty_word(Random& random, std::size_t window_words) {
  switch (below(random, 6)) {
    case 0:
      return below(random, 12);
    case 1:
      return static_cast<std::uint32_t>(window_words) - below(random, 4);
    case 2:
      return 0x54410001 + below(random, 10);
    case 3:
      return 0x54420005;
    case 4:
      return 0x61616161;
    default:
      return static_cast<std::uint32_t>(random());
  }
}

bool lies_inside(std::span<const std::uint32_t> part, std::span<const std::uint32_t> window) {
  return std::less_equal<>{}(window.data(), part.data()) &&
         std::less_equal<>{}(part.data() + part.size(), window.data() + window.size());
}

bool lies_inside(std::string_view text, std::span<const std::uint32_t> window) {
  const auto* first = reinterpret_cast<const char*>(window.data());
  return std::less_equal<>{}(first, text.data()) &&
         std::less{}(text.data() + text.size(), first + window.size_bytes());
}

void expect_sound_tag(const Tag& tag, std::size_t offset, std::span<const std::uint32_t> window) {
  EXPECT_EQ(tag.offset_words, offset);
  EXPECT_GE(tag.raw.size(), 2U);
  ASSERT_TRUE(lies_inside(tag.raw, window));
  EXPECT_EQ(tag.raw.data(), window.data() + offset);
  EXPECT_EQ(tag.raw[1], tag.id);
  if (const auto* line = tag.as<CmdLine>()) {
    EXPECT_TRUE(lies_inside(line->text, tag.raw));
  }
}

// Walks to the end; how many tags there were.
std::size_t expect_sound_walk(std::span<const std::uint32_t> window) {
  TagCursor cursor(window);
  std::size_t tags = 0;
  std::size_t offset = 0;
  bool none_seen = false;
  while (const auto tag = cursor.next()) {
    EXPECT_FALSE(none_seen);
    none_seen = tag->id == 0;
    expect_sound_tag(*tag, offset, window);
    offset += tag->raw.size();
    ++tags;
  }
  EXPECT_FALSE(cursor.next().has_value());
  EXPECT_NE(none_seen, cursor.malformed().has_value());
  EXPECT_LE(cursor.covered_words(), window.size());
  if (cursor.malformed()) {
    EXPECT_EQ(cursor.malformed()->offset_words, offset);
  }
  return tags;
}

void expect_sound_list(const Words& words) {
  ExactBuffer<std::uint32_t> window(words);
  const auto list = TagList::open(window.span());
  if (!list) return;
  const std::size_t tags = expect_sound_walk(window.span());
  ExactBuffer<std::uint32_t> kept(list->extent());
  EXPECT_EQ(expect_sound_walk(kept.span()), tags);
  EXPECT_EQ(TagList::open(kept.span())->malformed(), list->malformed());
}

TEST(TagListRobustness, EveryListCutAnywhere) {
  for (const Words& words : {test::qemu_list(), test::pi3_list(), test::all_tags_list()}) {
    for (std::size_t length = 0; length <= words.size(); ++length) {
      SCOPED_TRACE(length);
      const Words cut(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(length));
      expect_sound_list(cut);
      if (length >= 2 && length < words.size()) {
        EXPECT_TRUE(TagList::open(cut)->malformed().has_value());
      }
    }
  }
}

TEST(TagListRobustness, ListsWithRandomDamage) {
  const std::vector<Words> lists{test::qemu_list(), test::pi3_list(), test::all_tags_list()};
  for (std::uint32_t seed = 0; seed < 20'000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    Words words = lists[below(random, lists.size())];
    words.resize(words.size() - below(random, 4));
    for (std::uint32_t damages = 1 + below(random, 4); damages > 0; --damages) {
      words[below(random, words.size())] = nasty_word(random, words.size());
    }
    words[1] = 0x54410001;
    expect_sound_list(words);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(TagListRobustness, RandomWords) {
  for (std::uint32_t seed = 0; seed < 20'000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    Words words(below(random, 40));
    for (std::uint32_t& word : words) word = nasty_word(random, words.size());
    ExactBuffer<std::uint32_t> window(words);
    expect_sound_walk(window.span());
    expect_sound_list(words);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace heapscope::atags
