// The patterns: sound, repeatable, and each with the property that it is for.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <vector>

#include "tests/unit/alloc/random_source.hpp"
#include "tests/unit/workload/operations.hpp"

namespace heapscope::workload {
namespace {

constexpr std::uint64_t kCount = 20'000;

/// FNV-1a over the text of the operations.
std::uint64_t hash_of(const Operations& operations) {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325ULL;
  for (const char c : written(operations)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3ULL;
  }
  return hash;
}

/// What a workload does, found out by following it.
struct Life {
  std::vector<std::uint64_t> sizes;         // Of each allocation.
  std::vector<std::size_t> ages;            // Of each freed block, in operations.
  std::vector<std::size_t> younger, older;  // Live blocks on either side of each freed one.
  std::size_t peak_blocks = 0;
};

Life follow(const Operations& operations) {
  Life life;
  std::vector<std::pair<BlockId, std::size_t>> live;  // In order of age, with birth.
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const Operation& operation = operations[i];
    const auto found = std::ranges::find(live, operation.id, [](const auto& b) { return b.first; });
    if (operation.kind == OperationKind::allocate) {
      EXPECT_EQ(found, live.end()) << "operation " << i << " allocates a live block";
      live.emplace_back(operation.id, i);
      life.sizes.push_back(operation.size);
      EXPECT_GT(operation.size, 0U);
      EXPECT_LT(operation.id, LiveBlocks::kMost);
    } else if (found == live.end()) {
      ADD_FAILURE() << "operation " << i << " is on a block that is not live";
      return life;
    } else if (operation.kind == OperationKind::free) {
      life.ages.push_back(i - found->second);
      life.older.push_back(static_cast<std::size_t>(found - live.begin()));
      life.younger.push_back(live.size() - 1 - life.older.back());
      live.erase(found);
    } else {
      EXPECT_GT(operation.size, 0U);
    }
    life.peak_blocks = std::max(life.peak_blocks, live.size());
  }
  return life;
}

double mean(const std::vector<std::size_t>& values) {
  double sum = 0;
  for (const std::size_t value : values) sum += static_cast<double>(value);
  return sum / static_cast<double>(values.size());
}

template <class T>
T median(std::vector<T> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

TEST(Generators, AreFoundByTheirNames) {
  EXPECT_EQ(generators().size(), 8U);
  for (const GeneratorRecord& record : generators()) {
    EXPECT_EQ(find_generator(record.name), &record);
  }
  EXPECT_EQ(find_generator("nothing"), nullptr);
}

TEST(Generators, YieldAsManyOperationsAsAskedForAndSoundOnes) {
  for (const GeneratorRecord& record : generators()) {
    for (const std::uint64_t seed : alloc::kSeeds) {
      SCOPED_TRACE(std::string(record.name) + ", seed " + std::to_string(seed));
      const Operations operations = generated(record.name, seed, kCount);
      EXPECT_EQ(operations.size(), kCount);
      const Life life = follow(operations);
      EXPECT_LE(life.peak_blocks, LiveBlocks::kMost);
      EXPECT_GT(life.peak_blocks, 40U);
      // Enough is freed for memory to be used again.
      EXPECT_GT(life.ages.size(), kCount / 20);
    }
  }
}

TEST(Generators, TheSameSeedGivesTheSameAndAnotherAnother) {
  for (const GeneratorRecord& record : generators()) {
    SCOPED_TRACE(record.name);
    EXPECT_EQ(generated(record.name, 5, 3000), generated(record.name, 5, 3000));
    EXPECT_NE(generated(record.name, 5, 3000), generated(record.name, 6, 3000));
    // A longer workload begins like a shorter one.
    Operations longer = generated(record.name, 5, 4000);
    longer.resize(3000);
    EXPECT_EQ(longer, generated(record.name, 5, 3000));
  }
}

TEST(Generators, GiveTheSameOnEveryMachine) {
  const std::map<std::string_view, std::uint64_t> golden = {
      {"uniform", 0x7b41'c362'4f39'ab3f},      {"lognormal", 0x9c10'fd95'0bbc'0f66},
      {"lifo", 0x552c'e02e'c2e1'a71a},         {"fifo", 0x5ff9'2451'7cef'ac5d},
      {"lifetimes", 0xc708'b799'bb7b'd8c0},    {"growing", 0x2dd7'205c'45fb'84c5},
      {"checkerboard", 0xf56b'4442'318a'2799}, {"producer", 0x1097'c893'3f91'd5eb},
  };
  for (const GeneratorRecord& record : generators()) {
    EXPECT_EQ(hash_of(generated(record.name, 1, kCount)), golden.at(record.name)) << record.name;
  }
}

TEST(Generators, UniformSizesAreSpreadEvenly) {
  const Life life = follow(generated("uniform", 1, kCount));
  EXPECT_NEAR(static_cast<double>(median(life.sizes)), 512, 20);
  EXPECT_EQ(*std::ranges::min_element(life.sizes), 1U);
  EXPECT_EQ(*std::ranges::max_element(life.sizes), 1024U);
  // Who is freed has nothing to do with age.
  EXPECT_NEAR(mean(life.older) / mean(life.younger), 1, 0.05);
}

TEST(Generators, LogNormalSizesAreMostlySmallAndSometimesLarge) {
  const Life life = follow(generated("lognormal", 1, kCount));
  EXPECT_NEAR(static_cast<double>(median(life.sizes)), 64, 4);
  EXPECT_GT(*std::ranges::max_element(life.sizes), 2000U);
  EXPECT_LE(*std::ranges::max_element(life.sizes), 65'536U);
}

TEST(Generators, LifoFreesTheNewest) {
  for (const std::size_t younger : follow(generated("lifo", 1, kCount)).younger) {
    EXPECT_EQ(younger, 0U);
  }
}

TEST(Generators, FifoFreesTheOldest) {
  for (const std::size_t older : follow(generated("fifo", 1, kCount)).older) EXPECT_EQ(older, 0U);
}

TEST(Generators, LifetimesAreMostlyShortAndSometimesLong) {
  const Life life = follow(generated("lifetimes", 1, kCount));
  EXPECT_LT(median(life.ages), 100U);
  EXPECT_GT(mean(life.ages), 4 * static_cast<double>(median(life.ages)));
  EXPECT_GT(*std::ranges::max_element(life.ages), 3000U);
}

TEST(Generators, GrowingReallocatesMoreThanItAllocates) {
  const Operations operations = generated("growing", 1, kCount);
  std::map<BlockId, std::uint64_t> sizes;
  std::size_t grown = 0;
  std::size_t shrunk = 0;
  for (const Operation& operation : operations) {
    if (operation.kind == OperationKind::reallocate) {
      ++(operation.size > sizes[operation.id] ? grown : shrunk);
    }
    sizes[operation.id] = operation.size;
  }
  EXPECT_GT(grown, kCount / 2);
  EXPECT_GT(shrunk, kCount / 50);
  EXPECT_LT(shrunk, grown / 4);
}

TEST(Generators, CheckerboardLeavesHolesThatTheLargeBlocksDoNotFit) {
  const Operations operations = generated("checkerboard", 1, 512 + 256 + 64);
  const std::uint64_t small = operations[0].size;
  for (std::size_t i = 0; i < 512; ++i) EXPECT_EQ(operations[i], a(operations[i].id, small));
  for (std::size_t i = 0; i < 256; ++i) {
    EXPECT_EQ(operations[512 + i], f(operations[2 * i + 1].id)) << "every other one";
  }
  for (std::size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(operations[768 + i].kind, OperationKind::allocate);
    EXPECT_GE(operations[768 + i].size, 3 * small);
  }
}

TEST(Generators, ProducerFreesInBurstsAndNearlyInOrder) {
  const Operations operations = generated("producer", 1, kCount);
  const Life life = follow(operations);
  EXPECT_LT(mean(life.older), 0.5);
  EXPECT_GT(*std::ranges::max_element(life.older), 0U);
  std::size_t turns = 0;
  for (std::size_t i = 1; i < operations.size(); ++i) {
    if (operations[i].kind != operations[i - 1].kind) ++turns;
  }
  EXPECT_LT(turns, kCount / 10) << "bursts of ten and more on average";
}

}  // namespace
}  // namespace heapscope::workload
