// The bisection: for every answer there can be, and how often it asks.
#include "alloc/workload/smallest_heap.hpp"

#include <gtest/gtest.h>

namespace heapscope::workload {
namespace {

TEST(SmallestHeap, IsFoundWhereverItIs) {
  for (std::uint64_t answer = kHeapUnit; answer <= 500 * kHeapUnit; answer += kHeapUnit) {
    for (const std::uint64_t least : {std::uint64_t{0}, answer / 2, answer - 1, answer}) {
      const auto completes = [&](std::uint64_t size) { return size >= answer; };
      EXPECT_EQ(smallest_heap(least, 500 * kHeapUnit, completes), answer) << least;
      EXPECT_EQ(smallest_heap(least, answer, completes), answer) << least;
    }
  }
}

TEST(SmallestHeap, IsNothingWhereTheMostIsNotEnough) {
  for (std::uint64_t most = 0; most < 100; ++most) {
    EXPECT_EQ(smallest_heap(0, most, [](std::uint64_t) { return false; }), std::nullopt);
    EXPECT_EQ(smallest_heap(most, most, [](std::uint64_t) { return false; }), std::nullopt);
  }
}

TEST(SmallestHeap, AnAnswerCompletesAndItsPredecessorDoesNot) {
  // Not all that is larger completes.
  const auto completes = [](std::uint64_t size) { return size / kHeapUnit % 7 > 3; };
  for (std::uint64_t least = 0; least < 100 * kHeapUnit; least += kHeapUnit) {
    const auto found = smallest_heap(least, 1000 * kHeapUnit, completes);
    ASSERT_TRUE(found);
    EXPECT_TRUE(completes(*found));
    EXPECT_TRUE(*found == least || !completes(*found - kHeapUnit));
  }
}

TEST(SmallestHeap, IsFoundInFewSteps) {
  for (const std::uint64_t answer : {std::uint64_t{1} << 20, std::uint64_t{1} << 30}) {
    int asked = 0;
    EXPECT_EQ(smallest_heap(answer * 9 / 10, std::uint64_t{1} << 40,
                            [&](std::uint64_t size) {
                              ++asked;
                              return size >= answer;
                            }),
              answer);
    EXPECT_LE(asked, 40);
  }
}

}  // namespace
}  // namespace heapscope::workload
