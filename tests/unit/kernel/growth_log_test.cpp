// The rows that a growing container is condensed to.
#include "kernel/commands/growth_log.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace heapscope::kernel {
namespace {

class Shown final : public GrowthSink {
 public:
  void show(const Growth& growth) override { rows.push_back(growth); }
  std::vector<Growth> rows;
};

TEST(GrowthLog, AGrowthIsOneRowWithWhatWasGivenBackForIt) {
  Shown shown;
  GrowthLog log(shown, true);
  log.inserted(0, 0);
  log.took(0x1000, 8, 16);
  log.inserted(1, 1);
  log.took(0x1010, 16, 32);
  log.gave_back(0x1000, 16);
  log.inserted(2, 2);
  log.finish();
  ASSERT_EQ(shown.rows.size(), 2U);
  EXPECT_EQ(shown.rows[0].capacity, 1U);
  EXPECT_EQ(shown.rows[0].given_back, std::nullopt);
  EXPECT_EQ(shown.rows[1].elements, 2U);
  EXPECT_EQ(shown.rows[1].capacity, 2U);
  EXPECT_EQ(shown.rows[1].blocks, 1U);
  EXPECT_EQ(shown.rows[1].bytes, 16U);
  EXPECT_EQ(shown.rows[1].address, 0x1010U);
  EXPECT_EQ(shown.rows[1].given_back, 0x1000U);
  EXPECT_EQ(shown.rows[1].used_bytes, 16U);
}

TEST(GrowthLog, EqualBlocksAreOneRow) {
  Shown shown;
  GrowthLog log(shown, true);
  log.inserted(0, std::nullopt);
  for (std::uint64_t i = 1; i <= 100; ++i) {
    log.took(0x1000 + i * 48, 48, i * 48);
    log.inserted(i, std::nullopt);
  }
  EXPECT_TRUE(shown.rows.empty());
  log.finish();
  log.finish();
  ASSERT_EQ(shown.rows.size(), 1U);
  EXPECT_EQ(shown.rows[0].elements, 100U);
  EXPECT_EQ(shown.rows[0].blocks, 100U);
  EXPECT_EQ(shown.rows[0].address, 0x1030U);
  EXPECT_EQ(shown.rows[0].used_bytes, 4800U);
  EXPECT_EQ(log.blocks_taken(), 100U);
}

TEST(GrowthLog, AnInsertionThatIsGivenUpIsNotShown) {
  Shown shown;
  GrowthLog log(shown, false);
  log.inserted(0, 1);
  log.took(0x1000, 16, 16);
  log.inserted(1, 13);
  log.took(0x1010, 16, 32);
  log.gave_back(0x1010, 16);
  log.given_up();
  log.inserted(1, 13);
  log.finish();
  ASSERT_EQ(shown.rows.size(), 1U);
  EXPECT_EQ(shown.rows[0].address, 0x1000U);
  EXPECT_EQ(log.blocks_taken(), 2U);
  EXPECT_EQ(log.blocks_given_back(), 1U);
}

TEST(GrowthLog, WithoutMergingEachBlockIsARow) {
  Shown shown;
  GrowthLog log(shown, false);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    log.took(0x1000 + i * 48, 48, i * 48);
    log.inserted(i, std::nullopt);
  }
  log.finish();
  ASSERT_EQ(shown.rows.size(), 5U);
  EXPECT_EQ(shown.rows[4].address, 0x10f0U);
}

/// A node, then more buckets in place of the old ones, for one element.
TEST(GrowthLog, ANodeBeforeAGrowthBelongsToTheOldCapacity) {
  Shown shown;
  GrowthLog log(shown, true);
  log.inserted(0, 13);
  log.took(0x1000, 16, 16);
  log.inserted(1, 13);
  log.took(0x1010, 16, 32);
  log.took(0x2000, 232, 272);
  log.gave_back(0x3000, 160);
  log.inserted(2, 29);
  log.took(0x1020, 16, 176);
  log.inserted(3, 29);
  log.finish();
  ASSERT_EQ(shown.rows.size(), 3U);
  EXPECT_EQ(shown.rows[0].blocks, 2U);
  EXPECT_EQ(shown.rows[0].capacity, 13U);
  EXPECT_EQ(shown.rows[0].used_bytes, 32U);
  EXPECT_EQ(shown.rows[1].capacity, 29U);
  EXPECT_EQ(shown.rows[1].given_back, 0x3000U);
  EXPECT_EQ(shown.rows[1].used_bytes, 160U);
  EXPECT_EQ(shown.rows[2].blocks, 1U);
}

TEST(GrowthLog, ALongRunIsShownInParts) {
  Shown shown;
  GrowthLog log(shown, true);
  for (std::uint64_t i = 1; i <= GrowthLog::kLongestRun + 1; ++i) {
    log.took(16 * i, 16, 16 * i);
    log.inserted(i, std::nullopt);
  }
  ASSERT_EQ(shown.rows.size(), 1U);
  EXPECT_EQ(shown.rows[0].blocks, GrowthLog::kLongestRun);
}

TEST(GrowthLog, WhatIsFreedAtTheEndIsOnlyCounted) {
  Shown shown;
  GrowthLog log(shown, true);
  log.took(0x1000, 8, 16);
  log.inserted(1, 1);
  log.finish();
  log.gave_back(0x1000, 0);
  log.finish();
  EXPECT_EQ(shown.rows.size(), 1U);
  EXPECT_EQ(shown.rows[0].given_back, std::nullopt);
  EXPECT_EQ(log.blocks_given_back(), 1U);
}

}  // namespace
}  // namespace heapscope::kernel
