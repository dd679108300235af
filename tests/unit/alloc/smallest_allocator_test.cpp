// Allocators that do only what the concept asks, behind the lock wrapper: the
// example in its comment, and one from elsewhere behind its adapter.
#include "tests/unit/alloc/smallest_allocator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "alloc/locked_heap.hpp"
#include "alloc/no_lock.hpp"
#include "tests/unit/alloc/outside/tiny_adapter.hpp"
#include "tests/unit/alloc/region.hpp"
#include "tests/unit/alloc/soundness.hpp"

namespace heapscope::alloc {
namespace {

constexpr std::string_view kAdapter = "tests/unit/alloc/outside/tiny_adapter.hpp";

std::string text_of(std::string_view file) {
  std::ifstream in(HEAPSCOPE_SOURCE_DIR "/" + std::string(file));
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_TRUE(in.good()) << file;
  return text.str();
}

/// The example's class, as it stands in its file.
std::string example() {
  const std::string text = text_of("tests/unit/alloc/smallest_allocator.hpp");
  const std::size_t start = text.find("class SmallestAllocator");
  const std::size_t end = text.find("\n};\n", start);
  EXPECT_NE(end, std::string::npos);
  return text.substr(start, end + 4 - start);
}

std::string with_prefix(const std::string& text, std::string_view prefix) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    const bool blank = line.empty();
    result += blank ? std::string(prefix.substr(0, prefix.find_last_not_of(' ') + 1))
                    : std::string(prefix) + line;
    result += '\n';
  }
  return result;
}

TEST(Example, StandsInTheConceptsCommentAsItIsCompiled) {
  EXPECT_NE(text_of("alloc/allocator.hpp").find(with_prefix(example(), "///     ")),
            std::string::npos);
}

TEST(Example, StandsInTheDocumentationAsItIsCompiled) {
  EXPECT_NE(text_of("docs/allocators.md").find("```cpp\n" + example() + "```\n"),
            std::string::npos);
}

TEST(Example, TheAdapterInTheDocumentationIsTheOneThatIsCompiled) {
  const std::string text = text_of(kAdapter);
  const std::size_t start = text.find("class TinyAdapter");
  const std::string adapter = text.substr(start, text.find("\n};\n", start) + 4 - start);
  EXPECT_NE(text_of("docs/allocators.md").find("```cpp\n" + adapter + "```\n"), std::string::npos);
}

TEST(Example, AnAdapterTakesAtMostFiftyLines) {
  EXPECT_LE(std::ranges::count(text_of(kAdapter), '\n'), 50);
}

template <class A>
class OnlyTheConcept : public ::testing::Test {
 protected:
  OnlyTheConcept() { EXPECT_TRUE(heap_.reset(A::kName, region_.range())); }

  Region region_{4096};
  LockedHeap<NoLock, A> heap_;
};
using Bare = ::testing::Types<SmallestAllocator, TinyAdapter>;
TYPED_TEST_SUITE(OnlyTheConcept, Bare);

TYPED_TEST(OnlyTheConcept, HasNoCapabilities) {
  EXPECT_FALSE(ResizesInPlace<TypeParam>);
  EXPECT_FALSE(FreesUnsized<TypeParam>);
  EXPECT_FALSE(KnowsExtents<TypeParam>);
  EXPECT_FALSE(HasBins<TypeParam>);
  EXPECT_FALSE(ChecksItself<TypeParam>);
  EXPECT_FALSE(Settles<TypeParam>);
}

TYPED_TEST(OnlyTheConcept, ServesAndCounts) {
  const auto one = this->heap_.allocate({.size = 100});
  const auto two = this->heap_.allocate({.size = 50, .align = 2});
  ASSERT_TRUE(one && two);
  EXPECT_EQ(*one % kDefaultAlign, 0U);
  std::memset(bytes_at(*one), 1, 100);
  std::memset(bytes_at(*two), 2, 50);
  EXPECT_TRUE(filled_with(*one, 100, 1));
  EXPECT_EQ(this->heap_.allocate({.size = 0}), fail(HeapError::unsupported));
  EXPECT_EQ(this->heap_.allocate({.size = 8, .align = 3}), fail(HeapError::unsupported));
  const Stats stats = this->heap_.stats();
  EXPECT_EQ(stats.live_blocks, 2U);
  EXPECT_EQ(stats.failures, 2U);
  EXPECT_EQ(stats.requested_bytes, 150U);
  EXPECT_EQ(stats.heap_bytes, stats.used_bytes + stats.free_bytes + stats.metadata_bytes);
  EXPECT_TRUE(this->heap_.deallocate(*one, {.size = 100}));
  EXPECT_EQ(this->heap_.stats().live_blocks, 1U);
}

TYPED_TEST(OnlyTheConcept, GivesOutUntilItIsExhausted) {
  std::size_t blocks = 0;
  auto block = this->heap_.allocate({.size = 64});
  for (; block; block = this->heap_.allocate({.size = 64})) ++blocks;
  EXPECT_EQ(block, fail(HeapError::exhausted));
  EXPECT_GT(blocks, 4096U / 64 / 2);
  EXPECT_EQ(this->heap_.stats().live_blocks, blocks);
}

TYPED_TEST(OnlyTheConcept, ReallocatingMovesTheBlock) {
  const auto block = this->heap_.allocate({.size = 100});
  ASSERT_TRUE(block);
  std::memset(bytes_at(*block), 7, 100);
  const auto moved = this->heap_.reallocate(*block, {.size = 100}, 300);
  ASSERT_TRUE(moved);
  EXPECT_NE(*moved, *block);
  EXPECT_TRUE(filled_with(*moved, 100, 7));
  EXPECT_EQ(this->heap_.stats().live_blocks, 1U);
}

TYPED_TEST(OnlyTheConcept, IsOneExtentThatIsFreeUntilItIsUsed) {
  std::array<Extent, 4> extents;
  const Extent whole{.start = this->region_.start(), .size = 4096, .state = ExtentState::free};
  ASSERT_EQ(this->heap_.walk(whole.start, extents).count, 1U);
  EXPECT_EQ(extents[0], whole);
  const auto block = this->heap_.allocate({.size = 100});
  ASSERT_TRUE(block);
  const auto owner = this->heap_.owner(*block);
  ASSERT_TRUE(owner);
  EXPECT_EQ(*owner, (Extent{.start = whole.start, .size = whole.size, .state = ExtentState::used}));
  EXPECT_EQ(this->heap_.owner(this->region_.end()), fail(HeapError::outside_heap));
}

TYPED_TEST(OnlyTheConcept, HasNothingToVerifyAndNoBins) {
  EXPECT_EQ(this->heap_.check(this->region_.start(), 10), this->region_.end());
  std::array<BinStats, 4> bins;
  EXPECT_EQ(this->heap_.bins(0, bins), 0U);
}

TYPED_TEST(OnlyTheConcept, CannotFreeWithoutTheLayout) {
  const auto block = this->heap_.allocate({.size = 100});
  ASSERT_TRUE(block);
  EXPECT_EQ(this->heap_.deallocate_unsized(*block), fail(HeapError::unsupported));
  EXPECT_EQ(this->heap_.stats().live_blocks, 1U);
}

TEST(TinyAdapter, GivesMemoryBack) {
  const Region region(4096, 5);
  LockedHeap<NoLock, TinyAdapter> heap;
  ASSERT_TRUE(heap.reset("tiny", region.range()));
  const std::size_t all = heap.stats().largest_free_bytes;
  for (int i = 0; i < 3; ++i) {
    const auto block = heap.allocate({.size = all});
    ASSERT_TRUE(block);
    EXPECT_EQ(heap.stats().free_bytes, 0U);
    EXPECT_EQ(heap.allocate({.size = 1}), fail(HeapError::exhausted));
    EXPECT_EQ(heap.allocate({.size = all + 1}), fail(HeapError::unsupported));
    EXPECT_TRUE(heap.deallocate(*block, {.size = all}));
  }
  EXPECT_EQ(heap.allocate({.size = 8, .align = 32}), fail(HeapError::unsupported));
}

/// Puts off what it must do, and does not stand being looked at before that.
class Postponing : public SmallestAllocator {
 public:
  Result<Address, HeapError> allocate(Layout layout) {
    settled_ = false;
    return SmallestAllocator::allocate(layout);
  }
  void settle() { settled_ = true; }
  Stats stats() const {
    expect_settled();
    return SmallestAllocator::stats();
  }
  Extent extent_at(Address) const {
    expect_settled();
    const Stats stats = SmallestAllocator::stats();
    return {.start = stats.start, .size = stats.heap_bytes, .state = ExtentState::used};
  }
  std::size_t bins(std::size_t, std::span<BinStats>) const {
    expect_settled();
    return 0;
  }
  Result<Address, Damage> check(Address address) const { return extent_at(address).end(); }

 private:
  void expect_settled() const { EXPECT_TRUE(settled_); }

  bool settled_ = false;
};

TEST(LockedHeap, SettlesAnAllocatorBeforeItIsLookedAt) {
  const Region region(4096);
  LockedHeap<NoLock, Postponing> heap;
  ASSERT_TRUE(heap.reset("smallest", region.range()));
  std::array<Extent, 1> extents;
  const auto unsettle = [&] { EXPECT_TRUE(heap.allocate({.size = 16})); };
  unsettle();
  EXPECT_EQ(heap.stats().live_blocks, 1U);
  unsettle();
  EXPECT_EQ(heap.walk(region.start(), extents).count, 1U);
  unsettle();
  EXPECT_TRUE(heap.owner(region.start()));
  unsettle();
  EXPECT_TRUE(heap.check(region.start(), 1));
  unsettle();
  EXPECT_EQ(heap.bins(0, {}), 0U);
}

}  // namespace
}  // namespace heapscope::alloc
