// `free`: by handle, address and tag, all checked before any is freed, and a
// clear word for what cannot be.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "alloc_state.hpp"
#include "shell_rig.hpp"

namespace heapscope::shell {
namespace {

using test::hex;
using test::JsonReply;
using test::ShellRig;
using test::state_of;
using Names = std::vector<std::string>;

/// The handles that a reply lists as freed.
Names freed(const JsonReply& reply) {
  Names ids;
  for (const test::Json& block : reply.result["freed"].items()) ids.push_back(block["id"].text());
  return ids;
}

TEST(FreeCommand, JsonHasTheFieldsOfTheContract) {
  ShellRig rig({.mode = Mode::json});
  const auto address = rig.json("alloc 100").result["blocks"][0]["address"].address();
  const JsonReply reply = rig.json("free a1");
  EXPECT_EQ(reply.command, "free");
  EXPECT_EQ(reply.result.names(), (Names{"freed"}));
  ASSERT_EQ(reply.result["freed"].size(), 1U);
  const test::Json& block = reply.result["freed"][0];
  EXPECT_EQ(block.names(), (Names{"id", "address", "size"}));
  EXPECT_EQ(block["id"].text(), "a1");
  EXPECT_EQ(block["address"].address(), address);
  EXPECT_EQ(block["size"].number(), 100U);
  EXPECT_EQ(rig.heap.stats().live_blocks, 0U);
}

TEST(FreeCommand, PlainListsWhatWasFreed) {
  ShellRig rig;
  rig.plain("alloc 100 -n 2");
  const auto lines = test::split_lines(rig.plain("free a2 a1"));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "id        address            size");
  EXPECT_TRUE(lines[1].starts_with("a2        0x"));
  EXPECT_TRUE(lines[2].starts_with("a1        0x"));
  EXPECT_TRUE(lines[2].ends_with("  100"));
}

TEST(FreeCommand, ByAddressInAnyWriting) {
  ShellRig rig({.mode = Mode::json});
  for (int i = 0; i < 2; ++i) {
    const auto blocks = rig.json("alloc 64 -n 2").result["blocks"];
    const auto first = blocks[0]["address"].address();
    const auto second = blocks[1]["address"].address();
    EXPECT_EQ(rig.json("free " + hex(first) + " " + std::to_string(second)).status, 0U);
    EXPECT_EQ(rig.heap.stats().live_blocks, 0U);
  }
}

TEST(FreeCommand, SeveralInTheOrderNamed) {
  ShellRig rig({.mode = Mode::json});
  const auto address = rig.json("alloc 64 -n 5").result["blocks"][3]["address"].text();
  EXPECT_EQ(freed(rig.json("free a5 " + address + " a1")), (Names{"a5", "a4", "a1"}));
  EXPECT_EQ(state_of(rig).handles, (std::vector<HandleId>{2, 3}));
}

TEST(FreeCommand, SixtyThreeAtOnce) {
  ShellRig rig({.mode = Mode::json});
  rig.json("alloc 16 -n 63");
  std::string line = "free";
  for (int i = 1; i <= 63; ++i) line += " a" + std::to_string(i);
  EXPECT_EQ(freed(rig.json(line)).size(), 63U);
  EXPECT_EQ(rig.heap.stats().used_bytes, 0U);
}

TEST(FreeCommand, All) {
  ShellRig rig({.mode = Mode::json});
  rig.json("alloc 16 -n 3 -t x");
  rig.json("alloc 16 -n 2");
  EXPECT_EQ(freed(rig.json("free all")), (Names{"a1", "a2", "a3", "a4", "a5"}));
  EXPECT_EQ(rig.heap.stats().live_blocks, 0U);
  const JsonReply none = rig.json("free all");
  EXPECT_EQ(none.status, 0U);
  EXPECT_TRUE(freed(none).empty());
}

TEST(FreeCommand, ByTag) {
  ShellRig rig({.mode = Mode::json});
  rig.json("alloc 16 -n 2 -t x");
  rig.json("alloc 16");
  rig.json("alloc 16 -t y");
  rig.json("alloc 16 -t x");
  EXPECT_EQ(freed(rig.json("free -t x")), (Names{"a1", "a2", "a5"}));
  EXPECT_EQ(state_of(rig).handles, (std::vector<HandleId>{3, 4}));
  const JsonReply again = rig.json("free -t x");
  EXPECT_EQ(again.status, 1U);
  EXPECT_EQ(again.kind(), "not-allocated");
}

TEST(FreeCommand, AnEmptyTagIsNoTagAndFreesNothing) {
  ShellRig rig({.mode = Mode::json});
  rig.json("alloc 16");
  rig.json("alloc 16 -t x");
  const auto before = state_of(rig);
  const JsonReply reply = rig.json("free -t ''");
  EXPECT_EQ(reply.status, 2U);
  EXPECT_EQ(state_of(rig), before);
}

TEST(FreeCommand, UnknownFreedAndForgottenHandles) {
  ShellRig rig({.mode = Mode::json});
  rig.json("alloc 64 -n 2");
  rig.json("free a1");
  const auto expect = [&](std::string_view line, std::string_view says) {
    const JsonReply reply = rig.json(line);
    EXPECT_EQ(reply.status, 1U) << line;
    EXPECT_EQ(reply.kind(), "not-allocated") << line;
    EXPECT_NE(reply.message().find(says), std::string::npos) << line << ": " << reply.message();
  };
  expect("free a1", "a1 is already free");
  expect("free a3", "no block a3");
  expect("free a4294967295", "no block a4294967295");
  rig.json("allocator bin");
  expect("free a2", "a2 is gone");
  expect("free a3", "no block a3");
  rig.json("alloc 64");
  EXPECT_EQ(rig.json("free a3").status, 0U);
  expect("free a3", "a3 is already free");
}

TEST(FreeCommand, WordsThatNameNothing) {
  ShellRig rig({.mode = Mode::json});
  rig.json("alloc 64");
  const auto before = state_of(rig);
  for (const std::string_view line : {"free",
                                      "free a",
                                      "free a0",
                                      "free a01",
                                      "free A1",
                                      "free 1a",
                                      "free b1",
                                      "free ''",
                                      "free a1x",
                                      "free a4294967296",
                                      "free -1",
                                      "free 0x",
                                      "free 18446744073709551616",
                                      "free all a1",
                                      "free a1 all",
                                      "free -t x a1",
                                      "free a1 -t x",
                                      "free all -t x",
                                      "free -t",
                                      "free -x",
                                      "free a1 -n 2"}) {
    const JsonReply reply = rig.json(line);
    EXPECT_EQ(reply.status, 2U) << line;
    EXPECT_EQ(reply.kind(), "usage") << line;
    EXPECT_EQ(reply.error["usage"].text(), "free WHAT... | all | -t TAG") << line;
    EXPECT_EQ(state_of(rig), before) << line;
  }
}

/// Frees `address`, which must fail, and returns the error's kind.
std::string kind_of_free(ShellRig& rig, std::uint64_t address) {
  const auto before = state_of(rig);
  const JsonReply reply = rig.json("free " + hex(address));
  EXPECT_EQ(reply.status, 1U);
  EXPECT_NE(reply.message().find(hex(address)), std::string::npos) << reply.message();
  EXPECT_EQ(state_of(rig), before);
  return reply.kind();
}

TEST(FreeCommand, AddressesThatStartNoBlock) {
  ShellRig rig({.mode = Mode::json});
  const auto block = rig.json("alloc 100").result["blocks"][0]["address"].address();
  const auto second = rig.json("alloc 100").result["blocks"][0]["address"].address();
  for (const std::uint64_t inside : {1U, 8U, 50U, 99U, 100U, 111U}) {
    EXPECT_EQ(kind_of_free(rig, block + inside), "inside-block") << inside;
  }
  rig.json("free a2");
  EXPECT_EQ(kind_of_free(rig, second), "not-allocated");
  EXPECT_EQ(kind_of_free(rig, second + 48), "not-allocated");
  const auto stats = rig.heap.stats();
  EXPECT_EQ(kind_of_free(rig, stats.start + (stats.end - stats.start) / 2), "not-allocated");
  for (const std::uint64_t outside : {std::uint64_t{0}, std::uint64_t{1}, stats.start - 1,
                                      stats.end, stats.end + 16, UINT64_MAX}) {
    EXPECT_EQ(kind_of_free(rig, outside), "outside-heap") << outside;
  }
  EXPECT_EQ(kind_of_free(rig, stats.start), "outside-heap");  // The allocator's own records.
}

TEST(FreeCommand, TheMessageNamesTheBlockAnAddressIsIn) {
  ShellRig rig({.mode = Mode::json});
  const auto block = rig.json("alloc 100").result["blocks"][0]["address"].address();
  EXPECT_EQ(rig.json("free " + hex(block + 8)).message(),
            hex(block + 8) + " is inside a1, 8 bytes behind its start");
}

TEST(FreeCommand, BlocksOfTheProgramItselfAreNotTheShellsToFree) {
  ShellRig rig({.mode = Mode::json});
  const auto block = rig.heap.allocate({.size = 64});
  ASSERT_TRUE(block);
  EXPECT_EQ(kind_of_free(rig, *block), "not-yours");
  EXPECT_EQ(kind_of_free(rig, *block + 8), "not-yours");
}

TEST(FreeCommand, AddressesOnBump) {
  ShellRig rig({.mode = Mode::json, .allocator = "bump"});
  const auto block = rig.json("alloc 100").result["blocks"][0]["address"].address();
  rig.json("alloc 100");
  EXPECT_EQ(kind_of_free(rig, block + 8), "inside-block");
  EXPECT_EQ(kind_of_free(rig, block + 105), "not-allocated");  // Between two blocks.
  EXPECT_EQ(kind_of_free(rig, block + 4096), "not-allocated");
  EXPECT_EQ(kind_of_free(rig, rig.heap.stats().end), "outside-heap");
  EXPECT_EQ(rig.json("free " + hex(block)).status, 0U);
  EXPECT_EQ(kind_of_free(rig, block), "not-allocated");
  EXPECT_EQ(rig.json("free a2").status, 0U);
  EXPECT_EQ(rig.heap.stats().live_blocks, 0U);
}

TEST(FreeCommand, OneBadNameAmongSeveralFreesNone) {
  ShellRig rig({.mode = Mode::json});
  const auto address = rig.json("alloc 64 -n 4").result["blocks"][0]["address"].address();
  rig.json("free a4");
  const auto before = state_of(rig);
  for (const std::string& line :
       {std::string("free a1 a4"), std::string("free a4 a1"), std::string("free a1 a2 a9 a3"),
        std::string("free a1 a1"), std::string("free a1 x"), "free a1 " + hex(address),
        "free " + hex(address) + " " + hex(address), "free a2 " + hex(address + 8),
        std::string("free a1 a2 a3 0")}) {
    const JsonReply reply = rig.json(line);
    EXPECT_NE(reply.status, 0U) << line;
    EXPECT_EQ(state_of(rig), before) << line;
  }
  EXPECT_NE(rig.json("free a1 " + hex(address)).message().find("twice"), std::string::npos);
}

TEST(FreeCommand, WhatTheHeapRefusesIsSaidAndStops) {
  ShellRig rig({.mode = Mode::json});
  const auto address = rig.json("alloc 64 -n 3").result["blocks"][1]["address"].address();
  // The program frees a2 behind the shell's back.
  ASSERT_TRUE(rig.heap.deallocate(address, {.size = 64}));
  for (const std::string_view line : {"free a1 a2 a3", "free a2", "free all"}) {
    const JsonReply reply = rig.json(line);
    EXPECT_EQ(reply.result["problem"]["kind"].text(), "refused") << line;
    EXPECT_EQ(rig.status(), "1") << line;
  }
  EXPECT_EQ(state_of(rig).handles, (std::vector<HandleId>{2, 3}));
}

TEST(FreeCommand, AfterAllIsFreedTheHeapIsOneBlock) {
  ShellRig rig({.mode = Mode::json});
  const auto before = test::extents_of(rig.heap);
  rig.json("alloc 1000 -n 100");
  rig.json("alloc 64 4096 -n 20 -t x");
  rig.json("free -t x");
  rig.json("free a50 a51 a1");
  rig.json("free all");
  EXPECT_EQ(test::extents_of(rig.heap), before);
}

}  // namespace
}  // namespace heapscope::shell
