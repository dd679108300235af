// The instruments of a heap: origins against a simple model, the trace's ring, failures on
// purpose, latency, the check that goes on, and that all ways of a heap's calls tell them.
#include "alloc/instruments.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <numeric>
#include <vector>

#include "alloc/bin_allocator.hpp"
#include "alloc/bump_allocator.hpp"
#include "alloc/hardened_allocator.hpp"
#include "alloc/locked_heap.hpp"
#include "alloc/no_lock.hpp"
#include "tests/unit/alloc/random_source.hpp"
#include "tests/unit/alloc/region.hpp"

namespace heapscope::alloc {
namespace {

struct alignas(64) Line {
  std::byte bytes[64];
};

/// Storage for so many bytes, aligned as records are.
class Storage {
 public:
  explicit Storage(std::size_t bytes) : lines_(bytes / sizeof(Line)) {}
  [[nodiscard]] std::span<std::byte> bytes() { return std::as_writable_bytes(std::span(lines_)); }

 private:
  std::vector<Line> lines_;
};

CallStamp stamp(std::uint64_t ticks, std::uint64_t core = 0, CallPath path = 0) {
  return CallStamp::made(ticks, core, path);
}

void clear(OriginTable& table) {
  while (!table.clear_some()) {
  }
}

std::vector<Origin> all_of(const OriginTable& table) {
  std::vector<Origin> all;
  std::array<Origin, 5> some;
  for (std::size_t next = 0; next <= table.capacity();) {
    const std::size_t count = table.read(next, some);
    all.insert(all.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return all;
}

TEST(OriginTable, WithoutRoomRecordsNothing) {
  OriginTable table;
  EXPECT_FALSE(table.has_storage());
  EXPECT_EQ(table.find(4096), std::nullopt);
  EXPECT_TRUE(all_of(table).empty());
  Storage storage(128);
  table.give_storage(storage.bytes());
  EXPECT_FALSE(table.has_storage());
}

TEST(OriginTable, KeepsWhatItWasTold) {
  Storage storage(4096);
  OriginTable table;
  table.give_storage(storage.bytes());
  clear(table);
  ASSERT_NE(table.allocated(0x1000, {.size = 100, .align = 4096}, 7, stamp(50, 3, 0x1234)),
            OriginTable::kNone);
  const auto found = table.find(0x1000);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->live);
  EXPECT_EQ(found->layout, (Layout{.size = 100, .align = 4096}));
  EXPECT_EQ(found->sequence, 7U);
  EXPECT_EQ(found->allocated.ticks(), 50U);
  EXPECT_EQ(found->allocated.core(), 3U);
  EXPECT_EQ(found->allocated.path, 0x1234U);
  const auto resized = table.resized(0x1000, 60);
  EXPECT_EQ(table.freed(0x1000, stamp(60, 1, 0x99)), resized);
  EXPECT_EQ(table.find(0x1000), std::nullopt);
  const auto all = all_of(table);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_FALSE(all[0].live);
  EXPECT_EQ(all[0].layout.size, 60U);
  EXPECT_EQ(all[0].freed.ticks(), 60U);
  EXPECT_EQ(all[0].freed.core(), 1U);
  EXPECT_EQ(all[0].freed.path, 0x99U);
}

// A model: the live blocks, and the freed ones in the order in which they were freed.
class OriginModel : public ::testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, OriginModel, ::testing::ValuesIn(kSeeds));

TEST_P(OriginModel, IsWhatTheTableIs) {
  constexpr std::size_t kRecords = 64;
  Storage storage(kRecords * (OriginTable::kBytesPerRecord + 4) + 64);
  OriginTable table;
  table.give_storage(storage.bytes());
  clear(table);
  const std::size_t capacity = table.capacity();
  ASSERT_GE(capacity, kRecords / 2);
  RandomSource random(GetParam());
  std::map<Address, std::uint64_t> live;  // Sequence by address.
  std::deque<std::uint64_t> freed;
  std::uint64_t unrecorded = 0;
  for (std::uint64_t sequence = 1; sequence <= 20'000; ++sequence) {
    const Address address = 0x1000 + random.below(200) * 16;
    const CallStamp now = stamp(sequence);
    if (live.contains(address)) {
      ASSERT_NE(table.freed(address, now), OriginTable::kNone);
      freed.push_back(live[address]);
      live.erase(address);
    } else if (table.find(address) == std::nullopt) {
      const auto place = table.allocated(address, {.size = 16}, sequence, now);
      // One record always waits to be the last of those that are free.
      const bool room = live.size() < capacity - 1;
      ASSERT_EQ(place != OriginTable::kNone, room) << sequence;
      if (room) {
        live[address] = sequence;
      } else {
        ++unrecorded;
        ASSERT_EQ(table.freed(address, now), OriginTable::kNone);
      }
    }
    if (sequence % 500 != 0) continue;
    while (live.size() + freed.size() > capacity) freed.pop_front();
    std::map<std::uint64_t, bool> known;
    for (const Origin& each : all_of(table)) known[each.sequence] = each.live;
    for (const auto& [at, number] : live) {
      ASSERT_TRUE(known.contains(number) && known[number]) << at;
      ASSERT_EQ(table.find(at)->sequence, number);
    }
    for (const std::uint64_t number : freed) ASSERT_TRUE(known.contains(number)) << number;
  }
  EXPECT_EQ(table.unrecorded(), unrecorded);
}

TEST(TraceRing, KeepsTheLastOnes) {
  Storage storage(16 * 64);
  TraceRing ring;
  ring.give_storage(storage.bytes());
  ASSERT_EQ(ring.capacity(), 16U);
  while (!ring.wipe_some()) {
  }
  for (std::uint64_t i = 1; i <= 40; ++i) {
    ring.add(i, i * 16, {.size = i, .align = 32}, 64, i | OriginTable::kTraced, stamp(i));
  }
  EXPECT_EQ(ring.first(40), 25U);
  EXPECT_EQ(ring.overwritten(40), 24U);
  EXPECT_EQ(ring.event(24), std::nullopt);
  const auto event = ring.event(25);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, TraceEvent::Kind::allocate);
  EXPECT_EQ(event->address, 400U);
  EXPECT_EQ(event->layout, (Layout{.size = 25, .align = 32}));
  EXPECT_EQ(event->block, 1U);
  EXPECT_EQ(event->allocation, 25U);
  ring.clear(40);
  EXPECT_EQ(ring.first(40), 41U);
  EXPECT_EQ(ring.overwritten(40), 0U);
}

TEST(TraceRing, TellsKindsApart) {
  Storage storage(16 * 64);
  TraceRing ring;
  ring.give_storage(storage.bytes());
  while (!ring.wipe_some()) {
  }
  ring.add(1, 16, {.size = 8}, 64, 1 | OriginTable::kTraced, stamp(1));
  ring.add(2, 16, {.size = 9}, 64, 1 | OriginTable::kTraced, stamp(2), TraceRing::kResize);
  ring.add(3, 16, {.size = 9}, 64, 1 | OriginTable::kTraced, stamp(3));
  ring.add(4, 0, {.size = 7}, 0, 0, stamp(4), TraceRing::kRefuse);
  ring.add(5, 32, {.size = 7}, 128, 77, stamp(5));
  using Kind = TraceEvent::Kind;
  EXPECT_EQ(ring.event(1)->kind, Kind::allocate);
  EXPECT_EQ(ring.event(2)->kind, Kind::resize);
  EXPECT_EQ(ring.event(2)->layout.size, 9U);
  EXPECT_EQ(ring.event(3)->kind, Kind::free);
  EXPECT_EQ(ring.event(3)->allocation, 1U);
  EXPECT_EQ(ring.event(4)->kind, Kind::refuse);
  EXPECT_EQ(ring.event(4)->layout.size, 7U);
  EXPECT_EQ(ring.event(5)->kind, Kind::free);
  EXPECT_EQ(ring.event(5)->allocation, 0U) << "the trace was not told of it";
  EXPECT_EQ(ring.event(6), std::nullopt);
}

TEST(FailurePlan, FollowsEveryRule) {
  using Kind = FailureRule::Kind;
  const auto refused = [](const FailureRule& rule) {
    FailurePlan plan;
    plan.set(rule);
    std::string which;
    for (std::size_t i = 1; i <= 12; ++i) which += plan.refuses({.size = i * 10}) ? 'x' : '.';
    EXPECT_EQ(plan.seen(), 12U);
    EXPECT_EQ(plan.refused(), static_cast<std::uint64_t>(std::ranges::count(which, 'x')));
    return which;
  };
  EXPECT_EQ(refused({.kind = Kind::off}), "............");
  EXPECT_EQ(refused({.kind = Kind::nth, .value = 3}), "..x.........");
  EXPECT_EQ(refused({.kind = Kind::every, .value = 4}), "...x...x...x");
  EXPECT_EQ(refused({.kind = Kind::above, .value = 100}), "..........xx");
  EXPECT_EQ(refused({.kind = Kind::probability, .value = 0, .seed = 1}), "............");
  EXPECT_EQ(refused({.kind = Kind::probability, .value = 100, .seed = 1}), "xxxxxxxxxxxx");
  const std::string half = refused({.kind = Kind::probability, .value = 50, .seed = 9});
  EXPECT_EQ(half, refused({.kind = Kind::probability, .value = 50, .seed = 9}));
  EXPECT_NE(half, refused({.kind = Kind::probability, .value = 50, .seed = 10}));
}

TEST(FailurePlan, IsDoneAfterItsOne) {
  FailurePlan plan;
  EXPECT_FALSE(plan.done());
  plan.set({.kind = FailureRule::Kind::nth, .value = 2});
  EXPECT_FALSE(plan.refuses({.size = 1}));
  EXPECT_FALSE(plan.done());
  EXPECT_TRUE(plan.refuses({.size = 1}));
  EXPECT_TRUE(plan.done());
  EXPECT_TRUE(plan.on()) << "it still counts";
  plan.set({.kind = FailureRule::Kind::every, .value = 1});
  EXPECT_TRUE(plan.refuses({.size = 1}));
  EXPECT_FALSE(plan.done());
}

TEST(FailurePlan, KeepsWhatItCountedWhenItStops) {
  FailurePlan plan;
  plan.set({.kind = FailureRule::Kind::every, .value = 2});
  for (int i = 0; i < 5; ++i) (void)plan.refuses({.size = 1});
  plan.stop();
  EXPECT_FALSE(plan.on());
  EXPECT_EQ(plan.seen(), 5U);
  EXPECT_EQ(plan.refused(), 2U);
  plan.set({.kind = FailureRule::Kind::nth, .value = 1});
  EXPECT_EQ(plan.seen(), 0U);
  EXPECT_EQ(plan.refused(), 0U);
}

TEST(LatencyHistogram, KnowsItsPercentiles) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.percentile(500), 0U);
  for (std::uint32_t i = 1; i <= 1000; ++i) histogram.add(i);
  EXPECT_EQ(histogram.count(), 1000U);
  EXPECT_EQ(histogram.total(), 500'500U);
  for (const std::uint32_t permille : {10U, 500U, 990U, 999U, 1000U}) {
    const std::uint32_t found = histogram.percentile(permille);
    EXPECT_GE(found, permille);
    EXPECT_LE(found, permille + permille / 8 + 1);
  }
  LatencyHistogram exact;
  for (const std::uint32_t value : {3U, 3U, 3U, 15U}) exact.add(value);
  EXPECT_EQ(exact.percentile(500), 3U);
  EXPECT_EQ(exact.percentile(1000), 15U);
  EXPECT_EQ(exact.most(), 15U);
  // No percentile is beyond the largest value.
  LatencyHistogram one;
  one.add(1000);
  EXPECT_GT(LatencyHistogram::last_of_bucket(LatencyHistogram::kBuckets - 1), one.most());
  EXPECT_EQ(one.percentile(500), 1000U);
}

TEST(LatencyHistogram, EveryValueHasOneBucket) {
  LatencyHistogram histogram;
  for (const std::uint64_t value :
       {0ULL, 1ULL, 15ULL, 16ULL, 17ULL, 18ULL, 1000ULL, 0x7fff'ffffULL, 0xffff'ffffULL}) {
    LatencyHistogram one;
    one.add(static_cast<std::uint32_t>(value));
    EXPECT_GE(one.percentile(1000), value);
    histogram.add(static_cast<std::uint32_t>(value));
  }
  for (std::size_t i = 1; i < LatencyHistogram::kBuckets; ++i) {
    EXPECT_LT(LatencyHistogram::last_of_bucket(i - 1), LatencyHistogram::last_of_bucket(i));
  }
  EXPECT_EQ(LatencyHistogram::last_of_bucket(LatencyHistogram::kBuckets - 1), 0xffff'ffffU);
}

/// A lock that can be alone, and a machine that can be asked.
struct TestLock {
  struct Witness {
    static inline std::uint64_t now = 0;
    static std::uint64_t ticks() { return ++now; }
    static std::uint64_t core() { return 0; }
    static CallPath path(const void*) { return 42; }
    static std::uint64_t cycles() { return now += 3; }
    static std::uint64_t instructions() { return now += 2; }
  };
  void lock() { EXPECT_EQ(held++, 0); }
  void unlock() { EXPECT_EQ(held--, 1); }
  std::uint64_t enter_alone() { return lock(), 7; }
  void leave_alone(std::uint64_t entry) {
    EXPECT_EQ(entry, 7U);
    unlock();
  }
  int held = 0;
};

using TestHeap = LockedHeap<TestLock, BinAllocator, BumpAllocator, UncheckedBinAllocator,
                            Hardened<BinAllocator>>;

/// A heap and what its calls can go by.
class Watched : public ::testing::TestWithParam<std::pair<std::string_view, bool>> {
 protected:
  Watched() {
    heap_.with_instruments([&](Instruments& all) { all.give_storage(storage_.bytes()); });
    EXPECT_TRUE(heap_.reset(GetParam().first, region_.range()));
    heap_.set_alone(GetParam().second);
  }
  template <class Look>
  auto look(Look look) {
    return heap_.with_instruments(look);
  }
  std::optional<Origin> origin(Address address) {
    return look([&](Instruments& all) { return all.origins().find(address); });
  }

  Region region_{256 * 1024};
  Storage storage_{64 * 1024};
  TestHeap heap_;
};

INSTANTIATE_TEST_SUITE_P(Ways, Watched,
                         ::testing::Values(std::pair("bin", true), std::pair("bin", false),
                                           std::pair("bump", true), std::pair("bump", false)));

TEST_P(Watched, RecordsEveryCall) {
  record_origins(heap_, true);
  const Address small = *heap_.allocate({.size = 40});
  const Address large = *heap_.allocate({.size = 4000, .align = 256});
  EXPECT_EQ(origin(small)->layout.size, 40U);
  EXPECT_EQ(origin(large)->layout, (Layout{.size = 4000, .align = 256}));
  EXPECT_EQ(origin(large)->sequence, 2U);
  EXPECT_EQ(origin(large)->allocated.path, 42U);
  const std::uint64_t before = heap_.walk(0, {}).generation;
  EXPECT_TRUE(heap_.deallocate(small, {.size = 40}));
  EXPECT_NE(heap_.walk(0, {}).generation, before);
  EXPECT_EQ(origin(small), std::nullopt);
  EXPECT_FALSE(heap_.allocate({.size = 1 << 30}));
  EXPECT_EQ(look([](Instruments& all) { return all.sequence(); }), 4U);
}

TEST_P(Watched, TracesEveryCall) {
  set_tracing(heap_, Tracing::on);
  const Address block = *heap_.allocate({.size = 40});
  EXPECT_TRUE(heap_.deallocate(block, {.size = 40}));
  EXPECT_FALSE(heap_.allocate({.size = 1 << 30}));
  set_tracing(heap_, Tracing::frees);
  const Address other = *heap_.allocate({.size = 40});
  EXPECT_TRUE(heap_.deallocate(other, {.size = 40}));
  std::string kinds;
  look([&](Instruments& all) {
    for (std::uint64_t i = 1; i <= all.sequence(); ++i) {
      const auto event = all.trace().event(i);
      kinds += event ? "afrx"[static_cast<std::size_t>(event->kind)] : '-';
    }
  });
  EXPECT_EQ(kinds, "afx-f");
}

TEST_P(Watched, SwitchedOffForgets) {
  record_origins(heap_, true);
  const Address block = *heap_.allocate({.size = 40});
  record_origins(heap_, false);
  EXPECT_EQ(origin(block), std::nullopt);
  EXPECT_TRUE(heap_.deallocate(block, {.size = 40}));
  EXPECT_EQ(look([](Instruments& all) { return all.sequence(); }), 1U);
  record_origins(heap_, true);
  EXPECT_EQ(look([](Instruments& all) { return all.recordings(); }), 2U);
}

TEST_P(Watched, AStartAnewForgetsTheBlocks) {
  record_origins(heap_, true);
  const Address block = *heap_.allocate({.size = 40});
  ASSERT_TRUE(heap_.reset(GetParam().first, region_.range()));
  EXPECT_EQ(origin(block), std::nullopt);
  EXPECT_NE(origin(*heap_.allocate({.size = 40})), std::nullopt);
}

TEST_P(Watched, FailsOnPurpose) {
  look(
      [](Instruments& all) { all.failures().set({.kind = FailureRule::Kind::every, .value = 2}); });
  EXPECT_TRUE(heap_.allocate({.size = 40}));
  const Stats before = heap_.stats();
  EXPECT_EQ(heap_.allocate({.size = 40}), fail(HeapError::exhausted));
  EXPECT_EQ(heap_.stats().used_bytes, before.used_bytes);
  EXPECT_TRUE(heap_.allocate({.size = 40}));
  look([](Instruments& all) { all.failures().set({}); });
  EXPECT_TRUE(heap_.allocate({.size = 40}));
  EXPECT_TRUE(heap_.allocate({.size = 40}));
}

TEST_P(Watched, MeasuresItsCalls) {
  look([](Instruments& all) { all.measure_latency(true); });
  const Address block = *heap_.allocate({.size = 40});
  EXPECT_TRUE(heap_.deallocate(block, {.size = 40}));
  EXPECT_FALSE(heap_.allocate({.size = 1 << 30}));
  look([&](Instruments& all) {
    EXPECT_EQ(all.latency().allocate.ticks().count(), 2U);
    EXPECT_EQ(all.latency().free.cycles().count(), 1U);
    EXPECT_GT(all.latency().free.worst().latency.instructions, 0U);
    EXPECT_EQ(all.latency().free.worst().address, block);
    EXPECT_EQ(all.latency().free.worst().stamp.path, 42U);
  });
}

class Resizing : public Watched {};
INSTANTIATE_TEST_SUITE_P(Ways, Resizing, ::testing::Values(std::pair("bin", true)));

TEST_P(Resizing, IsRecordedInPlaceAndMoved) {
  set_tracing(heap_, Tracing::on);
  const Address block = *heap_.allocate({.size = 4000});
  EXPECT_EQ(*heap_.reallocate(block, {.size = 4000}, 2000), block);
  EXPECT_EQ(origin(block)->layout.size, 2000U);
  const Address wall = *heap_.allocate({.size = 100'000});
  const Address moved = *heap_.reallocate(block, {.size = 2000}, 60'000);
  EXPECT_NE(moved, block);
  EXPECT_EQ(origin(block), std::nullopt);
  EXPECT_EQ(origin(moved)->layout.size, 60'000U);
  EXPECT_TRUE(heap_.deallocate_unsized(wall));
  EXPECT_EQ(origin(wall), std::nullopt);
}

TEST_P(Resizing, GrowthIsOneAllocationOfAPlan) {
  const auto set = [&](const FailureRule& rule) {
    look([&](Instruments& all) { all.failures().set(rule); });
  };
  const auto seen = [&] { return look([](Instruments& all) { return all.failures().seen(); }); };
  using Kind = FailureRule::Kind;
  const Address block = *heap_.allocate({.size = 4000});
  const Stats before = heap_.stats();
  std::memset(reinterpret_cast<void*>(block), 0x5a, 4000);
  set({.kind = Kind::every, .value = 1});
  for (const std::size_t size : {8000U, 200'000U}) {
    EXPECT_EQ(heap_.reallocate(block, {.size = 4000}, size), fail(HeapError::exhausted));
  }
  EXPECT_EQ(seen(), 2U);
  EXPECT_EQ(heap_.stats().used_bytes, before.used_bytes);
  EXPECT_EQ(*reinterpret_cast<const unsigned char*>(block + 3999), 0x5a);
  set({.kind = Kind::nth, .value = 100});
  EXPECT_EQ(*heap_.reallocate(block, {.size = 4000}, 8000), block);
  EXPECT_EQ(seen(), 1U) << "in place";
  const Address wall = *heap_.allocate({.size = 100'000});
  const Address moved = *heap_.reallocate(block, {.size = 8000}, 120'000);
  EXPECT_NE(moved, block);
  EXPECT_EQ(seen(), 3U) << "moved, and not counted twice";
  EXPECT_EQ(*heap_.reallocate(moved, {.size = 120'000}, 60'000), moved);
  EXPECT_EQ(seen(), 3U) << "a block that shrinks";
  EXPECT_TRUE(heap_.deallocate_unsized(wall));
  EXPECT_TRUE(heap_.deallocate(moved, {.size = 60'000}));
  EXPECT_EQ(heap_.stats().live_blocks, 0U);
}

TEST_P(Resizing, LevelsChangeInPlaceWhereTheBlocksAreKeptTheSame) {
  const Address block = *heap_.allocate({.size = 40});
  EXPECT_TRUE(heap_.harden_in_place(Hardening::none));
  EXPECT_EQ(heap_.hardening(), Hardening::none);
  EXPECT_EQ(heap_.stats().live_blocks, 1U);
  EXPECT_FALSE(heap_.harden_in_place(Hardening::full));
  EXPECT_TRUE(heap_.deallocate(block, {.size = 40}));
  EXPECT_TRUE(heap_.harden_in_place(Hardening::standard));
  EXPECT_EQ(heap_.stats().live_blocks, 0U);
}

TEST_P(Resizing, SaysWhatALevelTakes) {
  using enum HardeningChange;
  EXPECT_EQ(heap_.hardening_change(Hardening::standard), none);
  EXPECT_EQ(heap_.hardening_change(Hardening::none), in_place);
  EXPECT_EQ(heap_.hardening_change(Hardening::full), restart);
  EXPECT_TRUE(heap_.reset("bump", region_.range()));
  EXPECT_EQ(heap_.hardening_change(Hardening::none), none);
  EXPECT_EQ(heap_.hardening_change(Hardening::standard), unavailable);
  EXPECT_EQ(heap_.hardening_change(Hardening::full), unavailable);
}

TEST_P(Resizing, APatrolFindsDamage) {
  look([](Instruments& all) { all.patrol().set(4); });
  std::vector<Address> blocks;
  for (int i = 0; i < 6; ++i) blocks.push_back(*heap_.allocate({.size = 2000}));
  EXPECT_TRUE(heap_.deallocate(blocks[1], {.size = 2000}));
  EXPECT_TRUE(heap_.deallocate(blocks[3], {.size = 2000}));
  EXPECT_EQ(look([](Instruments& all) { return all.patrol().finding().has_value(); }), false);
  EXPECT_EQ(heap_.alarms(), 0U);
  std::memset(reinterpret_cast<void*>(blocks[1]), 0x5a, 64);
  for (int i = 0; i < 40; ++i) {
    const auto other = heap_.allocate({.size = 40});
    ASSERT_TRUE(other && heap_.deallocate(*other, {.size = 40}));
  }
  const auto finding = look([](Instruments& all) { return all.patrol().finding(); });
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->damage.address, blocks[1]);
  EXPECT_EQ(heap_.alarms(), 1U);
  EXPECT_EQ(finding->call.path, 42U);
}

}  // namespace
}  // namespace heapscope::alloc
