// What the kernel command line asks for.
#include "shell/boot_options.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/alloc/random_source.hpp"
#include "tests/unit/atags/tag_words.hpp"

namespace heapscope::shell {
namespace {

std::vector<std::string> problems_of(const BootOptions& options) {
  std::vector<std::string> list;
  for (const OptionProblem& problem : options.problems) {
    list.push_back(std::string(problem.word) + ": " + std::string(problem.reason));
  }
  return list;
}

using Problems = std::vector<std::string>;

void expect_nothing(const BootOptions& options) {
  EXPECT_EQ(options.allocator, std::nullopt);
  EXPECT_EQ(options.hardening, std::nullopt);
  EXPECT_EQ(options.heap_bytes, std::nullopt);
  EXPECT_EQ(options.mode, std::nullopt);
  EXPECT_EQ(options.run, std::nullopt);
  EXPECT_EQ(problems_of(options), Problems{});
}

TEST(BootOptions, AllKeys) {
  const auto options = read_boot_options(
      "heap.allocator=bump heap.size=64K shell.mode=json shell.run=\"alloc 64; stats; poweroff\"");
  EXPECT_EQ(options.allocator, "bump");
  EXPECT_EQ(options.heap_bytes, 64U * 1024);
  EXPECT_EQ(options.mode, Mode::json);
  EXPECT_EQ(options.run, "alloc 64; stats; poweroff");
  EXPECT_EQ(problems_of(options), Problems{});
}

TEST(BootOptions, EveryLevelOfHardening) {
  for (const alloc::Hardening level : alloc::kHardenings) {
    const std::string line = "heap.hardening=" + std::string(alloc::hardening_name(level));
    const auto options = read_boot_options(line);
    EXPECT_EQ(options.hardening, level) << line;
    EXPECT_EQ(problems_of(options), Problems{}) << line;
  }
}

TEST(BootOptions, NothingAskedFor) {
  for (const std::string_view line : {"", " ", "\t\n", "root=/dev/sda1 quiet", "=", "= =x", "x="}) {
    SCOPED_TRACE(line);
    expect_nothing(read_boot_options(line));
  }
}

TEST(BootOptions, AnyBlanksSeparate) {
  const auto options =
      read_boot_options("  heap.size=1M\t\tshell.mode=plain\nheap.allocator=bin\r\n");
  EXPECT_EQ(options.heap_bytes, 1024U * 1024);
  EXPECT_EQ(options.mode, Mode::plain);
  EXPECT_EQ(options.allocator, "bin");
}

TEST(BootOptions, QuotesInBothStyles) {
  for (const std::string_view line :
       {"x shell.run=\"echo a  b\" y", "x shell.run='echo a  b' y", "x \"shell.run=echo a  b\" y",
        "x 'shell.run=echo a  b' y", "shell.run=\"echo a  b\"", "'shell.run=echo a  b'"}) {
    const auto options = read_boot_options(line);
    EXPECT_EQ(options.run, "echo a  b") << line;
    EXPECT_EQ(problems_of(options), Problems{}) << line;
  }
}

TEST(BootOptions, TheOtherQuoteInsideIsKept) {
  EXPECT_EQ(read_boot_options("shell.run=\"echo 'a b'\"").run, "echo 'a b'");
  EXPECT_EQ(read_boot_options("shell.run='echo \"a b\"'").run, "echo \"a b\"");
}

TEST(BootOptions, EmptyValues) {
  for (const std::string_view line : {"shell.run=", "shell.run=\"\"", "shell.run=''"}) {
    EXPECT_EQ(read_boot_options(line).run, "") << line;
  }
  EXPECT_EQ(problems_of(read_boot_options("heap.size=")),
            (Problems{"heap.size=: its value is not a size"}));
}

TEST(BootOptions, TheLastOneCounts) {
  const auto options = read_boot_options(
      "heap.size=1K heap.allocator=bump shell.mode=json shell.run=a heap.size=2K "
      "heap.allocator=bin shell.mode=plain shell.run=b");
  EXPECT_EQ(options.heap_bytes, 2048U);
  EXPECT_EQ(options.allocator, "bin");
  EXPECT_EQ(options.mode, Mode::plain);
  EXPECT_EQ(options.run, "b");
}

TEST(BootOptions, WhatCannotBeUsedIsSaid) {
  const std::vector<std::pair<std::string_view, std::string>> lines{
      {"heap.size=12Q", "heap.size=12Q: its value is not a size"},
      {"heap.size=-1", "heap.size=-1: its value is not a size"},
      {"heap.size=18446744073709551616", "heap.size=18446744073709551616: its value is not a size"},
      {"heap.size", "heap.size: its value is not a size"},
      {"heap.hardening=max",
       "heap.hardening=max: there is no such level; they are none, default and full"},
      {"heap.hardening=",
       "heap.hardening=: there is no such level; they are none, default and full"},
      {"shell.mode=xml", "shell.mode=xml: there is no such mode"},
      {"shell.mode=", "shell.mode=: there is no such mode"},
      {"heap.sise=64K", "heap.sise=64K: there is no such key"},
      {"shell.runs=x", "shell.runs=x: there is no such key"},
      {"heap.", "heap.: there is no such key"},
      {"shell.run=\"alloc 64", "shell.run=\"alloc 64: its quote does not end"},
      {"shell.run='a\" b", "shell.run='a\" b: its quote does not end"},
  };
  for (const auto& [line, problem] : lines) {
    const auto options = read_boot_options(line);
    EXPECT_EQ(problems_of(options), (Problems{problem})) << line;
    EXPECT_EQ(options.run, std::nullopt) << line;
    EXPECT_EQ(options.heap_bytes, std::nullopt) << line;
  }
}

TEST(BootOptions, AProblemDoesNotSpoilTheRest) {
  const auto options =
      read_boot_options("heap.size=x heap.allocator=bin shell.mode=y heap.size=4K");
  EXPECT_EQ(options.heap_bytes, 4096U);
  EXPECT_EQ(options.allocator, "bin");
  EXPECT_EQ(options.problems.size(), 2U);
}

TEST(BootOptions, AValueThatCannotBeUsedLeavesTheOneBefore) {
  const auto options = read_boot_options("heap.size=4K heap.size=x");
  EXPECT_EQ(options.heap_bytes, 4096U);
  EXPECT_EQ(options.problems.size(), 1U);
}

TEST(BootOptions, MoreProblemsThanRoom) {
  std::string line;
  for (int i = 0; i < 30; ++i) line += "heap.x" + std::to_string(i) + "=1 ";
  line += "heap.size=4K";
  const auto options = read_boot_options(line);
  EXPECT_TRUE(options.problems.full());
  EXPECT_EQ(options.problems[0].word, "heap.x0=1");
  EXPECT_EQ(options.heap_bytes, 4096U);
}

TEST(BootOptions, ForeignWordsAreIgnored) {
  for (const std::string_view line :
       {"heaps.size=1 heap=1 shell=2 HEAP.SIZE=1 my.heap.size=4 heap:size=3 shellmode=json",
        "dyndbg=\"file a.c +p; heap.size=64K\" 'mode json' x=\"y z\"", "size=64K mode=json"}) {
    SCOPED_TRACE(line);
    expect_nothing(read_boot_options(line));
  }
}

TEST(BootOptions, TheCommandLineOfARealPi) {
  const std::string line(atags::test::kPi3CommandLine);
  ASSERT_EQ(line.size(), 355U);
  expect_nothing(read_boot_options(line));
  const std::string longer = line + " heap.size=64K shell.run=\"stats; poweroff 3\"";
  const auto options = read_boot_options(longer);
  EXPECT_EQ(options.heap_bytes, 64U * 1024);
  EXPECT_EQ(options.run, "stats; poweroff 3");
  EXPECT_EQ(problems_of(options), Problems{});
}

TEST(BootOptions, AnyBytesAtAllAreReadWithoutHarm) {
  for (const std::uint64_t seed : alloc::kSeeds) {
    alloc::RandomSource random(seed);
    static constexpr std::string_view kBytes = "heap.size=shell.run=mode \"' \t1K\x80\xff";
    for (int i = 0; i < 2000; ++i) {
      // Exactly as long as its text, so that a look behind the end is noticed.
      std::vector<char> text(random.below(60));
      for (char& c : text) c = random.pick(kBytes);
      const std::string_view line(text.data(), text.size());
      for (const OptionProblem& problem : read_boot_options(line).problems) {
        EXPECT_NE(line.find(problem.word), std::string_view::npos);
        EXPECT_FALSE(problem.reason.empty());
      }
    }
  }
}

}  // namespace
}  // namespace heapscope::shell
