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
