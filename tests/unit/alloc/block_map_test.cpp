// The block map against a plain ordered map of marks, at every size where a level
// of its summaries begins, up to the largest map there is.
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

constexpr std::array kMarks = {Mark::live_start, Mark::free_start, Mark::free_end};

/// What the block map promises, done the simplest way.
class MapModel {
 public:
  explicit MapModel(Granule granules) : granules_(granules) {}

  [[nodiscard]] Mark at(Granule granule) const {
    const auto found = marks_.find(granule);
    return found == marks_.end() ? Mark::none : found->second;
  }
  void set(Granule granule, Mark mark) { marks_[granule] = mark; }
  void clear(Granule granule) { marks_.erase(granule); }
  [[nodiscard]] Granule next(Granule granule) const {
    const auto found = marks_.upper_bound(granule);
    return found == marks_.end() ? granules_ : found->first;
  }
  [[nodiscard]] Granule previous(Granule granule) const {
    const auto found = marks_.lower_bound(granule);
    return found == marks_.begin() ? kNoGranule : std::prev(found)->first;
  }
  /// A marked granule where there is one, so that clearing finds something.
  [[nodiscard]] Granule near(Granule granule) const {
    const auto found = marks_.lower_bound(granule);
    return found == marks_.end() ? granule : found->first;
  }

 private:
  std::map<Granule, Mark> marks_;
  Granule granules_;
};

/// Drives a map and its model with the same calls.
class MapDriver {
 public:
  MapDriver(std::uint64_t* storage, Granule granules, std::uint64_t seed)
      : random_(seed), model_(granules), granules_(granules) {
    map_.initialize(storage, granules);
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
  void change(unsigned percent_set) {
    const Granule granule = any_granule();
    if (random_.percent(percent_set)) {
      const Mark mark = random_.pick(kMarks);
      map_.set(granule, mark);
      model_.set(granule, mark);
    } else {
      const Granule marked = model_.near(granule);
      map_.clear(marked);
      model_.clear(marked);
    }
  }

  void compare(Granule granule) {
    SCOPED_TRACE(::testing::Message() << "granule " << granule);
    EXPECT_EQ(map_.at(granule), model_.at(granule));
    EXPECT_EQ(map_.next(granule), model_.next(granule));
    EXPECT_EQ(map_.previous(granule), model_.previous(granule));
    EXPECT_EQ(map_.previous(granules_), model_.previous(granules_));
  }

  /// Often at an edge of a word of some level: that is where mistakes live.
  Granule any_granule() {
    const auto granule = static_cast<Granule>(random_.below(granules_));
    const std::uint64_t unit = std::uint64_t{1} << (6 * random_.below(6));
    const std::uint64_t edge = granule / unit * unit + random_.below(3) - 1;
    return edge < granules_ && random_.percent(70) ? static_cast<Granule>(edge) : granule;
  }

  RandomSource random_;
  BlockMap map_;
  MapModel model_;
  Granule granules_;
};

class BlockMapSize : public ::testing::TestWithParam<Granule> {};

TEST_P(BlockMapSize, BehavesLikeTheModelInGarbage) {
  const Granule granules = GetParam();
  const std::uint64_t bytes = BlockMap::storage_bytes(granules);
  ASSERT_EQ(bytes % sizeof(std::uint64_t), 0U);
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
                         ::testing::Values(1, 2, 63, 64, 65, 127, 128, 4095, 4096, 4097, 8192,
                                           64 * 64 * 64 - 1, 64 * 64 * 64, 64 * 64 * 64 + 1,
                                           64 * 64 * 64 * 64 + 1),
                         ::testing::PrintToStringParamName());

class LargeBlockMap : public ::testing::TestWithParam<Granule> {};

TEST_P(LargeBlockMap, BehavesLikeTheModel) {
  const Granule granules = GetParam();
  const LazyRegion storage(BlockMap::storage_bytes(granules));
  MapDriver(static_cast<std::uint64_t*>(storage.memory()), granules, kSeeds[0]).run(rounds(4000));
}

INSTANTIATE_TEST_SUITE_P(FourAndFiveLevels, LargeBlockMap,
                         ::testing::Values(Granule{1} << 28, Granule{1} << 30,
                                           (Granule{1} << 30) + 1,
                                           static_cast<Granule>(BlockMap::kMaxGranules)),
                         ::testing::PrintToStringParamName());

TEST(BlockMap, StorageIsTwoBitsAGranuleAndALittle) {
  std::uint64_t before = 0;
  for (std::uint64_t granules = 1; granules < 20'000; ++granules) {
    const std::uint64_t bytes = BlockMap::storage_bytes(granules);
    ASSERT_GE(bytes, before);
    ASSERT_EQ(bytes % 8, 0U);
    before = bytes;
  }
  const std::uint64_t bytes = BlockMap::storage_bytes(BlockMap::kMaxGranules);
  EXPECT_GE(bytes, BlockMap::kMaxGranules / 4);
  EXPECT_LE(bytes, BlockMap::kMaxGranules / 4 + BlockMap::kMaxGranules / 400);
}

TEST(BlockMap, AMarkReplacesAnyOther) {
  std::array<std::uint64_t, 8> storage{};
  ASSERT_LE(BlockMap::storage_bytes(64), sizeof storage);
  BlockMap map;
  map.initialize(storage.data(), 64);
  for (const Mark first : kMarks) {
    for (const Mark second : kMarks) {
      map.set(5, first);
      map.set(5, second);
      EXPECT_EQ(map.at(5), second);
    }
  }
  map.clear(5);
  EXPECT_EQ(map.at(5), Mark::none);
  EXPECT_EQ(map.next(0), map.granules());
}

}  // namespace
}  // namespace heapscope::alloc
