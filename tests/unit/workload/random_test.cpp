// The random numbers: the same everywhere, and distributed as they say.
#include "alloc/workload/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace heapscope::workload {
namespace {

TEST(Random, IsSplitMix64) {
  // The first numbers for seed 1234567, from the reference implementation.
  Random random(1'234'567);
  EXPECT_EQ(random.next(), 6'457'827'717'110'365'317U);
  EXPECT_EQ(random.next(), 3'203'168'211'198'807'973U);
  EXPECT_EQ(random.next(), 9'817'491'932'198'370'423U);
}

TEST(Random, BelowAndBetweenKeepTheirLimits) {
  Random random(1);
  std::array<int, 7> seen{};
  for (int i = 0; i < 70'000; ++i) ++seen[random.below(7)];
  for (const int count : seen) EXPECT_NEAR(count, 10'000, 400);
  std::array<int, 3> between{};
  for (int i = 0; i < 300; ++i) ++between[random.between(5, 7) - 5];
  EXPECT_GT(*std::ranges::min_element(between), 50);
  EXPECT_EQ(random.below(1), 0U);
  EXPECT_EQ(random.between(9, 9), 9U);
  EXPECT_FALSE(random.percent(0));
  EXPECT_TRUE(random.percent(100));
}

TEST(Random, LogNormalHasItsMedianAndItsSpread) {
  Random random(2);
  std::vector<double> logs;
  for (int i = 0; i < 100'000; ++i) {
    logs.push_back(std::log2(random.log_normal(1000, 384, 1U << 30)));
  }
  std::ranges::sort(logs);
  double sum = 0;
  for (const double each : logs) sum += each;
  const double mean = sum / static_cast<double>(logs.size());
  double squares = 0;
  for (const double each : logs) squares += (each - mean) * (each - mean);
  EXPECT_NEAR(logs[logs.size() / 2], std::log2(1000), 0.02);
  EXPECT_NEAR(mean, std::log2(1000), 0.02);
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(logs.size())), 1.5, 0.02);
  // Two thirds within one spread, 95 % within two.
  const auto within = [&](double spreads) {
    return static_cast<double>(std::ranges::count_if(
               logs, [&](double each) { return std::abs(each - mean) < spreads * 1.5; })) /
           static_cast<double>(logs.size());
  };
  EXPECT_NEAR(within(1), 0.683, 0.01);
  EXPECT_NEAR(within(2), 0.954, 0.01);
}

TEST(Random, LogNormalIsCutAtBothEnds) {
  Random random(3);
  for (int i = 0; i < 10'000; ++i) {
    const std::uint32_t size = random.log_normal(4, 1023, 100);
    EXPECT_GE(size, 1U);
    EXPECT_LE(size, 100U);
    EXPECT_EQ(random.log_normal(64, 0, 1000), 64U);
  }
}

}  // namespace
}  // namespace heapscope::workload
