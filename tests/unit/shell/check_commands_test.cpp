// The commands that tell how the heap is: check, with what it says of damage and what a
// patrol finds, harden, and latency.
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "alloc_state.hpp"
#include "tests/unit/shell/shell_rig.hpp"

namespace heapscope::shell {
namespace {

using test::hex;
using test::Json;
using test::JsonReply;
using test::RigOptions;
using test::ShellRig;

class Checked : public ::testing::Test {
 protected:
  explicit Checked(const RigOptions& options = {.mode = Mode::json}) : rig_(options) {
    alloc::record_origins(rig_.heap, true);
  }

  Json result(std::string_view line) {
    const JsonReply reply = rig_.json(line);
    EXPECT_EQ(reply.status, 0U) << line << ": " << reply.message();
    return reply.result;
  }
  JsonReply failure(std::string_view line) {
    JsonReply reply = rig_.json(line);
    EXPECT_NE(reply.status, 0U) << line;
    return reply;
  }
  std::uint64_t block(const std::string& line) {
    return result(line)["blocks"].items()[0]["address"].address();
  }
  static void overwrite(std::uint64_t address, std::size_t bytes) {
    std::memset(reinterpret_cast<void*>(address), 0x41, bytes);
  }

  /// Blocks a1 to a7 of 2000 bytes in a row, of which a2 and a4 are free, and a larger free
  /// run behind, so that the largest is another one. Returns where a2 was.
  std::uint64_t free_runs() {
    for (int i = 0; i < 5; ++i) rig_.run("alloc 2000 -t big");
    rig_.run("alloc 9000");
    rig_.run("alloc 2000");
    const std::uint64_t second = rig_.handles.find(2)->address;
    rig_.run("free a2 a4 a6");
    return second;
  }

  ShellRig rig_;
};

using Check = Checked;

TEST_F(Check, OfASoundHeapCountsAll) {
  result("alloc 2000 -n 5");
  result("free a2 a4");
  const Json found = result("check");
  EXPECT_TRUE(found["sound"].boolean());
  EXPECT_EQ(found["live_blocks"].number(), 3U);
  EXPECT_EQ(found["extents"].number(), test::extents_of(rig_.heap).size());
  EXPECT_FALSE(found["changed_meanwhile"].boolean());
  EXPECT_TRUE(found["patrol_every"].is_null());
  EXPECT_EQ(found["patrol_rounds"].number(), 0U);
}

TEST_F(Check, ChangesNothing) {
  result("alloc 200 -n 50");
  result("free a2 a4");
  const auto before = test::state_of(rig_);
  result("check");
  EXPECT_EQ(test::state_of(rig_), before);
}

TEST_F(Check, WorksWithEveryAllocatorAndLevel) {
  for (const std::string_view line :
       {"allocator bump", "allocator first-fit", "allocator bin", "harden none", "harden full"}) {
    result(line);
    result("alloc 500 -n 20");
    result("free a" + std::to_string(rig_.handles.oldest()->id));
    EXPECT_TRUE(result("check")["sound"].boolean()) << line;
    result("free all");
  }
}

TEST_F(Check, NamesTheBlockBeforeTheDamageAndWhoHadTheMemory) {
  const std::uint64_t second = free_runs();
  overwrite(second - 64, 128);
  const JsonReply reply = failure("check");
  EXPECT_EQ(reply.status, 1U);
  EXPECT_EQ(reply.kind(), "damaged");
  EXPECT_TRUE(reply.message().starts_with("heap damaged at " + hex(second) + ": a free run's"))
      << reply.message();
  const Json& error = reply.error;
  EXPECT_FALSE(error["sound"].boolean());
  EXPECT_EQ(error["address"].address(), second);
  EXPECT_EQ(error["extent"].address(), second);
  EXPECT_EQ(error["extent_size"].number(), 2000U);
  EXPECT_EQ(error["state"].text(), "free");
  const auto blocks = error["blocks"].items();
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_EQ(blocks[0]["role"].text(), "before");
  EXPECT_EQ(blocks[0]["id"].text(), "a1");
  EXPECT_EQ(blocks[0]["tag"].text(), "big");
  EXPECT_EQ(blocks[0]["address"].address(), rig_.handles.find(1)->address);
  EXPECT_EQ(blocks[0]["size"].number(), 2000U);
  EXPECT_EQ(blocks[0]["sequence"].number(), 1U);
  EXPECT_EQ(blocks[0]["allocated_by"].text(), "function1+0x1 < function2+0x2 < function3+0x3");
  EXPECT_EQ(blocks[1]["role"].text(), "freed");
  EXPECT_EQ(blocks[1]["address"].address(), second);
  EXPECT_EQ(blocks[1]["sequence"].number(), 2U);
  EXPECT_TRUE(blocks[1]["id"].is_null());
  EXPECT_FALSE(blocks[1]["freed_by"].text().empty());
}

TEST_F(Check, ShowsTheMemoryAroundTheDamage) {
  const std::uint64_t second = free_runs();
  overwrite(second - 64, 128);
  const JsonReply reply = failure("check");
  const auto rows = reply.error["rows"].items();
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(rows[0]["address"].address(), second - 32);
  for (const Json& row : rows) {
    EXPECT_EQ(row["bytes"].text(), "41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41");
    EXPECT_EQ(row["text"].text(), "AAAAAAAAAAAAAAAA");
  }
}

TEST_F(Check, WithoutOriginsSaysThatThereAreNone) {
  alloc::record_origins(rig_.heap, false);
  const std::uint64_t second = free_runs();
  overwrite(second, 16);
  const JsonReply reply = failure("check");
  const auto blocks = reply.error["blocks"].items();
  ASSERT_EQ(blocks.size(), 1U);
  EXPECT_EQ(blocks[0]["id"].text(), "a1");
  EXPECT_EQ(blocks[0]["origin"].text(), "not recorded: origins are off");
}

TEST_F(Check, SaysItInPlainLinesThatFitAndInOneLine) {
  const std::uint64_t second = free_runs();
  overwrite(second, 16);
  rig_.set_mode(Mode::plain);
  const std::string said = rig_.plain("check");
  EXPECT_TRUE(said.starts_with("error: heap damaged at ")) << said;
  for (const std::string& line : test::split_lines(said)) EXPECT_LT(line.size(), 80U) << line;
  EXPECT_EQ(rig_.status(), "1");
  const std::string line = rig_.plain("check --one-line");
  EXPECT_TRUE(line.starts_with("error=damaged message=\"heap damaged at ")) << line;
  EXPECT_EQ(test::split_lines(line).size(), 1U);
  EXPECT_FALSE(line.contains("rows="));
}

class CheckFull : public Checked {
 protected:
  CheckFull() { result("harden full"); }
};

TEST_F(CheckFull, NamesBothPartiesWithoutAPanic) {
  const std::uint64_t first = block("alloc 64 -t culprit");
  const std::uint64_t second = block("alloc 72 -t victim");
  ASSERT_LT(first, second);
  overwrite(first + 64, second - first - 64 + 8);
  const JsonReply reply = failure("check");
  EXPECT_EQ(reply.message(),
            "heap damaged at " + hex(first + 64) + ": a block was written past its end");
  const auto blocks = reply.error["blocks"].items();
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_EQ(blocks[0]["role"].text(), "culprit");
  EXPECT_EQ(blocks[0]["tag"].text(), "culprit");
  EXPECT_EQ(blocks[0]["size"].number(), 64U);
  EXPECT_EQ(blocks[1]["role"].text(), "victim");
  EXPECT_EQ(blocks[1]["address"].address(), second);
  EXPECT_EQ(blocks[1]["id"].text(), "a2");
}

TEST_F(CheckFull, NamesWhoFreedWhatWasWrittenAfterwards) {
  const std::uint64_t freed = block("alloc 200");
  result("free a1");
  overwrite(freed + 100, 1);
  const JsonReply reply = failure("check");
  EXPECT_EQ(reply.error["address"].address(), freed + 100);
  EXPECT_EQ(reply.error["what"].text(), "a block was written after it was freed");
  const auto blocks = reply.error["blocks"].items();
  ASSERT_EQ(blocks.size(), 1U);
  EXPECT_EQ(blocks[0]["role"].text(), "culprit");
  EXPECT_EQ(blocks[0]["address"].address(), freed);
  EXPECT_FALSE(blocks[0]["freed_by"].text().empty());
}

TEST_F(Check, StopsAtCtrlC) {
  rig_.run("alloc 64 -n 2000");
  rig_.platform.call_next([&] { rig_.console.interrupt_at_check(2); });
  const JsonReply reply = rig_.json("check");
  EXPECT_TRUE(reply.result["sound"].is_null());
  EXPECT_LT(reply.result["live_blocks"].number(), 2000U);
  EXPECT_EQ(reply.result["problem"]["kind"].text(), "interrupted");
  rig_.platform.call_next([&] { rig_.console.interrupt_at_check(2); });
  EXPECT_EQ(rig_.run("check"), kFailed);
}

// ---- the patrol ----

TEST_F(Check, SetsAndEndsAPatrol) {
  EXPECT_EQ(result("check --every 10")["patrol_every"].number(), 10U);
  for (int i = 0; i < 100; ++i) rig_.run("alloc 64");
  const Json found = result("check");
  EXPECT_EQ(found["patrol_every"].number(), 10U);
  EXPECT_GE(found["patrol_rounds"].number(), 3U);
  for (const std::string_view end : {"check --every off", "check -e 0"}) {
    result("check -e 5");
    EXPECT_TRUE(result(end)["patrol_every"].is_null());
    EXPECT_TRUE(result("check")["patrol_every"].is_null());
  }
  EXPECT_EQ(failure("check --every often").status, 2U);
  EXPECT_EQ(failure("check --every -5").status, 2U);
}

TEST_F(Check, APatrolTellsWhatItFindsOnceBehindTheCommand) {
  const std::uint64_t second = free_runs();
  rig_.run("alloc 64");
  rig_.set_mode(Mode::plain);
  EXPECT_TRUE(rig_.plain("check --every 4").starts_with("sound                  yes\n"));
  overwrite(second, 16);
  const std::string notice = "notice: heap damaged at " + hex(second) + ": a free run's";
  std::string said;
  for (int i = 0; i < 20 && !said.contains("notice"); ++i) said = rig_.plain("alloc 64");
  EXPECT_TRUE(said.contains("\n" + notice)) << said;
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(rig_.plain("alloc 64").contains("notice"));
  EXPECT_EQ(rig_.status(), "0");
  rig_.set_mode(Mode::json);
  const JsonReply reply = failure("check");
  EXPECT_EQ(reply.kind(), "damaged");
  EXPECT_EQ(reply.error["patrol_found"].address(), second);
  EXPECT_GT(reply.error["patrol_sequence"].number(), 10U);
  EXPECT_EQ(reply.error["patrol_by"].text(), "function1+0x1 < function2+0x2 < function3+0x3");
}

TEST_F(Check, WhatAPatrolFoundIsAFailureAlsoWhenItIsNotThereAnyMore) {
  const std::uint64_t second = free_runs();
  std::string kept(16, '\0');
  std::memcpy(kept.data(), reinterpret_cast<void*>(second), kept.size());
  result("check --every 1");
  overwrite(second, 16);
  for (int i = 0; i < 20; ++i) result("alloc 64");
  std::memcpy(reinterpret_cast<void*>(second), kept.data(), kept.size());
  const JsonReply reply = failure("check");
  EXPECT_EQ(reply.status, 1U);
  EXPECT_EQ(reply.kind(), "was-damaged");
  EXPECT_TRUE(reply.error["sound"].boolean());
  EXPECT_EQ(reply.error["patrol_found"].address(), second);
  // A patrol that is set anew begins anew.
  EXPECT_TRUE(result("check --every 1")["sound"].boolean());
}

TEST_F(Check, WhatIsFoundWhileNobodyTypesIsToldAtOnce) {
  const std::uint64_t second = free_runs();
  result("check --every 1");
  rig_.set_mode(Mode::plain);
  overwrite(second, 16);
  for (int i = 0; i < 20; ++i) {
    const auto block = rig_.heap.allocate({.size = 64});
    ASSERT_TRUE(block);
  }
  const std::string said = rig_.type({});
  EXPECT_TRUE(said.starts_with("\r\nnotice: heap damaged at " + hex(second))) << said;
  EXPECT_TRUE(said.ends_with("\r\nheapscope> ")) << said;
  EXPECT_EQ(rig_.type({}), "");
}

// ---- harden ----

using Harden = Checked;

/// The change that each level takes, and whether it is possible.
std::string changes(const Json& found) {
  std::string all;
  for (const Json& level : found["levels"].items()) {
    all += level["level"].text() + "=" + level["change"].text() +
           (level["possible"].boolean() ? " " : "! ");
  }
  return all;
}

TEST_F(Harden, SaysWhatCanBeChanged) {
  EXPECT_EQ(result("harden")["hardening"].text(), "default");
  EXPECT_EQ(changes(result("harden")), "none=in-place default=none full=restart ");
  result("alloc 64");
  EXPECT_EQ(changes(result("harden")), "none=in-place default=none full=restart! ");
  result("allocator bump");
  EXPECT_EQ(changes(result("harden")), "none=none default=unavailable! full=unavailable! ");
  result("allocator first-fit");
  EXPECT_EQ(changes(result("harden")), "none=unavailable! default=none full=unavailable! ");
}

TEST_F(Harden, ChangesInPlaceWithAllBlocks) {
  result("alloc 64 -n 3");
  const auto before = test::state_of(rig_);
  for (const std::string_view level : {"none", "default", "none"}) {
    EXPECT_EQ(result("harden " + std::string(level))["hardening"].text(), level);
    EXPECT_EQ(result("stats")["hardening"].text(), level);
    EXPECT_EQ(test::state_of(rig_), before);
  }
}

TEST_F(Harden, StartsAnewWithoutBlocksOnly) {
  const Range heap = rig_.setup.plan().heap;
  result("alloc 64 -n 3");
  const auto before = test::state_of(rig_);
  const JsonReply refused = failure("harden full");
  EXPECT_EQ(refused.kind(), "in-use");
  EXPECT_EQ(refused.message(), "full needs a heap without live blocks (3 now): free all first");
  EXPECT_EQ(test::state_of(rig_), before);
  EXPECT_EQ(result("harden")["hardening"].text(), "default");
  result("free all");
  EXPECT_EQ(result("harden full")["hardening"].text(), "full");
  EXPECT_EQ(rig_.setup.plan().heap, heap);
  result("alloc 64");
  EXPECT_EQ(failure("harden default").kind(), "in-use");
  result("free all");
  EXPECT_EQ(result("harden default")["hardening"].text(), "default");
}

TEST_F(Harden, ALevelThatTheAllocatorHasNotIsRefused) {
  result("allocator bump");
  EXPECT_EQ(failure("harden full").message(), "bump is always none");
  result("allocator first-fit");
  EXPECT_EQ(failure("harden none").kind(), "unsupported");
  EXPECT_EQ(failure("harden maximal").status, 2U);
}

TEST_F(Harden, WhatIsStartedLaterTakesTheLevelToo) {
  result("harden none");
  result("allocator bump");
  EXPECT_EQ(result("allocator bin")["hardening"].text(), "none");
}

TEST_F(Harden, AndAllocatorAreRefusedWhileTheKernelHasBlocks) {
  const auto own = rig_.heap.allocate({.size = 64});
  ASSERT_TRUE(own);
  for (const std::string_view line : {"harden full", "allocator bin"}) {
    const JsonReply reply = failure(line);
    EXPECT_EQ(reply.kind(), "in-use") << line;
    EXPECT_EQ(reply.message(), "the kernel itself has live blocks in the heap") << line;
  }
  // What cannot be asked for is said first.
  EXPECT_EQ(failure("allocator nosuch").status, 2U);
  EXPECT_EQ(rig_.heap.hardening(), alloc::Hardening::standard);
}

// ---- latency ----

using Latency = Checked;

Json figure(const Json& found, std::string_view call, std::string_view unit) {
  for (const Json& each : found["figures"].items()) {
    if (each["call"].text() == call && each["unit"].text() == unit) return each;
  }
  ADD_FAILURE() << call << " " << unit;
  return {};
}

TEST_F(Latency, IsOffAtFirst) {
  result("alloc 64");
  const Json found = result("latency");
  EXPECT_FALSE(found["measured"].boolean());
  EXPECT_EQ(found["allocations"].number(), 0U);
  EXPECT_EQ(found["worst_calls"].size(), 0U);
  EXPECT_EQ(found["allocate"].size(), 0U);
  EXPECT_TRUE(figure(found, "free", "ns")["p50"].is_null());
}

TEST_F(Latency, CountsMeasuresAndNamesTheWorst) {
  EXPECT_TRUE(result("latency on")["measured"].boolean());
  result("alloc 64 -n 20");
  result("free a3 a4 a5");
  const Json found = result("latency");
  EXPECT_EQ(found["allocations"].number(), 20U);
  EXPECT_EQ(found["frees"].number(), 3U);
  EXPECT_EQ(found["unit"].text(), "instructions");
  for (const std::string_view call : {"allocate", "free"}) {
    // The clock moves on by 2 with each look at it, and nothing else moves it.
    EXPECT_EQ(figure(found, call, "ns")["worst"].number(), 1000U);
    EXPECT_EQ(figure(found, call, "cycles")["mean"].number(), 0U);
    std::uint64_t calls = 0;
    for (const Json& bucket : found[call].items()) {
      calls += bucket["calls"].number();
      EXPECT_LE(bucket["from"].number(), bucket["to"].number());
      EXPECT_EQ(bucket["permille"].number(), 1000U);
      EXPECT_EQ(bucket["bar"].text().size(), 30U);
    }
    EXPECT_EQ(calls, call == "free" ? 3U : 20U);
  }
  const auto worst = found["worst_calls"].items();
  ASSERT_EQ(worst.size(), 2U);
  EXPECT_EQ(worst[0]["call"].text(), "allocate");
  EXPECT_EQ(worst[0]["size"].number(), 64U);
  EXPECT_EQ(worst[0]["align"].number(), 16U);
  EXPECT_EQ(worst[0]["by"].text(), "function1+0x1 < function2+0x2 < function3+0x3");
  EXPECT_EQ(worst[1]["call"].text(), "free");
}

TEST_F(Latency, OffKeepsAndClearForgets) {
  result("latency on");
  result("alloc 64 -n 20");
  EXPECT_EQ(result("latency off")["allocations"].number(), 20U);
  result("alloc 64 -n 20");
  EXPECT_EQ(result("latency")["allocations"].number(), 20U);
  EXPECT_EQ(result("latency clear")["allocations"].number(), 0U);
  result("latency on");
  result("alloc 64");
  EXPECT_EQ(result("latency")["allocations"].number(), 1U);
}

TEST_F(Latency, TellsOfARefusedAllocation) {
  result("latency on");
  EXPECT_EQ(failure("alloc 1G").status, 1U);
  const Json found = result("latency");
  EXPECT_EQ(found["allocations"].number(), 1U);
  EXPECT_TRUE(found["worst_calls"].items()[0]["address"].is_null());
}

TEST_F(Latency, TakesAUnitOfTheHistograms) {
  for (const std::string_view unit : {"instructions", "cycles", "ns"}) {
    EXPECT_EQ(result("latency --unit " + std::string(unit))["unit"].text(), unit);
  }
  for (const std::string_view line : {"latency -u days", "latency maybe", "latency on off"}) {
    EXPECT_EQ(failure(line).status, 2U) << line;
  }
  EXPECT_FALSE(result("latency")["measured"].boolean());
}

TEST_F(Latency, FitsInATerminalAndInOneLine) {
  result("latency on");
  result("replay uniform -n 2000");
  rig_.set_mode(Mode::plain);
  for (const std::string& line : test::split_lines(rig_.plain("latency"))) {
    EXPECT_LT(line.size(), 80U) << line;
  }
  const std::string line = rig_.plain("latency --one-line");
  EXPECT_EQ(test::split_lines(line).size(), 1U);
  EXPECT_TRUE(line.starts_with("measured=yes allocations=")) << line;
  EXPECT_FALSE(line.contains("#"));
}

}  // namespace
}  // namespace heapscope::shell
