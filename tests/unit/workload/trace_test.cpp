// The text form: what is read, what is refused and where, and that writing and
// reading are each other's reverse.
#include <gtest/gtest.h>

#include "tests/unit/alloc/random_source.hpp"
#include "tests/unit/workload/operations.hpp"

namespace heapscope::workload {
namespace {

Operations read(std::string_view text) {
  TraceReader reader(text);
  return all_of(reader);
}

/// The error that a text ends in.
TraceError error_in(std::string_view text) {
  TraceReader reader(text);
  for (;;) {
    const auto operation = reader.next();
    if (!operation) {
      EXPECT_TRUE(all_of(reader).empty()) << "it goes on after an error";
      return operation.error();
    }
    if (!*operation) break;
  }
  ADD_FAILURE() << "nothing was wrong with: " << text;
  return {};
}

TEST(TraceReader, ReadsTheThreeOperations) {
  EXPECT_EQ(read("a 0 64\na 1 100 4096\nr 0 128\nf 1\n"),
            (Operations{a(0, 64), a(1, 100, 4096), r(0, 128), f(1)}));
}

TEST(TraceReader, SkipsCommentsAndBlankLines) {
  EXPECT_EQ(read("#!heapscope trace\n\n  \t\n# nothing\n  a 7 1 # a comment\nf 7# here too\n"),
            (Operations{a(7, 1), f(7)}));
  EXPECT_EQ(read(""), Operations());
  EXPECT_EQ(read("\n\n#"), Operations());
}

TEST(TraceReader, TakesAnyBlanksAndLineEnds) {
  EXPECT_EQ(read("a\t0   5\r\n \tf 0 \r\n"), (Operations{a(0, 5), f(0)}));
  EXPECT_EQ(read("a 0 5\nf 0"), (Operations{a(0, 5), f(0)}));
}

TEST(TraceReader, SaysWhichLineItIsAt) {
  TraceReader reader("# first\n\na 0 5\nf 0\n");
  EXPECT_EQ(reader.position(), 0U);
  (void)reader.next();
  EXPECT_EQ(reader.position(), 3U);
  (void)reader.next();
  EXPECT_EQ(reader.position(), 4U);
  EXPECT_EQ(reader.remaining(), 0U);
}

TEST(TraceReader, TakesTheLargestAndTheSmallest) {
  EXPECT_EQ(read("a 1048575 1099511627775 1073741824\na 0 1 1\n"),
            (Operations{a(kMaxBlocks - 1, kMaxSize - 1, kMaxAlign), a(0, 1, 1)}));
}

struct Malformed {
  std::string_view line;
  TraceFault fault;
};

constexpr Malformed kMalformed[] = {
    {"b 0 5", TraceFault::unknown_operation},
    {"alloc 0 5", TraceFault::unknown_operation},
    {"A 0 5", TraceFault::unknown_operation},
    {"5", TraceFault::unknown_operation},
    {"a", TraceFault::missing_number},
    {"a 0", TraceFault::missing_number},
    {"f", TraceFault::missing_number},
    {"r 0", TraceFault::missing_number},
    {"a 0 # 5", TraceFault::missing_number},
    {"a x 5", TraceFault::malformed_number},
    {"a 0 5K", TraceFault::malformed_number},
    {"a 0 -5", TraceFault::malformed_number},
    {"a 0 +5", TraceFault::malformed_number},
    {"a 0 0x10", TraceFault::malformed_number},
    {"a 0 1.5", TraceFault::malformed_number},
    {"a 0 18446744073709551616", TraceFault::malformed_number},
    {"a 0 99999999999999999999999999", TraceFault::malformed_number},
    {"a 1048576 5", TraceFault::id_too_large},
    {"f 18446744073709551615", TraceFault::id_too_large},
    {"a 0 0", TraceFault::bad_size},
    {"a 0 1099511627776", TraceFault::bad_size},
    {"r 0 0", TraceFault::bad_size},
    {"a 0 5 0", TraceFault::bad_alignment},
    {"a 0 5 24", TraceFault::bad_alignment},
    {"a 0 5 2147483648", TraceFault::bad_alignment},
    {"a 0 5 16 1", TraceFault::trailing_text},
    {"f 0 5", TraceFault::trailing_text},
    {"r 0 5 16", TraceFault::trailing_text},
};

TEST(TraceReader, RefusesWhatIsMalformedWithItsLine) {
  for (const auto& [line, fault] : kMalformed) {
    SCOPED_TRACE(line);
    const std::string text = "# one\na 3 8\n" + std::string(line) + "\na 4 8\n";
    EXPECT_EQ(error_in(text), (TraceError{.position = 3, .fault = fault}));
    EXPECT_EQ(error_in(line), (TraceError{.position = 1, .fault = fault}));
  }
}

TEST(TraceReader, ReadsNoByteOutsideTheText) {
  // Each beginning of a text, in memory of exactly that length: for the sanitizer.
  const std::string_view text = "a 12 345 64\r\nf 12\n# x\nr 1 2";
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const std::vector<char> exact(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(length));
    TraceReader reader({exact.data(), exact.size()});
    for (auto next = reader.next(); next && *next; next = reader.next()) {
    }
  }
}

TEST(TraceReader, AnyBytesAreReadOrRefused) {
  for (const std::uint64_t seed : alloc::kSeeds) {
    alloc::RandomSource random(seed);
    for (int round = 0; round < 3000; ++round) {
      constexpr std::string_view kBytes = "afr 0123456789\n\r\t#x-\0\xff";
      std::string text;
      const std::uint64_t length = random.below(60);
      for (std::uint64_t i = 0; i < length; ++i) text += random.pick(kBytes);
      TraceReader reader(text);
      auto next = reader.next();
      for (; next && *next; next = reader.next()) {
        EXPECT_EQ(read(written({**next})), Operations{**next});
      }
      EXPECT_LE(reader.position(), length + 1);
    }
  }
}

TEST(TraceWriter, WritesTheAlignmentOnlyWhereItIsNotTheUsualOne) {
  EXPECT_EQ(written({a(0, 64), a(1, 1, 8), r(0, 5), f(1)}), "a 0 64\na 1 1 8\nr 0 5\nf 1\n");
}

TEST(TraceWriter, WhatWasWrittenIsReadBack) {
  for (const std::uint64_t seed : alloc::kSeeds) {
    alloc::RandomSource random(seed);
    Operations operations;
    for (int i = 0; i < 2000; ++i) {
      const auto id = static_cast<BlockId>(random.below(kMaxBlocks));
      const std::uint64_t size = 1 + random.below(kMaxSize - 1);
      const std::uint64_t align = std::uint64_t{1} << random.below(31);
      const std::uint64_t kind = random.below(3);
      operations.push_back(kind == 0 ? a(id, size, align) : kind == 1 ? f(id) : r(id, size));
    }
    EXPECT_EQ(read(written(operations)), operations);
  }
}

TEST(IsTrace, KnowsTracesFromScriptsAndFromAnythingElse) {
  EXPECT_TRUE(is_trace("#!heapscope trace\n"));
  EXPECT_TRUE(is_trace("a 0 64\n"));
  EXPECT_TRUE(is_trace("# recorded\n\nr 0 64\n"));
  EXPECT_FALSE(is_trace("#!heapscope\nalloc 64\n"));
  EXPECT_FALSE(is_trace("alloc 64\n"));
  EXPECT_FALSE(is_trace("# only a comment\n"));
  EXPECT_FALSE(is_trace(""));
  EXPECT_FALSE(is_trace(std::string_view("\x1f\x8b\0\0", 4)));
}

}  // namespace
}  // namespace heapscope::workload
