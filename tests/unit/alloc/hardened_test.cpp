// The level `full`: what its zones, its fill, its quarantine and its check of the
// whole heap find, whom they name, and that it is a good allocator otherwise.
#include <gtest/gtest.h>

#include <algorithm>
#include <concepts>
#include <string>
#include <vector>

#include "alloc/bump_allocator.hpp"
#include "alloc/default_allocator.hpp"
#include "alloc/hardened_allocator.hpp"
#include "alloc/locked_heap.hpp"
#include "alloc/no_lock.hpp"
#include "tests/unit/alloc/shadow_heap.hpp"
#include "tests/unit/alloc/soundness.hpp"
#include "tests/unit/alloc/test_heap.hpp"

namespace heapscope::alloc {
namespace {

static_assert(std::same_as<BinAllocatorAt<Hardening::standard>, BinAllocator>);
static_assert(std::same_as<BinAllocatorAt<Hardening::full>, Hardened<BinAllocator>>);
static_assert(std::same_as<DefaultAllocator, BinAllocatorAt<kBuiltHardening>>);
static_assert(hardening_of<BumpAllocator>() == Hardening::none);
static_assert(hardening_of<BinAllocator>() == Hardening::standard);
static_assert(hardening_of<Hardened<BinAllocator>>() == Hardening::full);

/// Notes what is found instead of stopping.
struct Recorder {
  static void report(const Finding& finding) { findings.push_back(finding); }
  static void report(const Damage& damage) { damages.emplace_back(damage.what); }
  static inline std::vector<Finding> findings;
  static inline std::vector<std::string> damages;
};

using Checked = Hardened<BinAllocator, Recorder>;
static_assert(Allocator<Checked>);
static_assert(Allocator<Hardened<BumpAllocator>>);

constexpr Layout kLayout{.size = 64};

class HardenedHeap : public ::testing::Test {
 protected:
  HardenedHeap() {
    Recorder::findings.clear();
    Recorder::damages.clear();
    // Only what a test does is to be found.
    heap.configure({.check_interval = 0});
  }
  ~HardenedHeap() override { EXPECT_TRUE(Recorder::damages.empty()); }

  Address take(const Layout& layout = kLayout) {
    const auto address = heap.allocate(layout);
    EXPECT_TRUE(address);
    return address.value_or(0);
  }
  void give(Address address, const Layout& layout = kLayout) {
    EXPECT_TRUE(heap.deallocate(address, layout));
  }
  /// The one finding so far.
  Finding found() {
    EXPECT_EQ(Recorder::findings.size(), 1U);
    return Recorder::findings.empty() ? Finding{} : Recorder::findings.front();
  }
  static void expect_none() { EXPECT_TRUE(Recorder::findings.empty()); }

  TestHeap<Checked> test_heap{256 * 1024};
  Checked& heap = test_heap.allocator;
};

TEST_F(HardenedHeap, EveryByteAskedForIsTheCallersAndNoneBesides) {
  for (const std::size_t align : {1U, 8U, 16U, 32U, 256U, 4096U}) {
    for (std::size_t size = 1; size <= 100; ++size) {
      const Layout layout{.size = size, .align = align};
      SCOPED_TRACE(::testing::Message() << size << " align " << align);
      Address block = take(layout);
      EXPECT_EQ(block % align, 0U);
      EXPECT_TRUE(filled_with(block, size, GuardedBlock::kFreshFill));
      std::memset(bytes_at(block), 0, size);
      give(block, layout);
      expect_none();
      EXPECT_TRUE(filled_with(block, size, GuardedBlock::kFreedFill));
      for (const bool behind : {true, false}) {
        for (const char wild : {'\0', 'A', '\x7f'}) {
          block = take(layout);
          const Address at = behind ? block + size : block - 1;
          *bytes_at(at) = static_cast<unsigned char>(wild);
          give(block, layout);
          EXPECT_EQ(found().kind, behind ? FindingKind::overflow : FindingKind::underflow);
          EXPECT_EQ(found().at, at);
          EXPECT_EQ(found().block.address, block);
          EXPECT_EQ(found().block.layout, layout);
          Recorder::findings.clear();
          // It is written again when the block is freed, and so found only once.
          heap.release_quarantine();
          expect_none();
        }
      }
    }
  }
}

TEST_F(HardenedHeap, OnlyTheBlocksOwnLayoutFreesIt) {
  for (const Layout right : {kLayout, Layout{.size = 100, .align = 8}, Layout{.size = 1}}) {
    const Address block = take(right);
    for (const Layout& wrong :
         {Layout{.size = right.size + 1, .align = right.align},
          Layout{.size = right.size - 1, .align = right.align},
          Layout{.size = right.size, .align = right.align * 2},
          Layout{.size = right.size, .align = right.align / 2}, Layout{.size = 0},
          Layout{.size = SIZE_MAX}, Layout{.size = right.size, .align = 3}}) {
      expect_deallocate_refused(heap, block, wrong, HeapError::wrong_layout);
      expect_refused(heap, HeapError::wrong_layout, 0,
                     [&] { return heap.resize_in_place(block, wrong, 8); });
    }
    give(block, right);
  }
  expect_none();
}

TEST_F(HardenedHeap, ASecondFreeIsRefusedInQuarantineAndAfterIt) {
  const Address block = take();
  take();
  give(block);
  expect_deallocate_refused(heap, block, kLayout, HeapError::not_allocated);
  expect_deallocate_refused(heap, block + 16, kLayout, HeapError::not_allocated);
  heap.release_quarantine();
  expect_deallocate_refused(heap, block, kLayout, HeapError::not_allocated);
  expect_none();
}

TEST_F(HardenedHeap, BlocksOfAnEarlierHeapAreNotBlocks) {
  std::vector<Address> earlier;
  for (int i = 0; i < 2000; ++i) earlier.push_back(take());
  heap = Checked();
  heap.initialize(test_heap.region.range());
  const Address large = take({.size = 150'000});
  const Address aligned = take({.size = 64, .align = 4096});
  std::size_t in_free_memory = 0;
  for (const Address stale : earlier) {
    if (stale == large || stale == aligned) continue;
    const auto freed = heap.deallocate(stale, kLayout);
    ASSERT_FALSE(freed) << std::hex << stale;
    EXPECT_TRUE(freed.error() == HeapError::inside_block ||
                freed.error() == HeapError::not_allocated);
    if (freed.error() == HeapError::not_allocated) ++in_free_memory;
  }
  EXPECT_GT(in_free_memory, 100U);
  EXPECT_EQ(unsound(heap), "");
  give(aligned, {.size = 64, .align = 4096});
  give(large, {.size = 150'000});
  expect_none();
}

TEST_F(HardenedHeap, OfALargeBlockOnlySoMuchIsFilled) {
  const std::size_t size = GuardedBlock::kMostFilled + 100;
  heap.configure({.check_interval = 0, .quarantine_bytes = 0});
  const Address block = take({.size = size});
  std::memset(bytes_at(block), 7, size);
  give(block, {.size = size});
  EXPECT_EQ(*bytes_at(block + GuardedBlock::kMostFilled - 17), GuardedBlock::kFreedFill);
  EXPECT_EQ(*bytes_at(block + GuardedBlock::kMostFilled), 7);
  EXPECT_EQ(take({.size = size}), block);
  EXPECT_TRUE(filled_with(block, GuardedBlock::kMostFilled, GuardedBlock::kFreshFill));
}

TEST_F(HardenedHeap, AFreeThatNamesNoBlockSaysWhy) {
  const Address behind = take({.size = 256});
  const Address block = take({.size = 256});
  ASSERT_EQ(behind, block + 256 + 32 + 16);
  give(behind, {.size = 256});
  heap.release_quarantine();
  const Address end = test_heap.region.end();
  for (const Address inside :
       {block + 1, block + 16, block + 255, block - 16, block - 8, block + 256 + 32 - 1}) {
    expect_deallocate_refused(heap, inside, kLayout, HeapError::inside_block);
  }
  expect_deallocate_refused(heap, end - 64, kLayout, HeapError::not_allocated);
  // Directly behind the record behind the block.
  expect_deallocate_refused(heap, block + 256 + 32, {.size = 256}, HeapError::not_allocated);
  for (const Address outside : {Address{0}, end, test_heap.region.start(), SIZE_MAX}) {
    expect_deallocate_refused(heap, outside, kLayout, HeapError::outside_heap);
  }
  give(block, {.size = 256});
  expect_none();
}

TEST_F(HardenedHeap, AWriteAfterFreeIsFoundWithItsFirstByte) {
  const Layout layout{.size = 300};
  for (const std::size_t offset : {0U, 1U, 150U, 299U}) {
    const Address block = take(layout);
    take();
    give(block, layout);
    *bytes_at(block + offset) = 1;
    heap.release_quarantine();
    EXPECT_EQ(found().kind, FindingKind::use_after_free);
    EXPECT_EQ(found().at, block + offset);
    EXPECT_EQ(found().block.address, block);
    EXPECT_EQ(found().block.layout, layout);
    Recorder::findings.clear();
  }
}

TEST_F(HardenedHeap, AnOverflowNamesTheNeighbourThatItReached) {
  const Address first = take();
  const Address second = take({.size = 72});
  std::memset(bytes_at(first + 64), 'A', second - (first + 64) + 4);
  // Whichever of the two is freed first.
  for (const bool victim : {true, false}) {
    Recorder::findings.clear();
    if (victim) {
      const auto checked = heap.check(second);
      ASSERT_FALSE(checked);
      EXPECT_EQ(checked.error().address, first + 64);
      EXPECT_EQ(checked.error().culprit.address, first);
      EXPECT_EQ(checked.error().culprit.size, 64U);
      EXPECT_EQ(checked.error().victim.address, second);
      EXPECT_EQ(checked.error().victim.size, 72U);
      EXPECT_TRUE(heap.resize_in_place(second, {.size = 72}, 72).has_value());
    } else {
      std::memset(bytes_at(first + 64), 'A', second - (first + 64) + 4);
      give(first);
    }
    EXPECT_EQ(found().kind, FindingKind::overflow);
    EXPECT_EQ(found().at, first + 64);
    EXPECT_EQ(found().block.address, first);
    ASSERT_TRUE(found().other);
    EXPECT_EQ(found().other->address, second);
    EXPECT_EQ(found().other->layout, (Layout{.size = 72}));
  }
}

TEST_F(HardenedHeap, AnUnderflowNamesTheNeighbourThatItReached) {
  const Address first = take();
  const Address second = take();
  // The record in front of the second and the last bytes of the first's zone.
  std::memset(bytes_at(second - 16 - 4), 'A', 20);
  give(first);
  EXPECT_EQ(found().kind, FindingKind::underflow);
  EXPECT_EQ(found().block.address, second);
  EXPECT_EQ(found().at, second - 20);
  ASSERT_TRUE(found().other);
  EXPECT_EQ(found().other->address, first);
}

/// How a write between two blocks ends on either side.
struct WildWrite {
  const char* name;
  std::ptrdiff_t from;  // From the end of the lower block, of 64 bytes.
  std::ptrdiff_t to;    // From the start of the upper one, of 64 bytes as well.
  FindingKind kind;
};

TEST_F(HardenedHeap, WhereTheOverwrittenBytesEndTellsWhoseTheyAre) {
  constexpr FindingKind kOver = FindingKind::overflow;
  constexpr FindingKind kUnder = FindingKind::underflow;
  constexpr FindingKind kEither = FindingKind::between_blocks;
  constexpr WildWrite kRuns[] = {
      {"from the end, into the middle", 0, 40, kOver},
      {"from the end, to the end", 0, 64, kOver},
      {"from the start, into the middle", -64, 40, kOver},
      {"from the end, into the record", 0, -6, kOver},
      {"down from the start, into the middle", -40, 0, kUnder},
      {"down from the start, to the start", -64, 0, kUnder},
      {"down from the end, into the middle", -40, 64, kUnder},
      {"down from the start, into the zone", 5, 0, kUnder},
      {"just what lies between", 0, 0, kEither},
      {"from the middle, into the middle", -40, 40, kEither},
      {"all of both", -64, 64, kEither},
  };
  for (const WildWrite& run : kRuns) {
    for (const int pattern : {1, 2, 8}) {
      for (const bool upper_first : {false, true}) {
        SCOPED_TRACE(::testing::Message() << run.name << ", " << pattern << " " << upper_first);
        Recorder::findings.clear();
        Address lower = take();
        Address upper = take();
        if (upper < lower) std::swap(lower, upper);
        ASSERT_LE(upper - lower, 128U);
        for (std::size_t i = 0; i < 64; ++i) {
          *bytes_at(lower + i) = static_cast<unsigned char>(200 - 3 * i);
          *bytes_at(upper + i) = static_cast<unsigned char>(7 * i + 3);
        }
        const Address to = upper + static_cast<Address>(run.to);
        for (Address at = lower + 64 + static_cast<Address>(run.from); at < to; ++at) {
          *bytes_at(at) = static_cast<unsigned char>(0x41 + at % static_cast<Address>(pattern));
        }
        give(upper_first ? upper : lower);
        ASSERT_GE(Recorder::findings.size(), 1U);
        const Finding& first = Recorder::findings.front();
        EXPECT_EQ(first.kind, run.kind);
        EXPECT_EQ(first.block.address, run.kind == kUnder ? upper : lower);
        ASSERT_TRUE(first.other);
        EXPECT_EQ(first.other->address, run.kind == kUnder ? lower : upper);
        EXPECT_GE(first.at, lower + 64);
        EXPECT_LT(first.at, upper);
        give(upper_first ? lower : upper);
        heap.release_quarantine();
      }
    }
  }
}

TEST_F(HardenedHeap, WhatHasNoPatternIsKnownByTheFillThatIsLeft) {
  for (const bool over : {true, false}) {
    Recorder::findings.clear();
    Address lower = take();
    Address upper = take();
    if (upper < lower) std::swap(lower, upper);
    const Address from = over ? lower + 64 : lower + 24;
    const Address to = over ? upper + 24 : upper;
    for (Address at = from; at < to; ++at) {
      *bytes_at(at) = static_cast<unsigned char>(17 * (at - from) + 5);
    }
    EXPECT_EQ(heap.finding_at(lower)->block.address, over ? lower : upper);
    EXPECT_EQ(heap.finding_at(upper)->kind, over ? FindingKind::overflow : FindingKind::underflow);
    // What the program writes afterwards hides it.
    std::memset(bytes_at(lower), 1, 64);
    std::memset(bytes_at(upper), 2, 64);
    EXPECT_EQ(heap.finding_at(lower)->kind, FindingKind::between_blocks);
    give(lower);
    give(upper);
    heap.release_quarantine();
  }
}

TEST_F(HardenedHeap, AWriteOverManyBlocksIsFollowedToItsEnds) {
  std::vector<Address> blocks;
  for (int i = 0; i < 12; ++i) blocks.push_back(take({.size = 400}));
  std::ranges::sort(blocks);
  for (const bool over : {true, false}) {
    const Address culprit = blocks[over ? 1 : 10];
    const Address from = over ? culprit + 400 : blocks[1] + 100;
    const Address to = over ? blocks[10] + 100 : culprit;
    std::vector<unsigned char> before(to - from);
    std::memcpy(before.data(), bytes_at(from), before.size());
    std::memset(bytes_at(from), 0, before.size());
    for (std::size_t i = 1; i <= 10; ++i) {
      SCOPED_TRACE(i);
      const auto found = heap.finding_at(blocks[i]);
      ASSERT_TRUE(found);
      EXPECT_EQ(found->kind, over ? FindingKind::overflow : FindingKind::underflow);
      EXPECT_EQ(found->block.address, culprit);
    }
    EXPECT_FALSE(heap.finding_at(blocks[0]));
    EXPECT_FALSE(heap.finding_at(blocks[11]));
    std::memcpy(bytes_at(from), before.data(), before.size());
  }
}

TEST_F(HardenedHeap, EveryByteIsSomeBlocksOrNobodys) {
  const Layout layout{.size = 50, .align = 64};
  const Address block = take(layout);
  for (const bool freed : {false, true}) {
    if (freed) give(block, layout);
    for (const Address at : {block - 64, block - 1, block, block + 49, block + 50, block + 79}) {
      const auto found = heap.guarded_block(at);
      ASSERT_TRUE(found) << at - block;
      EXPECT_EQ(found->address, block);
      EXPECT_EQ(found->layout, layout);
      EXPECT_EQ(found->freed, freed);
    }
  }
  EXPECT_FALSE(heap.guarded_block(test_heap.region.start() + 128 * 1024));
  EXPECT_FALSE(heap.guarded_block(test_heap.region.start()));
  EXPECT_FALSE(heap.guarded_block(0));
}

TEST_F(HardenedHeap, ABlockWithoutAnyZoneIsStillNoticed) {
  const Address block = take({.size = 32});
  std::memset(bytes_at(block - 16), 0, 16 + 32 + 32);
  EXPECT_EQ(heap.deallocate(block, {.size = 32}), fail(HeapError::inside_block));
  EXPECT_EQ(found().kind, FindingKind::zones_lost);
}

TEST_F(HardenedHeap, TheCheckOfTheWholeHeapFindsItAsTheHeapIsUsed) {
  std::vector<Address> blocks;
  for (int i = 0; i < 200; ++i) blocks.push_back(take());
  *bytes_at(blocks[150] + 64) = 0;
  const auto work = [&](int operations) {
    for (int i = 0; i < operations / 2; ++i) give(take({.size = 8}), {.size = 8});
  };
  work(2000);
  expect_none();  // Never: that is what the interval says.
  heap.configure({.check_interval = 10});
  // Some 200 live blocks and a quarantine full, a few with each operation.
  work((200 + 100) / Checked::kExtentsPerStep + 30);
  ASSERT_FALSE(Recorder::findings.empty());
  EXPECT_EQ(Recorder::findings.front().block.address, blocks[150]);
  EXPECT_EQ(Recorder::findings.front().at, blocks[150] + 64);
}

TEST_F(HardenedHeap, TheCheckOfTheWholeHeapBeginsAgain) {
  heap.configure({.check_interval = 50});
  const Address block = take();
  const unsigned char zone = *bytes_at(block + 64);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 60; ++i) give(take({.size = 8}), {.size = 8});
    expect_none();
    *bytes_at(block + 64) = 0;
    for (int i = 0; i < 60; ++i) give(take({.size = 8}), {.size = 8});
    EXPECT_FALSE(Recorder::findings.empty()) << round;
    *bytes_at(block + 64) = zone;
    Recorder::findings.clear();
  }
}

TEST_F(HardenedHeap, TheQuarantineIsBoundedInCount) {
  std::vector<Address> blocks;
  for (std::size_t i = 0; i < Quarantine::kMostBlocks + 1; ++i) blocks.push_back(take());
  take();
  const std::uint64_t used = heap.stats().used_bytes;
  for (std::size_t i = 0; i < Quarantine::kMostBlocks; ++i) give(blocks[i]);
  EXPECT_EQ(heap.stats().used_bytes, used);
  EXPECT_EQ(heap.extent_at(blocks[0]).state, ExtentState::used);
  give(blocks.back());
  // The first that went in has come out.
  EXPECT_LT(heap.stats().used_bytes, used);
  EXPECT_EQ(heap.extent_at(blocks[0]).state, ExtentState::free);
  EXPECT_EQ(heap.extent_at(blocks[1]).state, ExtentState::used);
}

TEST_F(HardenedHeap, TheQuarantineIsBoundedInBytes) {
  heap.configure({.check_interval = 0, .quarantine_bytes = 3000});
  const Layout layout{.size = 1000};
  std::vector<Address> blocks;
  for (int i = 0; i < 4; ++i) blocks.push_back(take(layout));
  const Address large = take({.size = 5000});
  take();
  for (int i = 0; i < 3; ++i) give(blocks[static_cast<std::size_t>(i)], layout);
  EXPECT_EQ(heap.extent_at(blocks[0]).state, ExtentState::free);
  EXPECT_EQ(heap.extent_at(blocks[1]).state, ExtentState::used);
  EXPECT_EQ(heap.extent_at(blocks[2]).state, ExtentState::used);
  // What is larger than all of it goes straight back.
  give(large, {.size = 5000});
  EXPECT_EQ(heap.extent_at(large).state, ExtentState::free);
  EXPECT_EQ(heap.extent_at(blocks[2]).state, ExtentState::used);
}

TEST_F(HardenedHeap, TheQuarantineIsGivenUpBeforeMemoryRunsOut) {
  std::vector<Address> blocks;
  while (const auto block = heap.allocate({.size = 4000})) blocks.push_back(*block);
  const std::size_t most = blocks.size();
  EXPECT_EQ(heap.stats().failures, 1U);
  for (int round = 0; round < 5; ++round) {
    for (const Address block : blocks) give(block, {.size = 4000});
    blocks.clear();
    for (std::size_t i = 0; i < most; ++i) blocks.push_back(take({.size = 4000}));
  }
  EXPECT_EQ(heap.stats().failures, 1U);
  expect_none();
}

TEST_F(HardenedHeap, AFreeWithoutALayoutFindsItInTheBlock) {
  for (const Layout& layout : {kLayout, Layout{.size = 3, .align = 1}, Layout{.size = 5000},
                               Layout{.size = 10, .align = 4096}}) {
    const Address block = take(layout);
    EXPECT_EQ(heap.stats().requested_bytes, layout.size);
    EXPECT_TRUE(heap.deallocate_unsized(block));
    EXPECT_EQ(heap.stats().requested_bytes, 0U);
    EXPECT_EQ(heap.stats().live_blocks, 0U);
    EXPECT_EQ(heap.deallocate_unsized(block), fail(HeapError::not_allocated));
  }
  heap.release_quarantine();
  EXPECT_EQ(heap.stats().used_bytes, 0U);
  expect_none();
}

TEST_F(HardenedHeap, ZonesFollowABlockThatIsResized) {
  const Address block = take({.size = 1100});
  std::size_t size = 1100;
  for (const std::size_t now : {1101U, 1112U, 1113U, 4000U, 17U, 1U, 64U}) {
    ASSERT_TRUE(heap.resize_in_place(block, {.size = size}, now)) << now;
    if (now > size) {
      EXPECT_TRUE(filled_with(block + size, now - size, GuardedBlock::kFreshFill));
    }
    size = now;
    std::memset(bytes_at(block), 0, size);
    EXPECT_TRUE(heap.check(block));
    expect_none();
    const unsigned char zone = *bytes_at(block + size);
    *bytes_at(block + size) = 0;
    EXPECT_FALSE(heap.check(block)) << now;
    *bytes_at(block + size) = zone;
  }
  give(block, {.size = size});
  expect_none();
}

TEST_F(HardenedHeap, AnUnservableSizeIsRefused) {
  for (const Layout& layout :
       {Layout{.size = 0}, Layout{.size = SIZE_MAX}, Layout{.size = SIZE_MAX - 64},
        Layout{.size = 1, .align = 3}, Layout{.size = 1, .align = std::size_t{1} << 63},
        Layout{.size = GuardedBlock::kMaxSize}, Layout{.size = 256 * 1024}}) {
    expect_allocate_refused(heap, layout, HeapError::unsupported);
  }
}

TEST_F(HardenedHeap, AWalkShowsBlocksWhereTheirCallersHaveThem) {
  const Address block = take({.size = 100, .align = 64});
  const Extent live = heap.extent_at(block + 50);
  EXPECT_EQ(live.start, block);
  EXPECT_EQ(live.state, ExtentState::live);
  EXPECT_GE(live.size, 100U + 17);
  const Extent front = heap.extent_at(block - 1);
  EXPECT_EQ(front.state, ExtentState::used);
  EXPECT_EQ(front.end(), block);
  give(block, {.size = 100, .align = 64});
  EXPECT_EQ(heap.extent_at(block).state, ExtentState::used);
  EXPECT_EQ(only(extents_of(heap), ExtentState::live).size(), 0U);
}

TEST_F(HardenedHeap, RandomCallsAgreeWithTheModel) {
  for (const std::uint64_t seed : kSeeds) {
    TestHeap<Checked> random_heap(100'003, 13);
    Checked& allocator = random_heap.allocator;
    allocator.configure({.check_interval = 5});
    const auto fresh = extents_of(allocator);
    ShadowHeap<Checked> shadow(allocator);
    RandomSource random(seed);
    for (std::uint64_t i = 0; i < rounds(4000) && !HasFailure(); ++i) {
      const std::uint64_t kind = random.below(100);
      if (shadow.empty() || kind < 50) {
        static_cast<void>(shadow.allocate(
            {.size = random.between(1, 1500), .align = std::size_t{1} << random.below(9)}));
      } else if (kind < 60) {
        static_cast<void>(shadow.resize_in_place(shadow.any(random), random.between(1, 1500)));
      } else if (kind < 70) {
        shadow.deallocate_unsized(shadow.any(random));
      } else {
        shadow.deallocate(shadow.any(random));
      }
      if (i % 64 != 0) continue;
      EXPECT_EQ(unsound(allocator), "");
      EXPECT_EQ(allocator.stats().live_blocks, shadow.count());
      EXPECT_EQ(allocator.stats().requested_bytes, shadow.requested_bytes());
      EXPECT_EQ(only(extents_of(allocator), ExtentState::live).size(), shadow.count());
    }
    expect_none();
    shadow.deallocate_all(random);
    allocator.release_quarantine();
    settle(allocator);
    EXPECT_EQ(extents_of(allocator), fresh);
    EXPECT_EQ(allocator.stats().requested_bytes, 0U);
    expect_none();
  }
}

TEST(HardenedBump, FindsWhatItCanWithoutRecordsOfBlocks) {
  Recorder::findings.clear();
  TestHeap<Hardened<BumpAllocator, Recorder>> heap(4096);
  const auto block = heap.allocator.allocate(kLayout);
  ASSERT_TRUE(block && heap.allocator.allocate(kLayout));
  *bytes_at(*block + 64) = 0;
  EXPECT_EQ(heap.allocator.deallocate(*block, {.size = 63}), fail(HeapError::wrong_layout));
  EXPECT_TRUE(heap.allocator.deallocate(*block, kLayout));
  ASSERT_EQ(Recorder::findings.size(), 1U);
  EXPECT_EQ(Recorder::findings[0].at, *block + 64);
  EXPECT_EQ(heap.allocator.deallocate(*block, kLayout), fail(HeapError::not_allocated));
  EXPECT_EQ(unsound(heap.allocator), "");
}

TEST(HardenedDeathTest, OneLineNamesBothParties) {
  TestHeap<Hardened<BinAllocator>> heap(256 * 1024);
  const auto first = heap.allocator.allocate(kLayout);
  const auto second = heap.allocator.allocate({.size = 72});
  ASSERT_TRUE(first && second);
  ASSERT_GT(*second, *first);
  std::memset(bytes_at(*first + 64), 'A', *second - *first - 64 + 8);
  EXPECT_DEATH(static_cast<void>(heap.allocator.deallocate(*first, kLayout)),
               "panic: heap damaged at 0x[0-9a-f]+: a block was written past its end: "
               "0x[0-9a-f]+ \\(64 bytes\\), into 0x[0-9a-f]+ \\(72 bytes\\)\n");
}

using LevelHeap = LockedHeap<NoLock, BumpAllocator, BinAllocator, Hardened<BinAllocator>>;

TEST(LockedHeapHardening, TheNearestLevelOfTheNamedAllocatorIsStarted) {
  const Region region(65'536);
  LevelHeap heap;
  struct Case {
    std::string_view name;
    Hardening wanted;
    Hardening got;
  };
  constexpr Case kCases[] = {{"bin", Hardening::none, Hardening::standard},
                             {"bin", Hardening::standard, Hardening::standard},
                             {"bin", Hardening::full, Hardening::full},
                             {"bump", Hardening::none, Hardening::none},
                             {"bump", Hardening::full, Hardening::none}};
  for (const Case& each : kCases) {
    heap.set_hardening(each.wanted);
    ASSERT_TRUE(heap.reset(each.name, region.range()));
    EXPECT_EQ(heap.hardening(), each.got) << each.name;
    EXPECT_EQ(heap.allocator_name(), each.name);
  }
  const auto names = heap.allocator_names();
  EXPECT_EQ(std::vector(names.begin(), names.end()),
            (std::vector<std::string_view>{"bump", "bin"}));
  EXPECT_FALSE(heap.can_reset("slab", region.range()));
}

TEST(LockedHeapHardening, ReallocatesInFull) {
  const Region region(65'536);
  LevelHeap heap;
  heap.set_hardening(Hardening::full);
  ASSERT_TRUE(heap.reset("bin", region.range()));
  const auto block = heap.allocate(kLayout);
  ASSERT_TRUE(block && heap.allocate(kLayout));
  const auto moved = heap.reallocate(*block, kLayout, 500);
  ASSERT_TRUE(moved);
  EXPECT_NE(*moved, *block);
  EXPECT_EQ(heap.owner(*moved)->start, *moved);
  EXPECT_TRUE(heap.deallocate(*moved, {.size = 500}));
  EXPECT_EQ(heap.deallocate(*block, kLayout), fail(HeapError::not_allocated));
}

}  // namespace
}  // namespace heapscope::alloc
