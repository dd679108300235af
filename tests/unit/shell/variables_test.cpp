// The room for variables: order, replacement, limits, and a map to compare with.
#include "shell/variables.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "tests/unit/alloc/random_source.hpp"

namespace heapscope::shell {
namespace {

using Map = std::map<std::string, std::string>;

Map contents(const Variables& variables) {
  Map all;
  std::string before;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const auto [name, value] = variables.at(i);
    EXPECT_LT(before, name) << "out of order";
    before = name;
    all.emplace(name, value);
  }
  return all;
}

TEST(Variables, NamesAreLettersDigitsAndUnderscores) {
  EXPECT_EQ(leading_name("abc def"), "abc");
  EXPECT_EQ(leading_name("_a1-"), "_a1");
  EXPECT_EQ(leading_name("Z"), "Z");
  for (const std::string_view none : {"", "1a", "-a", " a", "?", "\xc3\xa4"}) {
    EXPECT_EQ(leading_name(none), "") << none;
  }
}

TEST(Variables, AreSetReplacedAndRemoved) {
  Variables variables;
  EXPECT_FALSE(variables.find("a"));
  EXPECT_TRUE(variables.set("b", "2"));
  EXPECT_TRUE(variables.set("a", ""));
  EXPECT_TRUE(variables.set("ab", "three"));
  EXPECT_TRUE(variables.set("b", "longer than it was"));
  EXPECT_EQ(contents(variables), (Map{{"a", ""}, {"ab", "three"}, {"b", "longer than it was"}}));
  variables.remove("ab");
  variables.remove("nope");
  EXPECT_EQ(contents(variables), (Map{{"a", ""}, {"b", "longer than it was"}}));
  EXPECT_EQ(variables.find("a"), "");
  EXPECT_FALSE(variables.find("ab"));
}

TEST(Variables, OneTooManyChangesNothing) {
  Variables variables;
  for (std::size_t i = 0; i < Variables::kMaxCount; ++i) {
    ASSERT_TRUE(variables.set("v" + std::to_string(i), "x"));
  }
  const Map before = contents(variables);
  EXPECT_EQ(variables.set("w", "x").error(), VariableError::too_many);
  EXPECT_EQ(contents(variables), before);
  EXPECT_TRUE(variables.set("v0", "y"));
  variables.remove("v1");
  EXPECT_TRUE(variables.set("w", "x"));
}

TEST(Variables, TheRoomIsUsedToItsLastByte) {
  Variables variables;
  ASSERT_TRUE(variables.set("a", std::string(1023, 'a')));
  EXPECT_EQ(variables.set("b", std::string(1024, 'b')).error(), VariableError::no_room);
  EXPECT_FALSE(variables.find("b"));
  EXPECT_TRUE(variables.set("b", std::string(1023, 'b')));
  EXPECT_EQ(variables.set("c", "").error(), VariableError::no_room);
  EXPECT_EQ(variables.set("a", std::string(1024, 'c')).error(), VariableError::no_room);
  EXPECT_EQ(variables.find("a"), std::string(1023, 'a'));
  EXPECT_TRUE(variables.set("a", std::string(1023, 'd')));
}

TEST(Variables, RandomChangesAgreeWithAMap) {
  for (const std::uint64_t seed : alloc::kSeeds) {
    alloc::RandomSource random(seed);
    const auto variables = std::make_unique<Variables>();
    Map model;
    std::size_t refused = 0;
    for (std::uint64_t i = 0; i < alloc::rounds(5'000); ++i) {
      const std::string name = "n" + std::to_string(random.below(50));
      if (random.percent(30)) {
        variables->remove(name);
        model.erase(name);
      } else {
        const std::string value(random.below(160), static_cast<char>('a' + random.below(26)));
        Map changed = model;
        changed[name] = value;
        std::size_t bytes = 0;
        for (const auto& [n, v] : changed) bytes += n.size() + v.size();
        const bool fits = changed.size() <= Variables::kMaxCount && bytes <= Variables::kRoom;
        ASSERT_EQ(variables->set(name, value).has_value(), fits) << "seed " << seed;
        if (fits) model = changed;
        refused += fits ? 0U : 1U;
      }
      ASSERT_EQ(contents(*variables), model) << "seed " << seed << ", change " << i;
    }
    EXPECT_GT(refused, 0U);
  }
}

}  // namespace
}  // namespace heapscope::shell
