// The containers and the range type of base/.
#include <gtest/gtest.h>

#include "base/range.hpp"
#include "base/ring_buffer.hpp"
#include "base/static_vector.hpp"

namespace heapscope {
namespace {

TEST(Range, SizesAndOverlaps) {
  const Range range{.start = 16, .end = 32};
  EXPECT_EQ(range.size(), 16U);
  EXPECT_TRUE(range.contains(16));
  EXPECT_FALSE(range.contains(32));
  EXPECT_TRUE(range.overlaps({.start = 31, .end = 40}));
  EXPECT_FALSE(range.overlaps({.start = 32, .end = 40}));
  EXPECT_FALSE(range.overlaps({.start = 20, .end = 20}));
  EXPECT_EQ((Range{.start = 5, .end = 3}).size(), 0U);
  EXPECT_EQ(range.intersection({.start = 0, .end = 20}), (Range{.start = 16, .end = 20}));
}

TEST(StaticVector, KeepsOrderAndRefusesWhenFull) {
  StaticVector<int, 3> items;
  EXPECT_TRUE(items.push_back(1));
  EXPECT_TRUE(items.push_back(3));
  EXPECT_TRUE(items.insert(1, 2));
  EXPECT_FALSE(items.push_back(4));
  EXPECT_FALSE(items.insert(0, 4));
  EXPECT_EQ(items[0], 1);
  EXPECT_EQ(items[1], 2);
  EXPECT_EQ(items.back(), 3);
  items.erase(0);
  EXPECT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0], 2);
}

TEST(RingBuffer, FirstInFirstOutAcrossTheWrap) {
  RingBuffer<4> ring;
  std::uint8_t next_in = 0;
  std::uint8_t next_out = 0;
  for (int round = 0; round < 100; ++round) {
    while (ring.push(next_in)) ++next_in;
    EXPECT_TRUE(ring.full());
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ring.pop(), next_out++);
  }
  ring.clear();
  EXPECT_EQ(ring.pop(), std::nullopt);
}

}  // namespace
}  // namespace heapscope
