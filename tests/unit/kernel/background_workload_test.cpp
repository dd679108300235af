// A workload played by and by does what it does in one go, begins again, and leaves the
// heap as it was.
#include "kernel/background_workload.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "alloc/bin_allocator.hpp"
#include "alloc/locked_heap.hpp"

namespace heapscope::kernel {
namespace {

using workload::Slot;

/// A heap and a workload on it.
class Rig {
 public:
  explicit Rig(std::size_t bytes = std::size_t{4} << 20)
      : bytes_(std::make_unique<std::byte[]>(bytes)) {
    const auto start = reinterpret_cast<alloc::Address>(bytes_.get());
    EXPECT_TRUE(heap.reset("bin", {.start = start, .end = start + bytes}));
  }

  void begin(std::string_view name, std::uint64_t limit, bool verify = false) {
    begin({.name = name,
           .generator = workload::find_generator(name),
           .trace = {},
           .seed = 5,
           .limit = limit,
           .verify = verify});
  }
  void begin_trace(std::string_view trace, std::uint64_t limit = UINT64_MAX) {
    begin({.name = "initrd", .trace = trace, .limit = limit});
  }
  /// Plays to the end, and returns how many calls it took.
  std::size_t finish(std::uint64_t at_once) {
    std::size_t calls = 1;
    while (background->work(at_once)) ++calls;
    return calls;
  }

 private:
  void begin(BackgroundPlan plan) {
    plan.slots = slots;
    background->begin(heap, plan);
  }
  std::unique_ptr<std::byte[]> bytes_;

 public:
  alloc::LockedHeap<std::mutex, alloc::BinAllocator> heap;
  std::vector<Slot> slots{workload::LiveBlocks::kMost};
  std::unique_ptr<BackgroundWorkload> background = std::make_unique<BackgroundWorkload>();
};

TEST(BackgroundWorkload, DoesTheSameAsAPlayerWhateverItsSteps) {
  for (const workload::GeneratorRecord& record : workload::generators()) {
    for (const std::uint64_t at_once : {1UL, 7UL, 64UL, 100'000UL}) {
      workload::NoTarget target;
      std::vector<Slot> slots(workload::LiveBlocks::kMost);
      workload::Player player(target, slots);
      workload::Generator generator(record, 5, 3001);
      ASSERT_EQ(player.play(generator), true);

      Rig rig;
      rig.begin(record.name, 3001, true);
      EXPECT_EQ(rig.background->counts().operations, 0U);
      EXPECT_EQ(rig.finish(at_once), (3001 + at_once - 1) / at_once);
      const BackgroundCounts counts = rig.background->counts();
      EXPECT_EQ(counts.operations, 3001U) << record.name;
      EXPECT_EQ(counts.rounds, 0U);
      EXPECT_EQ(counts.live_blocks, player.figures().live_blocks);
      EXPECT_EQ(counts.live_bytes, player.figures().live_bytes);
      EXPECT_EQ(rig.heap.stats().live_blocks, counts.live_blocks);
      EXPECT_EQ(counts.failures + counts.damaged, 0U);
      rig.background->release();
      EXPECT_EQ(rig.heap.stats().used_bytes, 0U);
      EXPECT_EQ(rig.background->counts().live_blocks, 0U);
      EXPECT_EQ(rig.background->counts().live_bytes, 0U);
      rig.background->release();
      EXPECT_EQ(rig.heap.stats().frees, rig.heap.stats().allocations);
    }
  }
}

TEST(BackgroundWorkload, BeginsATraceAgainWithAnEmptyHeap) {
  Rig rig;
  rig.begin_trace("a 0 100\na 1 50\nf 0\n", 3 * 10 + 2);
  std::uint64_t most = 0;
  while (rig.background->work(1)) {
    most = std::max<std::uint64_t>(most, rig.heap.stats().live_blocks);
  }
  const BackgroundCounts counts = rig.background->counts();
  EXPECT_EQ(most, 2U);
  EXPECT_EQ(counts.operations, 32U);
  EXPECT_EQ(counts.rounds, 10U);
  EXPECT_EQ(counts.live_blocks, 2U);
  EXPECT_EQ(counts.live_bytes, 150U);
  EXPECT_EQ(rig.heap.stats().allocations, 22U);
  rig.background->release();
  EXPECT_EQ(rig.heap.stats().used_bytes, 0U);
}

TEST(BackgroundWorkload, SeveralRoundsMayBePlayedInOneCall) {
  Rig rig;
  rig.begin_trace("a 0 100\n", 100);
  EXPECT_FALSE(rig.background->work(1000));
  EXPECT_EQ(rig.background->counts().operations, 100U);
  EXPECT_EQ(rig.background->counts().rounds, 99U);
}

TEST(BackgroundWorkload, ATraceWithoutOperationsEnds) {
  Rig rig;
  rig.begin_trace("#!heapscope trace\n");
  EXPECT_FALSE(rig.background->work(64));
  EXPECT_EQ(rig.background->counts().operations, 0U);
  EXPECT_FALSE(rig.background->error());
}

TEST(BackgroundWorkload, WhatDoesNotFitIsCountedOverAllRounds) {
  Rig rig(16 * 1024);
  rig.begin_trace("a 0 1000\na 1 100000\nf 1\n", 30);
  (void)rig.finish(4);
  EXPECT_EQ(rig.background->counts().failures, 10U);
  EXPECT_EQ(rig.background->counts().damaged, 0U);
}

TEST(BackgroundWorkload, WhatIsWrongWithItEndsIt) {
  Rig rig;
  rig.begin_trace("a 0 100\na 0 100\n");
  EXPECT_FALSE(rig.background->work(64));
  ASSERT_TRUE(rig.background->error());
  EXPECT_EQ(rig.background->error()->position, 2U);
  rig.background->release();
  EXPECT_EQ(rig.heap.stats().used_bytes, 0U);
  // Another one has nothing to do with that.
  rig.begin("lifo", 10);
  EXPECT_FALSE(rig.background->error());
  EXPECT_EQ(rig.background->counts().operations, 0U);
}

TEST(BackgroundWorkload, AfterAFaultTheSlotsAloneSayWhatIsFreed) {
  Rig rig;
  rig.begin("uniform", 1000, true);
  (void)rig.finish(64);
  const std::uint64_t live = rig.background->counts().live_blocks;
  Slot* lost = nullptr;
  for (Slot& slot : rig.slots) {
    if (slot.state == Slot::State::live) lost = &slot;
  }
  ASSERT_NE(lost, nullptr);
  // Nothing must be read there.
  const alloc::Address address = std::exchange(lost->address, 16);
  const alloc::Layout layout = lost->layout();
  rig.background->release_after_fault();
  EXPECT_EQ(rig.background->counts().damaged, 1U);
  EXPECT_EQ(rig.background->counts().live_blocks, 0U);
  EXPECT_GT(live, 1U);
  EXPECT_EQ(rig.heap.stats().live_blocks, 1U);
  EXPECT_TRUE(rig.heap.deallocate(address, layout));
  rig.background->release_after_fault();
  rig.background->release();
  EXPECT_EQ(rig.background->counts().damaged, 1U);
}

TEST(BackgroundWorkload, OthersMayLookWhileItWorks) {
  Rig rig;
  rig.begin("lifetimes", 20'000);
  std::thread worker([&] {
    (void)rig.finish(64);
    rig.background->release();
  });
  std::uint64_t before = 0;
  while (before < 20'000) {
    const BackgroundCounts counts = rig.background->counts();
    ASSERT_GE(counts.operations, before);
    ASSERT_LE(counts.live_blocks, workload::LiveBlocks::kMost);
    before = counts.operations;
  }
  worker.join();
  EXPECT_EQ(rig.heap.stats().used_bytes, 0U);
}

}  // namespace
}  // namespace heapscope::kernel
