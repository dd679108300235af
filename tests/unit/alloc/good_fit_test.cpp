// The lists of free runs by size: whatever was freed before, an allocation finds a
// run that fits, a large one in the first list that has one, and the figures count
// all of them.
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "alloc/bin_allocator.hpp"
#include "tests/unit/alloc/random_source.hpp"
#include "tests/unit/alloc/region.hpp"
#include "tests/unit/alloc/soundness.hpp"

namespace heapscope::alloc {
namespace {

/// All free runs by address and by size; merges what it is given.
class FreeRuns {
 public:
  void give(Address start, std::size_t size) {
    const auto behind = runs_.find(start + size);
    if (behind != runs_.end()) {
      size += behind->second;
      erase(behind);
    }
    const auto above = runs_.lower_bound(start);
    if (above != runs_.begin()) {
      const auto before = std::prev(above);
      if (before->first + before->second == start) {
        start = before->first;
        size += before->second;
        erase(before);
      }
    }
    insert(start, size);
  }

  /// Takes a block out of the run that holds it; the run's size, or 0 where no
  /// run holds it.
  std::size_t take(Address start, std::size_t size) {
    const auto above = runs_.upper_bound(start);
    if (above == runs_.begin()) return 0;
    const auto [run, run_size] = *std::prev(above);
    if (start + size > run + run_size) return 0;
    erase(std::prev(above));
    if (start > run) insert(run, start - run);
    if (start + size < run + run_size) insert(start + size, run + run_size - (start + size));
    return run_size;
  }

  /// The smallest size of at least `size`; 0 where there is none.
  [[nodiscard]] std::size_t smallest_from(std::size_t size) const {
    const auto found = sizes_.lower_bound(size);
    return found == sizes_.end() ? 0 : *found;
  }
  /// How many have a size from `first` to below `limit`.
  [[nodiscard]] std::ptrdiff_t count_between(std::size_t first, std::size_t limit) const {
    return std::distance(sizes_.lower_bound(first), sizes_.lower_bound(limit));
  }
  [[nodiscard]] std::size_t largest() const { return sizes_.empty() ? 0 : *sizes_.rbegin(); }

  [[nodiscard]] std::vector<Extent> extents() const {
    std::vector<Extent> extents;
    for (const auto& [start, size] : runs_) {
      extents.push_back({.start = start, .size = size, .state = ExtentState::free});
    }
    return extents;
  }

 private:
  void insert(Address start, std::size_t size) {
    runs_[start] = size;
    sizes_.insert(size);
  }
  void erase(std::map<Address, std::size_t>::iterator run) {
    sizes_.erase(sizes_.find(run->second));
    runs_.erase(run);
  }

  std::map<Address, std::size_t> runs_;
  std::multiset<std::size_t> sizes_;
};

/// Which sizes a run of the test asks for.
enum class Mix : std::uint8_t {
  equal,      ///< A few sizes over and over: long lists of runs of one size.
  spread,     ///< Any size within one power of two: lists of many sizes.
  edges,      ///< Around every power of two, and around the end of the exact bins.
  all_sizes,  ///< From 8 bytes to 64 KiB, small ones more often.
  huge,       ///< Up to gibibytes, in a heap of more than 4 GiB.
};

class SizeSource {
 public:
  SizeSource(Mix mix, RandomSource& random) : mix_(mix), random_(random) {}

  std::size_t next() {
    switch (mix_) {
      case Mix::equal:
        return random_.pick(std::array<std::size_t, 6>{1024, 1032, 1040, 2048, 4096, 4104});
      case Mix::spread:
        return 8 * random_.between(1024, 2047);
      case Mix::edges:
        return (std::size_t{8} << random_.between(2, 12)) + 8 * random_.below(5) - 16;
      case Mix::all_sizes:
        return random_.between(8, std::uint64_t{1} << random_.between(4, 16));
      case Mix::huge:
        return random_.between(8, std::uint64_t{1} << random_.between(16, 30));
    }
    return 8;
  }

 private:
  Mix mix_;
  RandomSource& random_;
};

class FitDriver {
 public:
  FitDriver(Mix mix, std::uint64_t seed, Range range) : random_(seed), sizes_(mix, random_) {
    bin_.initialize(range);
    const Extent all = only(extents_of(bin_), ExtentState::free).front();
    model_.give(all.start, all.size);
  }

  void run() {
    // The heap is filled and half emptied, then it lives at different fills.
    while (allocate(sizes_.next())) {
    }
    const std::uint64_t steps = rounds(12'000);
    for (std::uint64_t i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      const unsigned percent_allocating = i / 1500 % 2 == 0 ? 35 : 60;
      if (blocks_.empty() || random_.percent(percent_allocating)) {
        allocate(sizes_.next());
      } else {
        deallocate(static_cast<std::size_t>(random_.below(blocks_.size())));
      }
      ASSERT_LE(bin_.stats().largest_free_bytes, model_.largest());
      if (i % 256 == 0) compare();
    }
    while (!blocks_.empty()) deallocate(blocks_.size() - 1);
    compare();
  }

 private:
  struct Block {
    Address address;
    Layout layout;
  };

  bool allocate(std::size_t size) {
    const Layout layout{.size = size, .align = 8};
    const std::size_t usable = bin_.usable_size(layout);
    const auto address = bin_.allocate(layout);
    const std::size_t own = class_of(usable);
    if (!address) {
      // Of a list of different sizes, only some are looked at.
      const bool in_long_list =
          usable >= kFirstWide && model_.smallest_from(next_class(own)) == 0 &&
          model_.count_between(own, next_class(own)) > CoalescingAllocator::kRunsLookedAt;
      EXPECT_TRUE(model_.smallest_from(usable) == 0 || in_long_list) << size << " bytes";
      return false;
    }
    const std::size_t next_larger = model_.smallest_from(next_class(own));
    const std::size_t taken = model_.take(*address, usable);
    EXPECT_GE(taken, usable) << size << " bytes are not free";
    if (usable >= kFirstWide && next_larger != 0) {
      EXPECT_LE(class_of(taken), class_of(next_larger)) << "for " << size << " bytes";
    }
    blocks_.push_back({.address = *address, .layout = layout});
    return true;
  }

  /// From so many bytes on a list holds different sizes, in eighths of a doubling.
  static constexpr std::size_t kFirstWide = 1024;
  static std::size_t class_width(std::size_t size) { return std::bit_floor(size) / 8; }
  /// The smallest size of the list that a size of at least kFirstWide is in.
  static std::size_t class_of(std::size_t size) {
    return size / class_width(size) * class_width(size);
  }
  static std::size_t next_class(std::size_t first) { return first + class_width(first); }

  void deallocate(std::size_t index) {
    const Block block = blocks_[index];
    blocks_[index] = blocks_.back();
    blocks_.pop_back();
    EXPECT_TRUE(bin_.deallocate(block.address, block.layout));
    model_.give(block.address, bin_.usable_size(block.layout));
  }

  void compare() {
    EXPECT_EQ(unsound_settled(bin_), "");
    EXPECT_EQ(only(extents_of(bin_), ExtentState::free), model_.extents());
  }

  RandomSource random_;
  SizeSource sizes_;
  CoalescingAllocator bin_;
  FreeRuns model_;
  std::vector<Block> blocks_;
};

class GoodFit : public ::testing::TestWithParam<Mix> {};

TEST_P(GoodFit, TakesARunOfTheFirstListThatHasOne) {
  const LazyRegion region(GetParam() == Mix::huge ? std::size_t{6} << 30 : std::size_t{6} << 20);
  for (const std::uint64_t seed : kSeeds) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    FitDriver(GetParam(), seed, region.range()).run();
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Mixes, GoodFit,
                         ::testing::Values(Mix::equal, Mix::spread, Mix::edges, Mix::all_sizes,
                                           Mix::huge));

}  // namespace
}  // namespace heapscope::alloc
