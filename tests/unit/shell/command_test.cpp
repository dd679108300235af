// Sorting the words of a command into options, by letter and by long name, and arguments.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "shell_rig.hpp"

namespace heapscope::shell {
namespace {

using Kind = Arguments::Error::Kind;
using Words = std::vector<std::string_view>;

constexpr std::array kOptions{
    OptionRecord{.letter = 'l', .word = "live", .value_name = {}, .help = "x"},
    OptionRecord{.letter = 't', .word = "tag", .value_name = "TAG", .help = "x"},
    OptionRecord{.letter = 'n', .value_name = "COUNT", .help = "x"},
};

Result<Arguments, Arguments::Error> parse(const Words& words) {
  return Arguments::parse(words, kOptions);
}

void expect_error(const Words& words, Kind kind, std::string_view word) {
  const auto arguments = parse(words);
  ASSERT_FALSE(arguments) << word;
  EXPECT_EQ(arguments.error().kind, kind) << word;
  EXPECT_EQ(arguments.error().word, word);
}

TEST(Arguments, ALongNameAndItsLetterAreTheSameOption) {
  for (const Words& words : {Words{"-l", "a", "-t", "x"}, Words{"--live", "a", "--tag", "x"},
                             Words{"-tx", "--live", "a"}, Words{"a", "--tag", "x", "-l"}}) {
    const auto arguments = parse(words);
    ASSERT_TRUE(arguments);
    EXPECT_TRUE(arguments->has('l'));
    EXPECT_EQ(arguments->value_of('t'), "x");
    EXPECT_FALSE(arguments->has('n'));
    ASSERT_EQ(arguments->size(), 1U);
    EXPECT_EQ((*arguments)[0], "a");
  }
}

TEST(Arguments, TheValueOfALongNameIsTheNextWordWhateverItIs) {
  EXPECT_EQ(parse({"--tag", "--live"})->value_of('t'), "--live");
  EXPECT_FALSE(parse({"--tag", "--live"})->has('l'));
  EXPECT_EQ(parse({"--tag", "--"})->value_of('t'), "--");
}

TEST(Arguments, TwoDashesAloneEndTheOptions) {
  const auto arguments = parse({"--live", "--", "--tag", "-l", "--"});
  ASSERT_TRUE(arguments);
  EXPECT_TRUE(arguments->has('l'));
  EXPECT_FALSE(arguments->has('t'));
  ASSERT_EQ(arguments->size(), 3U);
  EXPECT_EQ((*arguments)[0], "--tag");
  EXPECT_EQ((*arguments)[2], "--");
}

TEST(Arguments, LongNamesAreTakenWholeOnly) {
  for (const std::string_view word :
       {"--liv", "--lives", "--l", "--Live", "--tagx", "--n", "---", "---live"}) {
    expect_error({word, "x"}, Kind::unknown_option, word);
  }
}

TEST(Arguments, EachIsGivenOnceInWhateverForm) {
  expect_error({"-l", "--live"}, Kind::repeated_option, "--live");
  expect_error({"--live", "-l"}, Kind::repeated_option, "-l");
  expect_error({"--tag", "x", "-ty"}, Kind::repeated_option, "-ty");
  expect_error({"--tag"}, Kind::missing_value, "--tag");
}

TEST(Arguments, AValueMayStandInTheSameWord) {
  EXPECT_EQ(parse({"--tag=x"})->value_of('t'), "x");
  EXPECT_EQ(parse({"--tag=a=b"})->value_of('t'), "a=b");
  EXPECT_EQ(parse({"--tag="})->value_of('t'), "");
  EXPECT_EQ(parse({"-n5"})->value_of('n'), "5");
  expect_error({"--live=x"}, Kind::unknown_option, "--live=x");
  expect_error({"--=x"}, Kind::unknown_option, "--=x");
}

}  // namespace
}  // namespace heapscope::shell
