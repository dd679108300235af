// Results in registers behave as std::expected does, as far as they go.
#include "base/result.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <type_traits>

namespace heapscope {
namespace {

enum class Reason : std::uint8_t { first, second };

using Number = Result<std::uint64_t, Reason>;
using Nothing = Result<void, Reason>;

// What fits in registers is kept there; all else is a std::expected.
static_assert(std::is_same_v<Number, RegisterResult<std::uint64_t, Reason>>);
static_assert(std::is_same_v<Result<std::string, Reason>, std::expected<std::string, Reason>>);
static_assert(std::is_same_v<Result<int, std::string>, std::expected<int, std::string>>);
static_assert(std::is_trivially_copyable_v<Number> && sizeof(Number) == 16);
static_assert(alignof(Number) == sizeof(Number));
static_assert(std::is_trivially_copyable_v<Nothing> && sizeof(Nothing) == 4);
static_assert(!std::is_convertible_v<Number, bool>);

TEST(Result, HoldsAValue) {
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, UINT64_MAX}) {
    const Number result = value;
    EXPECT_TRUE(result.has_value());
    EXPECT_TRUE(result);
    EXPECT_EQ(*result, value);
    EXPECT_EQ(result.value(), value);
    EXPECT_EQ(result.value_or(7), value);
    EXPECT_EQ(result, value);
  }
}

TEST(Result, HoldsAnErrorOfAnyNumber) {
  for (const Reason reason : {Reason::first, Reason::second}) {
    const Number result = fail(reason);
    EXPECT_FALSE(result.has_value());
    EXPECT_FALSE(result);
    EXPECT_EQ(result.error(), reason);
    EXPECT_EQ(result.value_or(7), 7U);
    EXPECT_EQ(result, fail(reason));
    const Nothing nothing = fail(reason);
    EXPECT_FALSE(nothing);
    EXPECT_EQ(nothing.error(), reason);
    EXPECT_EQ(nothing, fail(reason));
  }
}

TEST(Result, TellsValuesAndErrorsApart) {
  const Number zero = 0;
  const Number error = fail(Reason::first);
  EXPECT_NE(zero, error);
  EXPECT_NE(zero, fail(Reason::first));
  EXPECT_NE(error, fail(Reason::second));
  EXPECT_NE(error, std::uint64_t{0});
  EXPECT_EQ(zero, Number{0});
  EXPECT_EQ(error, Number{fail(Reason::first)});
  EXPECT_NE(Nothing{}, fail(Reason::first));
  EXPECT_EQ(Nothing{}, Nothing{});
}

TEST(Result, WithoutASayIsAValue) {
  EXPECT_TRUE(Nothing{});
  EXPECT_EQ(Number{}, std::uint64_t{0});
}

TEST(ResultDeathTest, TheValueOfAnErrorPanics) {
  const Number error = fail(Reason::first);
  EXPECT_DEATH((void)error.value(), "a result without a value was taken for one");
}

}  // namespace
}  // namespace heapscope
