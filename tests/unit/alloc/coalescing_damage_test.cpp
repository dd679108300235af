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

using CoalescingHeap = TestHeap<CoalescingAllocator>;
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
std::string damage_in(const CoalescingHeap& heap) {
  for (Address at = heap.region.start(); at < heap.region.end();) {
    const auto next = heap.allocator.check(at);
    if (!next) return std::string(next.error().what);
    at = *next;
  }
  return "";
}

/// Makes one free run of each size, kept apart by two live blocks each, all of them
/// in lists; and last one of 304 bytes, which no test writes to.
void make_free_runs(CoalescingAllocator& bin, const std::vector<std::size_t>& sizes) {
  constexpr Layout kLast{.size = 304};
  std::vector<Address> blocks;
  for (const std::size_t size : sizes) {
    blocks.push_back(bin.allocate({.size = size}).value());
    // Large blocks come from the other end of the heap than small ones.
    const Layout guard{.size = size < 1024 ? 16U : 1024U};
    ASSERT_TRUE(bin.allocate(guard) && bin.allocate(guard));
  }
  const Address last = bin.allocate(kLast).value();
  take_all_free(bin);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    ASSERT_TRUE(bin.deallocate(blocks[i], {.size = sizes[i]}));
  }
  ASSERT_TRUE(bin.deallocate(last, kLast));
}

// A run's first words are the numbers of the next and the previous run; the first
// of a list does not keep the latter.

constexpr std::size_t kNext = 0;
constexpr std::size_t kPrevious = kWordBytes;

/// A heap of such runs, and what a test needs to know to write wrong links.
class FreeRunLinks {
 public:
  explicit FreeRunLinks(const std::vector<std::size_t>& sizes) {
    make_free_runs(bin(), sizes);
    const auto extents = extents_of(bin());
    base_ = extents.front().end();
    runs_ = only(extents, ExtentState::free);
    std::erase_if(runs_, [this](const Extent& run) {
      const bool last = run.size == 304;
      if (last) last_ = run;
      return last;
    });
  }

  [[nodiscard]] CoalescingAllocator& bin() { return heap_.allocator; }
  [[nodiscard]] const CoalescingHeap& heap() const { return heap_; }
  /// All but the last.
  [[nodiscard]] const std::vector<Extent>& runs() const { return runs_; }
  [[nodiscard]] const Extent& last() const { return last_; }
  [[nodiscard]] Word number_of(Address address) const {
    return static_cast<Word>((address - base_) / CoalescingAllocator::kGranuleBytes);
  }
  /// The first of a list is the next of no other.
  [[nodiscard]] bool is_first(const Extent& run) const {
    return std::ranges::none_of(
        runs_, [&](const Extent& other) { return read_word(other.start) == number_of(run.start); });
  }
  /// Calls `function` with each link that is kept: its run and its place.
  template <class Function>
  void for_each_link(Function function) const {
    for (const Extent& run : runs_) {
      const bool first = is_first(run);
      function(run, run.start + kNext);
      if (!first) function(run, run.start + kPrevious);
    }
  }
  /// A live block that has the run beside it, and no other.
  [[nodiscard]] Address live_beside(const Extent& run) const {
    if (run.end() < heap_.region.end()) {
      const Extent behind = heap_.allocator.extent_at(run.end());
      if (behind.state == ExtentState::live) return behind.start;
    }
    return heap_.allocator.extent_at(run.start - 1).start;
  }

  /// What no link of `run` can be: itself, the inside of a run, a live block, what
  /// is beyond the heap, a run of another list.
  [[nodiscard]] std::vector<Word> wrong_links(const Extent& run) const {
    const Word beyond = number_of(heap_.region.end());
    std::vector<Word> wrong = {number_of(run.start),
                               number_of(run.start) + 1,
                               number_of(run.end()),
                               number_of(last_.start),
                               number_of(last_.start + 16),
                               beyond,
                               beyond + 64 * 1024,
                               0xffff'fffe,
                               0x4141'4141};
    for (const Extent& other : runs_) {
      if (other.size != run.size) wrong.push_back(number_of(other.start));
    }
    return wrong;
  }

  static constexpr Word kNone = 0xffff'ffff;

 private:
  CoalescingHeap heap_{64 * 1024};
  Address base_ = 0;
  std::vector<Extent> runs_;
  Extent last_;
};

/// The panic that names a run.
std::string damage_at(const Extent& run) {
  std::array<char, 80> text{};
  std::snprintf(text.data(), text.size(), "heap damaged: .*free run at 0x%zx", run.start);
  return text.data();
}

const std::vector<std::size_t> kSmallRuns = {32, 64, 64, 64, 64, 1008, 1008, 128};
const std::vector<std::size_t> kLargeRuns = {1024, 1024, 1024, 1280, 2048, 2304, 4096, 4096};

class CoalescingLinks : public ::testing::TestWithParam<std::vector<std::size_t>> {
 protected:
  FreeRunLinks links_{GetParam()};
};

TEST_P(CoalescingLinks, CheckFindsEveryOverwrittenOne) {
  links_.for_each_link([&](const Extent& run, Address link) {
    const Word right = read_word(link);
    std::vector<Word> values = links_.wrong_links(run);
    for (const Extent& other : links_.runs()) values.push_back(links_.number_of(other.start));
    values.push_back(FreeRunLinks::kNone);
    values.push_back(0);
    for (const Word wrong : values) {
      if (wrong == right) continue;
      write_word(link, wrong);
      EXPECT_NE(damage_in(links_.heap()), "") << "link " << link - run.start << " of a run of "
                                              << run.size << ": " << wrong << ", not " << right;
    }
    write_word(link, right);
  });
  EXPECT_EQ(unsound(links_.bin()), "");
}

using CoalescingLinksDeathTest = CoalescingLinks;

TEST_P(CoalescingLinksDeathTest, AWrongNextOfTheFirstRunPanicsWhenItIsTaken) {
  for (const Extent& run : links_.runs()) {
    if (!links_.is_first(run)) continue;
    const Word right = read_word(run.start);
    for (const Word wrong : links_.wrong_links(run)) {
      write_word(run.start, wrong);
      EXPECT_DEATH(static_cast<void>(links_.bin().allocate({.size = run.size})), damage_at(run))
          << "a run of " << run.size << " bytes: " << wrong << " instead of " << right;
    }
    write_word(run.start, right);
  }
}

/// As if a program had copied links: what the first run is said to lead to leads back.
TEST_P(CoalescingLinksDeathTest, AForgedPairOfLinksPanicsWhenTheFirstRunIsTaken) {
  for (const Extent& run : links_.runs()) {
    if (!links_.is_first(run)) continue;
    const Word right = read_word(run.start + kNext);
    for (const Extent& other : links_.runs()) {
      const bool its_next = links_.number_of(other.start) == right;
      if (its_next || (other.size == run.size && other.start != run.start)) continue;
      const Word before = read_word(other.start + kPrevious);
      write_word(run.start + kNext, links_.number_of(other.start));
      write_word(other.start + kPrevious, links_.number_of(run.start));
      EXPECT_DEATH(static_cast<void>(links_.bin().allocate({.size = run.size})), damage_at(run))
          << "a run of " << run.size << " bytes led to one of " << other.size;
      write_word(other.start + kPrevious, before);
    }
    write_word(run.start + kNext, right);
  }
}

TEST_P(CoalescingLinksDeathTest, AWrongLinkPanicsWhenTheRunMerges) {
  links_.for_each_link([&](const Extent& run, Address link) {
    const Word right = read_word(link);
    for (const Word wrong : links_.wrong_links(run)) {
      write_word(link, wrong);
      EXPECT_DEATH({ static_cast<void>(links_.bin().deallocate_unsized(links_.live_beside(run))); },
                   damage_at(run))
          << "link " << link - run.start << " of a run of " << run.size << " bytes: " << wrong;
    }
    write_word(link, right);
  });
}

INSTANTIATE_TEST_SUITE_P(Runs, CoalescingLinks, ::testing::Values(kSmallRuns, kLargeRuns));
INSTANTIATE_TEST_SUITE_P(Runs, CoalescingLinksDeathTest, ::testing::Values(kSmallRuns, kLargeRuns));

TEST(CoalescingDamage, CheckNamesTheRunBehindABlockThatOverflowed) {
  FreeRunLinks links({320, 320, 320});
  for (const Extent& run : links.runs()) {
    std::array<unsigned char, 16> saved{};
    std::memcpy(saved.data(), bytes_at(run.start), saved.size());
    std::memset(bytes_at(run.start), 'A', saved.size());
    const auto checked = links.bin().check(run.start + 40);
    ASSERT_FALSE(checked.has_value());
    EXPECT_EQ(checked.error().address, run.start);
    EXPECT_NE(checked.error().what, "");
    std::memcpy(bytes_at(run.start), saved.data(), saved.size());
  }
}

bool panicked_or_exited_with_0(int status) {
  return (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) ||
         (WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/// All of the free runs are overwritten. Whatever is handed out then was free.
class CoalescingFillsDeathTest : public ::testing::TestWithParam<unsigned char> {
 protected:
  void expect_right(const std::vector<std::size_t>& sizes, Layout asked) {
    SCOPED_TRACE(::testing::Message()
                 << sizes.front() << " bytes filled with " << static_cast<int>(GetParam())
                 << ", asked for " << asked.size << " align " << asked.align);
    FreeRunLinks links(sizes);
    auto runs = links.runs();
    runs.push_back(links.last());
    for (const Extent& run : runs) std::memset(bytes_at(run.start), GetParam(), run.size);
    EXPECT_EXIT(
        {
          alarm(10);  // Else a circle that is followed would hang the test.
          for (int i = 0; i < 5; ++i) {
            const auto block = links.bin().allocate(asked);
            const auto in = [&](const Extent& run) {
              return *block >= run.start && *block + asked.size <= run.end();
            };
            if (block && std::ranges::none_of(runs, in)) std::_Exit(1);
          }
          std::fputs("right", stderr);
          std::_Exit(0);
        },
        panicked_or_exited_with_0, "right|panic: heap damaged: .*0x[0-9a-f]+");
  }
};

TEST_P(CoalescingFillsDeathTest, NothingButFreeMemoryIsHandedOut) {
  for (const std::size_t align : {16U, 512U}) {
    expect_right({64}, {.size = 64, .align = align});
    expect_right({64, 64, 64}, {.size = 64, .align = align});
    expect_right({2048}, {.size = 2048, .align = align});
    expect_right({2048, 2048}, {.size = 16, .align = align});
    expect_right({2048, 2048, 2048}, {.size = 2048, .align = align});
    expect_right({2048, 3008, 2512}, {.size = 2400, .align = align});
    expect_right({1024, 1040, 1056}, {.size = 1056, .align = align});
  }
}

INSTANTIATE_TEST_SUITE_P(Fills, CoalescingFillsDeathTest, ::testing::Values(0x00, 0x41, 0xff));

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
      return static_cast<Word>((extent.start - first) / CoalescingAllocator::kGranuleBytes);
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
  CoalescingHeap heap_{256 * 1024};
  ShadowHeap<CoalescingAllocator> shadow_{heap_.allocator};
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
