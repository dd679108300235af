// The bump allocator's own promises: where it puts blocks, and its arithmetic at
// the ends of the address space (it never touches the memory it manages).
#include <gtest/gtest.h>

#include <limits>

#include "alloc/bump_allocator.hpp"
#include "tests/unit/alloc/soundness.hpp"

namespace heapscope::alloc {
namespace {

constexpr Address kTop = std::numeric_limits<Address>::max();

BumpAllocator bump_over(Address start, Address end) {
  BumpAllocator bump;
  bump.initialize({.start = start, .end = end});
  return bump;
}

TEST(Bump, PlacesBlocksOneBehindTheOther) {
  auto bump = bump_over(0x1003, 0x2000);
  EXPECT_EQ(bump.allocate({.size = 1, .align = 1}), 0x1003U);
  EXPECT_EQ(bump.allocate({.size = 5, .align = 1}), 0x1004U);
  EXPECT_EQ(bump.allocate({.size = 8, .align = 8}), 0x1010U);
  EXPECT_EQ(bump.allocate({.size = 1}), 0x1020U);
  EXPECT_EQ(bump.allocate({.size = 1, .align = 1}), 0x1021U);
  EXPECT_EQ(bump.stats().used_bytes, 0x1022U - 0x1003);
  EXPECT_EQ(bump.stats().requested_bytes, 16U);
  EXPECT_EQ(unsound(bump), "");
}

TEST(Bump, PaddingCountsAgainstTheRoom) {
  auto bump = bump_over(0x1001, 0x1020);
  expect_allocate_refused(bump, {.size = 17}, HeapError::unsupported);
  EXPECT_EQ(bump.allocate({.size = 16}), 0x1010U);
  EXPECT_EQ(bump.stats().free_bytes, 0U);
}

TEST(Bump, ReachesTheTopOfTheAddressSpaceWithoutWrapping) {
  auto bump = bump_over(kTop - 100, kTop);
  for (const std::size_t size : {std::size_t{101}, std::size_t{200}, kTop, kTop - 50}) {
    expect_allocate_refused(bump, {.size = size, .align = 1}, HeapError::unsupported);
  }
  // The next multiple is above the top.
  expect_allocate_refused(bump, {.size = 1, .align = 256}, HeapError::unsupported);
  EXPECT_EQ(bump.allocate({.size = 60, .align = 1}), kTop - 100);
  expect_allocate_refused(bump, {.size = 41, .align = 1}, HeapError::exhausted);
  EXPECT_EQ(bump.allocate({.size = 1, .align = 16}), kTop - 31);
  expect_allocate_refused(bump, {.size = 16, .align = 16}, HeapError::exhausted);
  EXPECT_EQ(bump.allocate({.size = 30, .align = 1}), kTop - 30);
  EXPECT_EQ(bump.stats().free_bytes, 0U);
  expect_allocate_refused(bump, {.size = 1, .align = 1}, HeapError::exhausted);
  EXPECT_EQ(unsound(bump), "");
}

TEST(Bump, ManagesMemoryFromAddressZero) {
  auto bump = bump_over(0, 64);
  EXPECT_EQ(bump.allocate({.size = 64, .align = 4096}), 0U);
  EXPECT_TRUE(bump.deallocate(0, {.size = 64, .align = 4096}));
  EXPECT_EQ(unsound(bump), "");
}

TEST(Bump, FreeingGivesNothingBack) {
  auto bump = bump_over(0x1000, 0x1040);
  const auto block = bump.allocate({.size = 64});
  ASSERT_TRUE(block);
  ASSERT_TRUE(bump.deallocate(*block, {.size = 64}));
  EXPECT_EQ(bump.stats().used_bytes, 64U);
  EXPECT_EQ(bump.stats().live_blocks, 0U);
  expect_allocate_refused(bump, {.size = 1, .align = 1}, HeapError::exhausted);
}

TEST(Bump, ShowsUsedAndFreeMemory) {
  auto bump = bump_over(0x1000, 0x1040);
  EXPECT_EQ(extents_of(bump),
            (std::vector<Extent>{{.start = 0x1000, .size = 64, .state = ExtentState::free}}));
  ASSERT_TRUE(bump.allocate({.size = 24}));
  EXPECT_EQ(extents_of(bump),
            (std::vector<Extent>{{.start = 0x1000, .size = 24, .state = ExtentState::used},
                                 {.start = 0x1018, .size = 40, .state = ExtentState::free}}));
  ASSERT_TRUE(bump.allocate({.size = 40, .align = 8}));
  EXPECT_EQ(extents_of(bump),
            (std::vector<Extent>{{.start = 0x1000, .size = 64, .state = ExtentState::used}}));
}

TEST(Bump, RefusesABlockThatReachesIntoFreeMemory) {
  auto bump = bump_over(0x1000, 0x2000);
  const auto block = bump.allocate({.size = 32});
  ASSERT_TRUE(block);
  expect_deallocate_refused(bump, *block, {.size = 33}, HeapError::wrong_layout);
  expect_deallocate_refused(bump, *block + 8, {.size = 24, .align = 16}, HeapError::wrong_layout);
  expect_deallocate_refused(bump, *block + 32, {.size = 1, .align = 1}, HeapError::not_allocated);
}

TEST(Bump, TheLastBlockGrowsAndShrinksOthersOnlyShrink) {
  auto bump = bump_over(0x1000, 0x1100);
  const auto first = bump.allocate({.size = 32});
  const auto last = bump.allocate({.size = 32});
  ASSERT_TRUE(first && last);
  EXPECT_TRUE(bump.resize_in_place(*last, {.size = 32}, 0xE0));
  EXPECT_EQ(bump.stats().free_bytes, 0U);
  EXPECT_TRUE(bump.resize_in_place(*last, {.size = 0xE0}, 1));
  EXPECT_EQ(bump.stats().used_bytes, 33U);
  EXPECT_EQ(bump.stats().peak_used_bytes, 0x100U);
  expect_refused(bump, HeapError::exhausted, 0,
                 [&] { return bump.resize_in_place(*first, {.size = 32}, 33); });
  EXPECT_TRUE(bump.resize_in_place(*first, {.size = 32}, 8));
  EXPECT_EQ(bump.stats().used_bytes, 33U);
  EXPECT_EQ(unsound(bump), "");
}

TEST(Bump, ALayoutOverSeveralBlocksNeverWrapsTheFigures) {
  auto bump = bump_over(0x1000, 0x1100);
  const auto first = bump.allocate({.size = 1, .align = 1});
  ASSERT_TRUE(first && bump.allocate({.size = 8, .align = 8}));
  ASSERT_TRUE(bump.resize_in_place(*first, {.size = 16, .align = 1}, 4));
  EXPECT_EQ(unsound(bump), "");
}

}  // namespace
}  // namespace heapscope::alloc
