// The pace of a workload: how many operations are due when, over a clock that is only a
// number.
#include "kernel/pacer.hpp"

#include <gtest/gtest.h>

namespace heapscope::kernel {
namespace {

constexpr std::uint64_t kFrequency = 19'200'000;

/// Does what is due, and sleeps for as long as it is told, with `late` more ticks each
/// time. Returns how many operations it did in `seconds`.
std::uint64_t done_in(std::uint64_t seconds, std::uint64_t rate, std::uint64_t frequency,
                      std::uint64_t late) {
  const std::uint64_t begin = 12'345;
  std::uint64_t now = begin;
  std::uint64_t done = 0;
  Pacer pacer(rate, frequency, begin);
  while (now - begin < seconds * frequency) {
    const std::uint64_t due = pacer.due(now);
    done += due;
    pacer.did(due);
    EXPECT_EQ(pacer.due(now), 0U);
    const std::uint64_t wait = pacer.until_next(now);
    EXPECT_GT(wait, 0U);
    EXPECT_LE(wait, frequency / rate + 1);
    now += wait + late;
  }
  return done;
}

TEST(Pacer, DoesAsManyOperationsInASecondAsItIsTold) {
  for (const std::uint64_t frequency : {kFrequency, 62'500'000UL, 1'000'000'000UL}) {
    for (const std::uint64_t rate : {1UL, 3UL, 7UL, 1000UL, 2000UL, 44'100UL}) {
      for (const std::uint64_t late : {0UL, 17UL, 20'000UL}) {
        const std::uint64_t done = done_in(10, rate, frequency, late);
        EXPECT_GE(done + 2 + 10 * rate / 1000, 10 * rate) << rate << " " << late;
        EXPECT_LE(done, 10 * rate + 1) << rate << " " << late;
      }
    }
  }
}

TEST(Pacer, NothingIsDueAtFirst) {
  Pacer pacer(2000, kFrequency, 1000);
  EXPECT_EQ(pacer.due(1000), 0U);
  EXPECT_EQ(pacer.until_next(1000), kFrequency / 2000);
  EXPECT_EQ(pacer.due(1000 + kFrequency / 2000 - 1), 0U);
  EXPECT_EQ(pacer.due(1000 + kFrequency / 2000), 1U);
}

TEST(Pacer, WhatIsDueStaysDueUntilItIsDone) {
  Pacer pacer(2000, kFrequency, 0);
  EXPECT_EQ(pacer.due(kFrequency / 100), 20U);
  pacer.did(5);
  EXPECT_EQ(pacer.due(kFrequency / 100), 15U);
  // Also across the end of a second.
  EXPECT_EQ(pacer.due(kFrequency / 100 + kFrequency / 20), 115U);
}

TEST(Pacer, OfALongPauseAnEighthOfASecondIsMadeUpFor) {
  for (const std::uint64_t pause : {kFrequency, 100 * kFrequency, 1'000'000 * kFrequency}) {
    Pacer pacer(2000, kFrequency, 0);
    EXPECT_EQ(pacer.due(pause), 250U);
    pacer.did(250);
    EXPECT_EQ(pacer.due(pause), 0U);
    EXPECT_EQ(pacer.due(pause + kFrequency / 1000), 2U);
  }
}

TEST(Pacer, OneOperationIsNeverGivenUp) {
  Pacer pacer(1, kFrequency, 0);
  for (std::uint64_t second = 1; second < 10; ++second) {
    const std::uint64_t now = second * kFrequency + second;
    EXPECT_EQ(pacer.due(now), 1U);
    pacer.did(1);
    EXPECT_EQ(pacer.due(now), 0U);
  }
}

TEST(Pacer, WithoutARateThereIsAlwaysSomethingDue) {
  Pacer pacer(0, kFrequency, 0);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(pacer.due(0), Pacer::kUnlimited);
    pacer.did(Pacer::kUnlimited);
  }
}

}  // namespace
}  // namespace heapscope::kernel
