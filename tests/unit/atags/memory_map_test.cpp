// The memory map, by example and against a model that marks every byte.
#include "atags/memory_map.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <random>
#include <span>

#include "atags/reserved_list.hpp"
#include "tests/unit/atags/print_range.hpp"

namespace heapscope::atags {
namespace {

using test::Ranges;
using test::ranges_of;

constexpr std::uint64_t kGib = std::uint64_t{1} << 30;
constexpr std::uint64_t kTop = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kPi3Peripherals = 0x3f00'0000;

MemoryMap map_of(const Ranges& banks, std::uint64_t ceiling, const Ranges& reserved) {
  return make_memory_map(banks, ceiling, reserved);
}

TEST(RangeFromSize, SaturatesInsteadOfWrapping) {
  static_assert(range_from_size(16, 32) == Range{.start = 16, .end = 48});
  EXPECT_EQ(range_from_size(0xf000'0000, 0x1000'0000).end, 4 * kGib);
  EXPECT_EQ(range_from_size(0xffff'ffff, 0xffff'ffff).end, 0x1'ffff'fffeU);
  EXPECT_EQ(range_from_size(kTop - 1, 1).end, kTop);
  EXPECT_EQ(range_from_size(kTop - 1, 2).end, kTop);
  EXPECT_EQ(range_from_size(2, kTop).end, kTop);
  EXPECT_TRUE(range_from_size(kTop, kTop).empty());
}

TEST(MemoryMap, OfTheRealPi3) {
  const MemoryMap map = map_of({range_from_size(0, 0x3b40'0000)}, kPi3Peripherals,
                               {{.start = 0, .end = 0x12'3456}, {.start = 0x100, .end = 0x300}});
  EXPECT_EQ(ranges_of(map.banks), (Ranges{{.start = 0, .end = 0x3b40'0000}}));
  EXPECT_EQ(ranges_of(map.free), (Ranges{{.start = 0x12'3456, .end = 0x3b40'0000}}));
  EXPECT_EQ(map.largest_free(), map.free[0]);
  EXPECT_FALSE(map.truncated);
}

TEST(MemoryMap, AnInitrdSplitsTheBank) {
  const MemoryMap map =
      map_of({range_from_size(0, 0x3c00'0000)}, kPi3Peripherals,
             {{.start = 0, .end = 0x10'0000}, range_from_size(0x0800'0000, 0x1234)});
  EXPECT_EQ(ranges_of(map.free), (Ranges{{.start = 0x10'0000, .end = 0x0800'0000},
                                         {.start = 0x0800'1234, .end = 0x3c00'0000}}));
  EXPECT_EQ(map.largest_free(), map.free[1]);
}

TEST(MemoryMap, BanksAreClampedToTheCeiling) {
  const MemoryMap map = map_of({{.start = 0, .end = kGib},
                                {.start = kPi3Peripherals, .end = 4 * kGib},
                                {.start = 2 * kGib, .end = 3 * kGib}},
                               kPi3Peripherals, {});
  EXPECT_EQ(ranges_of(map.banks), (Ranges{{.start = 0, .end = kPi3Peripherals}}));
  EXPECT_EQ(ranges_of(map.free), ranges_of(map.banks));
}

TEST(MemoryMap, BanksAreSortedMergedAndEmptyOnesDropped) {
  const MemoryMap map = map_of({{.start = 50, .end = 60},
                                {.start = 7, .end = 7},
                                {.start = 9, .end = 3},
                                {.start = 20, .end = 30},
                                {.start = 30, .end = 40},
                                {.start = 0, .end = 10},
                                {.start = 25, .end = 35},
                                {.start = 52, .end = 55}},
                               kTop, {});
  EXPECT_EQ(ranges_of(map.banks),
            (Ranges{{.start = 0, .end = 10}, {.start = 20, .end = 40}, {.start = 50, .end = 60}}));
}

TEST(MemoryMap, ABankThatEndsAtFourGib) {
  const MemoryMap map = map_of({range_from_size(0xf000'0000, 0x1000'0000)}, kTop,
                               {{.start = 0xf800'0000, .end = 4 * kGib}});
  EXPECT_EQ(ranges_of(map.banks), (Ranges{{.start = 0xf000'0000, .end = 4 * kGib}}));
  EXPECT_EQ(ranges_of(map.free), (Ranges{{.start = 0xf000'0000, .end = 0xf800'0000}}));
}

TEST(MemoryMap, ABankAndAReservationUpToTheLastAddress) {
  const MemoryMap map = map_of({range_from_size(kTop - 100, kTop)}, kTop,
                               {range_from_size(kTop - 50, kTop), range_from_size(kTop - 90, 10)});
  EXPECT_EQ(ranges_of(map.free), (Ranges{{.start = kTop - 100, .end = kTop - 90},
                                         {.start = kTop - 80, .end = kTop - 50}}));
}

TEST(MemoryMap, NothingIsFree) {
  EXPECT_TRUE(map_of({}, kTop, {}).largest_free().empty());
  EXPECT_TRUE(map_of({{.start = 5, .end = 5}}, kTop, {}).banks.empty());
  EXPECT_TRUE(map_of({{.start = 5, .end = 9}}, 5, {}).banks.empty());
  EXPECT_TRUE(map_of({{.start = 5, .end = 9}}, 0, {}).banks.empty());
  const MemoryMap map = map_of({{.start = 5, .end = 9}}, kTop, {{.start = 0, .end = kTop}});
  EXPECT_EQ(map.banks.size(), 1U);
  EXPECT_TRUE(map.free.empty());
}

TEST(MemoryMap, ReservedRangesThatAreEmptyOrElsewhereTakeNothing) {
  const MemoryMap map = map_of({{.start = 10, .end = 20}}, kTop,
                               {{.start = 15, .end = 15},
                                {.start = 16, .end = 12},
                                {.start = 0, .end = 10},
                                {.start = 20, .end = 30}});
  EXPECT_EQ(ranges_of(map.free), (Ranges{{.start = 10, .end = 20}}));
}

TEST(MemoryMap, ReservedRangesTakeTheEdgesExactly) {
  const MemoryMap map =
      map_of({{.start = 10, .end = 20}}, kTop,
             {{.start = 19, .end = 20}, {.start = 10, .end = 11}, {.start = 14, .end = 15}});
  EXPECT_EQ(ranges_of(map.free), (Ranges{{.start = 11, .end = 14}, {.start = 15, .end = 19}}));
}

TEST(MemoryMap, TheFirstOfEqualFreeRangesIsTheLargest) {
  const MemoryMap map =
      map_of({{.start = 0, .end = 30}}, kTop, {{.start = 4, .end = 10}, {.start = 20, .end = 25}});
  EXPECT_EQ(ranges_of(map.free),
            (Ranges{{.start = 0, .end = 4}, {.start = 10, .end = 20}, {.start = 25, .end = 30}}));
  EXPECT_EQ(map.largest_free(), (Range{.start = 10, .end = 20}));
  const MemoryMap halves = map_of({{.start = 0, .end = 21}}, kTop, {{.start = 10, .end = 11}});
  EXPECT_EQ(halves.largest_free(), (Range{.start = 0, .end = 10}));
}

TEST(MemoryMap, TooManyBanksKeepTheLargest) {
  Ranges banks;
  for (std::uint64_t i = 0; i < kMaxBanks + 4; ++i) {
    banks.push_back(range_from_size(1000 * i, i == 3 ? 1 : 500 - i));
  }
  const MemoryMap map = map_of(banks, kTop, {});
  EXPECT_TRUE(map.truncated);
  EXPECT_EQ(map.banks.size(), kMaxBanks);
  Ranges expected(banks.begin(), banks.begin() + kMaxBanks + 1);
  expected.erase(expected.begin() + 3);
  EXPECT_EQ(ranges_of(map.banks), expected);
}

TEST(MemoryMap, ManyBanksThatMergeAreNotTooMany) {
  Ranges banks;
  for (std::uint64_t i = 0; i < 100; ++i) banks.push_back(range_from_size((i * 37) % 100 * 8, 8));
  const MemoryMap map = map_of(banks, kTop, {});
  EXPECT_FALSE(map.truncated);
  EXPECT_EQ(ranges_of(map.banks), (Ranges{{.start = 0, .end = 800}}));
}

TEST(MemoryMap, TooManyFreeRangesKeepTheLargestAndNeverTheReserved) {
  Ranges reserved;
  for (std::uint64_t i = 0; i < 200; ++i) reserved.push_back(range_from_size(100 * i, 1 + i % 7));
  const MemoryMap map = map_of({{.start = 0, .end = 20'000}}, kTop, reserved);
  EXPECT_TRUE(map.truncated);
  EXPECT_EQ(map.free.size(), kMaxFree);
  for (const Range& free : map.free) {
    EXPECT_GE(free.size(), 97U);
    for (const Range& used : reserved) EXPECT_FALSE(free.overlaps(used));
  }
  EXPECT_EQ(map.largest_free(), (Range{.start = 1, .end = 100}));
}

TEST(ReservedList, WidensTheCheapestEntryWhenFull) {
  StaticVector<Range, 2> list;
  add_reserved(list, {.start = 0, .end = 10});
  add_reserved(list, {.start = 5, .end = 5});
  add_reserved(list, {.start = 100, .end = 110});
  EXPECT_EQ(list.size(), 2U);
  add_reserved(list, {.start = 90, .end = 95});
  EXPECT_EQ(ranges_of(list), (Ranges{{.start = 0, .end = 10}, {.start = 90, .end = 110}}));
  add_reserved(list, {.start = 12, .end = 13});
  EXPECT_EQ(ranges_of(list), (Ranges{{.start = 0, .end = 13}, {.start = 90, .end = 110}}));
  add_reserved(list, {.start = 91, .end = 99});
  EXPECT_EQ(ranges_of(list), (Ranges{{.start = 0, .end = 13}, {.start = 90, .end = 110}}));
  add_reserved(list, {.start = 40, .end = kTop});
  EXPECT_EQ(ranges_of(list), (Ranges{{.start = 0, .end = 13}, {.start = 40, .end = kTop}}));
}

// The model: one mark for every address.
constexpr std::size_t kModelBytes = 256;
using Marks = std::array<bool, kModelBytes>;

void mark(Marks& marks, const Range& range, bool value) {
  for (std::uint64_t i = range.start; i < std::min<std::uint64_t>(range.end, kModelBytes); ++i) {
    marks[i] = value;
  }
}

Ranges runs_of(const Marks& marks) {
  Ranges runs;
  for (std::uint64_t i = 0; i < kModelBytes; ++i) {
    if (!marks[i]) continue;
    if (i == 0 || !marks[i - 1]) runs.push_back({.start = i, .end = i});
    runs.back().end = i + 1;
  }
  return runs;
}

Ranges random_ranges(std::mt19937& random, std::size_t most, std::uint64_t longest) {
  using Pick = std::uniform_int_distribution<std::uint64_t>;
  Ranges ranges(Pick(0, most)(random));
  for (Range& range : ranges) {
    range.start = Pick(0, kModelBytes - 1)(random);
    const std::uint64_t size = Pick(0, longest)(random);
    range.end = std::min<std::uint64_t>(range.start + size, kModelBytes);
    if (Pick(0, 15)(random) == 0) std::swap(range.start, range.end);
  }
  return ranges;
}

// What a full list should hold: the largest of the runs, each one that was kept
// at least as large as each one that was not.
template <std::size_t N>
void expect_runs(const StaticVector<Range, N>& list, const Ranges& runs) {
  if (runs.size() <= N) {
    EXPECT_EQ(ranges_of(list), runs);
    return;
  }
  EXPECT_EQ(list.size(), N);
  std::uint64_t smallest_kept = kTop;
  for (const Range& range : list) {
    EXPECT_TRUE(std::ranges::count(runs, range) == 1);
    smallest_kept = std::min(smallest_kept, range.size());
  }
  EXPECT_TRUE(std::ranges::is_sorted(list, {}, &Range::start));
  for (const Range& run : runs) {
    EXPECT_TRUE(run.size() <= smallest_kept || std::ranges::count(list, run) == 1);
  }
}

void compare_with_model(const Ranges& banks, std::uint64_t ceiling, const Ranges& reserved) {
  const MemoryMap map = map_of(banks, ceiling, reserved);
  Marks memory{};
  for (const Range& bank : banks) mark(memory, bank, true);
  mark(memory, {.start = ceiling, .end = kModelBytes}, false);
  const Ranges bank_runs = runs_of(memory);
  expect_runs(map.banks, bank_runs);

  Marks free{};
  for (const Range& bank : map.banks) mark(free, bank, true);
  for (const Range& used : reserved) mark(free, used, false);
  const Ranges free_runs = runs_of(free);
  expect_runs(map.free, free_runs);
  EXPECT_EQ(map.truncated, bank_runs.size() > kMaxBanks || free_runs.size() > kMaxFree);

  const auto largest = std::ranges::max_element(free_runs, {}, &Range::size);
  EXPECT_EQ(map.largest_free(), largest == free_runs.end() ? Range{} : *largest);
}

TEST(MemoryMapModel, RandomRangesAgree) {
  constexpr std::array<std::uint64_t, 4> kLongest{3, 12, 60, kModelBytes};
  for (std::uint32_t seed = 0; seed < 20'000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const Ranges banks = random_ranges(random, 40, kLongest[seed % 4]);
    const Ranges reserved = random_ranges(random, seed % 5 == 0 ? 150 : 32, kLongest[seed / 4 % 4]);
    const std::uint64_t ceiling = seed % 3 == 0 ? kModelBytes : random() % (kModelBytes + 1);
    compare_with_model(banks, ceiling, reserved);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(MemoryMapModel, AllPairsOfShortRangesAgree) {
  const Range bank{.start = 4, .end = 9};
  for (std::uint64_t start = 0; start <= 12; ++start) {
    for (std::uint64_t end = 0; end <= 12; ++end) {
      SCOPED_TRACE(testing::Message() << "start " << start << " end " << end);
      const Range other{.start = start, .end = end};
      compare_with_model({bank, other}, kModelBytes, {});
      compare_with_model({other, bank}, 7, {});
      compare_with_model({bank}, kModelBytes, {other});
      compare_with_model({bank, {.start = 9, .end = 11}}, 10, {other, {.start = 5, .end = 6}});
    }
  }
}

}  // namespace
}  // namespace heapscope::atags
