// Layouts and the arithmetic on alignments, up to the top of the address space.
#include "alloc/layout.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace heapscope::alloc {
namespace {

constexpr Address kTop = std::numeric_limits<Address>::max();
constexpr std::size_t kHighestAlign = std::size_t{1} << 63;

// Usable where the compiler needs a value.
static_assert(align_up(17, 16) == 32);
static_assert(align_down(17, 16) == 16);
static_assert(Layout{.size = 1}.align == 16);

TEST(AlignDown, GivesTheLastMultipleNotAbove) {
  EXPECT_EQ(align_down(0, 1), 0U);
  EXPECT_EQ(align_down(0, 4096), 0U);
  EXPECT_EQ(align_down(7, 8), 0U);
  EXPECT_EQ(align_down(8, 8), 8U);
  EXPECT_EQ(align_down(9, 8), 8U);
  EXPECT_EQ(align_down(12345, 1), 12345U);
  EXPECT_EQ(align_down(kTop, 1), kTop);
  EXPECT_EQ(align_down(kTop, 16), kTop - 15);
  EXPECT_EQ(align_down(kTop, kHighestAlign), kHighestAlign);
  EXPECT_EQ(align_down(kHighestAlign - 1, kHighestAlign), 0U);
}

TEST(AlignUp, GivesTheFirstMultipleNotBelow) {
  EXPECT_EQ(align_up(0, 1), 0U);
  EXPECT_EQ(align_up(0, 4096), 0U);
  EXPECT_EQ(align_up(1, 8), 8U);
  EXPECT_EQ(align_up(7, 8), 8U);
  EXPECT_EQ(align_up(8, 8), 8U);
  EXPECT_EQ(align_up(9, 8), 16U);
  EXPECT_EQ(align_up(12345, 1), 12345U);
  EXPECT_EQ(align_up(1, kHighestAlign), kHighestAlign);
}

TEST(AlignUp, ReachesTheLastMultipleThatFits) {
  EXPECT_EQ(align_up(kTop, 1), kTop);
  for (std::size_t align = 2; align != 0; align *= 2) {
    const Address last = kTop - (align - 1);
    EXPECT_EQ(align_up(last, align), last);
    EXPECT_EQ(align_up(last - 1, align), last);
  }
}

TEST(Align, UpAndDownBracketTheAddress) {
  for (std::size_t align = 1; align <= 64; align *= 2) {
    for (Address address = 1000; address < 1200; ++address) {
      const Address down = align_down(address, align);
      const Address up = align_up(address, align);
      EXPECT_EQ(down % align, 0U);
      EXPECT_EQ(up % align, 0U);
      EXPECT_LE(down, address);
      EXPECT_GE(up, address);
      EXPECT_EQ(up - down, address % align == 0 ? 0 : align);
    }
  }
}

TEST(AlignDeathTest, OnlyAPowerOfTwoIsAnAlignment) {
  for (const std::size_t align : {std::size_t{0}, std::size_t{3}, std::size_t{24}, kTop}) {
    EXPECT_DEATH(static_cast<void>(align_up(64, align)), "align_up: [0-9]+ is not a power of two");
    EXPECT_DEATH(static_cast<void>(align_down(64, align)),
                 "align_down: [0-9]+ is not a power of two");
  }
}

TEST(AlignDeathTest, UpPanicsWhereTheResultDoesNotFit) {
  for (const std::size_t align :
       {std::size_t{2}, std::size_t{16}, std::size_t{4096}, kHighestAlign}) {
    const Address too_high = kTop - (align - 1) + 1;
    EXPECT_DEATH(static_cast<void>(align_up(too_high, align)), "does not fit in an address");
    EXPECT_DEATH(static_cast<void>(align_up(kTop, align)), "does not fit in an address");
  }
}

TEST(Layout, IsValidWithASizeAndAPowerOfTwo) {
  EXPECT_TRUE((Layout{.size = 1, .align = 1}).valid());
  EXPECT_TRUE((Layout{.size = kTop, .align = kHighestAlign}).valid());
  EXPECT_FALSE((Layout{.size = 0, .align = 16}).valid());
  EXPECT_FALSE((Layout{.size = 1, .align = 0}).valid());
  EXPECT_FALSE((Layout{.size = 1, .align = 3}).valid());
  EXPECT_FALSE(Layout{}.valid());
}

}  // namespace
}  // namespace heapscope::alloc
