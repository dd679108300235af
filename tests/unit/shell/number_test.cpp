// Numbers as people write them.
#include "shell/number.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "error_of.hpp"
#include "tests/unit/alloc/random_source.hpp"

namespace heapscope::shell {
namespace {

constexpr std::uint64_t kMax = UINT64_MAX;

void expect_number(std::string_view text, std::uint64_t value) {
  const auto number = parse_number(text);
  ASSERT_TRUE(number) << "'" << text << "'";
  EXPECT_EQ(*number, value) << "'" << text << "'";
}

void expect_error(std::string_view text, NumberError error) {
  EXPECT_EQ(test::error_of(parse_number(text)), error) << "'" << text << "'";
}

TEST(Number, Decimal) {
  expect_number("0", 0);
  expect_number("7", 7);
  expect_number("64", 64);
  expect_number("007", 7);
  expect_number("18446744073709551615", kMax);
  expect_number("0000000000000000000000000000064", 64);
}

TEST(Number, Hexadecimal) {
  expect_number("0x0", 0);
  expect_number("0x40", 64);
  expect_number("0XfF", 255);
  expect_number("0xAbCdEf", 0xabcdef);
  expect_number("0xffffffffffffffff", kMax);
  expect_number("0x00000000000000000000001", 1);
}

TEST(Number, Binary) {
  expect_number("0b0", 0);
  expect_number("0b1000000", 64);
  expect_number("0B101", 5);
  expect_number("0b" + std::string(64, '1'), kMax);
}

TEST(Number, UnderscoresBetweenDigits) {
  expect_number("1_000_000", 1'000'000);
  expect_number("1_2_3", 123);
  expect_number("0xdead_beef", 0xdeadbeef);
  expect_number("0b1111_0000", 0xf0);
  expect_number("1_024K", 1'048'576);
  for (const std::string_view text :
       {"_1", "1_", "1__2", "_", "0x_1", "0x1_", "0b_1", "0b1_", "1_K", "_K", "0_x1"}) {
    expect_error(text, NumberError::malformed);
  }
}

TEST(Number, SuffixesArePowersOf1024) {
  expect_number("1K", 1024);
  expect_number("1k", 1024);
  expect_number("64K", 65'536);
  expect_number("3M", 3 * 1'048'576);
  expect_number("3m", 3 * 1'048'576);
  expect_number("2G", std::uint64_t{2} << 30);
  expect_number("2g", std::uint64_t{2} << 30);
  expect_number("0G", 0);
  expect_number("0x10K", 16 * 1024);
  expect_number("0b11M", 3 * 1'048'576);
}

TEST(Number, Limits) {
  expect_error("18446744073709551616", NumberError::out_of_range);
  expect_error("99999999999999999999999999", NumberError::out_of_range);
  expect_error("0x1_0000_0000_0000_0000", NumberError::out_of_range);
  expect_error("0b1" + std::string(64, '0'), NumberError::out_of_range);
  // 2^64 / 2^30 = 2^34: the last that fits, and the first that does not.
  expect_number("17179869183G", 17'179'869'183U << 30);
  expect_error("17179869184G", NumberError::out_of_range);
  expect_number("17592186044415M", 17'592'186'044'415U << 20);
  expect_error("17592186044416M", NumberError::out_of_range);
  expect_number("18014398509481983K", 18'014'398'509'481'983U << 10);
  expect_error("18014398509481984K", NumberError::out_of_range);
  expect_error("18446744073709551615K", NumberError::out_of_range);
}

TEST(Number, Malformed) {
  for (const std::string_view text :
       {"",    "-1",   "+1",  "1e3", "0x",  "0b", "0b2",  "0b12",  "K",    "k",    "0xK",
        "0bK", "1KB",  "1KK", "1 K", " 1",  "1 ", "1.5",  "1,000", "12a",  "a1",   "0xg",
        "x10", "00x1", "0o7", "1T",  "--1", "1-", "0x-1", "one",   "\x80", "1\x80"}) {
    expect_error(text, NumberError::malformed);
  }
  // A NUL is no digit, and ends nothing.
  expect_error(std::string_view("1\0", 2), NumberError::malformed);
  // Malformed wins over too large, wherever it is.
  expect_error("99999999999999999999999999x", NumberError::malformed);
}

TEST(Number, EveryValueIsReadBackAsItWasWritten) {
  for (const std::uint64_t seed : alloc::kSeeds) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    alloc::RandomSource random(seed);
    for (int i = 0; i < 2000; ++i) {
      const std::uint64_t value = random.below(kMax) >> random.below(64);
      expect_number(std::to_string(value), value);
      std::array<char, 32> digits{};
      std::snprintf(digits.data(), digits.size(), "0x%llx", static_cast<unsigned long long>(value));
      expect_number(digits.data(), value);
      std::string binary;
      for (std::uint64_t rest = value; rest != 0; rest >>= 1) {
        binary.insert(binary.begin(), (rest & 1) != 0 ? '1' : '0');
      }
      expect_number("0b0" + binary, value);
      if (value <= kMax >> 20) expect_number(std::to_string(value) + "M", value << 20);
      if (value > kMax >> 20) {
        expect_error(std::to_string(value) + "M", NumberError::out_of_range);
      }
    }
  }
}

}  // namespace
}  // namespace heapscope::shell
