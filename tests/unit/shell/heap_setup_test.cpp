// Dividing free memory between a heap and its handles, and starting allocators.
#include "shell/heap_setup.hpp"

#include <gtest/gtest.h>

#include "error_of.hpp"
#include "shell_rig.hpp"
#include "tests/unit/alloc/random_source.hpp"

namespace heapscope::shell {
namespace {

using test::error_of;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kMillion = 1'000'000;

std::uint64_t handles_in(const HeapPlan& plan) {
  return plan.handles.size() / HandleTable::kBytesPerHandle;
}

/// What must hold for any plan.
void expect_sound(const HeapPlan& plan, Range free) {
  EXPECT_FALSE(plan.heap.empty());
  EXPECT_FALSE(plan.handles.empty());
  EXPECT_EQ(plan.heap.intersection(free), plan.heap);
  EXPECT_EQ(plan.handles.intersection(free), plan.handles);
  EXPECT_FALSE(plan.heap.overlaps(plan.handles));
  EXPECT_EQ(plan.heap.start % 16, 0U);
  EXPECT_EQ(plan.handles.start % 8, 0U);
  const std::uint64_t needed = std::clamp<std::uint64_t>(plan.heap.size() / 64, 1, kMillion);
  EXPECT_GE(handles_in(plan), needed);
}

TEST(PlanHeap, WholeMemoryIsUsedButForAFewBytes) {
  const Range free{.start = 0x20'0000, .end = 0x3b40'0000};
  const auto plan = plan_heap(free, std::nullopt);
  ASSERT_TRUE(plan);
  expect_sound(*plan, free);
  EXPECT_EQ(plan->heap.start, free.start);
  EXPECT_LT(free.end - plan->handles.end, 64U);
  EXPECT_LT(plan->handles.start - plan->heap.end, 16U);
}

TEST(PlanHeap, TheWholePiHasAtLeastAMillionHandles) {
  // 948 MiB on a real Pi 3, 960 MiB in QEMU; the kernel takes some of it.
  for (const std::uint64_t memory : {948 * kMiB, 960 * kMiB}) {
    const Range free{.start = 0x40'0000, .end = memory};
    const auto plan = plan_heap(free, std::nullopt);
    ASSERT_TRUE(plan);
    EXPECT_GE(handles_in(*plan), kMillion);
    // A million handles are 46 MiB; the heap has the rest.
    EXPECT_GT(plan->heap.size(), free.size() - 47 * kMiB);
  }
}

TEST(PlanHeap, ASmallHeapHasAHandleForEvery64Bytes) {
  const Range free{.start = 0x20'0000, .end = 0x3b40'0000};
  const auto plan = plan_heap(free, 64 * 1024);
  ASSERT_TRUE(plan);
  expect_sound(*plan, free);
  EXPECT_EQ(plan->heap.size(), 64U * 1024);
  EXPECT_GE(handles_in(*plan), 1024U);
  EXPECT_LT(plan->handles.size(), 64U * 1024);
}

TEST(PlanHeap, ALargeHeapHasAHandleForEvery64BytesAsLongAsMemoryAllows) {
  const Range free{.start = 0, .end = 948 * kMiB};
  for (std::uint64_t size = 16; size < 500 * kMiB; size = size * 3 + 5) {
    const auto plan = plan_heap(free, size);
    ASSERT_TRUE(plan) << size;
    expect_sound(*plan, free);
    EXPECT_GE(handles_in(*plan), size / 64) << size;
  }
}

TEST(PlanHeap, GivesExactlyTheSizeAskedFor) {
  const Range free{.start = 0x1003, .end = 0x10'0007};
  for (const std::uint64_t size : {1U, 15U, 16U, 17U, 100U, 4096U, 65'537U, 500'001U}) {
    const auto plan = plan_heap(free, size);
    ASSERT_TRUE(plan) << size;
    expect_sound(*plan, free);
    EXPECT_EQ(plan->heap.size(), size);
  }
}

TEST(PlanHeap, TheLargestHeapIsTheLargestThatFits) {
  for (const std::uint64_t size : {std::uint64_t{112}, std::uint64_t{4096}, kMiB, 100 * kMiB}) {
    const Range free{.start = 0x1000, .end = 0x1000 + size};
    const auto whole = plan_heap(free, std::nullopt);
    ASSERT_TRUE(whole) << size;
    EXPECT_TRUE(plan_heap(free, whole->heap.size()));
    EXPECT_EQ(error_of(plan_heap(free, whole->heap.size() + 16)), SetupError::too_large) << size;
  }
}

TEST(PlanHeap, RefusesWhatDoesNotFit) {
  const Range free{.start = 0x1000, .end = 0x1000 + kMiB};
  EXPECT_EQ(error_of(plan_heap(free, 0)), SetupError::too_small);
  EXPECT_EQ(error_of(plan_heap(free, kMiB)), SetupError::too_large);
  EXPECT_EQ(error_of(plan_heap(free, kMiB - 16)), SetupError::too_large);
  EXPECT_EQ(error_of(plan_heap(free, kMiB + 1)), SetupError::too_large);
}

TEST(PlanHeap, SizesNearTheLargestNumberDoNotWrap) {
  // Also where there is room for the million handles that they would have.
  for (const std::uint64_t size : {kMiB, 948 * kMiB}) {
    const Range free{.start = 0x1000, .end = 0x1000 + size};
    for (std::uint64_t below = 0; below < 100; ++below) {
      EXPECT_EQ(error_of(plan_heap(free, UINT64_MAX - below)), SetupError::too_large);
    }
  }
}

TEST(PlanHeap, RefusesMemoryThatIsTooSmallForAnything) {
  for (std::uint64_t size = 0; size < 64; ++size) {
    const Range free{.start = 0x1000, .end = 0x1000 + size};
    EXPECT_EQ(error_of(plan_heap(free, std::nullopt)), SetupError::too_small) << size;
    EXPECT_EQ(error_of(plan_heap(free, 1)), SetupError::too_large) << size;
  }
  EXPECT_TRUE(plan_heap({.start = 0x1000, .end = 0x1040}, std::nullopt));
  EXPECT_FALSE(plan_heap({.start = 0x2000, .end = 0x1000}, std::nullopt));
}

TEST(PlanHeap, RangesAtTheEndOfTheAddressSpaceDoNotWrap) {
  for (std::uint64_t below = 0; below < 200; ++below) {
    for (const std::uint64_t size : {0U, 1U, 15U, 16U, 64U, 100U, 4096U, 1'000'000U}) {
      const Range free{.start = UINT64_MAX - below - size, .end = UINT64_MAX - below};
      for (const auto wanted : {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(1),
                                std::optional(UINT64_MAX)}) {
        if (const auto plan = plan_heap(free, wanted)) expect_sound(*plan, free);
      }
    }
  }
}

TEST(PlanHeap, RandomRangesAndSizes) {
  for (const std::uint64_t seed : alloc::kSeeds) {
    alloc::RandomSource random(seed);
    std::size_t planned = 0;
    for (std::uint64_t i = 0; i < alloc::rounds(3000); ++i) {
      const std::uint64_t start = random.below(UINT64_MAX) >> random.below(64);
      const std::uint64_t size = random.below(UINT64_MAX) >> random.below(64);
      const Range free{.start = start,
                       .end = size > UINT64_MAX - start ? UINT64_MAX : start + size};
      std::optional<std::uint64_t> wanted;
      if (random.percent(70)) wanted = random.below(UINT64_MAX) >> random.below(64);
      if (random.percent(30)) wanted = size - size / 3;
      SCOPED_TRACE("seed " + std::to_string(seed) + ", round " + std::to_string(i));
      const auto plan = plan_heap(free, wanted);
      if (!plan) continue;
      ++planned;
      expect_sound(*plan, free);
      EXPECT_EQ(plan->heap.size(), wanted.value_or(plan->heap.size()));
      if (testing::Test::HasFailure()) return;
    }
    EXPECT_GT(planned, 300U);
  }
}

/// A heap, a table and a setup over memory that is really there.
struct SetupRig {
  explicit SetupRig(std::uint64_t size) : memory(size), setup(heap, handles, memory.range()) {}

  test::LowMemory memory;
  alloc::LockedHeap<alloc::NoLock, alloc::BumpAllocator, alloc::BinAllocator,
                    alloc::FirstFitAllocator>
      heap;
  HandleTable handles;
  HeapSetup setup;
};

TEST(HeapSetup, StartsTheAllocatorOnItsPlan) {
  for (const std::string_view name : {"bump", "bin", "first-fit"}) {
    SetupRig rig(kMiB);
    ASSERT_TRUE(rig.setup.start(name, 64 * 1024));
    EXPECT_EQ(rig.heap.allocator_name(), name);
    EXPECT_EQ(rig.heap.stats().heap_bytes, 64U * 1024);
    EXPECT_EQ(rig.heap.stats().start, rig.setup.plan().heap.start);
    EXPECT_EQ(rig.handles.capacity(), handles_in(rig.setup.plan()));
    expect_sound(rig.setup.plan(), rig.memory.range());
  }
}

TEST(HeapSetup, TheLargestHeapStarts) {
  SetupRig rig(kMiB);
  const std::uint64_t largest = rig.setup.largest_heap();
  EXPECT_TRUE(rig.setup.start("bin", largest));
  EXPECT_EQ(error_of(rig.setup.start("bin", largest + 16)), SetupError::too_large);
  EXPECT_TRUE(rig.setup.start("bin", std::nullopt));
  EXPECT_EQ(rig.heap.stats().heap_bytes, largest);
}

TEST(HeapSetup, AnErrorChangesNothing) {
  SetupRig rig(kMiB);
  ASSERT_TRUE(rig.setup.start("bin", 64 * 1024));
  const auto block = rig.heap.allocate({.size = 64});
  ASSERT_TRUE(block);
  ASSERT_TRUE(rig.handles.add(*block, 64, 16, HandleTable::kNoTag));
  const Range heap = rig.setup.plan().heap;
  EXPECT_EQ(error_of(rig.setup.start("slab", 4096)), SetupError::no_such_allocator);
  EXPECT_EQ(error_of(rig.setup.start("", std::nullopt)), SetupError::no_such_allocator);
  EXPECT_EQ(error_of(rig.setup.start("bin", 2 * kMiB)), SetupError::too_large);
  EXPECT_EQ(error_of(rig.setup.start("bin", 1)), SetupError::too_small);
  EXPECT_EQ(error_of(rig.setup.start("bump", 0)), SetupError::too_small);
  EXPECT_EQ(rig.setup.plan().heap, heap);
  EXPECT_EQ(rig.heap.stats().live_blocks, 1U);
  EXPECT_TRUE(rig.handles.find(1));
}

TEST(HeapSetup, BlocksOfTheProgramItselfForbidAnotherStart) {
  for (const std::string_view name : {"bump", "bin", "first-fit"}) {
    SetupRig rig(kMiB);
    ASSERT_TRUE(rig.setup.start(name, 64 * 1024));
    const auto block = rig.heap.allocate({.size = 64});
    ASSERT_TRUE(block);
    EXPECT_EQ(error_of(rig.setup.start("bin", std::nullopt)), SetupError::blocks_in_use);
    ASSERT_TRUE(rig.heap.deallocate(*block, {.size = 64}));
    EXPECT_TRUE(rig.setup.start("bin", std::nullopt));
  }
}

TEST(HeapSetup, TheWorkspaceIsOutsideTheHeapAndTheHandlesInUse) {
  for (const auto heap_bytes :
       {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(64 << 10),
        std::optional<std::uint64_t>(400'001)}) {
    SetupRig rig(kMiB);
    ASSERT_TRUE(rig.setup.start("bin", heap_bytes));
    std::vector<alloc::Address> blocks;
    for (int i = 0; i < 500; ++i) {
      const auto block = rig.heap.allocate({.size = 16});
      ASSERT_TRUE(block);
      blocks.push_back(*block);
      ASSERT_TRUE(rig.handles.add(*block, 16, 16, HandleTable::kNoTag));
    }
    const Range workspace = rig.setup.workspace();
    EXPECT_GT(workspace.size(), 200U << 10);
    EXPECT_EQ(workspace.start % 16, 0U);
    EXPECT_EQ(workspace.intersection(rig.setup.free()), workspace);
    EXPECT_FALSE(workspace.overlaps(rig.setup.plan().heap));
    // Whatever is written there, the handles are what they were.
    std::memset(reinterpret_cast<void*>(workspace.start), 0xa5, workspace.size());
    for (HandleId id = 1; id <= 500; ++id) {
      ASSERT_TRUE(rig.handles.find(id));
      EXPECT_EQ(rig.handles.find(id)->address, blocks[id - 1]);
      EXPECT_EQ(rig.handles.find_address(blocks[id - 1])->id, id);
    }
    for (int i = 0; i < 500; ++i) ASSERT_TRUE(rig.handles.add(7U, 16, 16, HandleTable::kNoTag));
    EXPECT_EQ(rig.handles.size(), 1000U);
  }
}

TEST(HeapSetup, WithoutRoomBesideTheHeapTheWorkspaceShrinksWithTheHandles) {
  SetupRig rig(kMiB);
  ASSERT_TRUE(rig.setup.start("bin", std::nullopt));
  const std::uint64_t before = rig.setup.workspace().size();
  ASSERT_TRUE(rig.handles.add(0x1000, 16, 16, HandleTable::kNoTag));
  EXPECT_LT(rig.setup.workspace().size(), before);
  EXPECT_GT(rig.setup.workspace().size(), before - 64);
}

struct Tenant final : HeapTenant {
  [[nodiscard]] bool stays() const override { return here; }
  bool here = true;
};

TEST(HeapSetup, WhatIsLentIsNobodyElsesUntilItsTenantIsGone) {
  for (const auto heap_bytes :
       {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(64 << 10)}) {
    SetupRig rig(kMiB);
    ASSERT_TRUE(rig.setup.start("bin", heap_bytes));
    const Range before = rig.setup.workspace();
    const std::size_t capacity = rig.handles.capacity();
    EXPECT_FALSE(rig.setup.has_tenant());
    EXPECT_TRUE(rig.setup.lent().empty());
    Tenant tenant;
    const Range lent = rig.setup.lend(10'001, tenant);
    EXPECT_EQ(lent.size(), 10'016U);
    EXPECT_EQ(lent.start % 16, 0U);
    EXPECT_EQ(lent, rig.setup.lent());
    EXPECT_EQ(lent.end, before.end);
    EXPECT_TRUE(rig.setup.has_tenant());
    const Range left = rig.setup.workspace();
    EXPECT_EQ(left.start, before.start);
    EXPECT_LE(left.end, lent.start);
    EXPECT_GE(left.size() + lent.size() + 64, before.size());
    // Neither the workspace nor handles up to the last one touch it.
    std::memset(reinterpret_cast<void*>(left.start), 0xa5, left.size());
    std::memset(reinterpret_cast<void*>(lent.start), 0x5a, lent.size());
    while (rig.handles.add(rig.handles.size() * 16, 16, 16, HandleTable::kNoTag)) {
    }
    for (std::uint64_t at = lent.start; at < lent.end; ++at) {
      ASSERT_EQ(*reinterpret_cast<const unsigned char*>(at), 0x5aU);
    }
    for (HandleId id = 1; id <= rig.handles.size(); ++id) ASSERT_TRUE(rig.handles.find(id)) << id;
    // One at a time, and no other heap meanwhile.
    Tenant another;
    EXPECT_TRUE(rig.setup.lend(16, another).empty());
    EXPECT_EQ(error_of(rig.setup.start("bump", 4096)), SetupError::blocks_in_use);
    tenant.here = false;
    EXPECT_FALSE(rig.setup.has_tenant());
    EXPECT_TRUE(rig.setup.lent().empty());
    EXPECT_EQ(rig.handles.capacity(), capacity);
    while (rig.handles.oldest()) rig.handles.remove(rig.handles.oldest()->id);
    EXPECT_FALSE(rig.setup.lend(16, another).empty());
    another.here = false;
    EXPECT_TRUE(rig.setup.start("bump", 4096));
  }
}

TEST(HeapSetup, NothingIsLentWhereThereIsNotSoMuch) {
  SetupRig rig(kMiB);
  ASSERT_TRUE(rig.setup.start("bin", std::nullopt));
  Tenant tenant;
  EXPECT_TRUE(rig.setup.lend(rig.setup.workspace().size() + 1, tenant).empty());
  EXPECT_TRUE(rig.setup.lend(0, tenant).empty());
  EXPECT_FALSE(rig.setup.has_tenant());
  EXPECT_EQ(rig.setup.lend(rig.setup.workspace().size(), tenant).size() % 16, 0U);
  EXPECT_TRUE(rig.setup.has_tenant());
}

TEST(HeapSetup, OddMemoryWorksToTheLastByte) {
  for (const std::uint64_t size : {kMiB - 1, kMiB - 7, kMiB - 4095}) {
    SetupRig rig(size);
    ASSERT_TRUE(rig.setup.start("bin", std::nullopt));
    std::size_t blocks = 0;
    while (const auto block = rig.heap.allocate({.size = 64})) {
      std::memset(reinterpret_cast<void*>(*block), 0xff, 64);
      ASSERT_TRUE(rig.handles.add(*block, 64, 16, HandleTable::kNoTag)) << blocks;
      ++blocks;
    }
    EXPECT_GT(blocks, 8000U);
    for (auto handle = rig.handles.oldest(); handle; handle = rig.handles.oldest()) {
      ASSERT_TRUE(rig.heap.deallocate(handle->address, handle->layout()));
      rig.handles.remove(handle->id);
    }
    EXPECT_EQ(rig.heap.stats().used_bytes, 0U);
  }
}

}  // namespace
}  // namespace heapscope::shell
