// The benchmark's histogram beside sorted numbers.
#include "kernel/bench/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "tests/unit/alloc/random_source.hpp"

namespace heapscope::kernel {
namespace {

TEST(Histogram, OfNothingIsAllZeroes) {
  const auto histogram = std::make_unique<Histogram>();
  EXPECT_EQ(histogram->count(), 0U);
  EXPECT_EQ(histogram->mean_milli(), 0U);
  EXPECT_EQ(histogram->percentile(50), 0U);
  EXPECT_EQ(histogram->worst(), 0U);
}

TEST(Histogram, AgreesWithSortedNumbers) {
  const auto histogram = std::make_unique<Histogram>();
  for (const std::uint64_t seed : alloc::kSeeds) {
    alloc::RandomSource random(seed);
    for (const std::size_t count : {1U, 2U, 99U, 100U, 101U, 5000U}) {
      histogram->clear();
      std::vector<std::uint32_t> numbers;
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < count; ++i) {
        numbers.push_back(static_cast<std::uint32_t>(random.below(4000)));
        histogram->add(numbers.back());
        sum += numbers.back();
      }
      std::ranges::sort(numbers);
      EXPECT_EQ(histogram->count(), count);
      EXPECT_EQ(histogram->worst(), numbers.back());
      EXPECT_EQ(histogram->mean_milli(), (sum * 1000 + count / 2) / count);
      for (const std::uint32_t percent : {50U, 99U, 100U}) {
        EXPECT_EQ(histogram->percentile(percent), numbers[(count * percent + 99) / 100 - 1]);
      }
    }
  }
}

TEST(Histogram, KeepsWorstAndMeanBeyondItsLastNumber) {
  const auto histogram = std::make_unique<Histogram>();
  histogram->add(1);
  histogram->add(1'000'000);
  EXPECT_EQ(histogram->worst(), 1'000'000U);
  EXPECT_EQ(histogram->mean_milli(), 500'000'500U);
  EXPECT_EQ(histogram->percentile(50), 1U);
  EXPECT_EQ(histogram->percentile(99), Histogram::kNumbers - 1);
}

}  // namespace
}  // namespace heapscope::kernel
