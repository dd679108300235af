// What every allocator must do, whatever its policy, at every size, alignment and
// place.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "tests/unit/alloc/allocators_under_test.hpp"
#include "tests/unit/alloc/random_source.hpp"
#include "tests/unit/alloc/region.hpp"
#include "tests/unit/alloc/shadow_heap.hpp"
#include "tests/unit/alloc/soundness.hpp"
#include "tests/unit/alloc/test_heap.hpp"

namespace heapscope::alloc {
namespace {

constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kLargestAlign = std::size_t{4} << 20;

/// Where a small heap may start, relative to a page: every residue of a cache
/// line's half, and the places around a page's edge.
std::vector<std::size_t> starts() {
  std::vector<std::size_t> offsets;
  for (std::size_t offset = 0; offset < 32; ++offset) offsets.push_back(offset);
  offsets.insert(offsets.end(), {2048 + 16, 4080, 4088, 4095});
  return offsets;
}

Layout small_layout(RandomSource& random) {
  return {.size = random.between(1, 200), .align = std::size_t{1} << random.below(8)};
}

/// Allocates until nothing fits, checks, and frees everything.
template <Allocator A>
void fill_and_empty(A& allocator, RandomSource& random) {
  const auto fresh = extents_of(allocator);
  const Stats before = allocator.stats();
  ShadowHeap<A> shadow(allocator);
  for (int refused = 0; refused < 5;) {
    refused += shadow.allocate(small_layout(random)) ? 0 : 1;
  }
  while (shadow.allocate({.size = 1, .align = 1})) {
  }
  settle(allocator);
  EXPECT_EQ(allocator.stats().free_bytes, 0U);
  EXPECT_EQ(allocator.stats().live_blocks, shadow.count());
  EXPECT_EQ(allocator.stats().requested_bytes, shadow.requested_bytes());
  EXPECT_EQ(unsound(allocator), "");
  shadow.deallocate_all(random);
  settle(allocator);
  EXPECT_EQ(allocator.stats().live_blocks, 0U);
  EXPECT_EQ(unsound(allocator), "");
  if (!AllocatorTraits<A>::kReturnsMemory) return;
  EXPECT_EQ(extents_of(allocator), fresh);
  EXPECT_EQ(allocator.stats().used_bytes, before.used_bytes);
  EXPECT_EQ(allocator.stats().requested_bytes, before.requested_bytes);
}

template <class A>
class Conformance : public ::testing::Test {};
TYPED_TEST_SUITE(Conformance, AllocatorsUnderTest);

TYPED_TEST(Conformance, AFreshHeapIsOneFreeRun) {
  for (const std::size_t offset : starts()) {
    for (const std::size_t size : {1024U, 1025U, 1031U, 4096U, 65'536U + 7}) {
      SCOPED_TRACE(::testing::Message() << size << " bytes at " << offset);
      const TestHeap<TypeParam> heap(size, offset);
      const Stats stats = heap.allocator.stats();
      EXPECT_EQ(stats.start, heap.region.start());
      EXPECT_EQ(stats.end, heap.region.end());
      EXPECT_EQ(stats.heap_bytes, size);
      EXPECT_EQ(stats.used_bytes, 0U);
      EXPECT_EQ(stats.requested_bytes, 0U);
      EXPECT_EQ(stats.peak_used_bytes, 0U);
      EXPECT_EQ(stats.largest_free_bytes, stats.free_bytes);
      EXPECT_EQ(stats.fragmentation_permille(), 0U);
      EXPECT_EQ(stats.allocations + stats.frees + stats.failures + stats.live_blocks, 0U);
      EXPECT_EQ(only(extents_of(heap.allocator), ExtentState::free).size(), 1U);
      EXPECT_EQ(unsound(heap.allocator), "");
    }
  }
}

TYPED_TEST(Conformance, EveryAddressBelongsToTheExtentThatHoldsIt) {
  TestHeap<TypeParam> heap(700, 5);
  RandomSource random(kSeeds[0]);
  ShadowHeap<TypeParam> shadow(heap.allocator);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(shadow.allocate(small_layout(random)));
  shadow.deallocate(shadow.addresses()[1]);
  for (const Extent& extent : extents_of(heap.allocator)) {
    for (Address address = extent.start; address < extent.end(); ++address) {
      ASSERT_EQ(heap.allocator.extent_at(address), extent);
    }
  }
}

TYPED_TEST(Conformance, WorksWhereverTheHeapStartsAndEnds) {
  for (const std::size_t offset : starts()) {
    for (const std::size_t size : {1024U, 1029U, 3000U}) {
      SCOPED_TRACE(::testing::Message() << size << " bytes at " << offset);
      TestHeap<TypeParam> heap(size, offset);
      RandomSource random(kSeeds[0] + offset);
      fill_and_empty(heap.allocator, random);
    }
  }
}

TYPED_TEST(Conformance, TinyRangesAreRefusedOrWork) {
  for (const std::size_t offset : starts()) {
    for (std::size_t size = 0; size <= 160; ++size) {
      SCOPED_TRACE(::testing::Message() << size << " bytes at " << offset);
      const Region region(size, offset);
      if (!TypeParam::can_manage(region.range())) {
        EXPECT_LT(size, 64U);
        continue;
      }
      TypeParam allocator;
      allocator.initialize(region.range());
      RandomSource random(kSeeds[0]);
      fill_and_empty(allocator, random);
    }
  }
}

TYPED_TEST(Conformance, CannotManageNothing) {
  EXPECT_FALSE(TypeParam::can_manage({}));
  EXPECT_FALSE(TypeParam::can_manage({.start = 4096, .end = 4096}));
  EXPECT_FALSE(TypeParam::can_manage({.start = 8192, .end = 4096}));
  EXPECT_FALSE(TypeParam::can_manage({.start = UINT64_MAX, .end = 0}));
  EXPECT_FALSE(TypeParam::can_manage({.start = UINT64_MAX, .end = UINT64_MAX}));
}

TYPED_TEST(Conformance, RangesAtTheEdgesOfTheAddressSpaceDoNotWrap) {
  for (std::uint64_t size = 0; size <= 64; ++size) {
    // Large enough for every allocator if the end, or a round start, wrapped.
    EXPECT_FALSE(TypeParam::can_manage({.start = UINT64_MAX - size, .end = 0})) << size;
    EXPECT_FALSE(TypeParam::can_manage({.start = UINT64_MAX - size, .end = size})) << size;
  }
  EXPECT_TRUE(TypeParam::can_manage({.start = UINT64_MAX - 4095, .end = UINT64_MAX}));
  EXPECT_TRUE(TypeParam::can_manage({.start = 0, .end = 4096}));
}

TYPED_TEST(Conformance, NoAlignmentWraps) {
  for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, std::size_t{16}}) {
    TestHeap<TypeParam> heap(4096, offset);
    ASSERT_TRUE(heap.allocator.allocate({.size = 40}));
    const Address start = heap.region.start();
    for (std::size_t align = 8192; align != 0; align *= 2) {
      // A page may by chance begin at a multiple of a larger power of two.
      if (((0 - start) & (align - 1)) < 4096) continue;
      for (const std::size_t size : {std::size_t{1}, std::size_t{4096}, kMost, 0 - align, align}) {
        expect_allocate_refused(heap.allocator, {.size = size, .align = align},
                                HeapError::unsupported);
      }
    }
  }
}

TYPED_TEST(Conformance, AFailedCallChangesNothing) {
  TestHeap<TypeParam> heap(2048);
  TypeParam& allocator = heap.allocator;
  RandomSource random(kSeeds[2]);
  ShadowHeap<TypeParam> shadow(allocator);
  while (shadow.allocate(small_layout(random))) {
  }
  for (int i = 0; i < 3; ++i) shadow.deallocate(shadow.any(random));
  for (const Address address : shadow.addresses()) {
    const Layout layout = shadow.block(address).layout;
    expect_allocate_refused(allocator, {.size = 1900, .align = 1}, HeapError::exhausted);
    expect_allocate_refused(allocator, {.size = kMost, .align = 1}, HeapError::unsupported);
    expect_deallocate_refused(allocator, address, {.size = layout.size, .align = 3},
                              HeapError::wrong_layout);
    expect_deallocate_refused(allocator, address, {.size = kMost, .align = layout.align},
                              HeapError::wrong_layout);
    expect_refused(allocator, HeapError::exhausted, 0,
                   [&] { return allocator.resize_in_place(address, layout, 1900); });
    expect_refused(allocator, HeapError::unsupported, 1,
                   [&] { return allocator.resize_in_place(address, layout, kMost); });
    EXPECT_TRUE(shadow.contents_intact());
  }
}

TYPED_TEST(Conformance, TheSameSizeComesBack) {
  if (!AllocatorTraits<TypeParam>::kReturnsMemory) return;
  TestHeap<TypeParam> heap(1 << 16);
  ShadowHeap<TypeParam> shadow(heap.allocator);
  RandomSource random(kSeeds[3]);
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(shadow.allocate(small_layout(random)));
  for (int i = 0; i < 200; ++i) {
    const Address address = shadow.any(random);
    const Layout layout = shadow.block(address).layout;
    shadow.deallocate(address);
    EXPECT_TRUE(shadow.allocate(layout)) << layout.size << " align " << layout.align;
  }
}

TYPED_TEST(Conformance, CountsEveryFigure) {
  TestHeap<TypeParam> heap(4096);
  TypeParam& allocator = heap.allocator;
  const Layout layout{.size = 100};
  const std::size_t usable = allocator.usable_size(layout);
  const auto first = allocator.allocate(layout);
  const auto second = allocator.allocate(layout);
  ASSERT_TRUE(first && second);
  Stats stats = allocator.stats();
  EXPECT_EQ(stats.live_blocks, 2U);
  EXPECT_EQ(stats.allocations, 2U);
  EXPECT_EQ(stats.frees, 0U);
  EXPECT_EQ(stats.requested_bytes, 200U);
  EXPECT_GE(stats.used_bytes, 2 * usable);
  EXPECT_EQ(stats.peak_used_bytes, stats.used_bytes);
  const std::uint64_t peak = stats.peak_used_bytes;

  ASSERT_TRUE(allocator.deallocate(*first, layout));
  stats = allocator.stats();
  EXPECT_EQ(stats.live_blocks, 1U);
  EXPECT_EQ(stats.allocations, 2U);
  EXPECT_EQ(stats.frees, 1U);
  EXPECT_EQ(stats.peak_used_bytes, peak);
  EXPECT_EQ(stats.used_bytes, AllocatorTraits<TypeParam>::kReturnsMemory ? usable : peak);
  EXPECT_EQ(stats.requested_bytes, AllocatorTraits<TypeParam>::kReturnsMemory ? 100U : 200U);

  ASSERT_TRUE(allocator.deallocate_unsized(*second));
  stats = allocator.stats();
  EXPECT_EQ(stats.live_blocks, 0U);
  EXPECT_EQ(stats.frees, 2U);
  EXPECT_EQ(stats.peak_used_bytes, peak);
  EXPECT_EQ(stats.failures, 0U);
  EXPECT_EQ(unsound(allocator), "");
}

TYPED_TEST(Conformance, ThePeakIsTheMostThatWasUsed) {
  TestHeap<TypeParam> heap(1 << 16);
  ShadowHeap<TypeParam> shadow(heap.allocator);
  RandomSource random(kSeeds[1]);
  std::uint64_t peak = 0;
  for (int i = 0; i < 400; ++i) {
    if (shadow.empty() || random.percent(50)) {
      static_cast<void>(shadow.allocate(small_layout(random)));
    } else {
      shadow.deallocate(shadow.any(random));
    }
    peak = std::max(peak, heap.allocator.stats().used_bytes);
    ASSERT_EQ(heap.allocator.stats().peak_used_bytes, peak);
  }
}

TYPED_TEST(Conformance, ServesEveryAlignmentUpTo4MiB) {
  const Region region(std::size_t{24} << 20, 16);
  for (std::size_t align = 1; align <= kLargestAlign; align *= 2) {
    SCOPED_TRACE(::testing::Message() << "align " << align);
    TypeParam allocator;
    allocator.initialize(region.range());
    ShadowHeap<TypeParam> shadow(allocator);
    for (std::size_t size : {1UL, 8UL, 24UL, 4097UL, align - 1, align, align + 1}) {
      if (size == 0) size = 1;
      if (align == kLargestAlign && size > 8) continue;
      EXPECT_TRUE(shadow.allocate({.size = size, .align = align})) << size;
    }
    EXPECT_EQ(unsound(allocator), "");
    RandomSource random(kSeeds[0]);
    shadow.deallocate_all(random);
    EXPECT_EQ(unsound(allocator), "");
  }
}

TYPED_TEST(Conformance, ServesEverySmallSizeAtEverySmallAlignment) {
  for (const std::size_t offset : {0U, 8U, 16U, 4080U}) {
    for (std::size_t align = 1; align <= 128; align *= 2) {
      TestHeap<TypeParam> heap(std::size_t{300} * (300 + 128), offset);
      ShadowHeap<TypeParam> shadow(heap.allocator);
      for (std::size_t size = 1; size <= 300; ++size) {
        ASSERT_TRUE(shadow.allocate({.size = size, .align = align})) << size << " align " << align;
      }
      RandomSource random(kSeeds[0]);
      shadow.deallocate_all(random);
      EXPECT_EQ(unsound(heap.allocator), "");
    }
  }
}

TYPED_TEST(Conformance, AnExactFitSucceeds) {
  for (const std::size_t offset : starts()) {
    SCOPED_TRACE(::testing::Message() << "offset " << offset);
    TestHeap<TypeParam> heap(2000, offset);
    TypeParam& allocator = heap.allocator;
    const Layout all{.size = allocator.stats().largest_free_bytes, .align = 1};
    ShadowHeap<TypeParam> shadow(allocator);
    const auto block = shadow.allocate(all);
    ASSERT_TRUE(block);
    EXPECT_EQ(allocator.stats().free_bytes, 0U);
    EXPECT_EQ(allocator.stats().largest_free_bytes, 0U);
    EXPECT_EQ(allocator.stats().fragmentation_permille(), 0U);
    EXPECT_EQ(unsound(allocator), "");
    expect_allocate_refused(allocator, {.size = 1, .align = 1}, HeapError::exhausted);
    shadow.deallocate(*block);
    EXPECT_EQ(shadow.allocate(all).has_value(), AllocatorTraits<TypeParam>::kReturnsMemory);
  }
}

TYPED_TEST(Conformance, AnExactFitOfTheRemainderSucceeds) {
  TestHeap<TypeParam> heap(2000);
  ASSERT_TRUE(heap.allocator.allocate({.size = 64, .align = 1}));
  const std::size_t rest = heap.allocator.stats().largest_free_bytes;
  expect_allocate_refused(heap.allocator, {.size = rest + 1, .align = 1}, HeapError::exhausted);
  EXPECT_TRUE(heap.allocator.allocate({.size = rest, .align = 1}));
  EXPECT_EQ(heap.allocator.stats().free_bytes, 0U);
}

TYPED_TEST(Conformance, TheLargestFreeRunOfAFreshHeapCanBeHadAtTheDefaultAlignment) {
  for (const std::size_t start : {std::size_t{0}, std::size_t{16}, std::size_t{4080}}) {
    for (std::size_t size = 512; size < 1536; size += 16) {
      SCOPED_TRACE(::testing::Message() << size << " bytes at " << start);
      TestHeap<TypeParam> heap(size, start);
      const std::size_t largest = heap.allocator.stats().largest_free_bytes;
      EXPECT_TRUE(heap.allocator.allocate({.size = largest}));
      EXPECT_EQ(heap.allocator.stats().free_bytes, 0U);
    }
  }
}

TYPED_TEST(Conformance, TellsExhaustedFromUnsupported) {
  TestHeap<TypeParam> heap(8192, 16);
  TypeParam& allocator = heap.allocator;
  const std::size_t all = allocator.stats().free_bytes;
  expect_allocate_refused(allocator, {.size = all + 1, .align = 1}, HeapError::unsupported);
  expect_allocate_refused(allocator, {.size = 8193, .align = 1}, HeapError::unsupported);
  expect_allocate_refused(allocator, {.size = 1, .align = std::size_t{1} << 63},
                          HeapError::unsupported);
  ASSERT_TRUE(allocator.allocate({.size = all / 2}));
  expect_allocate_refused(allocator, {.size = all, .align = 1}, HeapError::exhausted);
  expect_allocate_refused(allocator, {.size = all / 2 + 64, .align = 1}, HeapError::exhausted);
  expect_allocate_refused(allocator, {.size = all + 1, .align = 1}, HeapError::unsupported);
  // The heap starts just behind a page's edge, so only one whole page fits in it.
  expect_allocate_refused(allocator, {.size = 4113, .align = 4096}, HeapError::unsupported);
}

TYPED_TEST(Conformance, RefusesLayoutsThatAreNone) {
  TestHeap<TypeParam> heap(4096);
  ASSERT_TRUE(heap.allocator.allocate({.size = 40}));
  for (const std::size_t align : {std::size_t{0}, std::size_t{3}, std::size_t{6}, std::size_t{12},
                                  std::size_t{24}, kMost, kMost - 1}) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{64}, kMost}) {
      expect_allocate_refused(heap.allocator, {.size = size, .align = align},
                              HeapError::unsupported);
    }
  }
  for (std::size_t align = 1; align != 0; align *= 2) {
    expect_allocate_refused(heap.allocator, {.size = 0, .align = align}, HeapError::unsupported);
  }
}

TYPED_TEST(Conformance, NoSizeWraps) {
  for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, std::size_t{16}}) {
    constexpr std::size_t kRegion = 4096;
    TestHeap<TypeParam> heap(kRegion, offset);
    ASSERT_TRUE(heap.allocator.allocate({.size = 40}));
    std::vector<std::size_t> sizes = {kMost / 2, kMost / 2 + 1, kMost / 4};
    for (std::size_t i = 0; i <= 40; ++i) sizes.push_back(kMost - i);
    for (std::size_t shift = 13; shift < 64; ++shift) sizes.push_back(std::size_t{1} << shift);
    const Address start = heap.region.start();
    const Address end = heap.region.end();
    // Together with an address in the heap these come out just past zero.
    sizes.insert(sizes.end(), {0 - start, 0 - end, 0 - start + 16, 0 - end + 16, kRegion + 1});
    for (const std::size_t size : sizes) {
      for (const std::size_t align : {std::size_t{1}, std::size_t{8}, std::size_t{16},
                                      std::size_t{4096}, std::size_t{1} << 63}) {
        expect_allocate_refused(heap.allocator, {.size = size, .align = align},
                                HeapError::unsupported);
      }
    }
  }
}

TYPED_TEST(Conformance, SizesAroundTheHeapsOwnAreExact) {
  for (const std::size_t offset : starts()) {
    constexpr std::size_t kRegion = 1024;
    for (std::size_t size = kRegion - 100; size <= kRegion + 20; ++size) {
      TestHeap<TypeParam> heap(kRegion, offset);
      const std::size_t room = heap.allocator.stats().free_bytes;
      const auto block = heap.allocator.allocate({.size = size, .align = 1});
      ASSERT_EQ(block.has_value(), size <= room) << size;
      ASSERT_EQ(unsound(heap.allocator), "");
    }
  }
}

TYPED_TEST(Conformance, ARefusedFreeChangesNothing) {
  TestHeap<TypeParam> heap(4096);
  TypeParam& allocator = heap.allocator;
  const Layout layout{.size = 64};
  const Address start = heap.region.start();
  const Address end = heap.region.end();
  // Blocks may come from either end.
  const Address unused = align_down(start + 2048, 64);
  expect_deallocate_refused(allocator, unused, layout, HeapError::not_allocated);
  const auto block = allocator.allocate(layout);
  ASSERT_TRUE(block);
  for (const Address outside : {Address{0}, start - 1, start - 64, end, end + 64, kMost}) {
    expect_deallocate_refused(allocator, outside, layout, HeapError::outside_heap);
    expect_refused(allocator, HeapError::outside_heap, 0,
                   [&] { return allocator.deallocate_unsized(outside); });
    expect_refused(allocator, HeapError::outside_heap, 0,
                   [&] { return allocator.resize_in_place(outside, layout, 8); });
  }
  expect_deallocate_refused(allocator, unused, layout, HeapError::not_allocated);
  expect_refused(allocator, HeapError::not_allocated, 0,
                 [&] { return allocator.deallocate_unsized(unused); });
  expect_refused(allocator, HeapError::not_allocated, 0,
                 [&] { return allocator.resize_in_place(unused, layout, 8); });
  for (Layout wrong :
       {Layout{.size = 0}, Layout{.size = 64, .align = 0}, Layout{.size = 64, .align = 3},
        Layout{.size = 4096}, Layout{.size = kMost}, Layout{.size = kMost, .align = 1},
        Layout{.size = kMost - 7}, Layout{.size = 0 - *block}, Layout{.size = 0 - *block + 64},
        Layout{.size = 64, .align = std::size_t{1} << 63}}) {
    expect_deallocate_refused(allocator, *block, wrong, HeapError::wrong_layout);
    expect_refused(allocator, HeapError::wrong_layout, 0,
                   [&] { return allocator.resize_in_place(*block, wrong, 8); });
  }
  EXPECT_TRUE(allocator.deallocate(*block, layout));
  expect_deallocate_refused(allocator, *block, layout, HeapError::not_allocated);
  expect_refused(allocator, HeapError::not_allocated, 0,
                 [&] { return allocator.deallocate_unsized(*block); });
}

TYPED_TEST(Conformance, ResizesInPlace) {
  TestHeap<TypeParam> heap(4096);
  ShadowHeap<TypeParam> shadow(heap.allocator);
  const auto block = shadow.allocate({.size = 1100});
  ASSERT_TRUE(block);
  for (const std::size_t size : {1000UL, 1UL, 1UL, 500UL, 99UL, 16UL, 17UL}) {
    EXPECT_TRUE(shadow.resize_in_place(*block, size)) << size;
    EXPECT_EQ(heap.allocator.stats().requested_bytes, size);
    EXPECT_EQ(heap.allocator.stats().live_blocks, 1U);
    EXPECT_EQ(heap.allocator.stats().allocations, 1U);
    EXPECT_GE(heap.allocator.stats().peak_used_bytes, 1000U);
    EXPECT_EQ(unsound(heap.allocator), "");
  }
  shadow.deallocate(*block);
}

TYPED_TEST(Conformance, GrowsInPlaceToTheLastByte) {
  TestHeap<TypeParam> heap(4096);
  TypeParam& allocator = heap.allocator;
  const auto block = allocator.allocate({.size = 1100, .align = 8});
  ASSERT_TRUE(block);
  const Layout layout{.size = 1100, .align = 8};
  const std::size_t most =
      heap.allocator.stats().largest_free_bytes + allocator.usable_size(layout);
  expect_refused(allocator, HeapError::unsupported, 1,
                 [&] { return allocator.resize_in_place(*block, layout, 4096 + 1); });
  ASSERT_TRUE(allocator.resize_in_place(*block, layout, most));
  EXPECT_EQ(allocator.stats().free_bytes, 0U);
  EXPECT_EQ(allocator.stats().requested_bytes, most);
  EXPECT_EQ(unsound(allocator), "");
  EXPECT_TRUE(allocator.deallocate(*block, {.size = most, .align = 8}));
}

TYPED_TEST(Conformance, TheLastBlockGrowsToTheLastByteAndNotBeyond) {
  TestHeap<TypeParam> heap(4096);
  TypeParam& allocator = heap.allocator;
  const Layout layout{.size = 1104, .align = 8};
  const auto first = allocator.allocate(layout);
  const auto last = allocator.allocate(layout);
  ASSERT_TRUE(first && last);
  const std::size_t most = allocator.stats().largest_free_bytes + 1104;
  expect_refused(allocator, HeapError::exhausted, 0,
                 [&] { return allocator.resize_in_place(*last, layout, most + 1); });
  ASSERT_TRUE(allocator.resize_in_place(*last, layout, most));
  EXPECT_EQ(allocator.stats().free_bytes, 0U);
  EXPECT_EQ(unsound(allocator), "");
}

TYPED_TEST(Conformance, RefusesToResizeToWhatItCannotServe) {
  TestHeap<TypeParam> heap(4096);
  TypeParam& allocator = heap.allocator;
  const Layout layout{.size = 100};
  const auto first = allocator.allocate(layout);
  const auto second = allocator.allocate(layout);
  ASSERT_TRUE(first && second);
  const auto refused = [&](std::size_t size, HeapError error, std::uint64_t failures) {
    SCOPED_TRACE(size);
    expect_refused(allocator, error, failures,
                   [&] { return allocator.resize_in_place(*first, layout, size); });
  };
  for (const std::size_t size : {std::size_t{0}, kMost, kMost - 15, 0 - *first, 0 - *first + 200}) {
    refused(size, HeapError::unsupported, 1);
  }
  // A block is in the way: the caller moves, so this counts as no failure.
  refused(200, HeapError::exhausted, 0);
  EXPECT_TRUE(allocator.deallocate(*first, layout));
  EXPECT_TRUE(allocator.deallocate(*second, layout));
}

TYPED_TEST(Conformance, AWrongSizeOfTheSameRoundingNeverWrapsTheFigures) {
  const Layout one_byte{.size = 1};
  const Layout whole{.size = 16};
  for (const auto& [asked, given] : {std::pair(one_byte, whole), std::pair(whole, one_byte)}) {
    TestHeap<TypeParam> heap(4096);
    TypeParam& allocator = heap.allocator;
    const auto block = allocator.allocate(asked);
    ASSERT_TRUE(block);
    static_cast<void>(allocator.resize_in_place(*block, given, given.size));
    EXPECT_EQ(unsound(allocator), "");
    static_cast<void>(allocator.resize_in_place(*block, given, asked.size));
    EXPECT_EQ(unsound(allocator), "");
    static_cast<void>(allocator.deallocate(*block, given));
    EXPECT_EQ(unsound(allocator), "");
  }
}

TYPED_TEST(Conformance, BinsCanBeReadInAnyPieces) {
  TestHeap<TypeParam> heap(1 << 16);
  const auto all = bins_of(heap.allocator);
  std::array<BinStats, 64> piece;
  for (const std::size_t step : {1UL, 3UL, 64UL}) {
    std::size_t first = 0;
    while (const std::size_t count = bins(heap.allocator, first, std::span(piece).first(step))) {
      ASSERT_LE(count, step);
      for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(piece[i].size, all.at(first + i).size);
      first += count;
    }
    EXPECT_EQ(first, all.size());
  }
  EXPECT_EQ(bins(heap.allocator, 0, {}), 0U);
  EXPECT_EQ(bins(heap.allocator, kMost, piece), 0U);
}

TYPED_TEST(Conformance, ManyHeapsAreIndependent) {
  TestHeap<TypeParam> one(4096);
  TestHeap<TypeParam> two(4096);
  const auto block = one.allocator.allocate({.size = 64});
  ASSERT_TRUE(block);
  EXPECT_EQ(two.allocator.stats().live_blocks, 0U);
  expect_deallocate_refused(two.allocator, *block, {.size = 64}, HeapError::outside_heap);
  EXPECT_TRUE(one.allocator.deallocate(*block, {.size = 64}));
}

}  // namespace
}  // namespace heapscope::alloc
