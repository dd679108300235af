// The slabs in front of the bin allocator: what comes from them, when there is a new
// one, when one goes, and that every wrong free into one is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "alloc/bin_allocator.hpp"
#include "tests/unit/alloc/random_source.hpp"
#include "tests/unit/alloc/shadow_heap.hpp"
#include "tests/unit/alloc/soundness.hpp"
#include "tests/unit/alloc/test_heap.hpp"

namespace heapscope::alloc {
namespace {

constexpr std::size_t kGranule = BinAllocator::kGranuleBytes;
constexpr std::size_t kLineBytes = Slabs::kLineGranules * kGranule;

/// A heap that has slabs of every class.
class SlabHeap : public ::testing::Test {
 protected:
  Address must(std::size_t size) {
    const auto block = bin_.allocate({.size = size});
    EXPECT_TRUE(block.has_value()) << size;
    return block.value_or(0);
  }
  std::vector<Address> must(std::size_t size, std::size_t count) {
    std::vector<Address> blocks;
    for (std::size_t i = 0; i < count; ++i) blocks.push_back(must(size));
    return blocks;
  }
  void give_back(Address block, std::size_t size) {
    ASSERT_TRUE(bin_.deallocate(block, {.size = size}));
  }
  /// The line that a block is in, counted from any other's.
  std::ptrdiff_t line_of(Address block) {
    const Extent first = extents_of(bin_).front();
    return static_cast<std::ptrdiff_t>((block - first.end()) / kLineBytes);
  }
  std::size_t free_extents() { return only(extents_of(bin_), ExtentState::free).size(); }

  TestHeap<BinAllocator> heap_{std::size_t{300} << 10, 7};
  BinAllocator& bin_ = heap_.allocator;
};

TEST_F(SlabHeap, BlocksOfOneSizeLieSideBySideInALine) {
  for (std::size_t size = kGranule; size <= 256; size += kGranule) {
    const std::size_t slots = kLineBytes / size;
    const auto blocks = must(size, slots + 1);
    for (std::size_t i = 0; i < slots; ++i) {
      EXPECT_EQ(blocks[i], blocks[0] + i * size);
      EXPECT_EQ(line_of(blocks[i]), line_of(blocks[0]));
    }
    EXPECT_NE(line_of(blocks[slots]), line_of(blocks[0])) << size;
  }
  EXPECT_EQ(unsound(bin_), "");
}

TEST_F(SlabHeap, EverySizeIsRoundedToGranules) {
  for (std::size_t size = 1; size <= 256; ++size) {
    const Address block = must(size);
    EXPECT_EQ(bin_.extent_at(block).start, block);
    EXPECT_EQ(bin_.extent_at(block).size, bin_.usable_size({.size = size}));
    give_back(block, size);
  }
  EXPECT_EQ(unsound_settled(bin_), "");
  EXPECT_EQ(free_extents(), 1U);
}

TEST_F(SlabHeap, TheFirstFreeSlotIsTaken) {
  const auto blocks = must(64, 16);
  for (const std::size_t i : {9U, 3U, 12U}) give_back(blocks[i], 64);
  EXPECT_EQ(must(64), blocks[3]);
  EXPECT_EQ(must(64), blocks[9]);
  EXPECT_EQ(must(64), blocks[12]);
}

TEST_F(SlabHeap, AFullSlabServesAgainOnceItHasAFreeSlot) {
  const auto blocks = must(256, 12);
  give_back(blocks[1], 256);
  give_back(blocks[6], 256);
  // The slab that was last allocated from goes first; the others follow in any order.
  std::set<Address> served = {must(256), must(256)};
  EXPECT_EQ(served, (std::set<Address>{blocks[1], blocks[6]}));
  EXPECT_EQ(unsound(bin_), "");
}

TEST_F(SlabHeap, ASlabInTheMiddleOfTheListMayGo) {
  const auto blocks = must(256, 24);
  // Five slabs in the list, each with one free slot.
  for (std::size_t slab = 0; slab < 5; ++slab) give_back(blocks[slab * 4], 256);
  for (const std::size_t slab : {2U, 0U, 4U, 1U}) {
    for (std::size_t i = 1; i < 4; ++i) give_back(blocks[slab * 4 + i], 256);
    EXPECT_EQ(unsound(bin_), "");
  }
  bin_.settle();
  EXPECT_EQ(bin_.stats().live_blocks, 7U);
  EXPECT_EQ(must(256), blocks[12]);
  EXPECT_EQ(unsound(bin_), "");
}

TEST_F(SlabHeap, AnEmptyLineIsKeptUntilAnotherIsEmpty) {
  const auto small = must(16, 65);
  const Address other = must(32);
  const std::size_t before = free_extents();
  for (std::size_t i = 0; i < 64; ++i) give_back(small[i], 16);
  EXPECT_EQ(free_extents(), before + 64) << "64 free slots";
  give_back(other, 32);
  // Now 32 slots of 32 bytes, and the first line has gone back.
  const auto free = only(extents_of(bin_), ExtentState::free);
  EXPECT_EQ(std::ranges::count(free, std::size_t{32}, &Extent::size), 32);
  EXPECT_EQ(std::ranges::count(free, std::size_t{16}, &Extent::size), 63);
  EXPECT_EQ(unsound(bin_), "");
}

TEST_F(SlabHeap, TheKeptLineServesAnotherClass) {
  const Address block = must(48);
  give_back(block, 48);
  EXPECT_EQ(must(96), block);
  EXPECT_EQ(must(48) / kLineBytes == block / kLineBytes, false);
  EXPECT_EQ(unsound(bin_), "");
}

TEST_F(SlabHeap, TheKeptLineMergesWhenItIsNeeded) {
  const Address block = must(48);
  const std::size_t all = bin_.stats().free_bytes + 48 + bin_.stats().metadata_bytes -
                          only(extents_of(bin_), ExtentState::metadata).front().size;
  give_back(block, 48);
  EXPECT_GT(free_extents(), 1U);
  EXPECT_TRUE(bin_.allocate({.size = all / kLineBytes * kLineBytes}));
  EXPECT_EQ(unsound(bin_), "");
}

TEST_F(SlabHeap, TheKeptLineMergesForABlockThatGrows) {
  // Lines are taken from the end of what is free, so that a large block before it
  // has grown up to the slab.
  const Address small = must(48);
  std::size_t size = 2048;
  const auto large = bin_.allocate({.size = size});
  ASSERT_TRUE(large);
  const std::size_t whole = bin_.extent_at(*large + size).size + size;
  ASSERT_TRUE(bin_.resize_in_place(*large, {.size = size}, whole));
  EXPECT_EQ(bin_.resize_in_place(*large, {.size = whole}, whole + 16), fail(HeapError::exhausted));
  give_back(small, 48);
  EXPECT_TRUE(bin_.resize_in_place(*large, {.size = whole}, whole + 16));
  EXPECT_EQ(unsound(bin_), "");
}

TEST_F(SlabHeap, WhatIsLeftOfALineIsMetadata) {
  const Address block = must(208);  // Thirteen granules, four times; twelve are left.
  const std::uint64_t records = extents_of(bin_).front().size;
  EXPECT_GE(bin_.stats().metadata_bytes, records + 12 * kGranule);
  const Extent tail = bin_.extent_at(block + 4 * 208 + 5);
  EXPECT_EQ(tail, (Extent{.start = block + 4 * 208, .size = 192, .state = ExtentState::metadata}));
  EXPECT_EQ(unsound(bin_), "");
}

TEST_F(SlabHeap, FiguresCountSlots) {
  const auto blocks = must(100, 20);
  const Stats stats = bin_.stats();
  EXPECT_EQ(stats.live_blocks, 20U);
  EXPECT_EQ(stats.requested_bytes, 2000U);
  EXPECT_EQ(stats.used_bytes, 20U * 112);
  EXPECT_EQ(stats.peak_used_bytes, 20U * 112);
  // Three slabs of nine slots.
  const auto bins = bins_of(bin_);
  EXPECT_EQ(bins[6].size, 112U);
  EXPECT_EQ(bins[6].free_blocks, 7U);
  for (const Address block : blocks) give_back(block, 100);
  bin_.settle();
  EXPECT_EQ(bin_.stats().requested_bytes, 0U);
  EXPECT_EQ(bin_.stats().used_bytes, 0U);
  EXPECT_EQ(bin_.stats().peak_used_bytes, 20U * 112);
  EXPECT_EQ(bins_of(bin_)[6].free_blocks, 0U);
}

TEST_F(SlabHeap, TheFiguresForgetWhatWasGivenBackWithAnotherSizeOfTheSameRounding) {
  const Address block = must(1);
  give_back(block, 16);
  EXPECT_EQ(bin_.stats().requested_bytes, 0U);
  must(100);
  EXPECT_EQ(bin_.stats().requested_bytes, 100U);
}

TEST_F(SlabHeap, ABlockKeepsItsSlotOnlyWithinItsClass) {
  const Address block = must(100);
  ASSERT_TRUE(bin_.resize_in_place(block, {.size = 100}, 112));
  ASSERT_TRUE(bin_.resize_in_place(block, {.size = 112}, 97));
  EXPECT_EQ(bin_.stats().requested_bytes, 97U);
  for (const std::size_t size : {96U, 113U, 1U, 2000U}) {
    expect_refused(bin_, HeapError::exhausted, 0,
                   [&] { return bin_.resize_in_place(block, {.size = 97}, size); });
  }
  give_back(block, 97);
}

TEST_F(SlabHeap, EveryOtherAddressAndSizeIsRefused) {
  const auto blocks = must(100, 9);
  must(100);
  give_back(blocks[4], 100);
  for (Address address = blocks[3] - 8; address < blocks[5] + 120; ++address) {
    const auto slot = (address - blocks[0]) / 112;
    const bool starts = (address - blocks[0]) % 112 == 0;
    for (const std::size_t size : {1UL, 96UL, 100UL, 113UL, 224UL, 1024UL, 4080UL, 0UL, ~0UL}) {
      if (starts && slot != 4 && size == 100) continue;
      const HeapError error = slot == 4 ? HeapError::not_allocated
                              : !starts ? HeapError::inside_block
                                        : HeapError::wrong_layout;
      ASSERT_EQ(bin_.deallocate(address, {.size = size}), fail(error)) << address << ' ' << size;
      ASSERT_EQ(bin_.resize_in_place(address, {.size = size}, 50), fail(error));
    }
  }
  EXPECT_EQ(bin_.deallocate_unsized(blocks[4]), fail(HeapError::not_allocated));
  EXPECT_EQ(bin_.deallocate_unsized(blocks[3] + 16), fail(HeapError::inside_block));
  EXPECT_EQ(unsound(bin_), "");
  EXPECT_EQ(bin_.stats().live_blocks, 9U);
}

TEST_F(SlabHeap, WhatIsLeftOfALineCannotBeFreed) {
  const Address tail = must(208) + 4 * 208;
  for (Address address = tail; address < tail + 192; address += 8) {
    for (const std::size_t size : {192UL, 208UL, 16UL, 1UL}) {
      ASSERT_EQ(bin_.deallocate(address, {.size = size}), fail(HeapError::not_allocated));
    }
    ASSERT_EQ(bin_.deallocate_unsized(address), fail(HeapError::not_allocated));
  }
  EXPECT_EQ(unsound(bin_), "");
}

TEST_F(SlabHeap, AnAlignmentThatTheSlotHasNotIsRefused) {
  const auto blocks = must(48, 3);
  for (const Address block : blocks) {
    for (const std::size_t align : {0UL, 3UL, 4096UL * 64}) {
      EXPECT_EQ(bin_.deallocate(block, {.size = 48, .align = align}),
                fail(HeapError::wrong_layout));
    }
    EXPECT_TRUE(bin_.deallocate(block, {.size = 48, .align = 8}));
  }
}

TEST_F(SlabHeap, BlocksWithoutALayoutComeBack) {
  const auto blocks = must(100, 9);
  for (const Address block : blocks) ASSERT_TRUE(bin_.deallocate_unsized(block));
  EXPECT_EQ(unsound_settled(bin_), "");
  EXPECT_EQ(free_extents(), 1U);
}

TEST_F(SlabHeap, SmallBlocksFillWhatHasNoWholeLine) {
  std::vector<Address> small;
  while (const auto block = bin_.allocate({.size = 16})) small.push_back(*block);
  EXPECT_EQ(bin_.stats().free_bytes, 0U);
  EXPECT_EQ(bin_.stats().live_blocks, small.size());
  EXPECT_EQ(unsound(bin_), "");
  RandomSource random(kSeeds[0]);
  while (!small.empty()) {
    std::swap(small[random.below(small.size())], small.back());
    give_back(small.back(), 16);
    small.pop_back();
  }
  EXPECT_EQ(unsound_settled(bin_), "");
  EXPECT_EQ(free_extents(), 1U);
}

TEST(SlabClasses, AreFewerInASmallHeap) {
  EXPECT_EQ(Slabs::classes_for(0), 0U);
  EXPECT_EQ(Slabs::classes_for(16 * 64 - 1), 0U);
  EXPECT_EQ(Slabs::classes_for(16 * 64), 1U);
  EXPECT_EQ(Slabs::classes_for(5 * 16 * 64 - 1), 4U);
  EXPECT_EQ(Slabs::classes_for(16 * 16 * 64), 16U);
  EXPECT_EQ(Slabs::classes_for(BlockMap::kMaxGranules), 16U);
}

TEST(SlabClasses, OnlyTheSmallSizesOfASmallHeapHaveSlabs) {
  TestHeap<BinAllocator> heap(std::size_t{70} << 10);
  BinAllocator& bin = heap.allocator;
  const auto of_64 = bin.allocate({.size = 64});
  const auto of_80 = bin.allocate({.size = 80});
  ASSERT_TRUE(of_64 && of_80);
  const auto free = only(extents_of(bin), ExtentState::free);
  EXPECT_EQ(std::ranges::count(free, std::size_t{64}, &Extent::size), 15);
  EXPECT_EQ(std::ranges::count(free, std::size_t{80}, &Extent::size), 0);
}

/// Programs in a heap that is nearly full of slabs, lines coming and going.
TEST(SlabPrograms, AgreeWithTheModel) {
  for (const std::uint64_t seed : kSeeds) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    RandomSource random(seed);
    TestHeap<BinAllocator> heap(std::size_t{280} << 10, random.below(32));
    ShadowHeap<BinAllocator> shadow(heap.allocator);
    for (std::uint64_t i = 0; i < rounds(20'000); ++i) {
      const bool filling = i / 2000 % 2 == 0;
      if (shadow.empty() || random.percent(filling ? 60 : 40)) {
        const std::size_t most = random.percent(90) ? 256 : 5000;
        static_cast<void>(shadow.allocate({.size = random.between(1, most)}));
      } else {
        shadow.deallocate(shadow.any(random));
      }
      if (i % 500 == 0) {
        ASSERT_EQ(unsound(heap.allocator), "");
        ASSERT_EQ(heap.allocator.stats().used_bytes, shadow.usable_bytes());
        ASSERT_EQ(heap.allocator.stats().requested_bytes, shadow.requested_bytes());
      }
    }
    EXPECT_TRUE(shadow.contents_intact());
    shadow.deallocate_all(random);
    EXPECT_EQ(unsound_settled(heap.allocator), "");
    EXPECT_EQ(only(extents_of(heap.allocator), ExtentState::free).size(), 1U);
  }
}

}  // namespace
}  // namespace heapscope::alloc
