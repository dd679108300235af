// Ctrl-C: at the prompt, in the middle of long commands, and between commands.
#include <gtest/gtest.h>

#include <string>

#include "alloc_state.hpp"
#include "shell_rig.hpp"

namespace heapscope::shell {
namespace {

using test::Json;
using test::JsonReply;
using test::ShellRig;
using test::state_of;

/// The one reply in what was printed in json mode.
JsonReply only_reply(std::string_view output) {
  const auto lines = test::split_lines(test::with_plain_newlines(output));
  if (lines.size() != 1) throw test::JsonError("not one line");
  return test::read_reply(lines[0]);
}

TEST(CtrlC, AtThePromptDropsTheLine) {
  ShellRig rig;
  EXPECT_EQ(rig.type("alloc 64"), "alloc 64");
  EXPECT_EQ(rig.ctrl_c(), "^C\r\nheapscope> ");
  EXPECT_EQ(rig.type("\r"), "\r\nheapscope> ");
  EXPECT_EQ(rig.heap.stats().allocations, 0U);
  EXPECT_EQ(rig.plain("echo 1"), "1\n");
}

TEST(CtrlC, AtAnEmptyPrompt) {
  ShellRig rig;
  EXPECT_EQ(rig.ctrl_c(), "^C\r\nheapscope> ");
  EXPECT_EQ(rig.ctrl_c(), "^C\r\nheapscope> ");
}

TEST(CtrlC, DropsATooLongLineAndAHalfTypedKey) {
  ShellRig rig;
  rig.type(std::string(600, 'x'));
  rig.ctrl_c();
  EXPECT_EQ(rig.plain("echo 1"), "1\n");
  rig.type("\x1b[1");
  rig.ctrl_c();
  EXPECT_EQ(rig.plain("echo 2"), "2\n");
}

TEST(CtrlC, LeavesTheStatusAlone) {
  ShellRig rig;
  rig.plain("nope");
  rig.type("abc");
  rig.ctrl_c();
  EXPECT_EQ(rig.status(), "127");
}

TEST(CtrlC, InJsonModeIsSilent) {
  ShellRig rig({.mode = Mode::json});
  rig.type("alloc 64");
  EXPECT_EQ(rig.ctrl_c(), "");
  EXPECT_EQ(rig.type("\r"), "");
  EXPECT_EQ(rig.heap.stats().allocations, 0U);
}

TEST(CtrlC, StopsALongAllocWhichThenHasAllocatedNothing) {
  for (const std::size_t check : {1U, 2U, 100U, 390U}) {
    ShellRig rig({.mode = Mode::json, .memory_bytes = std::uint64_t{64} << 20});
    rig.json("alloc 64 -n 3");
    const auto before = state_of(rig);
    // The first question comes with poll(), before the line is run.
    rig.console.interrupt_at_check(check + std::string_view("alloc 16 -n 100000\r").size());
    const JsonReply reply = only_reply(rig.type("alloc 16 -n 100000\r"));
    EXPECT_EQ(reply.status, 1U) << check;
    EXPECT_EQ(reply.kind(), "interrupted") << check;
    EXPECT_EQ(state_of(rig), before) << check;
    EXPECT_EQ(rig.status(), "1") << check;
  }
}

TEST(CtrlC, WhileAllocListsItsBlocksSaysThatTheListIsNotComplete) {
  ShellRig rig({.mode = Mode::json, .memory_bytes = std::uint64_t{64} << 20});
  rig.console.interrupt_after_output(10'000);
  const JsonReply reply = only_reply(rig.type("alloc 16 -n 100000\r"));
  EXPECT_LT(reply.result["blocks"].size(), 200U);
  EXPECT_EQ(reply.result["problem"]["kind"].text(), "interrupted");
  EXPECT_EQ(rig.handles.size(), 100'000U);
  EXPECT_EQ(rig.status(), "1");
}

TEST(CtrlC, StopsALongFree) {
  ShellRig rig({.mode = Mode::json, .memory_bytes = std::uint64_t{64} << 20});
  rig.json("alloc 16 -n 50000 -t x");
  for (const std::string_view line : {"free all\r", "free -t x\r"}) {
    const std::size_t before = rig.handles.size();
    rig.console.interrupt_after_output(20'000);
    const JsonReply reply = only_reply(rig.type(line));
    EXPECT_EQ(reply.result["problem"]["kind"].text(), "interrupted");
    const std::size_t freed = reply.result["freed"].size();
    EXPECT_GT(freed, 100U);
    EXPECT_LT(freed, 1000U);
    EXPECT_EQ(rig.handles.size(), before - freed);
    EXPECT_EQ(rig.heap.stats().live_blocks, before - freed);
    EXPECT_EQ(rig.status(), "1");
  }
}

TEST(CtrlC, StopsALongHeapmap) {
  ShellRig rig({.mode = Mode::json, .memory_bytes = std::uint64_t{64} << 20});
  rig.json("alloc 16 -n 50000");
  const std::size_t picture = rig.type("heapmap\r").size();
  for (const std::size_t bytes : {std::size_t{150}, picture / 2, picture + 10'000}) {
    rig.console.interrupt_after_output(bytes);
    const std::string output = rig.type("heapmap -b\r");
    EXPECT_LT(output.size(), picture + 20'000);
    const JsonReply reply = only_reply(output);
    EXPECT_EQ(reply.result["problem"]["kind"].text(), "interrupted");
    EXPECT_EQ(rig.status(), "1");
  }
}

TEST(CtrlC, InPlainModeEndsWithAMarkAndAPrompt) {
  ShellRig rig({.memory_bytes = std::uint64_t{64} << 20});
  rig.run("alloc 16 -n 50000");
  for (const std::string_view line : {"heapmap -b\r", "free all\r", "alloc 16 -n 20000\r"}) {
    rig.console.interrupt_after_output(3000);
    const std::string output = test::with_plain_newlines(rig.type(line));
    EXPECT_NE(output.find("\nerror: interrupted"), std::string::npos) << line;
    EXPECT_TRUE(output.ends_with("\n^C\nheapscope> ")) << output.substr(output.size() - 100);
  }
}

TEST(CtrlC, StopsTheChain) {
  for (const std::string_view join : {"; ", " && ", " || "}) {
    ShellRig rig({.memory_bytes = std::uint64_t{64} << 20});
    rig.run("alloc 16 -n 50000");
    const auto before = rig.heap.stats().allocations;
    rig.console.interrupt_after_output(3000);
    rig.type("heapmap -b" + std::string(join) + "alloc 64; alloc 64\r");
    EXPECT_EQ(rig.heap.stats().allocations, before) << join;
    EXPECT_EQ(rig.plain("echo 1; echo 2"), "1\n2\n");
  }
}

TEST(CtrlC, BetweenCommandsStopsTheChain) {
  ShellRig rig;
  // With the first reply: the echo of the line and its end are 16 bytes.
  rig.console.interrupt_after_output(17);
  EXPECT_EQ(test::with_plain_newlines(rig.type("echo 1; echo 2\r")),
            "echo 1; echo 2\n1\n^C\nheapscope> ");
}

TEST(CtrlC, InAFrameStillClosesTheFrame) {
  for (const Mode mode : {Mode::plain, Mode::json}) {
    ShellRig rig({.mode = mode, .memory_bytes = std::uint64_t{64} << 20});
    rig.run("alloc 16 -n 50000");
    rig.console.interrupt_after_output(3000);
    const std::string output = rig.type("@t heapmap -b; stats\r");
    EXPECT_NE(output.find("\r\n@t END status=1\r\n"), std::string::npos);
    EXPECT_EQ(output.find("fragmentation"), std::string::npos);
  }
}

TEST(CtrlC, BeforeALineIsEnteredDoesNotStopIt) {
  ShellRig rig;
  rig.console.press_ctrl_c();
  rig.console.send("alloc 64; alloc 64\r");
  rig.type({});
  EXPECT_EQ(rig.heap.stats().allocations, 2U);
}

}  // namespace
}  // namespace heapscope::shell
