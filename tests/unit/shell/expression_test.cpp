// Comparisons: what holds, what does not, and what is no comparison.
#include "shell/expression.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/alloc/random_source.hpp"

namespace heapscope::shell {
namespace {

using Kind = ExpressionError::Kind;

struct TestFigures final : Figures {
  [[nodiscard]] std::optional<std::uint64_t> find(std::string_view name) const override {
    if (name == "ten") return 10;
    if (name == "used_bytes2") return 2048;
    if (name == "huge") return UINT64_MAX;
    return std::nullopt;
  }
};

/// "yes", "no", or the kind of the error and the text that it points at.
std::string judged(std::string_view text) {
  const auto held = holds(text, TestFigures{});
  if (held) return *held ? "yes" : "no";
  return std::to_string(static_cast<int>(held.error().kind)) + " " + std::string(held.error().text);
}
std::string error(Kind kind, std::string_view text) {
  return std::to_string(static_cast<int>(kind)) + " " + std::string(text);
}

TEST(Expression, Comparisons) {
  for (const std::string_view text :
       {"1 == 1", "1!=2", "1<2", "2>1", "1<=1", "1>=1", "1 <= 2", "ten == 10", "10==ten",
        "used_bytes2 == 2K", "0x10 == 0b1_0000", "1G == 1024 * 1024K"}) {
    EXPECT_EQ(judged(text), "yes") << text;
  }
  for (const std::string_view text :
       {"1 == 2", "1!=1", "2<1", "1<1", "1>1", "2<=1", "1>=2", "ten == 11", "ten - 11 > 0"}) {
    EXPECT_EQ(judged(text), "no") << text;
  }
}

TEST(Expression, Arithmetic) {
  for (const std::string_view text :
       {"1 + 2 * 3 == 7", "(1 + 2) * 3 == 9", "10 - 2 - 3 == 5", "100 / 10 / 5 == 2", "7 / 2 == 3",
        "3 - 5 < 0", "-3 == 0 - 3", "- -3 == 3", "-(1+2)*2 == -6", "2*-3 == -6", "((((1)))) == 1",
        "ten*ten==100", "\t1\t==\t1\t", "-7 / 2 == -3"}) {
    EXPECT_EQ(judged(text), "yes") << text;
  }
}

TEST(Expression, WhatIsNoComparison) {
  EXPECT_EQ(judged("ten"), error(Kind::no_comparison, ""));
  EXPECT_EQ(judged("1 + 2 "), error(Kind::no_comparison, ""));
  EXPECT_EQ(judged(""), error(Kind::unexpected, ""));
  EXPECT_EQ(judged("1 =="), error(Kind::unexpected, ""));
  EXPECT_EQ(judged("== 1"), error(Kind::unexpected, "== 1"));
  EXPECT_EQ(judged("1 = 1"), error(Kind::unexpected, "= 1"));
  EXPECT_EQ(judged("1 < 2 < 3"), error(Kind::unexpected, "< 3"));
  EXPECT_EQ(judged("(1 == 1)"), error(Kind::unexpected, "== 1)"));
  EXPECT_EQ(judged("(1 + 2 == 3"), error(Kind::unexpected, "== 3"));
  EXPECT_EQ(judged("1 2 == 3"), error(Kind::unexpected, "2 == 3"));
  EXPECT_EQ(judged("1.5 == 1"), error(Kind::unexpected, ".5 == 1"));
  EXPECT_EQ(judged("1 == nope"), error(Kind::unknown_name, "nope"));
  EXPECT_EQ(judged("1x == 1"), error(Kind::bad_number, "1x"));
  EXPECT_EQ(judged("99999999999999999999 == 1"), error(Kind::bad_number, "99999999999999999999"));
  EXPECT_EQ(judged("1 / 0 == 1"), error(Kind::division_by_zero, " == 1"));
}

TEST(Expression, NothingWraps) {
  const std::string most = "9223372036854775807";
  EXPECT_EQ(judged(most + " > 0"), "yes");
  for (const std::string& text :
       {most + " + 1 > 0", "0 - " + most + " - 2 < 0", most + " * 2 > 0",
        "-(0 - " + most + " - 1) > 0", "(0 - " + most + " - 1) / -1 > 0", std::string("huge > 0"),
        std::string("9223372036854775808 > 0")}) {
    const auto held = holds(text, TestFigures{});
    ASSERT_FALSE(held) << text;
    EXPECT_EQ(held.error().kind, Kind::out_of_range) << text;
  }
}

TEST(Expression, IsNotDeeperThanTheStack) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '(') + "1" + std::string(depth, ')') + " == 1";
  };
  EXPECT_EQ(judged(nested(15)), "yes");
  for (const std::string& text : {nested(16), nested(500), std::string(900, '-') + "1 == 1"}) {
    const auto held = holds(text, TestFigures{});
    ASSERT_FALSE(held);
    EXPECT_EQ(held.error().kind, Kind::too_deep);
  }
}

TEST(Expression, NamesAreFoundInOrder) {
  std::string_view text = "2*a_1 <= (b+0xff)-4K && c";
  std::vector<std::string> names;
  for (std::string_view name; !(name = take_name(text)).empty();) names.emplace_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"a_1", "b", "c"}));
}

TEST(Expression, RandomSumsAgreeWithTheHost) {
  for (const std::uint64_t seed : alloc::kSeeds) {
    alloc::RandomSource random(seed);
    for (std::uint64_t i = 0; i < alloc::rounds(2'000); ++i) {
      std::int64_t sum = 0;
      std::string text = "0";
      for (std::uint64_t terms = random.below(8); terms > 0; --terms) {
        const auto a = static_cast<std::int64_t>(random.below(1000));
        const auto b = static_cast<std::int64_t>(random.between(1, 1000));
        const bool divides = random.percent(50);
        const bool minus = random.percent(50);
        const std::int64_t term = divides ? a / b : a * b;
        text +=
            (minus ? " - " : "+") + std::to_string(a) + (divides ? "/" : " * ") + std::to_string(b);
        sum += minus ? -term : term;
      }
      const std::string equal = text + " == " + std::to_string(sum);
      ASSERT_EQ(judged(equal), "yes") << "seed " << seed << ": " << equal;
      ASSERT_EQ(judged(text + " > " + std::to_string(sum)), "no") << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace heapscope::shell
