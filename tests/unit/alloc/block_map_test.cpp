// The block map against a plain ordered map of extents, at every size where a level
// of its summary begins, up to the largest map there is.
#include "alloc/block_map.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <map>
#include <memory>

#include "tests/unit/alloc/random_source.hpp"
#include "tests/unit/alloc/region.hpp"

namespace heapscope::alloc {
namespace {

/// What the block map promises, done the simplest way: where extents start, and
/// whether each is free.
class MapModel {
 public:
  explicit MapModel(std::uint64_t granules) : granules_(granules) { extents_[0] = false; }

  [[nodiscard]] bool starts_at(std::uint64_t granule) const { return extents_.contains(granule); }
  [[nodiscard]] bool is_free(std::uint64_t start) const { return extents_.at(start); }
  [[nodiscard]] std::uint64_t start_of(std::uint64_t granule) const {
    return std::prev(extents_.upper_bound(granule))->first;
  }
  [[nodiscard]] std::uint64_t end_of(std::uint64_t start) const {
    const auto next = extents_.upper_bound(start);
    return next == extents_.end() ? granules_ : next->first;
  }
  void set(std::uint64_t start, bool free) { extents_[start] = free; }
  void clear(std::uint64_t start) { extents_.erase(start); }

 private:
  std::map<std::uint64_t, bool> extents_;
  std::uint64_t granules_;
};

/// Drives a map and its model with the same calls.
class MapDriver {
 public:
  MapDriver(std::uint64_t* storage, Granule granules, std::uint64_t seed)
      : random_(seed), model_(granules), granules_(granules) {
    map_.initialize(storage, granules);
    map_.set_start(0);
    map_.note_span(0, granules);
  }

  void run(std::uint64_t steps) {
    EXPECT_EQ(map_.granules(), granules_);
    for (std::uint64_t i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      // First the map fills, then it empties, and so on.
      change(i / 500 % 2 == 0 ? 75 : 25);
      compare(any_granule());
      compare(0);
      compare(granules_ - 1);
    }
  }

 private:
  void change(unsigned percent_split) {
    const std::uint64_t granule = any_granule();
    const std::uint64_t start = model_.start_of(granule);
    if (random_.percent(15)) {
      set_free(start, !model_.is_free(start));
    } else if (random_.percent(percent_split)) {
      split(start, granule);
    } else {
      merge(start);
    }
    compare(start);
    compare(granule);
  }

  void set_free(std::uint64_t start, bool free) {
    model_.set(start, free);
    if (free) {
      map_.set_free(start);
    } else {
      map_.clear_free(start);
    }
  }

  void split(std::uint64_t start, std::uint64_t granule) {
    if (granule == start) return;
    const std::uint64_t end = model_.end_of(start);
    map_.set_start(granule);
    set_free(granule, random_.percent(50));
    map_.note_span(start, granule);
    map_.note_span(granule, end);
  }

  void merge(std::uint64_t start) {
    const std::uint64_t right = model_.end_of(start);
    if (right == granules_) return;
    map_.clear_start(right);
    model_.clear(right);
    map_.note_span(start, model_.end_of(start));
  }

  void compare(std::uint64_t granule) {
    SCOPED_TRACE(::testing::Message() << "granule " << granule);
    const bool starts = model_.starts_at(granule);
    EXPECT_EQ(map_.starts_at(granule), starts);
    EXPECT_EQ(map_.free_run_starts_at(granule), starts && model_.is_free(granule));
    const std::uint64_t start = model_.start_of(granule);
    const std::uint64_t end = model_.end_of(start);
    EXPECT_EQ(map_.start_of(granule), start);
    EXPECT_EQ(map_.is_free(start), model_.is_free(start));
    EXPECT_EQ(map_.end_of(start), end);
    EXPECT_EQ(map_.start_before(end), start);
    if (start != 0) {
      EXPECT_EQ(map_.start_before(start), model_.start_of(start - 1));
    }
    for (const std::uint64_t outside : {granules_, granules_ + 1, 2 * granules_, ~0UL}) {
      EXPECT_FALSE(map_.free_run_starts_at(outside)) << outside;
    }
  }

  /// Often at an edge of a word of some level: that is where mistakes live.
  std::uint64_t any_granule() {
    const std::uint64_t granule = random_.below(granules_);
    const std::uint64_t unit = std::uint64_t{1} << (6 * random_.below(6));
    const std::uint64_t edge = granule / unit * unit + random_.below(3) - 1;
    return edge < granules_ && random_.percent(70) ? edge : granule;
  }

  RandomSource random_;
  BlockMap map_;
  MapModel model_;
  std::uint64_t granules_;
};

class BlockMapSize : public ::testing::TestWithParam<Granule> {};

TEST_P(BlockMapSize, BehavesLikeTheModelInGarbage) {
  const Granule granules = GetParam();
  const std::uint64_t bytes = BlockMap::storage_bytes(granules);
  ASSERT_EQ(bytes % 16, 0U);
  for (const std::uint64_t seed : kSeeds) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    // Exactly as long as promised, so that the address sanitizer sees any step
    // over the end.
    const std::unique_ptr<std::uint64_t[]> storage(new std::uint64_t[bytes / 8]);
    std::memset(storage.get(), 0xA5, bytes);
    MapDriver(storage.get(), granules, seed).run(rounds(3000));
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, BlockMapSize,
                         ::testing::Values(1, 2, 63, 64, 65, 127, 128, 129, 192, 4095, 4096, 4097,
                                           8192, 64 * 64 * 64 - 1, 64 * 64 * 64, 64 * 64 * 64 + 1,
                                           64 * 64 * 64 * 64 + 1),
                         ::testing::PrintToStringParamName());

class LargeBlockMap : public ::testing::TestWithParam<Granule> {};

TEST_P(LargeBlockMap, BehavesLikeTheModel) {
  const Granule granules = GetParam();
  const std::uint64_t bytes = BlockMap::storage_bytes(granules);
  if (bytes > (std::uint64_t{128} << 20) && !long_run()) {
    GTEST_SKIP() << "a map of " << (bytes >> 20) << " MiB is for the long run";
  }
  const LazyRegion storage(bytes);
  MapDriver(static_cast<std::uint64_t*>(storage.memory()), granules, kSeeds[0]).run(rounds(4000));
}

INSTANTIATE_TEST_SUITE_P(FourAndFiveLevels, LargeBlockMap,
                         ::testing::Values(Granule{1} << 28, (Granule{1} << 28) + 1,
                                           (Granule{1} << 30) + 1,
                                           static_cast<Granule>(BlockMap::kMaxGranules)),
                         ::testing::PrintToStringParamName());

TEST(BlockMap, StorageIsTwoBitsAGranuleAndALittle) {
  std::uint64_t before = 0;
  for (std::uint64_t granules = 1; granules < 20'000; ++granules) {
    const std::uint64_t bytes = BlockMap::storage_bytes(granules);
    ASSERT_GE(bytes, before);
    ASSERT_EQ(bytes % 16, 0U);
    before = bytes;
  }
  const std::uint64_t bytes = BlockMap::storage_bytes(BlockMap::kMaxGranules);
  EXPECT_GE(bytes, BlockMap::kMaxGranules / 4);
  EXPECT_LE(bytes, BlockMap::kMaxGranules / 4 + BlockMap::kMaxGranules / 400);
}

/// A map of `kGranules`, of which nothing but granule 0 starts an extent.
class SmallBlockMap : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kGranules = 64 * 64 * 3;

  SmallBlockMap() {
    map_.initialize(storage_.data(), kGranules);
    map_.set_start(0);
  }

  /// The map holds two extents that meet at `middle`; each knows the other's end.
  void expect_two(std::uint64_t middle) const {
    EXPECT_EQ(map_.end_of(0), middle);
    EXPECT_EQ(map_.end_of(middle), kGranules);
    EXPECT_EQ(map_.start_before(middle), 0U);
    EXPECT_EQ(map_.start_before(kGranules), middle);
    for (const std::uint64_t granule : {std::uint64_t{1}, middle / 2, middle - 1}) {
      EXPECT_EQ(map_.start_of(granule), granule < middle ? 0 : middle) << granule;
    }
    for (const std::uint64_t granule : {middle, middle + (kGranules - middle) / 2, kGranules - 1}) {
      EXPECT_EQ(map_.start_of(granule), middle) << granule;
    }
  }

  std::array<std::uint64_t, 64 * 3 * 2 + 2 + 4 + 2> storage_{};
  BlockMap map_;
};

TEST_F(SmallBlockMap, TwoExtentsAreFoundWhereverTheyMeet) {
  ASSERT_LE(BlockMap::storage_bytes(kGranules), sizeof storage_);
  for (std::uint64_t middle = 1; middle < kGranules; ++middle) {
    SCOPED_TRACE(middle);
    map_.set_start(middle);
    map_.note_span(0, middle);
    map_.note_span(middle, kGranules);
    expect_two(middle);
    if (HasFailure()) return;
    map_.clear_start(middle);
  }
}

TEST_F(SmallBlockMap, ASpanSurvivesWhatHappensBesideIt) {
  // The words inside [64, 64 * 9) hold a span; others come and go around it.
  map_.set_start(64);
  map_.set_start(64 * 9);
  map_.note_span(64, 64 * 9);
  for (const std::uint64_t other : {std::uint64_t{63}, std::uint64_t{64 * 9 + 1}, 64 * 10 - 1UL}) {
    map_.set_start(other);
    map_.set_free(other);
    EXPECT_EQ(map_.end_of(64), 64U * 9);
    EXPECT_EQ(map_.start_before(64 * 9), 64U);
    map_.clear_start(other);
    EXPECT_EQ(map_.end_of(64), 64U * 9);
    EXPECT_EQ(map_.start_before(64 * 9), 64U);
  }
}

TEST_F(SmallBlockMap, AStartInsideANotedSpanIsNotFreeByItself) {
  // A span is kept where the bits of free runs are.
  map_.note_span(0, kGranules);
  for (std::uint64_t granule = 64; granule < 128; ++granule) {
    map_.set_start(granule);
    EXPECT_FALSE(map_.is_free(granule)) << granule;
    map_.clear_start(granule);
    map_.note_span(0, kGranules);
  }
}

TEST_F(SmallBlockMap, NoFreeRunStartsWhereASpanIsNoted) {
  map_.set_free(0);
  map_.note_span(0, kGranules);
  for (std::uint64_t granule = 1; granule < kGranules; ++granule) {
    ASSERT_FALSE(map_.free_run_starts_at(granule)) << granule;
  }
  EXPECT_TRUE(map_.free_run_starts_at(0));
}

}  // namespace
}  // namespace heapscope::alloc
