// Every sequence of a few calls in a small heap, for each allocator: what random
// tests may miss, this meets. After each call the heap is checked in full.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "tests/unit/alloc/allocators_under_test.hpp"
#include "tests/unit/alloc/random_source.hpp"
#include "tests/unit/alloc/region.hpp"
#include "tests/unit/alloc/soundness.hpp"

namespace heapscope::alloc {
namespace {

/// A heap whose state can be put back, so that all ways on from it are tried.
template <Allocator A>
class Explorer {
 public:
  Explorer(std::size_t heap_bytes, std::size_t offset, std::vector<Layout> layouts)
      : region_(heap_bytes, offset), layouts_(std::move(layouts)) {
    allocator_.initialize(region_.range());
    fresh_ = extents_of(allocator_);
  }

  /// Tries all sequences of `depth` further calls; how many calls that were.
  std::uint64_t explore(int depth) {
    if (depth == 0 || ::testing::Test::HasFailure()) return 0;
    const State before = save();
    std::uint64_t calls = 0;
    const auto go_on = [&](const std::string& call) {
      path_.push_back(call);
      verify();
      verify_settled();
      calls += 1 + explore(depth - 1);
      path_.pop_back();
      restore(before);
    };
    for (Layout layout : layouts_) {
      if (allocate(layout)) go_on("allocate " + text(layout));
    }
    for (std::size_t i = 0; i < before.blocks.size(); ++i) {
      deallocate(i);
      go_on("free #" + std::to_string(i));
      for (Layout layout : layouts_) {
        if (resize(i, layout.size)) go_on("resize #" + std::to_string(i) + " to " + text(layout));
      }
    }
    return calls;
  }

 private:
  static constexpr bool kReturnsMemory = AllocatorTraits<A>::kReturnsMemory;

  struct Block {
    Address address;
    Layout layout;
    unsigned char fill;
  };
  struct State {
    A allocator;
    std::vector<std::byte> memory;
    std::vector<Block> blocks;
  };

  static std::string text(Layout layout) {
    return std::to_string(layout.size) + "/" + std::to_string(layout.align);
  }

  [[nodiscard]] State save() const {
    const auto* memory = reinterpret_cast<const std::byte*>(region_.start());
    return {.allocator = allocator_,
            .memory = {memory, memory + region_.range().size()},
            .blocks = blocks_};
  }
  void restore(const State& state) {
    // Into the same object: the allocator's parts point at each other.
    allocator_ = state.allocator;
    std::memcpy(bytes_at(region_.start()), state.memory.data(), state.memory.size());
    blocks_ = state.blocks;
  }

  bool allocate(Layout layout) {
    const auto address = allocator_.allocate(layout);
    if (!address) {
      // What was refused must not fit: no run has it with all its padding.
      constexpr std::size_t kFreeAlign = AllocatorTraits<A>::kFreeAlign;
      const std::size_t padding = layout.align > kFreeAlign ? layout.align - kFreeAlign : 0;
      settle(allocator_);
      expect(allocator_.stats().largest_free_bytes < allocator_.usable_size(layout) + padding,
             "refused");
      return false;
    }
    expect(*address % layout.align == 0, "misaligned");
    add({.address = *address, .layout = layout, .fill = next_fill()});
    return true;
  }

  void deallocate(std::size_t index) {
    const Block block = blocks_[index];
    blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(index));
    expect(allocator_.deallocate(block.address, block.layout).has_value(), "free was refused");
  }

  bool resize(std::size_t index, std::size_t size) {
    Block block = blocks_[index];
    if (size == block.layout.size) return false;
    const std::size_t before = allocator_.usable_size(block.layout);
    if (!resize_in_place(allocator_, block.address, block.layout, size)) return false;
    block.layout.size = size;
    const std::size_t kept = std::min(before, allocator_.usable_size(block.layout));
    expect(filled_with(block.address, kept, block.fill), "resizing changed the bytes");
    blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(index));
    add(block);
    return true;
  }

  void add(const Block& block) {
    std::memset(bytes_at(block.address), block.fill, allocator_.usable_size(block.layout));
    blocks_.push_back(block);
  }

  /// A pattern that no live block has.
  [[nodiscard]] unsigned char next_fill() const {
    unsigned char fill = 1;
    for (const Block& block : blocks_)
      fill = std::max(fill, static_cast<unsigned char>(block.fill + 1));
    return fill;
  }

  void verify() {
    const std::string wrong = unsound(allocator_);
    expect(wrong.empty(), wrong);
    std::uint64_t used = 0;
    for (const Block& block : blocks_) {
      const std::size_t usable = allocator_.usable_size(block.layout);
      used += usable;
      expect(filled_with(block.address, usable, block.fill), "a block was overwritten");
      const Extent live{.start = block.address, .size = usable, .state = ExtentState::live};
      expect(!kReturnsMemory || extent_at(allocator_, block.address) == live,
             "a block's extent is wrong");
    }
    const Stats stats = allocator_.stats();
    expect(stats.live_blocks == blocks_.size(), "live_blocks is wrong");
    if (!kReturnsMemory) return;
    expect(stats.used_bytes == used, "used_bytes is wrong");
  }

  /// The same once it has settled, without changing how it goes on.
  void verify_settled() {
    const State before = save();
    const std::string wrong = unsound_settled(allocator_);
    expect(wrong.empty(), wrong);
    const bool empty = kReturnsMemory && blocks_.empty();
    expect(!empty || extents_of(allocator_) == fresh_, "not one run again");
    restore(before);
  }

  /// Names the calls that led here where something is wrong.
  void expect(bool right, const std::string& wrong) const {
    if (right) return;
    std::string calls;
    for (const std::string& call : path_) calls += call + "; ";
    ADD_FAILURE() << wrong << " after: " << calls;
  }

  Region region_;
  A allocator_;
  std::vector<Layout> layouts_;
  std::vector<Block> blocks_;
  std::vector<Extent> fresh_;
  std::vector<std::string> path_;
};

template <class A>
class EverySequence : public ::testing::Test {};
TYPED_TEST_SUITE(EverySequence, AllocatorsUnderTest);

TYPED_TEST(EverySequence, OfSmallBlocks) {
  const std::vector<Layout> layouts = {{.size = 8, .align = 8},
                                       {.size = 16},
                                       {.size = 24, .align = 8},
                                       {.size = 64, .align = 64},
                                       {.size = 100, .align = 8}};
  Explorer<TypeParam> explorer(256, 16, layouts);
  EXPECT_GT(explorer.explore(long_run() ? 6 : 5), 10'000U);
}

TYPED_TEST(EverySequence, OfLargeBlocks) {
  // Free runs of this size are in the tries.
  const std::vector<Layout> layouts = {{.size = 1024, .align = 8},
                                       {.size = 1032, .align = 8},
                                       {.size = 1200, .align = 1024},
                                       {.size = 8, .align = 8}};
  Explorer<TypeParam> explorer(6000, 3, layouts);
  EXPECT_GT(explorer.explore(long_run() ? 6 : 5), 5'000U);
}

TYPED_TEST(EverySequence, OfSevenCallsWithTwoSizes) {
  // Few calls to choose from, so that sequences can be longer.
  Explorer<TypeParam> explorer(200, 8, {{.size = 8, .align = 8}, {.size = 32, .align = 32}});
  EXPECT_GT(explorer.explore(long_run() ? 8 : 7), 10'000U);
}

TEST(EverySequenceWithSlabs, OfBlocksOfFourToASlab) {
  // In a heap of this size and above all classes have slabs. Four blocks fill one.
  Explorer<BinAllocator> explorer(std::size_t{275} << 10, 5, {{.size = 256}, {.size = 208}});
  EXPECT_GT(explorer.explore(long_run() ? 8 : 7), 1'000U);
}

TEST(EverySequenceWithSlabs, OfSlotsLinesAndWhatIsLarger) {
  Explorer<BinAllocator> explorer(
      std::size_t{275} << 10, 0,
      {{.size = 250}, {.size = 16, .align = 8}, {.size = 1024}, {.size = 200'000}});
  EXPECT_GT(explorer.explore(long_run() ? 6 : 5), 1'000U);
}

}  // namespace
}  // namespace heapscope::alloc
