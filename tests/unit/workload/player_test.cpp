// The player beside a model of std::map, and what it does when a heap is full,
// when a workload is wrong, and when an allocator damages what it gave.
#include "alloc/workload/player.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "alloc/bin_allocator.hpp"
#include "alloc/bump_allocator.hpp"
#include "alloc/locked_heap.hpp"
#include "alloc/no_lock.hpp"
#include "tests/unit/alloc/random_source.hpp"
#include "tests/unit/alloc/region.hpp"
#include "tests/unit/alloc/test_heap.hpp"
#include "tests/unit/workload/operations.hpp"

namespace heapscope::workload {
namespace {

using alloc::BinAllocator;
using alloc::TestHeap;

/// A player on an allocator, with slots full of garbage.
template <alloc::Allocator A>
struct Stage {
  explicit Stage(std::size_t heap_bytes, PlayOptions options = {}, std::size_t slot_count = 4096)
      : heap(heap_bytes),
        target(heap.allocator),
        slots(slot_count,
              Slot{.address = 0xdead, .size = 99, .align_log2 = 7, .state = Slot::State::live}),
        player(target, slots, options) {}

  Result<bool, TraceError> play(const Operations& operations, Observer* observer = nullptr) {
    ListSource source(operations);
    return player.play(source, observer);
  }

  TestHeap<A> heap;
  AllocatorTarget<A> target;
  std::vector<Slot> slots;
  Player player;
};

/// What a player's figures must be where nothing fails.
struct Model {
  std::map<BlockId, std::uint64_t> live;
  std::uint64_t bytes = 0;
  std::uint64_t peak_bytes = 0;
  std::uint64_t peak_blocks = 0;

  void apply(const Operation& operation) {
    bytes -= live.contains(operation.id) ? live[operation.id] : 0;
    live[operation.id] = operation.size;
    bytes += operation.size;
    if (operation.kind == OperationKind::free) live.erase(operation.id);
    peak_bytes = std::max(peak_bytes, bytes);
    peak_blocks = std::max(peak_blocks, live.size());
  }
};

class ModelObserver final : public Observer {
 public:
  explicit ModelObserver(const std::vector<Slot>& slots) : slots_(slots) {}
  bool played(const Operation& operation, const Figures& figures) override {
    model_.apply(operation);
    EXPECT_EQ(figures.live_bytes, model_.bytes);
    EXPECT_EQ(figures.live_blocks, model_.live.size());
    EXPECT_EQ(figures.peak_live_bytes, model_.peak_bytes);
    EXPECT_EQ(figures.peak_live_blocks, model_.peak_blocks);
    const auto block = model_.live.find(operation.id);
    if (block == model_.live.end()) {
      EXPECT_EQ(slots_[operation.id].state, Slot::State::dead);
    } else {
      EXPECT_EQ(slots_[operation.id].state, Slot::State::live);
      EXPECT_EQ(slots_[operation.id].size, block->second);
    }
    return !::testing::Test::HasFailure();
  }

 private:
  const std::vector<Slot>& slots_;
  Model model_;
};

template <class A>
class EveryAllocator : public ::testing::Test {};
using Allocators = ::testing::Types<alloc::BumpAllocator, BinAllocator>;
TYPED_TEST_SUITE(EveryAllocator, Allocators);

TYPED_TEST(EveryAllocator, IsPlayedAsTheModelSays) {
  for (const GeneratorRecord& record : generators()) {
    for (const std::uint64_t seed : {1U, 2U}) {
      SCOPED_TRACE(std::string(record.name) + ", seed " + std::to_string(seed));
      constexpr std::uint64_t kCount = 5000;
      // Bump does not get back what is outgrown.
      const bool growing = record.name == "growing";
      Stage<TypeParam> stage(std::size_t{growing ? 128U : 8U} << 20, {.verify = !growing});
      ModelObserver observer(stage.slots);
      EXPECT_EQ(stage.play(generated(record.name, seed, kCount), &observer), true);
      const Figures& figures = stage.player.figures();
      EXPECT_EQ(figures.operations, kCount);
      EXPECT_EQ(figures.allocations + figures.frees + figures.reallocations, kCount);
      EXPECT_EQ(figures.failures, 0U);
      EXPECT_EQ(figures.damaged, 0U);
      EXPECT_EQ(stage.heap.allocator.stats().live_blocks, figures.live_blocks);
      stage.player.free_all();
      EXPECT_EQ(stage.heap.allocator.stats().live_blocks, 0U);
      EXPECT_EQ(figures.live_bytes, 0U);
      EXPECT_EQ(figures.damaged, 0U);
      if (this->HasFailure()) return;
    }
  }
}

TEST(Player, PlaysOnAHeapBehindItsLockToo) {
  alloc::Region region(std::size_t{8} << 20);
  alloc::LockedHeap<alloc::NoLock, BinAllocator> heap;
  ASSERT_TRUE(heap.reset("bin", region.range()));
  const alloc::Stats before = heap.stats();
  HeapTarget target(heap);
  std::vector<Slot> slots(LiveBlocks::kMost);
  Player player(target, slots, {.verify = true});
  Generator generator(*find_generator("growing"), 1, 5000);
  EXPECT_EQ(player.play(generator), true);
  EXPECT_EQ(player.figures().damaged, 0U);
  EXPECT_EQ(heap.stats().requested_bytes, player.figures().live_bytes);
  player.free_all();
  EXPECT_EQ(heap.stats().used_bytes, before.used_bytes);
  EXPECT_EQ(heap.stats().free_bytes, before.free_bytes);
}

TEST(Player, AlignsAsTheWorkloadAsks) {
  Stage<BinAllocator> stage(std::size_t{64} << 10);
  EXPECT_EQ(stage.play({a(0, 3, 1), a(1, 100, 4096), a(2, 8, 8)}), true);
  EXPECT_EQ(stage.slots[1].address % 4096, 0U);
  EXPECT_EQ(stage.slots[1].layout(), (alloc::Layout{.size = 100, .align = 4096}));
  stage.player.free_all();
}

struct Wrong {
  Operations operations;
  TraceError error;
};

TEST(Player, RefusesAWorkloadThatContradictsItself) {
  const Wrong wrong[] = {
      {{a(0, 8), a(0, 8)}, {2, TraceFault::already_live}},
      {{f(0)}, {1, TraceFault::not_live}},
      {{a(0, 8), f(0), f(0)}, {3, TraceFault::not_live}},
      {{a(5, 8), r(3, 8)}, {2, TraceFault::not_live}},
      {{a(0, 8), f(0), r(0, 8)}, {3, TraceFault::not_live}},
      {{a(0, 8), a(4096, 8)}, {2, TraceFault::id_too_large}},
  };
  for (const auto& [operations, error] : wrong) {
    SCOPED_TRACE(written(operations));
    Stage<BinAllocator> stage(4096);
    const auto played = stage.play(operations);
    ASSERT_FALSE(played);
    EXPECT_EQ(played.error(), error);
    EXPECT_EQ(stage.player.figures().operations, error.position - 1);
    stage.player.free_all();
    EXPECT_EQ(stage.heap.allocator.stats().live_blocks, 0U);
  }
}

TEST(Player, ReportsTheTracesOwnLine) {
  Stage<BinAllocator> stage(4096);
  TraceReader reader("# comment\n\na 0 8\n\nf 1\n");
  const auto played = stage.player.play(reader);
  ASSERT_FALSE(played);
  EXPECT_EQ(played.error(), (TraceError{.position = 5, .fault = TraceFault::not_live}));
}

TEST(Player, SkipsWhatConcernsABlockThatWasNotHad) {
  Stage<BinAllocator> stage(4096);
  EXPECT_EQ(stage.play({a(0, 8), a(1, 1 << 20), r(1, 8), f(1), a(1, 8), f(1)}), true);
  const Figures& figures = stage.player.figures();
  EXPECT_EQ(figures.operations, 6U);
  EXPECT_EQ(figures.failures, 1U);
  EXPECT_EQ(figures.skipped, 2U);
  EXPECT_EQ(figures.allocations, 3U);
  EXPECT_EQ(figures.frees, 1U);
  EXPECT_EQ(figures.peak_live_bytes, 16U);
  stage.player.free_all();
}

TEST(Player, AllocatingAgainWhatWasNotHadIsAnError) {
  Stage<BinAllocator> stage(4096);
  const auto played = stage.play({a(1, 1 << 20), a(1, 8)});
  ASSERT_FALSE(played);
  EXPECT_EQ(played.error().fault, TraceFault::already_live);
}

TEST(Player, ABlockThatCannotGrowStaysAsItWas) {
  Stage<BinAllocator> stage(4096, {.verify = true});
  EXPECT_EQ(stage.play({a(0, 100), r(0, 1 << 20), r(0, 200), f(0)}), true);
  EXPECT_EQ(stage.player.figures().failures, 1U);
  EXPECT_EQ(stage.player.figures().skipped, 0U);
  EXPECT_EQ(stage.player.figures().peak_live_bytes, 200U);
  EXPECT_EQ(stage.player.figures().damaged, 0U);
}

TEST(Player, StopsAtTheFirstFailureIfAsked) {
  Stage<BinAllocator> stage(4096, {.stop_at_failure = true});
  EXPECT_EQ(stage.play({a(0, 8), a(1, 1 << 20), a(2, 8)}), false);
  EXPECT_EQ(stage.player.figures().operations, 2U);
  stage.player.free_all();
}

TEST(Player, StopsWhenTheObserverSaysSoAndGoesOnLater) {
  class StopAtThree final : public Observer {
   public:
    bool played(const Operation&, const Figures& figures) override {
      return figures.operations != 3;
    }
  } observer;
  Stage<BinAllocator> stage(std::size_t{1} << 20);
  const Operations operations = generated("fifo", 1, 10);
  ListSource source(operations);
  EXPECT_EQ(stage.player.play(source, &observer), false);
  EXPECT_EQ(stage.player.figures().operations, 3U);
  EXPECT_EQ(stage.player.play(source, &observer), true);
  EXPECT_EQ(stage.player.figures().operations, 10U);
  stage.player.free_all();
}

TEST(Player, NoticesABlockWhoseContentsChanged) {
  Stage<BinAllocator> stage(4096, {.verify = true});
  EXPECT_EQ(stage.play({a(0, 100), a(1, 100), a(2, 100)}), true);
  *reinterpret_cast<unsigned char*>(stage.slots[1].address + 99) ^= 1;
  EXPECT_EQ(stage.play({f(0), r(1, 50), f(2)}), true);
  EXPECT_EQ(stage.player.figures().damaged, 1U);
}

/// An allocator whose moves lose the last byte, as a wrong copy would.
class Forgetful final : public Target {
 public:
  explicit Forgetful(BinAllocator& allocator) : inner_(allocator) {}
  Result<alloc::Address, alloc::HeapError> allocate(alloc::Layout layout) override {
    return inner_.allocate(layout);
  }
  Result<void, alloc::HeapError> deallocate(alloc::Address address, alloc::Layout layout) override {
    return inner_.deallocate(address, layout);
  }
  Result<alloc::Address, alloc::HeapError> reallocate(alloc::Address address, alloc::Layout layout,
                                                      std::size_t size) override {
    const auto moved = inner_.reallocate(address, layout, size);
    if (moved) reinterpret_cast<unsigned char*>(*moved)[layout.size - 1] = 0;
    return moved;
  }

 private:
  AllocatorTarget<BinAllocator> inner_;
};

TEST(Player, NoticesAMoveThatLosesContents) {
  TestHeap<BinAllocator> heap(4096);
  Forgetful target(heap.allocator);
  std::vector<Slot> slots(16);
  Player player(target, slots, {.verify = true});
  ListSource source({a(0, 100), a(1, 8), r(0, 300)});
  EXPECT_EQ(player.play(source), true);
  EXPECT_EQ(player.figures().damaged, 1U);
}

TEST(Player, CountsAFreeThatTheHeapRefuses) {
  Stage<BinAllocator> stage(4096);
  EXPECT_EQ(stage.play({a(0, 100), a(1, 100)}), true);
  ASSERT_TRUE(stage.heap.allocator.deallocate(stage.slots[0].address, stage.slots[0].layout()));
  stage.player.free_all();
  EXPECT_EQ(stage.player.figures().damaged, 1U);
}

TEST(Player, OnNoTargetFindsOutWhatAWorkloadNeeds) {
  const Operations operations = generated("lognormal", 3, 10'000);
  Model model;
  for (const Operation& operation : operations) model.apply(operation);
  NoTarget target;
  std::vector<Slot> slots(LiveBlocks::kMost);
  Player player(target, slots);
  ListSource source(operations);
  EXPECT_EQ(player.play(source), true);
  EXPECT_EQ(player.figures().peak_live_bytes, model.peak_bytes);
  EXPECT_EQ(player.figures().peak_live_blocks, model.peak_blocks);
  EXPECT_EQ(player.figures().failures, 0U);
}

}  // namespace
}  // namespace heapscope::workload
