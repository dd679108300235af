// What happens when a program writes to memory that it has freed, or beyond its
// block: the bin allocator keeps its links there. check() finds it, and no call
// hands out memory twice, loses its way or runs for ever.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "alloc/bin_allocator.hpp"
#include "tests/unit/alloc/random_source.hpp"
#include "tests/unit/alloc/shadow_heap.hpp"
#include "tests/unit/alloc/soundness.hpp"
#include "tests/unit/alloc/test_heap.hpp"

namespace heapscope::alloc {
namespace {

using BinHeap = TestHeap<BinAllocator>;
using Word = std::uint32_t;

constexpr std::size_t kWordBytes = sizeof(Word);

Word read_word(Address address) {
  Word word = 0;
  std::memcpy(&word, bytes_at(address), kWordBytes);
  return word;
}

void write_word(Address address, Word word) { std::memcpy(bytes_at(address), &word, kWordBytes); }

/// The first damage that a check of the whole heap finds; an empty text for none.
/// (stats() cannot be asked: it looks for the largest run, so damage stops it.)
std::string damage_in(const BinHeap& heap) {
  for (Address at = heap.region.start(); at < heap.region.end();) {
    const auto next = heap.allocator.check(at);
    if (!next) return std::string(next.error().what);
    at = *next;
  }
  return "";
}

/// Makes one free run of each size, kept apart by live blocks.
void make_free_runs(BinAllocator& bin, const std::vector<std::size_t>& sizes) {
  std::vector<Address> blocks;
  for (const std::size_t size : sizes) {
    blocks.push_back(bin.allocate({.size = size, .align = 8}).value());
    ASSERT_TRUE(bin.allocate({.size = 8, .align = 8}));
  }
  take_all_free(bin);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    ASSERT_TRUE(bin.deallocate(blocks[i], {.size = sizes[i], .align = 8}));
  }
}

/// Overwrites each of `words` of each free run with all kinds of values, one at a
/// time; check() has to notice every one.
void expect_each_overwrite_found(const BinHeap& heap, const std::vector<std::size_t>& words) {
  const auto runs = only(extents_of(heap.allocator), ExtentState::free);
  std::vector<Word> values = {0, 1, 0xffff'ffff, 0xffff'fffe, 0x4141'4141, 0x8000'0000};
  for (const Extent& run : runs) {
    values.push_back(static_cast<Word>((run.start - runs.front().start) / 8));
    values.push_back(read_word(run.start));
    values.push_back(read_word(run.start + 4 * kWordBytes));
  }
  for (const Extent& run : runs) {
    for (const std::size_t index : words) {
      const Address address = run.start + index * kWordBytes;
      const Word right = read_word(address);
      for (const Word wrong : values) {
        if (wrong == right) continue;
        write_word(address, wrong);
        EXPECT_NE(damage_in(heap), "") << "word " << index << " of a run of " << run.size
                                       << " bytes: " << wrong << " instead of " << right;
      }
      write_word(address, right);
    }
  }
  EXPECT_EQ(unsound(heap.allocator), "");
}

// A run's first words are: next, previous, two children, parent, size. Runs of
// less than 1 KiB have the first two.

TEST(BinDamage, CheckFindsEveryOverwrittenLinkOfSmallRuns) {
  BinHeap heap(8192);
  make_free_runs(heap.allocator, {8, 16, 16, 16, 24, 24, 512, 512, 1016});
  expect_each_overwrite_found(heap, {0, 1});
}

TEST(BinDamage, CheckFindsEveryOverwrittenLinkOfLargeRunsOfDifferentSizes) {
  BinHeap heap(128 * 1024);
  make_free_runs(heap.allocator,
                 {1024, 1032, 2040, 1500, 1800, 1256, 1264, 1976, 2048, 4000, 8192, 9000, 16'000});
  expect_each_overwrite_found(heap, {0, 1, 2, 3, 4, 5});
}

TEST(BinDamage, CheckFindsEveryOverwrittenLinkOfLargeRunsOfEqualSizes) {
  BinHeap heap(64 * 1024);
  make_free_runs(heap.allocator, {1024, 1024, 1024, 1024, 2000, 2000, 2000});
  expect_each_overwrite_found(heap, {0, 1, 4, 5});
}

TEST(BinDamage, CheckNamesTheRunBehindABlockThatOverflowed) {
  BinHeap heap(4096);
  BinAllocator& bin = heap.allocator;
  const auto block = bin.allocate({.size = 64});
  ASSERT_TRUE(block);
  std::memset(bytes_at(*block), 'A', 64 + 16);
  const auto checked = bin.check(*block + 64);
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().address, *block + 64);
  EXPECT_NE(checked.error().what, "");
}

TEST(BinDamage, CheckNamesABlockThatWasWrittenAfterItsFree) {
  BinHeap heap(8192);
  BinAllocator& bin = heap.allocator;
  const auto block = bin.allocate({.size = 64});
  ASSERT_TRUE(block && bin.allocate({.size = 64}));
  ASSERT_TRUE(bin.deallocate(*block, {.size = 64}));
  std::memset(bytes_at(*block), 'A', 64);
  const auto checked = bin.check(*block);
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().address, *block);
}

bool panicked_or_exited_with_0(int status) {
  return (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) ||
         (WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/// Allocates and ends the process: with a panic, with status 0 if it was refused,
/// with status 1 if it succeeded.
[[noreturn]] void allocate_and_exit(BinAllocator& bin, std::size_t size) {
  const bool refused = !bin.allocate({.size = size, .align = 8});
  std::fputs(refused ? "refused" : "ALLOCATED", stderr);
  std::_Exit(refused ? 0 : 1);
}

class BinDamageDeathTest : public ::testing::TestWithParam<unsigned char> {
 protected:
  /// Overwrites all of the free runs; a call that has to look into them stops the
  /// program, or it is refused because no size fits any more.
  void expect_not_allocated(const std::vector<std::size_t>& sizes, std::size_t asked) {
    SCOPED_TRACE(::testing::Message() << sizes.front() << " bytes filled with "
                                      << static_cast<int>(GetParam()) << ", asked for " << asked);
    BinHeap heap(64 * 1024);
    make_free_runs(heap.allocator, sizes);
    for (const Extent& run : only(extents_of(heap.allocator), ExtentState::free)) {
      std::memset(bytes_at(run.start), GetParam(), run.size);
    }
    EXPECT_EXIT(allocate_and_exit(heap.allocator, asked), panicked_or_exited_with_0,
                "refused|panic: heap damaged: .*(0x[0-9a-f]+|granule [0-9]+)");
  }
};

TEST_P(BinDamageDeathTest, NothingIsAllocatedFromAnOverwrittenRun) {
  // Links of ones say that a small run is alone in its list, which may be true.
  if (GetParam() != 0xff) expect_not_allocated({64}, 64);
  if (GetParam() != 0xff) expect_not_allocated({64, 64, 64}, 64);
  expect_not_allocated({2048}, 2048);
  expect_not_allocated({2048}, 8);
  expect_not_allocated({2048, 2048, 2048}, 2048);
  expect_not_allocated({2048, 3000, 2500}, 2400);
}

TEST_P(BinDamageDeathTest, MergingWithAnOverwrittenRunPanics) {
  BinHeap heap(4096);
  BinAllocator& bin = heap.allocator;
  const Layout layout{.size = 2000};
  const auto block = bin.allocate(layout);
  ASSERT_TRUE(block);
  // All that is behind the block: more than 1 KiB.
  const std::size_t rest = bin.stats().largest_free_bytes;
  std::memset(bytes_at(*block + 2000), GetParam(), rest);
  EXPECT_DEATH(static_cast<void>(bin.deallocate(*block, layout)), "heap damaged");
}

INSTANTIATE_TEST_SUITE_P(Fills, BinDamageDeathTest, ::testing::Values(0x00, 0x41, 0xff));

/// Leads each of `words` of each free run to each other free run, one at a time:
/// taking the run out of the index, here by freeing the block behind it, panics.
void expect_each_wrong_link_panics(BinHeap& heap, const std::vector<std::size_t>& words) {
  const auto extents = extents_of(heap.allocator);
  const Address first = extents.front().end();
  const auto runs = only(extents, ExtentState::free);
  for (const Extent& run : runs) {
    for (const std::size_t index : words) {
      const Address address = run.start + index * kWordBytes;
      const Word right = read_word(address);
      // The first large run of its size is a node: nothing is read from the link
      // to a previous one.
      if (index == 1 && run.size >= 1024 && right == 0xffff'ffff) continue;
      for (const Extent& other : runs) {
        const auto wrong = static_cast<Word>((other.start - first) / 8);
        if (wrong == right || other == run) continue;
        write_word(address, wrong);
        EXPECT_DEATH(
            static_cast<void>(heap.allocator.deallocate(run.end(), {.size = 8, .align = 8})),
            "heap damaged")
            << "word " << index << " of a run of " << run.size << " bytes";
      }
      write_word(address, right);
    }
  }
}

TEST(BinDamageLinkDeathTest, AWrongLinkOfASmallRunPanics) {
  BinHeap heap(4096);
  make_free_runs(heap.allocator, {64, 64, 64, 64, 128});
  expect_each_wrong_link_panics(heap, {0, 1});
}

TEST(BinDamageLinkDeathTest, AWrongLinkOfALargeRunPanics) {
  BinHeap heap(16 * 1024);
  make_free_runs(heap.allocator, {2000, 1200, 1600, 1208});
  expect_each_wrong_link_panics(heap, {0, 2, 3, 4});
}

TEST(BinDamageLinkDeathTest, AWrongLinkOfALargeRunInAListPanics) {
  BinHeap heap(16 * 1024);
  make_free_runs(heap.allocator, {2000, 2000, 2000, 1200});
  expect_each_wrong_link_panics(heap, {0, 1, 4});
}

TEST(BinDamageCircleDeathTest, LinksThatLeadRoundInACirclePanic) {
  BinHeap heap(8192);
  const Extent run = only(extents_of(heap.allocator), ExtentState::free).front();
  // Granule 0 becomes its own parent and both its children; its size stays.
  for (const std::size_t word : {2U, 3U, 4U}) write_word(run.start + word * kWordBytes, 0);
  EXPECT_DEATH(
      {
        alarm(10);  // Else a circle that is followed would hang the test.
        static_cast<void>(heap.allocator.allocate({.size = run.size, .align = 8}));
      },
      "heap damaged");
}

/// A free run of one granule beside a live block, and a large run whose links a
/// test leads to the small one: a node there would reach into the live block.
class BinDamageSmallRunDeathTest : public ::testing::Test {
 protected:
  BinDamageSmallRunDeathTest() {
    const auto small = bin_.allocate({.size = 8, .align = 8});
    live_ = bin_.allocate({.size = 64, .align = 8}).value();
    for (Address& block : large_) block = bin_.allocate(kLarge).value();
    make_free_runs(bin_, {2000, 1600, 1200, 1800});
    EXPECT_TRUE(bin_.deallocate(small.value(), {.size = 8, .align = 8}));
    runs_ = only(extents_of(bin_), ExtentState::free);
    write_to_live();
  }

  /// Read as a node, the small run and the block behind it would be a leaf, of a
  /// size that fits.
  static constexpr std::array<Word, 4> kLooksLikeLeaf = {0xffff'ffff, 0xffff'ffff, 140, 140};

  void write_to_live() const {
    std::memcpy(bytes_at(live_), kLooksLikeLeaf.data(), sizeof kLooksLikeLeaf);
  }
  [[nodiscard]] bool live_is_intact() const {
    return std::memcmp(bytes_at(live_), kLooksLikeLeaf.data(), sizeof kLooksLikeLeaf) == 0;
  }

  /// The number of the small run: it begins at the heap's first granule.
  static constexpr Word kSmall = 0;
  /// Live blocks that become nodes when they are freed.
  static constexpr Layout kLarge{.size = 1024, .align = 8};

  BinHeap heap_{16 * 1024};
  BinAllocator& bin_ = heap_.allocator;
  Address live_ = 0;
  std::array<Address, 3> large_{};
  std::vector<Extent> runs_;
};

TEST_F(BinDamageSmallRunDeathTest, ATrieThatLeadsThereHandsOutNothingThatIsLive) {
  const auto children_of = [](const Extent& run) { return run.start + 2 * kWordBytes; };
  for (std::size_t i = 1; i < runs_.size(); ++i) {
    write_word(children_of(runs_[i]), kSmall);
    write_word(children_of(runs_[i]) + kWordBytes, kSmall);
  }
  for (const std::size_t size : {300U, 1000U, 1100U}) {
    for (const std::size_t align : {8U, 64U, 512U}) {
      EXPECT_EXIT(
          {
            const auto block = bin_.allocate({.size = size, .align = align});
            const auto in_a_free_run = [&](const Extent& run) {
              return *block >= run.start && *block + size <= run.end();
            };
            const bool right = !block || std::ranges::any_of(runs_, in_a_free_run);
            std::fputs(right ? "right" : "LIVE MEMORY HANDED OUT", stderr);
            std::_Exit(right ? 0 : 1);
          },
          panicked_or_exited_with_0, "right|heap damaged");
    }
  }
}

TEST_F(BinDamageSmallRunDeathTest, RemovingANodeWritesNothingOutsideFreeMemory) {
  for (std::size_t i = 1; i < runs_.size(); ++i) {
    const Address child = runs_[i].start + 2 * kWordBytes;
    const Word right = read_word(child);
    write_word(child, kSmall);
    for (const Extent& run : runs_) {
      EXPECT_EXIT(
          {
            static_cast<void>(bin_.allocate({.size = run.size, .align = 8}));
            const bool intact = live_is_intact();
            std::fputs(intact ? "intact" : "A LIVE BLOCK WAS OVERWRITTEN", stderr);
            std::_Exit(intact ? 0 : 1);
          },
          panicked_or_exited_with_0, "intact|heap damaged");
    }
    write_word(child, right);
  }
}

TEST_F(BinDamageSmallRunDeathTest, AddingANodeWritesNothingOutsideFreeMemory) {
  for (std::size_t i = 1; i < runs_.size(); ++i) {
    for (const std::size_t word : {2U, 3U}) {
      const Address child = runs_[i].start + word * kWordBytes;
      const Word right = read_word(child);
      write_word(child, kSmall);
      EXPECT_EXIT(
          {
            // Its neighbours are live, so it is added and nothing is removed.
            static_cast<void>(bin_.deallocate(large_[1], kLarge));
            const bool intact = live_is_intact();
            std::fputs(intact ? "intact" : "A LIVE BLOCK WAS OVERWRITTEN", stderr);
            std::_Exit(intact ? 0 : 1);
          },
          panicked_or_exited_with_0, "intact|heap damaged");
      write_word(child, right);
    }
  }
}

/// One random life with damage in it. Ends the process: with a panic where the
/// damage was met, else with status 0 if all blocks that were handed out since are
/// still whole, and 1 if not.
class DamagedLife {
 public:
  explicit DamagedLife(std::uint64_t seed) : random_(seed) {}

  [[noreturn]] void run() {
    alarm(20);  // A call that never returns must not look like a slow test.
    live(400);
    for (std::uint64_t i = random_.between(1, 3); i > 0; --i) overwrite_a_run();
    const bool found = !damage_in(heap_).empty();
    live(400);
    const bool whole = shadow_.contents_intact() && !::testing::Test::HasFailure();
    std::fprintf(stderr, "%s, %s\n", found ? "damage found" : "no damage found",
                 whole ? "all blocks whole" : "BLOCKS DESTROYED");
    std::_Exit(whole ? 0 : 1);
  }

 private:
  void live(int steps) {
    for (int i = 0; i < steps; ++i) {
      if (shadow_.empty() || random_.percent(52)) {
        const std::size_t size = random_.between(1, std::uint64_t{1} << random_.between(4, 14));
        static_cast<void>(
            shadow_.allocate({.size = size, .align = random_.percent(70) ? 8U : 64U}));
      } else {
        shadow_.deallocate(shadow_.any(random_));
      }
    }
  }

  void overwrite_a_run() {
    const auto extents = extents_of(heap_.allocator);
    const auto runs = only(extents, ExtentState::free);
    if (runs.empty()) return;
    const Extent& run = random_.pick(runs);
    const Address first = extents.front().end();
    const auto number_of = [first](const Extent& extent) {
      return static_cast<Word>((extent.start - first) / 8);
    };
    for (std::size_t at = 0; at + kWordBytes <= std::min<std::size_t>(run.size, 24);
         at += kWordBytes) {
      const std::array<Word, 6> values = {0,
                                          0xffff'ffff,
                                          0xffff'fffe,
                                          static_cast<Word>(random_.below(UINT32_MAX)),
                                          number_of(run),
                                          number_of(random_.pick(runs))};
      if (random_.percent(50)) write_word(run.start + at, random_.pick(values));
    }
  }

  RandomSource random_;
  BinHeap heap_{256 * 1024};
  ShadowHeap<BinAllocator> shadow_{heap_.allocator};
};

TEST(DamagedLifeDeathTest, DamageNeverDestroysABlockThatIsHandedOut) {
  for (std::uint64_t seed = 1; seed <= rounds(150); ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    EXPECT_EXIT(DamagedLife(seed).run(), panicked_or_exited_with_0,
                "panic: heap damaged|all blocks whole");
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace heapscope::alloc
