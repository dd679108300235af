// The lock wrapper: what it does before it is set up, that every call holds the
// lock once, and reallocating, walking and checking through it.
#include "alloc/locked_heap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "alloc/bin_allocator.hpp"
#include "alloc/bump_allocator.hpp"
#include "alloc/no_lock.hpp"
#include "tests/unit/alloc/random_source.hpp"
#include "tests/unit/alloc/region.hpp"
#include "tests/unit/alloc/soundness.hpp"

namespace heapscope::alloc {
namespace {

template <class Lock>
using AnyHeap = LockedHeap<Lock, BumpAllocator, BinAllocator>;

constinit AnyHeap<NoLock> never_initialized;
constinit AnyHeap<std::mutex> shared_heap;

constexpr Layout kLayout{.size = 100};

/// Walks all of a heap in pieces of `step` extents.
std::vector<Extent> walk(const Heap& heap, std::size_t step) {
  std::vector<Extent> extents;
  std::vector<Extent> piece(step);
  Address at = heap.stats().start;
  while (const std::size_t count = heap.walk(at, piece).count) {
    extents.insert(extents.end(), piece.begin(),
                   piece.begin() + static_cast<std::ptrdiff_t>(count));
    at = extents.back().end();
  }
  return extents;
}

std::uint64_t generation(const Heap& heap) { return heap.walk(0, {}).generation; }

/// A bin heap without a lock, set up.
class Locked : public ::testing::Test {
 protected:
  Locked() { EXPECT_TRUE(heap_.reset("bin", region_.range())); }

  Address must(std::size_t size, std::size_t align = 8) {
    const auto block = heap_.allocate({.size = size, .align = align});
    EXPECT_TRUE(block.has_value());
    return block.value_or(0);
  }

  Region region_{16 * 1024};
  AnyHeap<NoLock> heap_;
};

TEST(LockedHeapDeathTest, UseBeforeItIsInitializedPanics) {
  constexpr const char* kMessage = "the heap was used before it was initialized";
  Heap& heap = never_initialized;
  std::array<BinStats, 1> bins;
  std::array<Extent, 1> extents;
  EXPECT_DEATH(static_cast<void>(heap.allocate(kLayout)), kMessage);
  EXPECT_DEATH(static_cast<void>(heap.deallocate(4096, kLayout)), kMessage);
  EXPECT_DEATH(static_cast<void>(heap.deallocate_unsized(4096)), kMessage);
  EXPECT_DEATH(static_cast<void>(heap.reallocate(4096, kLayout, 8)), kMessage);
  EXPECT_DEATH(static_cast<void>(heap.usable_size(kLayout)), kMessage);
  EXPECT_DEATH(static_cast<void>(heap.allocator_name()), kMessage);
  EXPECT_DEATH(static_cast<void>(heap.stats()), kMessage);
  EXPECT_DEATH(static_cast<void>(heap.bins(0, bins)), kMessage);
  EXPECT_DEATH(static_cast<void>(heap.owner(4096)), kMessage);
  EXPECT_DEATH(static_cast<void>(heap.walk(4096, extents)), kMessage);
  EXPECT_DEATH(static_cast<void>(heap.check(4096, 1)), kMessage);
}

TEST(LockedHeap, SaysWhatItCouldRunBeforeItIsInitialized) {
  const Region region(4096);
  const auto names = never_initialized.allocator_names();
  ASSERT_EQ(names.size(), 2U);
  EXPECT_EQ(names[0], "bump");
  EXPECT_EQ(names[1], "bin");
  EXPECT_TRUE(never_initialized.can_reset("bin", region.range()));
  EXPECT_FALSE(never_initialized.can_reset("slab", region.range()));
}

TEST_F(Locked, ResetStartsAnew) {
  static_cast<void>(must(100));
  EXPECT_EQ(heap_.allocator_name(), "bin");
  for (const std::string_view name : {"bump", "bin", "bin", "bump"}) {
    ASSERT_TRUE(heap_.reset(name, region_.range()));
    EXPECT_EQ(heap_.allocator_name(), name);
    EXPECT_EQ(heap_.stats().allocations, 0U);
    EXPECT_EQ(heap_.stats().used_bytes, 0U);
    EXPECT_EQ(heap_.stats().peak_used_bytes, 0U);
    static_cast<void>(must(100));
  }
}

TEST_F(Locked, ResetMovesToAnotherRange) {
  const Address block = must(100);
  const Region other(8192, 16);
  ASSERT_TRUE(heap_.reset("bin", other.range()));
  EXPECT_EQ(heap_.stats().start, other.start());
  EXPECT_EQ(heap_.stats().end, other.end());
  EXPECT_EQ(heap_.owner(block), fail(HeapError::outside_heap));
  EXPECT_EQ(heap_.deallocate(block, kLayout), fail(HeapError::outside_heap));
  ASSERT_TRUE(heap_.reset("bin", region_.range()));
}

TEST_F(Locked, ARefusedResetChangesNothing) {
  const Address block = must(100);
  const Stats before = heap_.stats();
  const auto extents = walk(heap_, 64);
  const std::uint64_t then = generation(heap_);
  const auto refused = [this](std::string_view name, Range range) {
    EXPECT_FALSE(heap_.can_reset(name, range));
    EXPECT_EQ(heap_.reset(name, range), fail(HeapError::unsupported));
  };
  for (const std::string_view name : {"", "slab", "bins", "BIN", "bi"}) {
    refused(name, region_.range());
  }
  refused("bin", {});
  refused("bump", {});
  refused("bin", {.start = region_.start(), .end = region_.start() + 8});
  refused("bin", {.start = region_.end(), .end = region_.start()});
  EXPECT_EQ(lasting_figures(heap_.stats()), lasting_figures(before));
  EXPECT_EQ(walk(heap_, 64), extents);
  EXPECT_EQ(generation(heap_), then);
  EXPECT_EQ(heap_.allocator_name(), "bin");
  EXPECT_TRUE(heap_.deallocate(block, {.size = 100, .align = 8}));
}

TEST_F(Locked, WalkGivesTheSameExtentsInStepsOfAnySize) {
  std::vector<Address> blocks;
  for (int i = 0; i < 40; ++i) blocks.push_back(must(64));
  for (std::size_t i = 0; i < blocks.size(); i += 3) {
    ASSERT_TRUE(heap_.deallocate(blocks[i], {.size = 64, .align = 8}));
  }
  const auto extents = walk(heap_, 1);
  EXPECT_GT(extents.size(), 40U);
  EXPECT_EQ(wrong_figures(heap_.stats(), extents), "");
  for (const std::size_t step : {2U, 3U, 7U, 64U, 1000U}) EXPECT_EQ(walk(heap_, step), extents);
}

TEST_F(Locked, AWalkBeginsWithTheExtentThatHoldsTheAddress) {
  const Address block = must(64);
  std::array<Extent, 1> piece;
  EXPECT_EQ(heap_.walk(block + 13, piece).count, 1U);
  EXPECT_EQ(piece[0], (Extent{.start = block, .size = 64, .state = ExtentState::live}));
  EXPECT_EQ(heap_.walk(region_.end() - 1, piece).count, 1U);
  EXPECT_EQ(piece[0].end(), region_.end());
  for (const Address outside : {Address{0}, region_.start() - 1, region_.end()}) {
    EXPECT_EQ(heap_.walk(outside, piece).count, 0U);
  }
}

TEST_F(Locked, AChangeOfTheHeapShowsInTheGeneration) {
  const auto changes = [this](const auto& call) {
    const std::uint64_t before = generation(heap_);
    call();
    return generation(heap_) != before;
  };
  Address block = 0;
  EXPECT_TRUE(changes([&] { block = must(100); }));
  EXPECT_TRUE(
      changes([&] { EXPECT_TRUE(heap_.reallocate(block, {.size = 100, .align = 8}, 50)); }));
  EXPECT_TRUE(changes([&] { EXPECT_TRUE(heap_.deallocate(block, {.size = 50, .align = 8})); }));
  EXPECT_TRUE(changes([&] { EXPECT_TRUE(heap_.deallocate_unsized(must(8))); }));
  EXPECT_TRUE(changes([&] { EXPECT_TRUE(heap_.reset("bin", region_.range())); }));
  EXPECT_FALSE(changes([&] {
    static_cast<void>(heap_.stats());
    static_cast<void>(heap_.owner(block));
    static_cast<void>(heap_.check(region_.start(), 100));
    static_cast<void>(heap_.usable_size(kLayout));
    static_cast<void>(walk(heap_, 3));
  }));
}

TEST_F(Locked, OwnerTellsWhatHoldsAnAddress) {
  const Address first = must(16);
  const Address block = must(64);
  const Address last = must(16);
  ASSERT_TRUE(heap_.deallocate(block, {.size = 64, .align = 8}));
  EXPECT_EQ(heap_.owner(block + 63).value(),
            (Extent{.start = block, .size = 64, .state = ExtentState::free}));
  for (const Address live : {first, last}) {
    EXPECT_EQ(heap_.owner(live + 15).value(),
              (Extent{.start = live, .size = 16, .state = ExtentState::live}));
  }
  EXPECT_EQ(heap_.owner(region_.start()).value().state, ExtentState::metadata);
  for (const Address outside : {Address{0}, region_.start() - 1, region_.end(), ~Address{0}}) {
    EXPECT_EQ(heap_.owner(outside), fail(HeapError::outside_heap));
  }
}

TEST_F(Locked, ChecksInSteps) {
  for (int i = 0; i < 10; ++i) {
    const Address block = must(64);
    static_cast<void>(must(64));
    ASSERT_TRUE(heap_.deallocate(block, {.size = 64, .align = 8}));
  }
  for (const std::size_t step : {1U, 4U, 1000U}) {
    Address at = region_.start();
    std::size_t calls = 0;
    for (; at < region_.end(); ++calls) {
      const auto next = heap_.check(at, step);
      ASSERT_TRUE(next.has_value());
      ASSERT_GT(*next, at);
      at = *next;
    }
    EXPECT_EQ(at, region_.end());
    EXPECT_EQ(calls, (walk(heap_, 64).size() + step - 1) / step);
  }
  EXPECT_EQ(heap_.check(region_.start(), 0), region_.start());
  EXPECT_EQ(heap_.check(region_.end(), 5), region_.end());
}

TEST_F(Locked, ACheckCountsWhatItSaw) {
  for (int i = 0; i < 10; ++i) static_cast<void>(must(600));
  const CheckStep all = heap_.check_some(region_.start(), SIZE_MAX);
  EXPECT_EQ(all.next, region_.end());
  EXPECT_EQ(all.damage, std::nullopt);
  EXPECT_EQ(all.live_blocks, 10U);
  EXPECT_EQ(all.extents, walk(heap_, 64).size());
  ASSERT_TRUE(all.last_live);
  EXPECT_EQ(heap_.owner(all.last_live->start), *all.last_live);
  EXPECT_EQ(heap_.check_some(region_.start(), 1).extents, 1U);
  EXPECT_EQ(heap_.check_some(region_.start(), 1).generation, all.generation);
  static_cast<void>(must(600));
  EXPECT_NE(heap_.check_some(region_.start(), 1).generation, all.generation);
}

TEST_F(Locked, ACheckTellsWhatIsBeforeTheDamage) {
  std::array<Address, 8> blocks{};
  for (Address& block : blocks) block = must(1600);
  for (const std::size_t freed : {1U, 3U, 5U}) {
    ASSERT_TRUE(heap_.deallocate(blocks[freed], {.size = 1600, .align = 8}));
  }
  ASSERT_TRUE(heap_.check(region_.start(), SIZE_MAX));
  // The first of the list tells of the next one, and what that says of the first is wrong.
  std::memset(bytes_at(blocks[3]), 'A', 16);
  const CheckStep found = heap_.check_some(region_.start(), SIZE_MAX);
  ASSERT_TRUE(found.damage);
  EXPECT_EQ(found.next, found.damaged.start);
  EXPECT_EQ(found.damaged.state, ExtentState::free);
  EXPECT_EQ(found.damage->address, found.damaged.start);
  ASSERT_TRUE(found.last_live);
  EXPECT_EQ(found.last_live->end(), found.damaged.start);
  EXPECT_EQ(found.damage->culprit.address, 0U);
}

TEST_F(Locked, CheckReportsDamage) {
  // Several of one size, so that some are in a list and have links to damage.
  std::array<Address, 4> blocks{};
  for (Address& block : blocks) {
    block = must(64);
    static_cast<void>(must(64));
  }
  for (const Address block : blocks) {
    ASSERT_TRUE(heap_.deallocate(block, {.size = 64, .align = 8}));
  }
  EXPECT_TRUE(heap_.check(region_.start(), 1000));
  for (const Address block : blocks) std::memset(bytes_at(block), 'A', 16);
  const auto checked = heap_.check(region_.start(), 1000);
  ASSERT_FALSE(checked.has_value());
  EXPECT_NE(std::ranges::find(blocks, checked.error().address), blocks.end());
  EXPECT_TRUE(heap_.reset("bin", region_.range()));
  EXPECT_TRUE(heap_.check(region_.start(), 1000));
}

TEST_F(Locked, ReallocateGrowsInPlaceWhereItCan) {
  const Address block = must(1100);
  std::memset(bytes_at(block), 7, 1100);
  EXPECT_EQ(heap_.reallocate(block, {.size = 1100, .align = 8}, 4000), block);
  EXPECT_TRUE(filled_with(block, 1100, 7));
  EXPECT_EQ(heap_.reallocate(block, {.size = 4000, .align = 8}, 40), block);
  EXPECT_TRUE(filled_with(block, 40, 7));
  EXPECT_EQ(heap_.stats().allocations, 1U);
  EXPECT_EQ(heap_.stats().live_blocks, 1U);
  EXPECT_TRUE(heap_.deallocate(block, {.size = 40, .align = 8}));
}

TEST_F(Locked, ReallocateMovesAndKeepsTheBytes) {
  for (const std::size_t align : {1U, 8U, 16U, 256U, 1024U}) {
    const Layout layout{.size = 100, .align = align};
    // Of three in a row the one in the middle has another behind it, upwards or
    // downwards.
    const Address first = must(100, align);
    const Address block = must(100, align);
    const Address last = must(100, align);
    for (std::size_t i = 0; i < 100; ++i) bytes_at(block)[i] = static_cast<unsigned char>(i * 3);
    const auto moved = heap_.reallocate(block, layout, align + 300);
    ASSERT_TRUE(moved.has_value());
    EXPECT_NE(*moved, block);
    EXPECT_EQ(*moved % align, 0U);
    for (std::size_t i = 0; i < 100; ++i) {
      ASSERT_EQ(bytes_at(*moved)[i], static_cast<unsigned char>(i * 3));
    }
    EXPECT_EQ(heap_.owner(block).value().state, ExtentState::free);
    EXPECT_EQ(heap_.stats().live_blocks, 3U);
    EXPECT_EQ(heap_.stats().requested_bytes, align + 500U);
    EXPECT_TRUE(heap_.deallocate(*moved, {.size = align + 300, .align = align}));
    EXPECT_TRUE(heap_.deallocate(first, layout));
    EXPECT_TRUE(heap_.deallocate(last, layout));
  }
  EXPECT_EQ(heap_.stats().failures, 0U);
}

TEST_F(Locked, ReallocateOnBumpMovesAllButTheLastBlock) {
  ASSERT_TRUE(heap_.reset("bump", region_.range()));
  const Address first = must(64);
  const Address last = must(64);
  std::memset(bytes_at(first), 9, 64);
  EXPECT_EQ(heap_.reallocate(last, {.size = 64, .align = 8}, 128), last);
  const auto moved = heap_.reallocate(first, {.size = 64, .align = 8}, 128);
  ASSERT_TRUE(moved);
  EXPECT_EQ(*moved, last + 128);
  EXPECT_TRUE(filled_with(*moved, 64, 9));
  EXPECT_EQ(heap_.stats().live_blocks, 2U);
}

TEST_F(Locked, ARefusedReallocateLeavesTheBlock) {
  const Layout layout{.size = 100, .align = 8};
  const Address block = must(100);
  static_cast<void>(must(8));
  std::memset(bytes_at(block), 5, 100);
  const auto refused = [&](Address address, Layout given, std::size_t size, HeapError error,
                           std::uint64_t failures) {
    const Stats before = heap_.stats();
    const auto extents = walk(heap_, 64);
    EXPECT_EQ(heap_.reallocate(address, given, size), fail(error)) << size;
    EXPECT_EQ(lasting_figures(heap_.stats()), lasting_figures(before));
    EXPECT_EQ(heap_.stats().failures, before.failures + failures);
    EXPECT_EQ(walk(heap_, 64), extents);
    EXPECT_TRUE(filled_with(block, 100, 5));
  };
  const std::size_t largest = heap_.stats().largest_free_bytes;
  refused(block, layout, largest + 1, HeapError::exhausted, 1);
  refused(block, layout, 0, HeapError::unsupported, 1);
  refused(block, layout, 1 << 20, HeapError::unsupported, 1);
  refused(block, layout, ~std::size_t{0}, HeapError::unsupported, 1);
  refused(block, {.size = 200}, 300, HeapError::wrong_layout, 0);
  refused(block + 8, layout, 300, HeapError::inside_block, 0);
  refused(align_down(region_.start() + 8192, 64), layout, 300, HeapError::not_allocated, 0);
  refused(region_.end(), layout, 300, HeapError::outside_heap, 0);
  EXPECT_TRUE(heap_.deallocate(block, layout));
}

TEST_F(Locked, PassesTheBinsOn) {
  std::array<BinStats, 400> bins;
  const std::size_t count = heap_.bins(0, bins);
  EXPECT_GT(count, 100U);
  std::uint64_t free_bytes = 0;
  for (std::size_t i = 0; i < count; ++i) free_bytes += bins[i].free_bytes;
  EXPECT_EQ(free_bytes, heap_.stats().free_bytes);
  EXPECT_EQ(heap_.bins(count, bins), 0U);
}

/// Counts, and does not stand being taken twice or given back without being held.
struct CountingLock {
  void lock() {
    EXPECT_FALSE(held) << "taken while held";
    held = true;
    ++taken;
  }
  void unlock() {
    EXPECT_TRUE(held) << "given back twice";
    held = false;
  }
  static inline bool held = false;
  static inline int taken = 0;
};

class LockCount : public ::testing::Test {
 protected:
  LockCount() {
    // To end what was, and to let others at what is.
    EXPECT_EQ(taken_by([&] { EXPECT_TRUE(heap_.reset("bin", region_.range())); }), 2);
  }

  /// How often `call` takes the lock, which it must have given back.
  template <class Call>
  static int taken_by(Call call) {
    CountingLock::taken = 0;
    call();
    EXPECT_FALSE(CountingLock::held);
    return CountingLock::taken;
  }

  Region region_{4096};
  AnyHeap<CountingLock> heap_;
};

TEST_F(LockCount, EveryCallTakesTheLockOnceAndGivesItBack) {
  Address block = 0;
  std::array<Extent, 4> extents;
  std::array<BinStats, 4> bins;
  EXPECT_EQ(taken_by([&] { block = heap_.allocate(kLayout).value(); }), 1);
  EXPECT_EQ(taken_by([&] { static_cast<void>(heap_.stats()); }), 1);
  EXPECT_EQ(taken_by([&] { static_cast<void>(heap_.usable_size(kLayout)); }), 1);
  EXPECT_EQ(taken_by([&] { static_cast<void>(heap_.allocator_name()); }), 1);
  EXPECT_EQ(taken_by([&] { static_cast<void>(heap_.bins(0, bins)); }), 1);
  EXPECT_EQ(taken_by([&] { static_cast<void>(heap_.owner(block)); }), 1);
  EXPECT_EQ(taken_by([&] { static_cast<void>(heap_.walk(region_.start(), extents)); }), 1);
  EXPECT_EQ(taken_by([&] { static_cast<void>(heap_.check(region_.start(), 4)); }), 1);
  EXPECT_EQ(taken_by([&] { EXPECT_TRUE(heap_.deallocate(block, kLayout)); }), 1);
  // A large block can grow where it is, for which one time is enough.
  EXPECT_EQ(taken_by([&] { block = heap_.allocate({.size = 1100}).value(); }), 1);
  EXPECT_EQ(taken_by([&] { EXPECT_EQ(heap_.reallocate(block, {.size = 1100}, 1200), block); }), 1);
  EXPECT_EQ(taken_by([&] { EXPECT_TRUE(heap_.deallocate_unsized(block)); }), 1);
}

TEST_F(LockCount, ARefusedCallGivesTheLockBackToo) {
  EXPECT_EQ(taken_by([&] { EXPECT_FALSE(heap_.allocate({.size = 0})); }), 1);
  EXPECT_EQ(taken_by([&] { EXPECT_FALSE(heap_.deallocate(0, kLayout)); }), 1);
  EXPECT_EQ(taken_by([&] { EXPECT_FALSE(heap_.deallocate_unsized(0)); }), 1);
  EXPECT_EQ(taken_by([&] { EXPECT_FALSE(heap_.reallocate(0, kLayout, 8)); }), 1);
  EXPECT_EQ(taken_by([&] { EXPECT_FALSE(heap_.owner(0)); }), 1);
}

TEST_F(LockCount, AMovingReallocateCopiesOutsideTheLock) {
  const Address block = heap_.allocate(kLayout).value();
  ASSERT_TRUE(heap_.allocate({.size = 8}));
  // One for the attempt in place, one for the new block, one for the old.
  EXPECT_EQ(taken_by([&] { EXPECT_TRUE(heap_.reallocate(block, kLayout, 500)); }), 3);
}

/// Does something before it is taken for the `countdown`th time, as another thread
/// could.
struct MeddlingLock {
  void lock() {
    if (countdown > 0 && --countdown == 0) meddle();
  }
  void unlock() {}
  static inline int countdown = 0;
  static inline std::function<void()> meddle;
};

TEST(LockedHeapDeathTest, FreeingABlockWhileItIsReallocatedPanics) {
  const Region region(4096);
  AnyHeap<MeddlingLock> heap;
  ASSERT_TRUE(heap.reset("bin", region.range()));
  const Address block = heap.allocate(kLayout).value();
  ASSERT_TRUE(heap.allocate({.size = 8}));
  MeddlingLock::meddle = [&] { EXPECT_TRUE(heap.deallocate(block, kLayout)); };
  MeddlingLock::countdown = 3;
  EXPECT_DEATH(static_cast<void>(heap.reallocate(block, kLayout, 500)),
               "reallocate: the block at 0x[0-9a-f]+ was freed meanwhile");
}

TEST(LockedHeapDeathTest, UsingAHeapThatIsBeingStartedPanics) {
  const Region region(4096);
  AnyHeap<MeddlingLock> heap;
  ASSERT_TRUE(heap.reset("bin", region.range()));
  MeddlingLock::meddle = [&] { static_cast<void>(heap.allocate(kLayout)); };
  MeddlingLock::countdown = 2;
  EXPECT_DEATH(static_cast<void>(heap.reset("bin", region.range())),
               "the heap was used before it was initialized");
  MeddlingLock::countdown = 0;
}

/// One of several threads that use a heap at once; each owns its blocks.
class Worker {
 public:
  Worker(Heap& heap, std::uint64_t seed)
      : heap_(heap), random_(seed), fill_(static_cast<unsigned char>(seed)) {}

  void run(std::uint64_t steps) {
    for (std::uint64_t i = 0; i < steps; ++i) step();
    while (!blocks_.empty()) free_last();
  }

  [[nodiscard]] std::uint64_t allocations() const { return allocations_; }
  [[nodiscard]] std::uint64_t errors() const { return errors_; }

 private:
  struct Block {
    Address address;
    Layout layout;
  };

  void step() {
    if (blocks_.size() < 2 || random_.percent(45)) {
      allocate();
    } else if (random_.percent(30)) {
      reallocate();
    } else {
      std::swap(blocks_[static_cast<std::size_t>(random_.below(blocks_.size()))], blocks_.back());
      free_last();
    }
    if (random_.percent(5)) inspect();
  }

  void allocate() {
    const Layout layout{.size = random_.between(1, 400),
                        .align = std::size_t{1} << random_.below(7)};
    if (const auto address = heap_.allocate(layout)) {
      ++allocations_;
      std::memset(bytes_at(*address), fill_, layout.size);
      blocks_.push_back({.address = *address, .layout = layout});
    }
  }

  void reallocate() {
    Block& block = blocks_.back();
    const std::size_t size = random_.between(1, 600);
    const auto moved = heap_.reallocate(block.address, block.layout, size);
    if (!moved) return;
    errors_ += !filled_with(*moved, std::min(size, block.layout.size), fill_);
    allocations_ += *moved != block.address;
    block = {.address = *moved, .layout = {.size = size, .align = block.layout.align}};
    std::memset(bytes_at(*moved), fill_, size);
  }

  void free_last() {
    const Block block = blocks_.back();
    blocks_.pop_back();
    errors_ += !filled_with(block.address, block.layout.size, fill_);
    errors_ += !heap_.deallocate(block.address, block.layout);
  }

  void inspect() {
    const Stats stats = heap_.stats();
    errors_ += stats.heap_bytes != stats.used_bytes + stats.free_bytes + stats.metadata_bytes;
    errors_ += stats.live_blocks != stats.allocations - stats.frees;
    if (blocks_.empty()) return;
    const Block& block = random_.pick(blocks_);
    const auto owner = heap_.owner(block.address);
    errors_ += !owner || owner->start != block.address;
  }

  Heap& heap_;
  RandomSource random_;
  unsigned char fill_;
  std::vector<Block> blocks_;
  std::uint64_t allocations_ = 0;
  std::uint64_t errors_ = 0;
};

TEST(LockedHeap, TwoThreadsShareIt) {
  const Region region(128 * 1024);
  ASSERT_TRUE(shared_heap.reset("bin", region.range()));
  const auto fresh = walk(shared_heap, 64);
  Worker one(shared_heap, 1);
  Worker two(shared_heap, 2);
  const std::uint64_t steps = rounds(100'000);
  std::thread first([&] { one.run(steps); });
  std::thread second([&] { two.run(steps); });
  first.join();
  second.join();
  EXPECT_EQ(one.errors(), 0U);
  EXPECT_EQ(two.errors(), 0U);
  const Stats stats = shared_heap.stats();
  EXPECT_EQ(stats.allocations, one.allocations() + two.allocations());
  EXPECT_EQ(stats.frees, stats.allocations);
  EXPECT_EQ(stats.requested_bytes, 0U);
  EXPECT_EQ(walk(shared_heap, 64), fresh);
  EXPECT_EQ(shared_heap.check(region.start(), 1000), region.end());
}

/// Notes how it was taken, and is never taken twice.
struct NotingLock {
  enum class Way : std::uint8_t { none, locked, alone };

  void lock() { take(Way::locked); }
  void unlock() { give_back(Way::locked); }
  std::uint64_t enter_alone() {
    take(Way::alone);
    return kEntry;
  }
  void leave_alone(std::uint64_t entry) {
    EXPECT_EQ(entry, kEntry);
    give_back(Way::alone);
  }

  static constexpr std::uint64_t kEntry = 0x5ca1'ab1e;
  static inline Way inside = Way::none;
  static inline int locked = 0;
  static inline int alone = 0;

 private:
  static void take(Way way) {
    EXPECT_EQ(inside, Way::none);
    inside = way;
    ++(way == Way::alone ? alone : locked);
  }
  static void give_back(Way way) {
    EXPECT_EQ(inside, way);
    inside = Way::none;
  }
};

class HeapAlone : public ::testing::Test {
 protected:
  using Locked = LockedHeap<NotingLock, BinAllocator, BumpAllocator>;

  HeapAlone() { EXPECT_TRUE(heap.reset("bin", region.range())); }
  ~HeapAlone() override { EXPECT_EQ(NotingLock::inside, NotingLock::Way::none); }

  /// An allocation and a free; how often the lock was taken meanwhile, in each way.
  std::pair<int, int> takes_of_a_pair(Layout layout) {
    NotingLock::locked = NotingLock::alone = 0;
    const auto address = heap.allocate(layout);
    EXPECT_TRUE(address);
    EXPECT_TRUE(heap.deallocate(address.value_or(0), layout));
    return {NotingLock::locked, NotingLock::alone};
  }

  Region region{512 * 1024};
  Locked heap;
};

constexpr Layout kFewWays[] = {{.size = 16},
                               {.size = 256},
                               {.size = 300},
                               {.size = 40'000},
                               {.size = 100, .align = 4096},
                               {.size = 8, .align = 8}};

TEST_F(HeapAlone, TakesTheLockUntilItIsSaidToBeAlone) {
  for (const Layout layout : kFewWays) EXPECT_EQ(takes_of_a_pair(layout), (std::pair{2, 0}));
  heap.set_alone(true);
  for (const Layout layout : kFewWays) EXPECT_EQ(takes_of_a_pair(layout), (std::pair{0, 2}));
  heap.set_alone(false);
  for (const Layout layout : kFewWays) EXPECT_EQ(takes_of_a_pair(layout), (std::pair{2, 0}));
}

TEST_F(HeapAlone, OnlyTheMainAllocatorHasAShortWay) {
  heap.set_alone(true);
  ASSERT_TRUE(heap.reset("bump", region.range()));
  EXPECT_EQ(takes_of_a_pair({.size = 16}), (std::pair{2, 0}));
  ASSERT_TRUE(heap.reset("bin", region.range()));
  EXPECT_EQ(takes_of_a_pair({.size = 16}), (std::pair{0, 2}));
}

TEST_F(HeapAlone, RefusesAsEver) {
  heap.set_alone(true);
  const auto small = heap.allocate({.size = 64});
  const auto large = heap.allocate({.size = 5000});
  ASSERT_TRUE(small && large);
  EXPECT_EQ(heap.allocate({.size = 0}), fail(HeapError::unsupported));
  EXPECT_EQ(heap.allocate({.size = 16, .align = 3}), fail(HeapError::unsupported));
  EXPECT_EQ(heap.allocate({.size = 510'000}).error(), HeapError::exhausted);
  EXPECT_EQ(heap.deallocate(*small + 16, {.size = 64}), fail(HeapError::inside_block));
  EXPECT_EQ(heap.deallocate(*small, {.size = 80}), fail(HeapError::wrong_layout));
  EXPECT_EQ(heap.deallocate(*large, {.size = 64}), fail(HeapError::wrong_layout));
  EXPECT_EQ(heap.deallocate(region.end(), {.size = 64}), fail(HeapError::outside_heap));
  EXPECT_TRUE(heap.deallocate(*small, {.size = 64}));
  EXPECT_EQ(heap.deallocate(*small, {.size = 64}), fail(HeapError::not_allocated));
  EXPECT_TRUE(heap.deallocate(*large, {.size = 5000}));
  EXPECT_EQ(heap.stats().live_blocks, 0U);
  EXPECT_EQ(heap.stats().failures, 3U);
}

/// A reader knows that the heap changed, whichever way the change took.
TEST_F(HeapAlone, EveryChangeIsAnotherGeneration) {
  std::array<Extent, 4> extents;
  std::vector<std::uint64_t> seen;
  const auto note = [&] { seen.push_back(heap.walk(region.start(), extents).generation); };
  note();
  for (const bool alone : {false, true}) {
    heap.set_alone(alone);
    for (const Layout layout : kFewWays) {
      const auto address = heap.allocate(layout);
      ASSERT_TRUE(address);
      note();
      ASSERT_TRUE(heap.deallocate(*address, layout));
      note();
    }
    for (const std::string_view name : {"bump", "bin"}) {
      ASSERT_TRUE(heap.reset(name, region.range()));
      note();
    }
  }
  EXPECT_TRUE(std::ranges::adjacent_find(seen, std::greater_equal()) == seen.end());
  const std::uint64_t last = seen.back();
  note();
  EXPECT_EQ(seen.back(), last);
}

}  // namespace
}  // namespace heapscope::alloc
