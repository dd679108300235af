// The values that scripts and people read: names of states and errors, and the
// fragmentation figure.
#include "alloc/inspection.hpp"

#include <gtest/gtest.h>

#include <set>

#include "alloc/error.hpp"

namespace heapscope::alloc {
namespace {

TEST(HeapError, NamesAreStable) {
  EXPECT_EQ(error_name(HeapError::exhausted), "exhausted");
  EXPECT_EQ(error_name(HeapError::unsupported), "unsupported");
  EXPECT_EQ(error_name(HeapError::outside_heap), "outside-heap");
  EXPECT_EQ(error_name(HeapError::inside_block), "inside-block");
  EXPECT_EQ(error_name(HeapError::not_allocated), "not-allocated");
  EXPECT_EQ(error_name(HeapError::wrong_layout), "wrong-layout");
}

TEST(HeapError, EveryErrorSaysWhichItIs) {
  std::set<std::string_view> texts;
  for (const auto error :
       {HeapError::exhausted, HeapError::unsupported, HeapError::outside_heap,
        HeapError::inside_block, HeapError::not_allocated, HeapError::wrong_layout}) {
    EXPECT_TRUE(texts.insert(error_text(error)).second);
    EXPECT_GE(error_text(error).size(), 10U);
  }
}

TEST(Extent, NamesOfStatesAreStable) {
  EXPECT_EQ(state_name(ExtentState::live), "live");
  EXPECT_EQ(state_name(ExtentState::free), "free");
  EXPECT_EQ(state_name(ExtentState::used), "used");
  EXPECT_EQ(state_name(ExtentState::metadata), "metadata");
}

TEST(Stats, FragmentationIsZeroForOneRunAndForNone) {
  EXPECT_EQ(Stats{}.fragmentation_permille(), 0U);
  EXPECT_EQ((Stats{.free_bytes = 4096, .largest_free_bytes = 4096}).fragmentation_permille(), 0U);
}

TEST(Stats, FragmentationGrowsAsTheLargestRunShrinks) {
  EXPECT_EQ((Stats{.free_bytes = 1000, .largest_free_bytes = 250}).fragmentation_permille(), 750U);
  EXPECT_EQ((Stats{.free_bytes = 3, .largest_free_bytes = 2}).fragmentation_permille(), 334U);
  constexpr std::uint64_t kHuge = std::uint64_t{1} << 40;
  EXPECT_EQ((Stats{.free_bytes = kHuge, .largest_free_bytes = 8}).fragmentation_permille(), 1000U);
  EXPECT_EQ((Stats{.free_bytes = kHuge, .largest_free_bytes = kHuge / 2}).fragmentation_permille(),
            500U);
}

}  // namespace
}  // namespace heapscope::alloc
