// The shell of a broken kernel: the same language, but only the commands that are
// marked safe; and how the usual shell's answer is ended before it.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "shell_rig.hpp"

namespace heapscope::shell {
namespace {

using test::JsonReply;
using test::RigOptions;
using test::ShellRig;

constexpr std::string_view kPrompt = "panic> ";

RigOptions panic_rig(Mode mode = Mode::plain) { return {.mode = mode, .purpose = Purpose::panic}; }

/// What a line answers, its echo and the prompt behind it checked and left out.
std::string answer(ShellRig& rig, std::string_view line) {
  const std::string output = test::with_plain_newlines(rig.type(std::string(line) + "\r"));
  const std::string echo = std::string(line) + "\n";
  EXPECT_TRUE(output.starts_with(echo)) << output;
  EXPECT_TRUE(("\n" + output).ends_with("\n" + std::string(kPrompt))) << output;
  return output.substr(echo.size(), output.size() - echo.size() - kPrompt.size());
}

TEST(PanicShell, TheSafeCommandsAreTheseOnes) {
  const std::vector<std::string_view> safe{"atags",   "bins",  "blocks", "check",   "echo",
                                           "heapmap", "help",  "memmap", "mode",    "poweroff",
                                           "reboot",  "stats", "uptime", "version", "who"};
  std::vector<std::string_view> marked;
  for (const CommandRecord* command : commands()) {
    if (command->safe_in_panic) marked.push_back(command->name);
  }
  std::ranges::sort(marked);
  EXPECT_EQ(marked, safe);
}

TEST(PanicShell, RefusesAllOthersInOneLineAndChangesNothing) {
  ShellRig rig(panic_rig());
  for (const CommandRecord* command : commands()) {
    if (command->safe_in_panic) continue;
    const std::string name(command->name);
    EXPECT_EQ(answer(rig, name + " 64"),
              "error: " + name + " does not work in the panic shell; try help\n");
    EXPECT_EQ(answer(rig, "echo $?"), "1\n");
  }
  EXPECT_EQ(rig.heap.stats().live_blocks, 0U);
}

TEST(PanicShell, RefusesInJsonWithAKindOfItsOwn) {
  ShellRig rig(panic_rig(Mode::json));
  const JsonReply reply = rig.json("alloc 64");
  EXPECT_EQ(reply.command, "alloc");
  EXPECT_EQ(reply.status, 1U);
  EXPECT_EQ(reply.kind(), "not-in-panic");
}

TEST(PanicShell, DoesNotLetAnUnsafeCommandInThroughAnother) {
  ShellRig rig(panic_rig());
  EXPECT_EQ(answer(rig, "time alloc 64"),
            "error: time does not work in the panic shell; try help\n");
}

TEST(PanicShell, HelpListsOnlyWhatWorks) {
  ShellRig rig(panic_rig(Mode::json));
  const auto items = rig.json("help").result["commands"].items();
  EXPECT_EQ(items.size(), 15U);
  for (const auto& item : items) {
    EXPECT_TRUE(find_command(item["name"].text())->safe_in_panic);
  }
  EXPECT_EQ(rig.json("help alloc").status, 0U);
}

TEST(PanicShell, UnderstandsTheWholeLanguage) {
  ShellRig rig(panic_rig());
  EXPECT_EQ(answer(rig, "@t alloc 1 || echo 'a b' $?; nope"),
            "@t BEGIN\nerror: alloc does not work in the panic shell; try help\na b 1\n"
            "unknown command: nope\n@t END status=127\n");
  (void)rig.type("poweroff 9\r");
  EXPECT_EQ(rig.platform.events(), std::vector<std::string>{"poweroff 9"});
}

TEST(PanicShell, SaysOneLineOfAFaultWithoutRegisters) {
  ShellRig rig(panic_rig());
  rig.platform.fault_next();
  EXPECT_EQ(answer(rig, "echo 1"), "1\nerror: data abort at 0x50000000\n");
}

/// In the place of the panic's not coming back.
struct NeverReturns {};

/// What the shell says to a line that it never gets to the end of.
std::string broken_off(ShellRig& rig, std::string_view line) {
  EXPECT_THROW(rig.type(std::string(line) + "\r"), NeverReturns);
  return test::with_plain_newlines(rig.console.take_output());
}

void break_next_command(ShellRig& rig) {
  rig.platform.call_next([&rig] {
    rig.shell.break_off("asked for");
    throw NeverReturns();
  });
}

TEST(BreakOff, InJsonAnswersTheCommandThatPanicked) {
  ShellRig rig({.mode = Mode::json});
  break_next_command(rig);
  const auto lines = test::split_lines(broken_off(rig, "stats; stats"));
  ASSERT_EQ(lines.size(), 1U);
  const JsonReply reply = test::read_reply(lines[0]);
  EXPECT_EQ(reply.command, "stats");
  EXPECT_EQ(reply.status, 1U);
  EXPECT_EQ(reply.kind(), "panic");
  EXPECT_EQ(reply.message(), "asked for");
}

TEST(BreakOff, InJsonEndsAnAnswerThatWasBegun) {
  ShellRig rig({.mode = Mode::json});
  rig.console.call_at("\"free_blocks\":1", [&rig] {
    rig.shell.break_off("asked for");
    throw NeverReturns();
  });
  const auto lines = test::split_lines(broken_off(rig, "@t stats"));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "@t BEGIN");
  const JsonReply reply = test::read_reply(lines[1]);
  EXPECT_EQ(reply.result["problem"]["kind"].text(), "panic");
  EXPECT_EQ(lines[2], "@t END status=1");
}

TEST(BreakOff, InPlainEndsTheFrameAlone) {
  ShellRig rig;
  break_next_command(rig);
  EXPECT_EQ(broken_off(rig, "@t uptime"), "@t uptime\n@t BEGIN\n@t END status=1\n");
}

TEST(BreakOff, BetweenCommandsSaysNothing) {
  for (const Mode mode : {Mode::plain, Mode::json}) {
    ShellRig rig({.mode = mode});
    (void)rig.type("@t stats\r");
    rig.shell.break_off("asked for");
    EXPECT_EQ(rig.console.take_output(), "");
  }
}

}  // namespace
}  // namespace heapscope::shell
