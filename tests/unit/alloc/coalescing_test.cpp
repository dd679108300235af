// What is behind the bin allocator's slabs: merging, reuse, small blocks, what comes
// back to whom, and the exact check of every free.
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

using CoalescingHeap = TestHeap<CoalescingAllocator>;

constexpr std::size_t kMiB = std::size_t{1} << 20;

constexpr std::size_t kGranule = CoalescingAllocator::kGranuleBytes;

/// A block without slack where `size` is a multiple of the granule.
constexpr Layout exact(std::size_t size) { return {.size = size}; }

constexpr std::size_t rounded(std::size_t size) {
  return (size + kGranule - 1) / kGranule * kGranule;
}

/// Allocates where the test needs it to succeed.
Address must(CoalescingAllocator& allocator, Layout layout) {
  const auto block = allocator.allocate(layout);
  EXPECT_TRUE(block.has_value()) << layout.size << " align " << layout.align;
  return block.value_or(0);
}

bool is_one_free_run(const CoalescingAllocator& allocator) {
  const auto free = only(extents_of(allocator), ExtentState::free);
  return free.size() == 1 && only(extents_of(allocator), ExtentState::live).empty();
}

TEST(Coalescing, MergesWithWhatIsFreeOnEitherSideInAnyOrder) {
  constexpr std::array<std::size_t, 6> kSizes = {16, 32, 48, 272, 1024, 4096};
  for (const std::size_t one : kSizes) {
    for (const std::size_t two : kSizes) {
      for (const std::size_t three : kSizes) {
        std::array<std::size_t, 3> order = {0, 1, 2};
        do {
          SCOPED_TRACE(::testing::Message() << one << ' ' << two << ' ' << three << " order "
                                            << order[0] << order[1] << order[2]);
          CoalescingHeap heap(16'384);
          CoalescingAllocator& bin = heap.allocator;
          // All that these three blocks do not need is taken, so they lie side by side.
          const std::size_t all = one + two + three;
          const Layout rest = exact(bin.stats().largest_free_bytes - all);
          const Address first = must(bin, rest);
          std::array<std::pair<Address, std::size_t>, 3> blocks;
          for (std::size_t i = 0; i < 3; ++i) {
            const std::size_t size = std::array{one, two, three}[i];
            blocks[i] = {must(bin, exact(size)), size};
          }
          ASSERT_EQ(bin.stats().free_bytes, 0U);
          std::ranges::sort(blocks);
          for (const std::size_t i : order) {
            ASSERT_TRUE(bin.deallocate(blocks[i].first, exact(blocks[i].second)));
            ASSERT_EQ(unsound(bin), "");
          }
          ASSERT_EQ(unsound_settled(bin), "");
          EXPECT_EQ(bin.extent_at(blocks[1].first),
                    (Extent{.start = blocks[0].first, .size = all, .state = ExtentState::free}));
          ASSERT_TRUE(bin.deallocate(first, rest));
          EXPECT_TRUE(is_one_free_run(bin));
        } while (std::ranges::next_permutation(order).found);
      }
    }
  }
}

TEST(Coalescing, EveryBlockIsAWholeNumberOfGranulesAtEveryAlignment) {
  CoalescingHeap heap(64 * 1024);
  CoalescingAllocator& bin = heap.allocator;
  for (std::size_t align = 1; align <= 4096; align *= 2) {
    for (std::size_t size = 1; size <= 70; ++size) {
      const Layout layout{.size = size, .align = align};
      EXPECT_EQ(bin.usable_size(layout), rounded(size));
      const Address block = must(bin, layout);
      EXPECT_EQ(block % std::max(align, kGranule), 0U);
      EXPECT_EQ(bin.extent_at(block).size, rounded(size));
      ASSERT_TRUE(bin.deallocate(block, layout));
    }
  }
}

TEST(Coalescing, AHeapOf1KiBIsFilledToTheLastGranuleWhereverItStarts) {
  for (std::size_t offset = 0; offset < kGranule; ++offset) {
    CoalescingHeap heap(1024, offset);
    CoalescingAllocator& bin = heap.allocator;
    const std::uint64_t room = bin.stats().free_bytes;
    EXPECT_GE(room, 1024U - 64 - (offset == 0 ? 0 : kGranule));
    EXPECT_EQ(room % kGranule, 0U);
    std::vector<Address> blocks;
    while (const auto block = bin.allocate({.size = 1, .align = 1})) blocks.push_back(*block);
    EXPECT_EQ(blocks.size(), room / kGranule);
    EXPECT_EQ(bin.stats().free_bytes, 0U);
    EXPECT_EQ(bin.stats().requested_bytes, blocks.size());
    EXPECT_EQ(unsound(bin), "");
    for (const Address block : blocks) {
      EXPECT_EQ(block % kGranule, 0U);
      ASSERT_TRUE(bin.deallocate(block, {.size = 1, .align = 1}));
    }
    EXPECT_TRUE(is_one_free_run(bin));
  }
}

TEST(Coalescing, FreedMemoryServesAnyOtherSize) {
  constexpr std::array<std::size_t, 6> kSizes = {16, 48, 208, 1008, 1024, 5008};
  CoalescingHeap heap(64 * 1024);
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

TEST(Coalescing, ACheckerboardHoldsNoLargeBlockUntilItIsFreed) {
  CoalescingHeap heap(64 * 1024);
  CoalescingAllocator& bin = heap.allocator;
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
  expect_allocate_refused(bin, exact(80), HeapError::exhausted);
  const auto square = bin.allocate(exact(64));
  ASSERT_TRUE(square);
  ASSERT_TRUE(bin.deallocate(*square, exact(64)));
  for (std::size_t i = 1; i < blocks.size(); i += 2) {
    ASSERT_TRUE(bin.deallocate(blocks[i], exact(64)));
  }
  EXPECT_TRUE(bin.allocate(exact(16 * 1024)));
  EXPECT_EQ(unsound(bin), "");
}

TEST(Coalescing, TheLargestFreeRunCanAlwaysBeAllocated) {
  for (const std::uint64_t seed : kSeeds) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    RandomSource random(seed);
    CoalescingHeap heap(128 * 1024, random.below(32));
    ShadowHeap<CoalescingAllocator> shadow(heap.allocator);
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

TEST(Coalescing, AFreshHeapGivesItsLargestRunAtTheDefaultAlignmentWhereverItLies) {
  for (std::size_t offset = 0; offset < 32; ++offset) {
    for (std::size_t size = 500; size < 600; ++size) {
      CoalescingHeap heap(size, offset);
      const std::size_t largest = heap.allocator.stats().largest_free_bytes;
      ASSERT_TRUE(heap.allocator.allocate({.size = largest})) << size << " at " << offset;
    }
  }
}

TEST(Coalescing, WhatWasJustFreedComesBackToItsLayoutInAFullHeap) {
  for (std::size_t align = 1; align <= 4 * kMiB; align *= 2) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{24}, std::size_t{3000}}) {
      SCOPED_TRACE(::testing::Message() << size << " align " << align);
      CoalescingHeap heap(12 * kMiB, 4096 + 16);
      CoalescingAllocator& bin = heap.allocator;
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

/// A heap full of blocks of one granule: freeing some of them makes free runs at any
/// place and of any size.
class CoalescingOfGrains : public ::testing::Test {
 protected:
  static constexpr std::size_t kGrain = kGranule;

  CoalescingOfGrains() {
    first_ = only(extents_of(bin_), ExtentState::free).front().start;
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

  CoalescingHeap heap_{64 * 1024};
  CoalescingAllocator& bin_ = heap_.allocator;
  Address first_ = 0;
};

TEST_F(CoalescingOfGrains, AnAlignedRunIsFoundThoughThoseThatFitBetterAreNot) {
  const Layout layout{.size = 64, .align = 64};
  const Address aligned = align_up(first_ + 16, 64);
  free_run(aligned, 80);
  for (int i = 1; i <= 10; ++i) free_run(aligned + static_cast<Address>(i) * 256 + 16, 64);
  EXPECT_EQ(must(bin_, layout), aligned);
  expect_allocate_refused(bin_, layout, HeapError::exhausted);
}

TEST_F(CoalescingOfGrains, WhatWasJustFreedComesBackBehindManyRunsThatDoNotFit) {
  const Layout layout{.size = 64, .align = 64};
  const Address aligned = align_up(first_ + 16, 64);
  for (int i = 1; i <= 100; ++i) free_run(aligned + static_cast<Address>(i) * 256 + 16, 64);
  // Longer than the others, so it is not among the runs that fit best.
  free_run(aligned - 16, 80);
  const Address block = must(bin_, layout);
  EXPECT_EQ(block, aligned);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(bin_.deallocate(block, layout));
    EXPECT_EQ(must(bin_, layout), block);
  }
  EXPECT_EQ(unsound(bin_), "");
}

TEST_F(CoalescingOfGrains, PaddingAndRemainderOfAnAlignedBlockStayFree) {
  const Address aligned = align_up(first_ + 512, 512);
  free_run(aligned - 32, 32 + 64 + 48);
  EXPECT_EQ(must(bin_, {.size = 64, .align = 512}), aligned);
  EXPECT_EQ(bin_.extent_at(aligned - 1).size, 32U);
  EXPECT_EQ(bin_.extent_at(aligned + 64).size, 48U);
  EXPECT_EQ(unsound(bin_), "");
}

TEST_F(CoalescingOfGrains, TakesTheSmallestRunThatFits) {
  // Each in a list of its own.
  constexpr std::array<std::size_t, 6> kSizes = {2048, 1008, 1024, 1280, 32, 4096};
  Address next = first_ + kGrain;
  for (const std::size_t size : kSizes) {
    free_run(next, size);
    next += size + kGrain;
  }
  std::array<std::size_t, 6> ascending = kSizes;
  std::ranges::sort(ascending);
  for (const std::size_t size : ascending) {
    const Address block = must(bin_, exact(kGrain));
    const Extent rest = bin_.extent_at(block - kGrain);
    EXPECT_EQ(rest.size, size - kGrain);
    // The rest is taken too, so that the next smallest is next.
    EXPECT_EQ(must(bin_, exact(size - kGrain)), rest.start);
  }
  EXPECT_EQ(bin_.stats().free_bytes, 0U);
}

TEST_F(CoalescingOfGrains, ALargeBlockIsFoundBehindRunsOfItsListThatAreTooShort) {
  // 64 to 71 granules share a list; the one that fits is freed first, so that it
  // is the last of it.
  free_run(first_ + kGrain, 70 * kGrain);
  Address next = first_ + 72 * kGrain;
  for (int i = 0; i < 4; ++i, next += 66 * kGrain) free_run(next, 64 * kGrain);
  EXPECT_EQ(must(bin_, exact(68 * kGrain)), first_ + kGrain);
}

class CoalescingRefusals : public ::testing::Test {
 protected:
  static constexpr Layout kLayout{.size = 100};

  void refused(Address address, Layout layout, HeapError error) {
    expect_deallocate_refused(bin_, address, layout, error);
    expect_refused(bin_, error, 0, [&] { return bin_.resize_in_place(address, layout, 50); });
  }
  void refused_unsized(Address address, HeapError error) {
    expect_refused(bin_, error, 0, [&] { return bin_.deallocate_unsized(address); });
  }

  CoalescingHeap heap_{4096};
  CoalescingAllocator& bin_ = heap_.allocator;
  // Small blocks are carved from the end of what is free.
  Address behind_ = must(bin_, kLayout);
  Address block_ = must(bin_, kLayout);
  Address before_ = must(bin_, kLayout);
};

TEST_F(CoalescingRefusals, AnotherSize) {
  for (const std::size_t size : {96UL, 113UL, 1UL, 224UL, 0UL, ~0UL, ~0UL - 14, ~0UL - 15}) {
    refused(block_, {.size = size}, HeapError::wrong_layout);
    refused(block_, {.size = size, .align = 4096}, HeapError::wrong_layout);
  }
}

TEST_F(CoalescingRefusals, NoSizeAtAllAnywhere) {
  for (const std::size_t size : {0UL, ~0UL, ~0UL - 7, ~0UL - 14}) {
    refused(block_ + 16, {.size = size}, HeapError::inside_block);
    refused(block_ + 1, {.size = size}, HeapError::inside_block);
    refused(before_ - 16, {.size = size}, HeapError::not_allocated);
    refused(heap_.region.start(), {.size = size}, HeapError::outside_heap);
  }
}

TEST_F(CoalescingRefusals, AnAlignmentThatTheAddressHasNot) {
  for (const std::size_t align : {4096UL, 3UL, 0UL}) {
    refused(block_, {.size = 100, .align = align}, HeapError::wrong_layout);
  }
  EXPECT_TRUE(bin_.deallocate(block_, {.size = 100, .align = 1}));
}

/// Blocks of all kinds of lengths, at all kinds of places in the words of the map.
TEST(Coalescing, EveryWrongSizeIsRefusedWhereverTheBlockLies) {
  CoalescingHeap heap(1024 * 1024);
  CoalescingAllocator& bin = heap.allocator;
  for (const std::size_t granules : {1UL, 2UL, 16UL, 17UL, 31UL, 62UL, 63UL, 64UL, 65UL, 126UL,
                                     127UL, 128UL, 129UL, 192UL, 200UL}) {
    for (int place = 0; place < 67; ++place) {
      const Layout layout = exact(granules * kGranule);
      const Address block = must(bin, layout);
      must(bin, exact(kGranule));
      const Stats before = bin.stats();
      for (std::size_t claimed = 0; claimed <= 260; ++claimed) {
        if (claimed == granules) continue;
        for (const std::size_t size : {claimed * kGranule, claimed * kGranule - 15}) {
          ASSERT_EQ(bin.deallocate(block, exact(size)), fail(HeapError::wrong_layout))
              << size << " for a block of " << granules << " granules at " << std::hex << block;
        }
      }
      ASSERT_EQ(lasting_figures(bin.stats()), lasting_figures(before));
      if (place % 3 == 0) {
        ASSERT_TRUE(bin.deallocate(block, layout));
      }
    }
    ASSERT_EQ(unsound(bin), "");
  }
}

TEST_F(CoalescingRefusals, EveryAddressInsideABlock) {
  for (Address address = block_ + 1; address < block_ + 112; ++address) {
    refused(address, kLayout, HeapError::inside_block);
    refused_unsized(address, HeapError::inside_block);
  }
}

TEST_F(CoalescingRefusals, ASecondFree) {
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

TEST_F(CoalescingRefusals, WhatWasNeverHandedOut) {
  const Address first = only(extents_of(bin_), ExtentState::free).front().start;
  for (const Address address : {before_ - 16, before_ - 1, first, first + 16, first + 1}) {
    refused(address, kLayout, HeapError::not_allocated);
    refused_unsized(address, HeapError::not_allocated);
  }
}

TEST_F(CoalescingRefusals, TheMap) {
  const auto metadata = only(extents_of(bin_), ExtentState::metadata);
  ASSERT_FALSE(metadata.empty());
  for (const Extent& extent : metadata) {
    for (const Address address : {extent.start, extent.start + extent.size / 2, extent.end() - 1}) {
      refused(address, kLayout, HeapError::outside_heap);
      refused_unsized(address, HeapError::outside_heap);
    }
  }
}

TEST_F(CoalescingRefusals, AFreedBlockThatWasHandedOutAgainInAnotherPlace) {
  ASSERT_TRUE(bin_.deallocate(block_, kLayout));
  // A larger block spans the place where one used to start.
  ASSERT_TRUE(bin_.deallocate(before_, kLayout));
  const Address larger = must(bin_, {.size = 224});
  ASSERT_EQ(larger, before_);
  refused(block_, kLayout, HeapError::inside_block);
  refused(larger, kLayout, HeapError::wrong_layout);
}

TEST(Coalescing, DeallocatesWithoutALayout) {
  CoalescingHeap heap(64 * 1024);
  CoalescingAllocator& bin = heap.allocator;
  const Layout layouts[] = {exact(8), {.size = 100}, {.size = 5000}, {.size = 64, .align = 1024}};
  std::vector<Address> blocks;
  for (Layout layout : layouts) blocks.push_back(must(bin, layout));
  // Of the other blocks' bytes no more than what they asked for may stay.
  ASSERT_TRUE(bin.deallocate_unsized(blocks[1]));
  EXPECT_EQ(bin.stats().requested_bytes, 8U + 5000 + 64 + 100 - 112);
  EXPECT_EQ(bin.stats().live_blocks, 3U);
  for (const std::size_t i : {2U, 0U, 3U}) ASSERT_TRUE(bin.deallocate_unsized(blocks[i]));
  EXPECT_TRUE(is_one_free_run(bin));
  EXPECT_EQ(bin.stats().requested_bytes, 0U);
  EXPECT_EQ(unsound(bin), "");
}

TEST(Coalescing, ALargerSizeOfTheSameRoundingSpoilsNoLaterFigures) {
  CoalescingHeap heap(4096);
  CoalescingAllocator& bin = heap.allocator;
  const Address block = must(bin, {.size = 1});
  ASSERT_TRUE(bin.resize_in_place(block, {.size = 16}, 1));
  EXPECT_LE(bin.stats().requested_bytes, 16U);
  ASSERT_TRUE(bin.deallocate(block, {.size = 16}));
  EXPECT_EQ(bin.stats().requested_bytes, 0U);
  must(bin, {.size = 100});
  EXPECT_EQ(bin.stats().requested_bytes, 100U);
}

class CoalescingResize : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(bin_.deallocate(behind_, exact(64))); }

  /// The block of 64 bytes gets `size`; what is behind it are 64 free bytes, then
  /// a guard.
  void resize(std::size_t size) {
    ASSERT_TRUE(bin_.resize_in_place(block_, exact(64), size));
    EXPECT_EQ(bin_.extent_at(block_).state, ExtentState::live);
    EXPECT_EQ(bin_.extent_at(block_).size, rounded(size));
    EXPECT_EQ(bin_.stats().requested_bytes, size + 16);
    EXPECT_EQ(bin_.stats().used_bytes, rounded(size) + 16);
    EXPECT_EQ(unsound(bin_), "");
    EXPECT_EQ(unsound_settled(bin_), "");
    ASSERT_TRUE(bin_.deallocate(block_, exact(size)));
    ASSERT_TRUE(bin_.deallocate(guard_, exact(16)));
    EXPECT_TRUE(is_one_free_run(bin_));
  }

  CoalescingHeap heap_{4096};
  CoalescingAllocator& bin_ = heap_.allocator;
  Address guard_ = must(bin_, exact(16));
  Address behind_ = must(bin_, exact(64));
  Address block_ = must(bin_, exact(64));
};

TEST_F(CoalescingResize, GrowsIntoPartOfTheFreeRun) { resize(96); }
TEST_F(CoalescingResize, GrowsAndLeavesOneGranule) { resize(112); }
TEST_F(CoalescingResize, GrowsIntoAllOfTheFreeRun) { resize(128); }
TEST_F(CoalescingResize, GrowsWithinTheLastGranule) { resize(113); }
TEST_F(CoalescingResize, ShrinksByAGranule) { resize(48); }
TEST_F(CoalescingResize, ShrinksToOneByte) { resize(1); }
TEST_F(CoalescingResize, StaysAsItIs) { resize(64); }
TEST_F(CoalescingResize, StaysInItsLastGranule) { resize(49); }

TEST_F(CoalescingResize, IsRefusedWhereTheFreeRunIsTooShort) {
  for (const std::size_t size : {129UL, 144UL, 1000UL}) {
    expect_refused(bin_, HeapError::exhausted, 0,
                   [&] { return bin_.resize_in_place(block_, exact(64), size); });
  }
}

TEST_F(CoalescingResize, ShrinksBetweenLiveBlocks) {
  ASSERT_TRUE(bin_.resize_in_place(block_, exact(64), 128));
  ASSERT_TRUE(bin_.resize_in_place(block_, exact(128), 112));
  EXPECT_EQ(bin_.extent_at(block_ + 112),
            (Extent{.start = block_ + 112, .size = 16, .state = ExtentState::free}));
  EXPECT_EQ(unsound_settled(bin_), "");
}

TEST_F(CoalescingResize, IsRefusedForABlockThatIsFree) {
  expect_refused(bin_, HeapError::not_allocated, 0,
                 [&] { return bin_.resize_in_place(behind_, exact(64), 32); });
}

TEST(Coalescing, ResizingRaisesThePeak) {
  CoalescingHeap heap(4096);
  const Address block = must(heap.allocator, exact(1024));
  ASSERT_TRUE(heap.allocator.resize_in_place(block, exact(1024), 2000));
  EXPECT_EQ(heap.allocator.stats().peak_used_bytes, 2000U);
  ASSERT_TRUE(heap.allocator.resize_in_place(block, exact(2000), 16));
  EXPECT_EQ(heap.allocator.stats().peak_used_bytes, 2000U);
  EXPECT_EQ(heap.allocator.stats().used_bytes, 16U);
}

TEST(Coalescing, ALargeBlockGrowsInPlaceBesideSmallOnes) {
  CoalescingHeap heap(1 * kMiB);
  CoalescingAllocator& bin = heap.allocator;
  std::size_t size = 1024;
  const Address block = must(bin, exact(size));
  while (size < 900 * 1024) {
    for (std::size_t small = 16; small <= 256; small += 16) {
      const Address one = must(bin, exact(small));
      const Address other = must(bin, exact(small));
      ASSERT_TRUE(bin.deallocate(one, exact(small)));
      ASSERT_TRUE(bin.deallocate(other, exact(small)));
    }
    ASSERT_TRUE(bin.resize_in_place(block, exact(size), size + size / 8)) << size;
    size += size / 8;
  }
  ASSERT_TRUE(bin.deallocate(block, exact(size)));
  EXPECT_TRUE(is_one_free_run(bin));
  EXPECT_EQ(unsound(bin), "");
}

TEST(Coalescing, WithoutHardeningCorrectProgramsRunAsWell) {
  using Trusting = UncheckedBinAllocator;
  for (const std::uint64_t seed : kSeeds) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    RandomSource random(seed);
    TestHeap<Trusting> heap(256 * 1024, random.below(32));
    ShadowHeap<Trusting> shadow(heap.allocator);
    for (std::uint64_t i = 0; i < rounds(6000); ++i) {
      const std::size_t size = random.between(1, std::uint64_t{1} << random.between(3, 13));
      if (shadow.empty() || random.percent(52)) {
        const std::size_t align = std::size_t{1} << random.below(10);
        static_cast<void>(
            shadow.allocate({.size = size, .align = random.percent(70) ? 16 : align}));
      } else if (random.percent(15)) {
        static_cast<void>(shadow.resize_in_place(shadow.any(random), size));
      } else {
        shadow.deallocate(shadow.any(random));
      }
      if (i % 200 == 0) {
        ASSERT_EQ(unsound(heap.allocator), "");
      }
    }
    EXPECT_TRUE(shadow.contents_intact());
    shadow.deallocate_all(random);
    EXPECT_EQ(unsound_settled(heap.allocator), "");
    EXPECT_EQ(only(extents_of(heap.allocator), ExtentState::free).size(), 1U);
  }
}

TEST(Coalescing, KnowsWhichRangesItCanManageUpToTheTop) {
  EXPECT_FALSE(CoalescingAllocator::can_manage({.start = UINT64_MAX - 7, .end = UINT64_MAX}));
  EXPECT_FALSE(CoalescingAllocator::can_manage({.start = UINT64_MAX - 3, .end = UINT64_MAX}));
  EXPECT_TRUE(CoalescingAllocator::can_manage({.start = UINT64_MAX - 4096, .end = UINT64_MAX}));
  EXPECT_TRUE(CoalescingAllocator::can_manage({.start = 0, .end = UINT64_MAX}));
}

TEST(CoalescingDeathTest, InitializingTooSmallARangePanics) {
  const Region region(8);
  CoalescingAllocator bin;
  EXPECT_DEATH(bin.initialize(region.range()), "bin allocator: 8 bytes are too few");
}

constexpr std::size_t kGiB = std::size_t{1} << 30;

TEST(Coalescing, ManagesMoreThan4GiB) {
  const LazyRegion region(5 * kGiB);
  CoalescingAllocator bin;
  bin.initialize(region.range());
  EXPECT_GE(bin.stats().free_bytes, 5 * kGiB - 5 * kGiB / 60);
  const Address low = must(bin, exact(2 * kGiB));
  const Address small = must(bin, exact(48));
  const Address page = must(bin, {.size = 4096, .align = 4 * kMiB});
  const Address high = must(bin, exact(2 * kGiB));
  EXPECT_GT(small, region.range().start + 4 * kGiB);
  EXPECT_EQ(bin.extent_at(low + kGiB).start, low);
  EXPECT_EQ(bin.extent_at(high + kGiB).start, high);
  expect_allocate_refused(bin, exact(2 * kGiB), HeapError::exhausted);
  expect_allocate_refused(bin, exact(5 * kGiB), HeapError::unsupported);
  EXPECT_EQ(bin.deallocate(low, exact(2 * kGiB - 16)), fail(HeapError::wrong_layout));
  ASSERT_TRUE(bin.deallocate(high, exact(2 * kGiB)));
  ASSERT_TRUE(bin.resize_in_place(low, exact(2 * kGiB), 3 * kGiB));
  EXPECT_EQ(unsound(bin), "");
  ASSERT_TRUE(bin.deallocate(small, exact(48)));
  ASSERT_TRUE(bin.deallocate(low, exact(3 * kGiB)));
  ASSERT_TRUE(bin.deallocate(page, {.size = 4096, .align = 4 * kMiB}));
  EXPECT_TRUE(is_one_free_run(bin));
  EXPECT_EQ(unsound(bin), "");
}

TEST(Coalescing, ManagesMoreThanItsMapCanDescribe) {
  if (!long_run()) GTEST_SKIP() << "a map of 1 GiB is for the long run";
  const LazyRegion region(68 * kGiB);
  CoalescingAllocator bin;
  bin.initialize(region.range());
  EXPECT_LE(bin.stats().free_bytes, BlockMap::kMaxGranules * kGranule);
  EXPECT_GE(bin.stats().free_bytes, (BlockMap::kMaxGranules - 1) * kGranule);
  EXPECT_EQ(only(extents_of(bin), ExtentState::metadata).size(), 2U);
  const Layout half{.size = 32 * kGiB};
  const Layout page{.size = 4096, .align = 4 * kMiB};
  const Address first = must(bin, half);
  const Address second = must(bin, page);
  const Address third = must(bin, {.size = 31 * kGiB});
  EXPECT_EQ(bin.extent_at(first + 5 * kGiB).size, 32 * kGiB);
  EXPECT_EQ(bin.extent_at(third + 30 * kGiB).start, third);
  expect_allocate_refused(bin, half, HeapError::exhausted);
  expect_allocate_refused(bin, {.size = 66 * kGiB}, HeapError::unsupported);
  EXPECT_TRUE(bin.deallocate(first, half));
  EXPECT_TRUE(bin.deallocate(third, {.size = 31 * kGiB}));
  EXPECT_TRUE(bin.deallocate(second, page));
  EXPECT_TRUE(is_one_free_run(bin));
  EXPECT_EQ(unsound(bin), "");
}

}  // namespace
}  // namespace heapscope::alloc
