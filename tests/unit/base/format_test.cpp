// The formatter: every kind of argument, padding, and the panic text it makes.
#include "base/format.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "base/panic.hpp"

namespace heapscope {
namespace {

template <class... Args>
std::string formatted(FormatText<std::type_identity_t<Args>...> text, const Args&... args) {
  FixedText<128> out;
  format(out, text, args...);
  return std::string(out.view());
}

TEST(Format, PlainTextAndBraces) {
  EXPECT_EQ(formatted("plain"), "plain");
  EXPECT_EQ(formatted(""), "");
  EXPECT_EQ(formatted("{{}} {}", 1), "{} 1");
}

TEST(Format, Integers) {
  EXPECT_EQ(formatted("{} {} {}", 0, -1, 42U), "0 -1 42");
  EXPECT_EQ(formatted("{}", std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(formatted("{}", std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(formatted("{:x} {:#x}", 255, 255), "ff 0xff");
  EXPECT_EQ(formatted("{:08x}", 0xBEEFU), "0000beef");
  EXPECT_EQ(formatted("{:#010x}", 0xBEEFU), "0x0000beef");
}

TEST(Format, TextCharactersAndBooleans) {
  EXPECT_EQ(formatted("{}{}{}", "a", 'b', std::string_view("c")), "abc");
  EXPECT_EQ(formatted("{} {}", true, false), "true false");
}

TEST(Format, Padding) {
  EXPECT_EQ(formatted("[{:5}]", 42), "[   42]");
  EXPECT_EQ(formatted("[{:<5}]", 42), "[42   ]");
  EXPECT_EQ(formatted("[{:5}]", "ab"), "[ab   ]");
  EXPECT_EQ(formatted("[{:>5}]", "ab"), "[   ab]");
  EXPECT_EQ(formatted("[{:2}]", "abc"), "[abc]");
}

TEST(Format, FixedTextCutsWhatDoesNotFit) {
  FixedText<4> out;
  format(out, "{}", "abcdef");
  EXPECT_EQ(out.view(), "abcd");
  out.write("x");
  EXPECT_EQ(out.view(), "abcd");
}

TEST(PanicDeathTest, ReportsTheFormattedMessage) {
  EXPECT_DEATH(panic("bad align {}", 3), "panic: bad align 3");
}

}  // namespace
}  // namespace heapscope
