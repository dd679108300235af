// The bin allocator's own promises: merging, reuse, small blocks, what comes back
// to whom, and the exact check of every free.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "alloc/bin_allocator.hpp"
#include "tests/unit/alloc/random_source.hpp"
#include "tests/unit/alloc/shadow_heap.hpp"
#include "tests/unit/alloc/soundness.hpp"
#include "tests/unit/alloc/test_heap.hpp"

namespace heapscope::alloc {
namespace {

using BinHeap = TestHeap<BinAllocator>;

constexpr std::size_t kMiB = std::size_t{1} << 20;

/// A block without slack, at the allocator's finest alignment.
constexpr Layout exact(std::size_t size) { return {.size = size, .align = 8}; }

/// Allocates where the test needs it to succeed.
Address must(BinAllocator& allocator, const Layout& layout) {
  const auto block = allocator.allocate(layout);
  EXPECT_TRUE(block.has_value()) << layout.size << " align " << layout.align;
  return block.value_or(0);
}

/// Whether each free run has live blocks or the heap's ends on both sides.
bool fully_merged(const BinAllocator& allocator) {
  const auto extents = extents_of(allocator);
  return std::ranges::adjacent_find(extents, [](const Extent& left, const Extent& right) {
           return left.state == ExtentState::free && right.state == ExtentState::free;
         }) == extents.end();
}

bool is_one_free_run(const BinAllocator& allocator) {
  const auto free = only(extents_of(allocator), ExtentState::free);
  return free.size() == 1 && only(extents_of(allocator), ExtentState::live).empty();
}

TEST(Bin, MergesWithWhatIsFreeOnEitherSideInAnyOrder) {
  constexpr std::array<std::size_t, 5> kSizes = {8, 16, 24, 1024, 4096};
  for (const std::size_t left : kSizes) {
    for (const std::size_t middle : kSizes) {
      for (const std::size_t right : kSizes) {
        std::array<std::size_t, 3> order = {0, 1, 2};
        do {
          SCOPED_TRACE(::testing::Message() << left << ' ' << middle << ' ' << right << " order "
                                            << order[0] << order[1] << order[2]);
          BinHeap heap(16'384);
          BinAllocator& bin = heap.allocator;
          const std::array layouts = {exact(left), exact(middle), exact(right)};
          const std::array blocks = {must(bin, layouts[0]), must(bin, layouts[1]),
                                     must(bin, layouts[2])};
          const Address guard = must(bin, exact(8));
          ASSERT_EQ(guard, blocks[0] + left + middle + right);
          for (const std::size_t i : order) {
            ASSERT_TRUE(bin.deallocate(blocks[i], layouts[i]));
            ASSERT_TRUE(fully_merged(bin));
            ASSERT_EQ(unsound(bin), "");
          }
          EXPECT_EQ(bin.extent_at(blocks[1]), (Extent{.start = blocks[0],
                                                      .size = left + middle + right,
                                                      .state = ExtentState::free}));
          ASSERT_TRUE(bin.deallocate(guard, exact(8)));
          EXPECT_TRUE(is_one_free_run(bin));
        } while (std::ranges::next_permutation(order).found);
      }
    }
  }
}

TEST(Bin, SmallAlignmentsSaveMemory) {
  BinHeap heap(4096);
  const std::uint64_t room = heap.allocator.stats().free_bytes;
  Address before = must(heap.allocator, exact(8));
  std::uint64_t blocks = 1;
  while (const auto block = heap.allocator.allocate(exact(8))) {
    EXPECT_EQ(*block, before + 8);
    before = *block;
    ++blocks;
  }
  EXPECT_EQ(blocks, room / 8);
  EXPECT_EQ(heap.allocator.stats().free_bytes, 0U);
  EXPECT_EQ(heap.allocator.stats().requested_bytes, room);
  EXPECT_EQ(unsound(heap.allocator), "");
}

TEST(Bin, RoundsTo16OnlyWhereTheAlignmentIsThatLarge) {
  const BinHeap heap(4096);
  const auto usable = [&heap](std::size_t size, std::size_t align) {
    return heap.allocator.usable_size({.size = size, .align = align});
  };
  for (const std::size_t align : {1U, 2U, 4U, 8U}) {
    EXPECT_EQ(usable(1, align), 8U);
    EXPECT_EQ(usable(8, align), 8U);
    EXPECT_EQ(usable(9, align), 16U);
    EXPECT_EQ(usable(24, align), 24U);
  }
  for (const std::size_t align : {16U, 32U, 4096U}) {
    EXPECT_EQ(usable(1, align), 16U);
    EXPECT_EQ(usable(16, align), 16U);
    EXPECT_EQ(usable(17, align), 32U);
  }
}

TEST(Bin, FreedMemoryServesAnyOtherSize) {
  constexpr std::array<std::size_t, 6> kSizes = {8, 40, 200, 1000, 1024, 5000};
  BinHeap heap(64 * 1024);
  const std::uint64_t room = heap.allocator.stats().free_bytes;
  for (const std::size_t first : kSizes) {
    for (const std::size_t second : kSizes) {
      for (const std::size_t size : {first, second}) {
        std::vector<Address> blocks;
        while (const auto block = heap.allocator.allocate(exact(size))) blocks.push_back(*block);
        EXPECT_EQ(blocks.size(), room / size);
        for (const Address block : blocks) {
          ASSERT_TRUE(heap.allocator.deallocate(block, exact(size)));
        }
        ASSERT_TRUE(is_one_free_run(heap.allocator));
      }
    }
  }
  EXPECT_EQ(unsound(heap.allocator), "");
}

TEST(Bin, ACheckerboardHoldsNoLargeBlockUntilItIsFreed) {
  BinHeap heap(64 * 1024);
  BinAllocator& bin = heap.allocator;
  std::vector<Address> blocks;
  while (const auto block = bin.allocate(exact(64))) blocks.push_back(*block);
  take_all_free(bin);
  for (std::size_t i = 0; i < blocks.size(); i += 2) {
    ASSERT_TRUE(bin.deallocate(blocks[i], exact(64)));
  }
  const Stats stats = bin.stats();
  EXPECT_EQ(stats.largest_free_bytes, 64U);
  EXPECT_EQ(stats.free_bytes, (blocks.size() + 1) / 2 * 64);
  EXPECT_EQ(stats.fragmentation_permille(), 1000 - 1000 * 64 / stats.free_bytes);
  expect_allocate_refused(bin, exact(72), HeapError::exhausted);
  const auto square = bin.allocate(exact(64));
  ASSERT_TRUE(square);
  ASSERT_TRUE(bin.deallocate(*square, exact(64)));
  for (std::size_t i = 1; i < blocks.size(); i += 2) {
    ASSERT_TRUE(bin.deallocate(blocks[i], exact(64)));
  }
  EXPECT_TRUE(bin.allocate(exact(16 * 1024)));
  EXPECT_EQ(unsound(bin), "");
}

TEST(Bin, TheLargestFreeRunCanAlwaysBeAllocated) {
  for (const std::uint64_t seed : kSeeds) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    RandomSource random(seed);
    BinHeap heap(128 * 1024, random.below(32));
    ShadowHeap<BinAllocator> shadow(heap.allocator);
    for (std::uint64_t i = 0; i < rounds(1500); ++i) {
      if (shadow.empty() || random.percent(55)) {
        static_cast<void>(shadow.allocate(exact(random.between(1, 3000))));
      } else {
        shadow.deallocate(shadow.any(random));
      }
      const std::size_t largest = heap.allocator.stats().largest_free_bytes;
      if (largest == 0) continue;
      const auto block = heap.allocator.allocate(exact(largest));
      ASSERT_TRUE(block);
      ASSERT_TRUE(heap.allocator.deallocate(*block, exact(largest)));
    }
  }
}

TEST(Bin, AFreshHeapGivesItsLargestRunAtTheDefaultAlignmentWhereverItLies) {
  for (std::size_t offset = 0; offset < 32; ++offset) {
    for (std::size_t size = 500; size < 600; ++size) {
      BinHeap heap(size, offset);
      const std::size_t largest = heap.allocator.stats().largest_free_bytes;
      ASSERT_TRUE(heap.allocator.allocate({.size = largest})) << size << " at " << offset;
    }
  }
}

TEST(Bin, WhatWasJustFreedComesBackToItsLayoutInAFullHeap) {
  for (std::size_t align = 1; align <= 4 * kMiB; align *= 2) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{24}, std::size_t{3000}}) {
      SCOPED_TRACE(::testing::Message() << size << " align " << align);
      BinHeap heap(12 * kMiB, 4096 + 16);
      BinAllocator& bin = heap.allocator;
      const Layout layout{.size = size, .align = align};
      must(bin, exact(8));
      const Address block = must(bin, layout);
      take_all_free(bin);
      ASSERT_EQ(bin.stats().free_bytes, 0U);
      for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(bin.deallocate(block, layout));
        EXPECT_EQ(must(bin, layout), block);
      }
      EXPECT_EQ(unsound(bin), "");
    }
  }
}

/// A heap full of 8-byte blocks: freeing some of them makes free runs at any
/// place and of any size.
class BinOfGrains : public ::testing::Test {
 protected:
  static constexpr std::size_t kGrain = 8;

  BinOfGrains() {
    first_ = must(bin_, exact(kGrain));
    while (bin_.allocate(exact(kGrain))) {
    }
  }

  void free_run(Address start, std::size_t size) {
    for (Address at = start; at < start + size; at += kGrain) {
      ASSERT_TRUE(bin_.deallocate(at, exact(kGrain)));
    }
    ASSERT_EQ(bin_.extent_at(start),
              (Extent{.start = start, .size = size, .state = ExtentState::free}));
  }

  BinHeap heap_{64 * 1024};
  BinAllocator& bin_ = heap_.allocator;
  Address first_ = 0;
};

TEST_F(BinOfGrains, AnAlignedRunIsFoundAmongAFewThatAreNot) {
  const Layout layout{.size = 64, .align = 64};
  const Address aligned = align_up(first_ + 8, 64);
  free_run(aligned, 64);
  for (int i = 1; i <= 10; ++i) free_run(aligned + static_cast<Address>(i) * 256 + 8, 64);
  EXPECT_EQ(must(bin_, layout), aligned);
  expect_allocate_refused(bin_, layout, HeapError::exhausted);
}

TEST_F(BinOfGrains, WhatWasJustFreedComesBackBehindManyRunsThatDoNotFit) {
  const Layout layout{.size = 64, .align = 64};
  const Address aligned = align_up(first_ + 8, 64);
  for (int i = 1; i <= 100; ++i) free_run(aligned + static_cast<Address>(i) * 256 + 8, 64);
  // Longer than the others, so it is not among the runs that fit best.
  free_run(aligned - 8, 72);
  const Address block = must(bin_, layout);
  EXPECT_EQ(block, aligned);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(bin_.deallocate(block, layout));
    EXPECT_EQ(must(bin_, layout), block);
  }
  EXPECT_EQ(unsound(bin_), "");
}

TEST_F(BinOfGrains, PaddingAndRemainderOfAnAlignedBlockStayFree) {
  const Address aligned = align_up(first_ + 512, 512);
  free_run(aligned - 24, 24 + 64 + 40);
  EXPECT_EQ(must(bin_, {.size = 64, .align = 512}), aligned);
  EXPECT_EQ(bin_.extent_at(aligned - 1).size, 24U);
  EXPECT_EQ(bin_.extent_at(aligned + 64).size, 40U);
  EXPECT_EQ(unsound(bin_), "");
}

TEST_F(BinOfGrains, TakesTheSmallestRunThatFits) {
  const Address at = first_ + 8;
  constexpr std::array<std::size_t, 6> kSizes = {2048, 1016, 1024, 1032, 24, 4096};
  Address next = at;
  for (const std::size_t size : kSizes) {
    free_run(next, size);
    next += size + kGrain;
  }
  std::array<std::size_t, 6> ascending = kSizes;
  std::ranges::sort(ascending);
  for (const std::size_t size : ascending) {
    const Address block = must(bin_, exact(8));
    const Extent rest = bin_.extent_at(block + 8);
    EXPECT_EQ(rest.size, size - 8);
    // The rest is taken too, so that the next smallest is next.
    must(bin_, exact(size - 8));
  }
  EXPECT_EQ(bin_.stats().free_bytes, 0U);
}

class BinRefusals : public ::testing::Test {
 protected:
  static constexpr Layout kLayout{.size = 100};

  void refused(Address address, const Layout& layout, HeapError error) {
    expect_deallocate_refused(bin_, address, layout, error);
    expect_refused(bin_, error, 0, [&] { return bin_.resize_in_place(address, layout, 50); });
  }
  void refused_unsized(Address address, HeapError error) {
    expect_refused(bin_, error, 0, [&] { return bin_.deallocate_unsized(address); });
  }

  BinHeap heap_{4096};
  BinAllocator& bin_ = heap_.allocator;
  Address before_ = must(bin_, kLayout);
  Address block_ = must(bin_, kLayout);
  Address behind_ = must(bin_, kLayout);
};

TEST_F(BinRefusals, AnotherLayout) {
  for (const Layout& layout :
       {Layout{.size = 96}, Layout{.size = 113}, Layout{.size = 1}, Layout{.size = 224},
        Layout{.size = 100, .align = 8}, Layout{.size = 100, .align = 4096},
        Layout{.size = 100, .align = 0}, Layout{.size = 100, .align = 48}, Layout{.size = 0}}) {
    refused(block_, layout, HeapError::wrong_layout);
  }
}

TEST_F(BinRefusals, AnAlignmentThatTheBlockDoesNotHave) {
  static_cast<void>(must(bin_, exact(8)));
  const Address odd = must(bin_, exact(16));
  ASSERT_NE(odd % 16, 0U);
  refused(odd, {.size = 16, .align = 16}, HeapError::wrong_layout);
  // For larger alignments the size is rounded as for 16.
  const Address highest = block_ & (0 - block_);
  refused(block_, {.size = 100, .align = 2 * highest}, HeapError::wrong_layout);
}

TEST_F(BinRefusals, EveryAddressInsideABlock) {
  for (Address address = block_ + 1; address < block_ + 112; ++address) {
    refused(address, kLayout, HeapError::inside_block);
    refused_unsized(address, HeapError::inside_block);
  }
}

TEST_F(BinRefusals, ASecondFree) {
  ASSERT_TRUE(bin_.deallocate(block_, kLayout));
  for (Address address = block_; address < block_ + 112; ++address) {
    refused(address, kLayout, HeapError::not_allocated);
    refused_unsized(address, HeapError::not_allocated);
  }
  // Also when the memory has become part of a larger run.
  ASSERT_TRUE(bin_.deallocate(before_, kLayout));
  ASSERT_TRUE(bin_.deallocate(behind_, kLayout));
  for (const Address address : {before_, block_, behind_}) {
    refused(address, kLayout, HeapError::not_allocated);
    refused_unsized(address, HeapError::not_allocated);
  }
}

TEST_F(BinRefusals, WhatWasNeverHandedOut) {
  const Address last = heap_.allocator.stats().end - 1;
  for (const Address address : {behind_ + 112, behind_ + 113, last - 32}) {
    refused(address, kLayout, HeapError::not_allocated);
    refused_unsized(address, HeapError::not_allocated);
  }
}

TEST_F(BinRefusals, TheMap) {
  const auto metadata = only(extents_of(bin_), ExtentState::metadata);
  ASSERT_FALSE(metadata.empty());
  for (const Extent& extent : metadata) {
    for (const Address address : {extent.start, extent.start + extent.size / 2, extent.end() - 1}) {
      refused(address, kLayout, HeapError::outside_heap);
      refused_unsized(address, HeapError::outside_heap);
    }
  }
}

TEST_F(BinRefusals, AFreedBlockThatWasHandedOutAgainInAnotherPlace) {
  ASSERT_TRUE(bin_.deallocate(block_, kLayout));
  // A larger block spans the place where one used to start.
  ASSERT_TRUE(bin_.deallocate(before_, kLayout));
  const Address larger = must(bin_, {.size = 224});
  ASSERT_EQ(larger, before_);
  refused(block_, kLayout, HeapError::inside_block);
  refused(larger, kLayout, HeapError::wrong_layout);
}

TEST(Bin, DeallocatesWithoutALayout) {
  BinHeap heap(64 * 1024);
  BinAllocator& bin = heap.allocator;
  const Layout layouts[] = {exact(8), {.size = 100}, {.size = 5000}, {.size = 64, .align = 1024}};
  std::vector<Address> blocks;
  for (const Layout& layout : layouts) blocks.push_back(must(bin, layout));
  // Of the other blocks' bytes no more than what they asked for may stay.
  ASSERT_TRUE(bin.deallocate_unsized(blocks[1]));
  EXPECT_EQ(bin.stats().requested_bytes, 8U + 5000 + 64 + 100 - 112);
  EXPECT_EQ(bin.stats().live_blocks, 3U);
  for (const std::size_t i : {2U, 0U, 3U}) ASSERT_TRUE(bin.deallocate_unsized(blocks[i]));
  EXPECT_TRUE(is_one_free_run(bin));
  EXPECT_EQ(bin.stats().requested_bytes, 0U);
  EXPECT_EQ(unsound(bin), "");
}

TEST(Bin, ALargerSizeOfTheSameRoundingSpoilsNoLaterFigures) {
  BinHeap heap(4096);
  BinAllocator& bin = heap.allocator;
  const Address block = must(bin, {.size = 1});
  ASSERT_TRUE(bin.resize_in_place(block, {.size = 16}, 1));
  EXPECT_EQ(bin.stats().requested_bytes, 1U);
  ASSERT_TRUE(bin.deallocate(block, {.size = 16}));
  EXPECT_EQ(bin.stats().requested_bytes, 0U);
  must(bin, {.size = 100});
  EXPECT_EQ(bin.stats().requested_bytes, 100U);
}

class BinResize : public ::testing::Test {
 protected:
  /// The block of 64 bytes gets `size`; what is behind it are 64 free bytes, then
  /// a guard.
  void resize(std::size_t size) {
    ASSERT_TRUE(bin_.resize_in_place(block_, exact(64), size));
    EXPECT_EQ(bin_.extent_at(block_).state, ExtentState::live);
    EXPECT_EQ(bin_.extent_at(block_).size, (size + 7) / 8 * 8);
    EXPECT_TRUE(fully_merged(bin_));
    EXPECT_EQ(bin_.stats().requested_bytes, size + 8);
    EXPECT_EQ(bin_.stats().used_bytes, (size + 7) / 8 * 8 + 8);
    EXPECT_EQ(unsound(bin_), "");
    ASSERT_TRUE(bin_.deallocate(block_, exact(size)));
    ASSERT_TRUE(bin_.deallocate(guard_, exact(8)));
    EXPECT_TRUE(is_one_free_run(bin_));
  }
  void SetUp() override { ASSERT_TRUE(bin_.deallocate(behind_, exact(64))); }

  BinHeap heap_{4096};
  BinAllocator& bin_ = heap_.allocator;
  Address block_ = must(bin_, exact(64));
  Address behind_ = must(bin_, exact(64));
  Address guard_ = must(bin_, exact(8));
};

TEST_F(BinResize, GrowsIntoPartOfTheFreeRun) { resize(96); }
TEST_F(BinResize, GrowsAndLeavesOneGranule) { resize(120); }
TEST_F(BinResize, GrowsIntoAllOfTheFreeRun) { resize(128); }
TEST_F(BinResize, GrowsWithinTheLastGranule) { resize(121); }
TEST_F(BinResize, ShrinksByAGranule) { resize(56); }
TEST_F(BinResize, ShrinksToOneByte) { resize(1); }
TEST_F(BinResize, StaysAsItIs) { resize(64); }
TEST_F(BinResize, StaysInItsLastGranule) { resize(57); }

TEST_F(BinResize, IsRefusedWhereTheFreeRunIsTooShort) {
  for (const std::size_t size : {129UL, 136UL, 1000UL}) {
    expect_refused(bin_, HeapError::exhausted, 0,
                   [&] { return bin_.resize_in_place(block_, exact(64), size); });
  }
}

TEST_F(BinResize, ShrinksBetweenLiveBlocks) {
  ASSERT_TRUE(bin_.resize_in_place(block_, exact(64), 128));
  ASSERT_TRUE(bin_.resize_in_place(block_, exact(128), 120));
  EXPECT_EQ(bin_.extent_at(block_ + 120),
            (Extent{.start = block_ + 120, .size = 8, .state = ExtentState::free}));
  EXPECT_EQ(unsound(bin_), "");
}

TEST_F(BinResize, RaisesThePeak) {
  BinHeap heap(4096);
  const Address block = must(heap.allocator, exact(64));
  ASSERT_TRUE(heap.allocator.resize_in_place(block, exact(64), 1000));
  EXPECT_EQ(heap.allocator.stats().peak_used_bytes, 1000U);
  ASSERT_TRUE(heap.allocator.resize_in_place(block, exact(1000), 8));
  EXPECT_EQ(heap.allocator.stats().peak_used_bytes, 1000U);
  EXPECT_EQ(heap.allocator.stats().used_bytes, 8U);
}

TEST(Bin, KnowsWhichRangesItCanManageUpToTheTop) {
  EXPECT_FALSE(BinAllocator::can_manage({.start = UINT64_MAX - 7, .end = UINT64_MAX}));
  EXPECT_FALSE(BinAllocator::can_manage({.start = UINT64_MAX - 3, .end = UINT64_MAX}));
  EXPECT_TRUE(BinAllocator::can_manage({.start = UINT64_MAX - 4096, .end = UINT64_MAX}));
  EXPECT_TRUE(BinAllocator::can_manage({.start = 0, .end = UINT64_MAX}));
}

TEST(BinDeathTest, InitializingTooSmallARangePanics) {
  const Region region(8);
  BinAllocator bin;
  EXPECT_DEATH(bin.initialize(region.range()), "bin allocator: 8 bytes are too few");
}

TEST(Bin, ManagesMoreThanItsMapCanDescribe) {
  constexpr std::size_t kGiB = std::size_t{1} << 30;
  const LazyRegion region(36 * kGiB);
  BinAllocator bin;
  bin.initialize(region.range());
  EXPECT_LE(bin.stats().free_bytes, BlockMap::kMaxGranules * 8);
  EXPECT_GE(bin.stats().free_bytes, BlockMap::kMaxGranules * 8 - 16);
  EXPECT_EQ(only(extents_of(bin), ExtentState::metadata).size(), 2U);
  const Layout half{.size = 16 * kGiB};
  const Layout page{.size = 4096, .align = 4 * kMiB};
  const Address first = must(bin, half);
  const Address second = must(bin, page);
  const Address third = must(bin, {.size = 15 * kGiB});
  EXPECT_EQ(bin.extent_at(first + 5 * kGiB).size, 16 * kGiB);
  EXPECT_EQ(bin.extent_at(third + 14 * kGiB).start, third);
  expect_allocate_refused(bin, half, HeapError::exhausted);
  expect_allocate_refused(bin, {.size = 33 * kGiB}, HeapError::unsupported);
  EXPECT_TRUE(bin.deallocate(first, half));
  EXPECT_TRUE(bin.deallocate(third, {.size = 15 * kGiB}));
  EXPECT_TRUE(bin.deallocate(second, page));
  EXPECT_TRUE(is_one_free_run(bin));
  EXPECT_EQ(unsound(bin), "");
}

}  // namespace
}  // namespace heapscope::alloc
