// What is particular to the first-fit allocator: which run serves, how the list is
// kept, what its marks cost, and which damage it notices.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

#include "alloc/first_fit_allocator.hpp"
#include "tests/unit/alloc/region.hpp"
#include "tests/unit/alloc/soundness.hpp"
#include "tests/unit/alloc/test_heap.hpp"

namespace heapscope::alloc {
namespace {

constexpr Layout kBlock{.size = 64};

/// A heap of 64-byte blocks with a hole of one, of two and of one block between
/// them, and the free rest behind.
class FirstFit : public ::testing::Test {
 protected:
  FirstFit() {
    for (Address& block : blocks_) block = must(kBlock);
    for (const std::size_t i : {1U, 3U, 4U, 6U}) release(i);
  }

  Address must(Layout layout) {
    const auto address = allocator_.allocate(layout);
    EXPECT_TRUE(address.has_value());
    return address.value_or(0);
  }
  void release(std::size_t i) { EXPECT_TRUE(allocator_.deallocate(blocks_[i], kBlock)); }
  /// What a check of the whole heap finds first.
  [[nodiscard]] Damage damage() const {
    Address at = heap_.region.start();
    while (at < heap_.region.end()) {
      const auto next = allocator_.check(at);
      if (!next) return next.error();
      at = *next;
    }
    return {};
  }

  TestHeap<FirstFitAllocator> heap_{4096};
  FirstFitAllocator& allocator_ = heap_.allocator;
  std::array<Address, 8> blocks_{};
};

TEST_F(FirstFit, BlocksLieSideBySide) {
  for (std::size_t i = 1; i < blocks_.size(); ++i) EXPECT_EQ(blocks_[i], blocks_[i - 1] + 64);
}

TEST_F(FirstFit, TheFirstRunThatIsLongEnoughServes) {
  EXPECT_EQ(must({.size = 16}), blocks_[1]);
  EXPECT_EQ(must({.size = 64}), blocks_[3]);
  EXPECT_EQ(must({.size = 48}), blocks_[1] + 16);
  EXPECT_EQ(must({.size = 128}), blocks_[7] + 64);
  EXPECT_EQ(must({.size = 1}), blocks_[4]);
  EXPECT_EQ(unsound(allocator_), "");
}

TEST_F(FirstFit, WhatComesBackMergesWithBothNeighbours) {
  release(5);
  const auto extents = only(extents_of(allocator_), ExtentState::free);
  ASSERT_EQ(extents.size(), 3U);
  EXPECT_EQ(extents[1], (Extent{.start = blocks_[3], .size = 4 * 64, .state = ExtentState::free}));
  EXPECT_EQ(unsound(allocator_), "");
}

TEST_F(FirstFit, AnAlignedBlockLeavesWhatIsBeforeIt) {
  const Address aligned = must({.size = 16, .align = 256});
  EXPECT_EQ(aligned % 256, 0U);
  EXPECT_EQ(unsound(allocator_), "");
  EXPECT_TRUE(allocator_.deallocate(aligned, {.size = 16, .align = 256}));
  EXPECT_EQ(only(extents_of(allocator_), ExtentState::free).size(), 4U);
}

TEST_F(FirstFit, EveryMisuseOfAFreeIsAnError) {
  const auto refused = [this](Address address, Layout layout) {
    const auto freed = allocator_.deallocate(address, layout);
    return freed ? std::string_view("freed") : error_name(freed.error());
  };
  EXPECT_EQ(refused(blocks_[1], kBlock), "not-allocated");
  EXPECT_EQ(refused(blocks_[4], kBlock), "not-allocated");
  EXPECT_EQ(refused(blocks_[4] + 8, kBlock), "not-allocated");
  EXPECT_EQ(refused(blocks_[0] + 16, kBlock), "inside-block");
  EXPECT_EQ(refused(blocks_[0] + 1, kBlock), "inside-block");
  EXPECT_EQ(refused(heap_.region.start(), kBlock), "outside-heap");
  EXPECT_EQ(refused(blocks_[0], {.size = 48}), "wrong-layout");
  EXPECT_EQ(refused(blocks_[0], {.size = 128}), "wrong-layout");
  const Address odd = blocks_[5] % 128 != 0 ? blocks_[5] : blocks_[2];
  EXPECT_EQ(refused(odd, {.size = 64, .align = 128}), "wrong-layout");
  EXPECT_EQ(refused(odd, {.size = 64, .align = 8}), "freed");
  EXPECT_EQ(refused(blocks_[0], {.size = 49}), "freed");
}

TEST_F(FirstFit, TheMarksTakeOneSixtyFourth) {
  const TestHeap<FirstFitAllocator> large(std::size_t{1} << 20);
  EXPECT_LE(large.allocator.stats().metadata_bytes, (std::size_t{1} << 20) / 64);
  EXPECT_GE(large.allocator.stats().metadata_bytes, (std::size_t{1} << 20) / 70);
}

TEST_F(FirstFit, ABlockAsLongAsManyWordsOfMarksIsFound) {
  const TestHeap<FirstFitAllocator> large(std::size_t{16} << 20);
  FirstFitAllocator allocator = large.allocator;
  for (std::size_t size = 480; size <= 6'000'000; size = size * 5 / 4 / 16 * 16) {
    const auto first = allocator.allocate({.size = 16});
    const auto block = allocator.allocate({.size = size});
    const auto last = allocator.allocate({.size = 16});
    ASSERT_TRUE(first && block && last);
    const Extent whole{.start = *block, .size = size, .state = ExtentState::live};
    for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, size / 2, size - 1}) {
      EXPECT_EQ(allocator.extent_at(*block + offset), whole);
    }
    EXPECT_EQ(unsound(allocator), "");
    EXPECT_TRUE(allocator.deallocate(*first, {.size = 16}));
    EXPECT_TRUE(allocator.deallocate(*last, {.size = 16}));
    EXPECT_TRUE(allocator.deallocate(*block, {.size = size}));
  }
  const auto block = allocator.allocate({.size = 500'000});
  ASSERT_TRUE(block);
  EXPECT_EQ(allocator.deallocate(*block + 300'000, kBlock), fail(HeapError::inside_block));
}

/// The first unit of a free run.
struct Words {
  Address next;
  std::size_t size;
};
Words& words(Address run) { return *reinterpret_cast<Words*>(run); }

TEST_F(FirstFit, CheckReportsEveryOverwrittenLinkAndSize) {
  ASSERT_EQ(damage().what, "");
  const Words intact = words(blocks_[3]);
  ASSERT_EQ(intact.size, 128U);
  ASSERT_EQ(intact.next, blocks_[6]);
  for (const std::size_t size :
       {0UL, 1UL, 16UL, 64UL, 112UL, 136UL, 192UL, 256UL, 1UL << 40, ~0UL}) {
    words(blocks_[3]).size = size;
    EXPECT_EQ(damage().address, blocks_[3]) << size;
    EXPECT_EQ(allocator_.extent_at(blocks_[3]).size, 128U) << size;
  }
  words(blocks_[3]) = intact;
  for (const Address next :
       {Address{0}, Address{8}, blocks_[0], blocks_[1], blocks_[3], blocks_[5], blocks_[6] + 1,
        blocks_[7], blocks_[7] + 64, heap_.region.end(), ~Address{0}}) {
    words(blocks_[3]).next = next;
    EXPECT_EQ(damage().address, blocks_[3]) << next;
  }
  words(blocks_[3]) = intact;
  EXPECT_EQ(damage().what, "");
}

TEST_F(FirstFit, CheckReportsAnOverwrittenSizeThatCouldBeRight) {
  words(blocks_[3]) = {.next = blocks_[7] + 64, .size = 256};
  EXPECT_EQ(damage().address, blocks_[3]);
  EXPECT_EQ(damage().what, "a block begins inside the free run");
}

TEST_F(FirstFit, CheckReportsOverwrittenMarks) {
  // Four words say where something starts, four where that is free.
  auto& marks = *reinterpret_cast<std::uint64_t*>(heap_.region.start() + 4 * 8);
  const std::uint64_t intact = marks;
  marks &= marks - 1;
  EXPECT_EQ(damage().what, "the list misses the first free run");
  marks = 0;
  EXPECT_EQ(damage().what, "the list misses the first free run");
  marks = intact;
  EXPECT_EQ(damage().what, "");
}

TEST_F(FirstFit, CheckReportsAListThatMissesARun) {
  // The free rest becomes a run that nothing leads to.
  words(blocks_[6]).next = 0;
  EXPECT_EQ(damage().what, "the list misses a free run");
}

using FirstFitDeathTest = FirstFit;

TEST_F(FirstFitDeathTest, AnOverwrittenLinkIsNotFollowed) {
  const Layout large{.size = 512};
  for (const Address next : {Address{16}, ~Address{0}, blocks_[0], blocks_[7], blocks_[6] + 16,
                             heap_.region.end(), heap_.region.start() - 4096}) {
    const Words intact = words(blocks_[3]);
    words(blocks_[3]).next = next;
    EXPECT_DEATH(static_cast<void>(allocator_.allocate(large)),
                 "heap damaged: the link of the free run was overwritten at 0x[0-9a-f]+");
    EXPECT_DEATH(static_cast<void>(allocator_.deallocate(blocks_[7], kBlock)), "heap damaged");
    words(blocks_[3]) = intact;
  }
  EXPECT_TRUE(allocator_.allocate(large));
}

TEST_F(FirstFitDeathTest, AnOverwrittenSizeIsNotUsed) {
  for (const std::size_t size : {0UL, 8UL, 24UL, 96UL, 1UL << 20, ~0UL - 15}) {
    const Words intact = words(blocks_[3]);
    words(blocks_[3]).size = size;
    EXPECT_DEATH(static_cast<void>(allocator_.allocate({.size = 100})),
                 "heap damaged: the size of the free run was overwritten at 0x[0-9a-f]+");
    EXPECT_DEATH(static_cast<void>(allocator_.stats()), "heap damaged");
    words(blocks_[3]) = intact;
  }
}

TEST_F(FirstFitDeathTest, ARunThatTheListMissesIsNotMergedWith) {
  words(blocks_[4] - 64).next = 0;
  EXPECT_DEATH(static_cast<void>(allocator_.deallocate(blocks_[5], kBlock)),
               "heap damaged: the free run at 0x[0-9a-f]+ is not in the list");
  EXPECT_DEATH(static_cast<void>(allocator_.resize_in_place(blocks_[5], kBlock, 128)),
               "heap damaged: the free run at 0x[0-9a-f]+ is not in the list");
}

TEST(FirstFitStartDeathTest, ARangeThatIsTooSmallPanics) {
  FirstFitAllocator allocator;
  EXPECT_DEATH(allocator.initialize({.start = 4096, .end = 4096 + 16}),
               "first-fit allocator: 16 bytes are too few");
}

}  // namespace
}  // namespace heapscope::alloc
