// Random programs as a caller writes them: allocate, free, reallocate, through the
// lock wrapper, each allocator beside a model of the live intervals.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>

#include "alloc/locked_heap.hpp"
#include "alloc/no_lock.hpp"
#include "tests/unit/alloc/allocators_under_test.hpp"
#include "tests/unit/alloc/outside/tiny_adapter.hpp"
#include "tests/unit/alloc/random_source.hpp"
#include "tests/unit/alloc/region.hpp"
#include "tests/unit/alloc/smallest_allocator.hpp"
#include "tests/unit/alloc/soundness.hpp"

namespace heapscope::alloc {
namespace {

constexpr std::size_t kLargestAlignLog2 = 22;
constexpr std::size_t kHeapBytes = std::size_t{24} << 20;

/// The live blocks by address, and what each is filled with.
class Intervals {
 public:
  struct Block {
    Layout layout;
    unsigned char fill;
  };

  void add(Address address, Layout layout) {
    EXPECT_EQ(address % layout.align, 0U);
    const auto behind = blocks_.lower_bound(address);
    if (behind != blocks_.end()) {
      EXPECT_LE(layout.size, behind->first - address) << "overlaps";
    }
    if (behind != blocks_.begin()) {
      const auto& [start, block] = *std::prev(behind);
      EXPECT_LE(block.layout.size, address - start) << "overlaps";
    }
    blocks_[address] = {.layout = layout, .fill = next_fill_};
    requested_ += layout.size;
    std::memset(bytes_at(address), next_fill_++, layout.size);
  }

  /// Also checks that the block's bytes are its own still.
  Block take(Address address) {
    const Block block = blocks_.at(address);
    EXPECT_TRUE(filled_with(address, block.layout.size, block.fill)) << "was overwritten";
    forget(address);
    return block;
  }

  /// Its memory is not the block's any more.
  void forget(Address address) {
    requested_ -= blocks_.at(address).layout.size;
    blocks_.erase(address);
  }

  [[nodiscard]] Address any(RandomSource& random) const {
    return std::next(blocks_.begin(), static_cast<std::ptrdiff_t>(random.below(count())))->first;
  }
  [[nodiscard]] const Block& at(Address address) const { return blocks_.at(address); }
  [[nodiscard]] std::size_t count() const { return blocks_.size(); }
  [[nodiscard]] std::uint64_t requested() const { return requested_; }

 private:
  std::map<Address, Block> blocks_;
  std::uint64_t requested_ = 0;
  unsigned char next_fill_ = 1;
};

template <class A>
class Program {
 public:
  explicit Program(std::uint64_t seed) : random_(seed), region_(kHeapBytes, 48) { restart(); }

  void run() {
    const std::uint64_t steps = rounds(4000);
    for (std::uint64_t i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      step();
      if (i % 64 == 0) inspect();
      if (heap_.stats().free_bytes < kHeapBytes / 8) restart();
    }
    while (blocks_.count() > 0) release(blocks_.any(random_));
    inspect();
  }

 private:
  void restart() {
    blocks_ = {};
    ASSERT_TRUE(heap_.reset(A::kName, region_.range()));
  }

  void step() {
    const std::uint64_t kind = random_.below(100);
    if (blocks_.count() == 0 || kind < 40) {
      allocate();
    } else if (kind < 70) {
      reallocate(blocks_.any(random_));
    } else {
      release(blocks_.any(random_));
    }
  }

  std::size_t any_size() {
    return random_.percent(90) ? random_.between(1, 3000) : random_.between(1, kHeapBytes / 64);
  }

  void allocate() {
    const bool usual = random_.percent(60);
    const Layout layout{.size = any_size(),
                        .align = std::size_t{1} << (usual ? random_.below(5)
                                                          : random_.between(0, kLargestAlignLog2))};
    if (const auto address = heap_.allocate(layout)) blocks_.add(*address, layout);
  }

  void release(Address address) {
    const Layout layout = blocks_.take(address).layout;
    EXPECT_TRUE(heap_.deallocate(address, layout));
  }

  void reallocate(Address address) {
    const Layout old = blocks_.at(address).layout;
    const Stats before = heap_.stats();
    const std::size_t size = any_size();
    const auto now = heap_.reallocate(address, old, size);
    if (!now) {
      EXPECT_EQ(lasting_figures(heap_.stats()), lasting_figures(before));
      return;
    }
    const unsigned char fill = blocks_.at(address).fill;
    EXPECT_TRUE(filled_with(*now, std::min(old.size, size), fill)) << "bytes were lost";
    blocks_.forget(address);
    blocks_.add(*now, {.size = size, .align = old.align});
  }

  void inspect() {
    const Stats stats = heap_.stats();
    EXPECT_EQ(stats.live_blocks, blocks_.count());
    EXPECT_EQ(stats.heap_bytes, stats.used_bytes + stats.free_bytes + stats.metadata_bytes);
    EXPECT_GE(stats.used_bytes, stats.requested_bytes);
    EXPECT_GE(stats.used_bytes, blocks_.requested());
    for (Address at = stats.start; at < stats.end;) {
      const auto next = heap_.check(at, 1000);
      ASSERT_TRUE(next) << next.error().what;
      at = *next;
    }
  }

  RandomSource random_;
  Region region_;
  LockedHeap<NoLock, A> heap_;
  Intervals blocks_;
};

template <class A>
class RandomPrograms : public ::testing::Test {};
using Everybody = ::testing::Types<BumpAllocator, BinAllocator, FirstFitAllocator,
                                   SmallestAllocator, TinyAdapter>;
TYPED_TEST_SUITE(RandomPrograms, Everybody);

TYPED_TEST(RandomPrograms, AgreeWithTheModel) {
  for (const std::uint64_t seed : kSeeds) {
    SCOPED_TRACE(seed);
    Program<TypeParam>(seed).run();
    if (this->HasFailure()) return;
  }
}

}  // namespace
}  // namespace heapscope::alloc
