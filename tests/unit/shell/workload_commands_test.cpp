// `replay` and `compare`: their figures, that the heap is as before whatever
// happens, and what they refuse.
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "alloc_state.hpp"
#include "shell/workload_choice.hpp"
#include "shell_rig.hpp"

namespace heapscope::shell {
namespace {

using test::Json;
using test::JsonReply;
using test::ShellRig;
using test::state_of;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

/// A rig with an initrd.
struct InitrdRig : ShellRig {
  explicit InitrdRig(std::string content,
                     const test::RigOptions& options = {.mode = Mode::json,
                                                        .memory_bytes = 16 * kMiB})
      : ShellRig(options), text(std::move(content)) {
    const auto start = reinterpret_cast<std::uint64_t>(text.data());
    boot.initrd = {.start = start, .end = start + text.size()};
  }
  std::string text;
};

test::RigOptions json_options(std::uint64_t memory_bytes = 16 * kMiB) {
  return {.mode = Mode::json, .memory_bytes = memory_bytes};
}

/// What a workload does on a heap that is large enough.
workload::Figures figures_of(std::string_view name, std::uint64_t seed, std::uint64_t count) {
  workload::Generator generator(*workload::find_generator(name), seed, count);
  workload::NoTarget target;
  std::vector<workload::Slot> slots(workload::LiveBlocks::kMost);
  workload::Player player(target, slots);
  EXPECT_EQ(player.play(generator), true);
  return player.figures();
}

TEST(Replay, ListsWhatCanBePlayed) {
  ShellRig rig(json_options());
  const Json list = rig.json("replay").result["workloads"];
  ASSERT_EQ(list.size(), workload::generators().size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    EXPECT_EQ(list[i]["workload"].text(), workload::generators()[i].name);
    EXPECT_FALSE(list[i]["what"].text().empty());
  }
  InitrdRig with("a 0 5\n");
  EXPECT_EQ(with.json("replay").result["workloads"][list.size()]["workload"].text(), "initrd");
  InitrdRig without("#!heapscope\necho 1\n");
  EXPECT_EQ(without.json("replay").result["workloads"].size(), list.size());
}

TEST(Replay, PlaysEachGeneratorAndLeavesTheHeapAsItWas) {
  ShellRig rig(json_options());
  rig.json("alloc 100 -n 5");
  const auto before = state_of(rig);
  for (const workload::GeneratorRecord& record : workload::generators()) {
    SCOPED_TRACE(record.name);
    const std::string line = "replay " + std::string(record.name) + " -s 3 -n 5000 -v";
    const Json result = rig.json(line).result;
    const workload::Figures figures = figures_of(record.name, 3, 5000);
    EXPECT_EQ(result["workload"].text(), record.name);
    EXPECT_EQ(result["seed"].number(), 3U);
    EXPECT_EQ(result["allocator"].text(), "bin");
    EXPECT_EQ(result["operations"].number(), 5000U);
    EXPECT_EQ(result["allocations"].number(), figures.allocations);
    EXPECT_EQ(result["frees"].number(), figures.frees);
    EXPECT_EQ(result["reallocations"].number(), figures.reallocations);
    EXPECT_EQ(result["failures"].number(), 0U);
    EXPECT_EQ(result["skipped"].number(), 0U);
    EXPECT_EQ(result["peak_live_blocks"].number(), figures.peak_live_blocks);
    EXPECT_EQ(result["peak_live_bytes"].number(), figures.peak_live_bytes);
    EXPECT_FALSE(result.has("problem"));
    EXPECT_EQ(state_of(rig), before);
  }
  // The blocks that were there have not been touched, nor their handles.
  EXPECT_EQ(rig.json("free all").result["freed"].size(), 5U);
}

TEST(Replay, SeedOneAndTwentyThousandOperationsAreTheDefault) {
  ShellRig rig(json_options());
  const Json result = rig.json("replay fifo").result;
  EXPECT_EQ(result["seed"].number(), 1U);
  EXPECT_EQ(result["operations"].number(), 20'000U);
  EXPECT_EQ(result["peak_live_bytes"].number(), figures_of("fifo", 1, 20'000).peak_live_bytes);
}

TEST(Replay, PlaysTheTraceInTheInitrd) {
  InitrdRig rig("#!heapscope trace\na 0 100\na 1 50 4096\nr 0 200\nf 1\n");
  const auto before = state_of(rig);
  const Json result = rig.json("replay initrd").result;
  EXPECT_EQ(result["workload"].text(), "initrd");
  EXPECT_TRUE(result["seed"].is_null());
  EXPECT_EQ(result["operations"].number(), 4U);
  EXPECT_EQ(result["peak_live_bytes"].number(), 250U);
  EXPECT_EQ(state_of(rig), before);
  EXPECT_EQ(rig.json("replay initrd -n 2").result["peak_live_bytes"].number(), 150U);
}

TEST(Replay, WhatIsWrongWithATraceIsSaidWithItsLineAndNothingIsPlayed) {
  struct Wrong {
    std::string_view text;
    std::string_view message;
  };
  constexpr Wrong kWrong[] = {
      {"a 0 5\n\nf 1\n", "initrd: line 3 frees or reallocates a block that is not live"},
      {"a 0 5\na 0 5\n", "initrd: line 2 allocates a block that is live"},
      {"#!heapscope trace\na 0 5\nb\n",
       "initrd: line 3 is none of: a ID SIZE [ALIGN], f ID, r ID SIZE"},
      {"#!heapscope trace\na 0 0\n", "initrd: line 2 has a size that is 0 or too large"},
  };
  for (const auto& [text, message] : kWrong) {
    InitrdRig rig{std::string(text)};
    const auto before = rig.heap.stats().allocations;
    for (const std::string_view line : {"replay initrd", "compare initrd"}) {
      const JsonReply reply = rig.json(line);
      EXPECT_EQ(reply.status, 1U);
      EXPECT_EQ(reply.kind(), "bad-trace");
      EXPECT_EQ(reply.message(), message);
    }
    EXPECT_EQ(rig.heap.stats().allocations, before);
  }
}

TEST(Replay, ATraceWithMoreBlocksThanThereAreSlotsIsRefused) {
  InitrdRig rig("a 1048575 5\n", json_options(kMiB));
  const JsonReply reply = rig.json("replay initrd");
  EXPECT_EQ(reply.message(), "initrd: line 1 has a block number that is too large");
}

TEST(Replay, RefusesWhatThereIsNot) {
  ShellRig rig(json_options());
  const auto expect = [&](std::string_view line, std::uint64_t status, std::string_view kind) {
    const JsonReply reply = rig.json(line);
    EXPECT_EQ(reply.status, status) << line;
    EXPECT_EQ(reply.kind(), kind) << line;
  };
  for (const std::string name : {"replay", "compare"}) {
    expect(name + " nothing", 2, "usage");
    expect(name + " initrd", 1, "no-trace");
    expect(name + " uniform -n 0", 2, "usage");
    expect(name + " uniform -s x", 2, "usage");
    expect(name + " uniform fifo", 2, "usage");
  }
  expect("compare", 2, "usage");
  EXPECT_EQ(rig.heap.stats().allocations, 0U);
}

TEST(Replay, AnInitrdThatIsNoTraceIsNone) {
  for (const std::string_view text : {"#!heapscope\necho 1\n", "\x1f\x8b", "# comment\n"}) {
    InitrdRig rig{std::string(text)};
    EXPECT_EQ(rig.json("replay initrd").kind(), "no-trace");
  }
}

TEST(Replay, WhatDoesNotFitIsCountedAndIsAFailure) {
  ShellRig rig({.mode = Mode::json, .heap_bytes = 16 * 1024, .memory_bytes = 4 * kMiB});
  const auto before = state_of(rig);
  const Json result = rig.json("replay uniform -n 2000").result;
  EXPECT_GT(result["failures"].number(), 50U);
  EXPECT_GT(result["skipped"].number(), 50U);
  EXPECT_EQ(result["operations"].number(), 2000U);
  EXPECT_EQ(result["problem"]["kind"].text(), "exhausted");
  EXPECT_EQ(rig.status(), "1");
  EXPECT_EQ(state_of(rig), before);
}

TEST(Replay, OnBumpBlocksAreFreedThoughTheirMemoryIsNot) {
  ShellRig rig({.mode = Mode::json, .allocator = "bump", .memory_bytes = 16 * kMiB});
  EXPECT_EQ(rig.json("replay lifo -n 1000").result["allocator"].text(), "bump");
  EXPECT_EQ(rig.heap.stats().live_blocks, 0U);
}

TEST(Replay, CtrlCStopsItAndTheHeapIsAsBefore) {
  for (const std::size_t check : {1U, 30U, 60U, 100U, 130U}) {
    ShellRig rig(json_options());
    rig.json("alloc 64 -n 3");
    const auto before = state_of(rig);
    const std::string_view line = "replay uniform -n 20000\r";
    rig.console.interrupt_at_check(check + line.size());
    const auto lines = test::split_lines(test::with_plain_newlines(rig.type(line)));
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_NE(lines[0].find(R"("kind":"interrupted")"), std::string::npos) << check;
    EXPECT_EQ(rig.status(), "1");
    EXPECT_EQ(state_of(rig), before) << check;
  }
}

TEST(Compare, HasARowForEveryAllocatorAndLeavesTheHeapAlone) {
  ShellRig rig(json_options(64 * kMiB));
  rig.json("alloc 100 -n 5");
  const auto before = state_of(rig);
  const auto calls = rig.heap.stats().allocations;
  const Json result = rig.json("compare uniform -n 3000").result;
  EXPECT_EQ(result["workload"].text(), "uniform");
  EXPECT_EQ(result["operations"].number(), 3000U);
  const std::uint64_t live = figures_of("uniform", 1, 3000).peak_live_bytes;
  EXPECT_EQ(result["peak_live_bytes"].number(), live);
  const Json rows = result["allocators"];
  ASSERT_EQ(rows.size(), rig.heap.allocator_names().size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i]["allocator"].text(), rig.heap.allocator_names()[i]);
    const std::uint64_t smallest = rows[i]["smallest_heap"].number();
    EXPECT_GT(smallest, live);
    EXPECT_EQ(rows[i]["utilisation_permille"].number(), live * 1000 / smallest);
  }
  EXPECT_GT(rows[0]["smallest_heap"].number(), rows[1]["smallest_heap"].number());
  EXPECT_EQ(state_of(rig), before);
  EXPECT_EQ(rig.heap.stats().allocations, calls);
}

TEST(Compare, TheSmallestHeapIsReallyTheSmallest) {
  ShellRig rig(json_options(64 * kMiB));
  const Json rows = rig.json("compare lifetimes -n 2000").result["allocators"];
  const std::uint64_t smallest = rows[1]["smallest_heap"].number();
  const auto fits = [](std::uint64_t size) {
    ShellRig inner({.mode = Mode::json, .heap_bytes = size, .memory_bytes = 4 * kMiB});
    return !inner.json("replay lifetimes -n 2000").result.has("problem");
  };
  EXPECT_TRUE(fits(smallest));
  EXPECT_FALSE(fits(smallest - 16));
}

TEST(Compare, WhatNeedsMoreThanThereIsHasNoFigures) {
  ShellRig rig(json_options(4 * kMiB));
  const Json rows = rig.json("compare growing").result["allocators"];
  EXPECT_EQ(rows[0]["allocator"].text(), "bump");
  EXPECT_TRUE(rows[0]["smallest_heap"].is_null());
  EXPECT_TRUE(rows[0]["utilisation_permille"].is_null());
}

TEST(Compare, CtrlCStopsIt) {
  for (const std::size_t check : {1U, 100U, 300U, 1000U}) {
    ShellRig rig(json_options());
    const auto before = state_of(rig);
    const std::string_view line = "compare uniform\r";
    rig.console.interrupt_at_check(check + line.size());
    const std::string output = rig.type(line);
    EXPECT_NE(output.find(R"("kind":"interrupted")"), std::string::npos) << check;
    EXPECT_EQ(state_of(rig), before);
    EXPECT_EQ(rig.status(), "1");
  }
}

TEST(Compare, ItsTableFitsInEightyColumns) {
  ShellRig rig({.memory_bytes = 64 * kMiB});
  for (const std::string_view line : {"replay", "replay fifo", "compare fifo"}) {
    for (const std::string& text : test::split_lines(rig.plain(line))) {
      EXPECT_LE(text.size(), 80U) << text;
    }
  }
}

}  // namespace
}  // namespace heapscope::shell
