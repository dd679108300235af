// Variables in lines, `source` and `set -e`, and the commands that run others.
#include <gtest/gtest.h>

#include <string>

#include "shell_rig.hpp"

namespace heapscope::shell {
namespace {

using test::JsonReply;
using test::ShellRig;
using Texts = std::vector<std::string>;

/// What typed lines give in plain mode: all that is sent, with "\n" at line ends.
std::string typed(ShellRig& rig, std::string_view lines) {
  return test::with_plain_newlines(rig.type(lines));
}

/// The replies to typed lines in json mode, as "command status".
Texts answers(ShellRig& rig, std::string_view lines) {
  Texts all;
  for (const std::string& line : test::split_lines(typed(rig, lines))) {
    const JsonReply reply = test::read_reply(line);
    all.push_back(reply.command + " " + std::to_string(reply.status));
  }
  return all;
}

// ---- set ----

TEST(SetCommand, SetsListsAndForgets) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("set"), "none\n");
  EXPECT_EQ(rig.plain("set x 5; echo $x"), "5\n");
  EXPECT_EQ(rig.plain("set x \"$x 6\"; echo '$x' \"${x}\"$x"), "$x 5 65 6\n");
  EXPECT_EQ(rig.plain("set Y -1; set"),
            "name              value\nY                 -1\nx                 5 6\n");
  EXPECT_EQ(rig.plain("unset x; unset x; echo $x"), "error: there is no variable x\n");
  EXPECT_EQ(rig.status(), "2");
}

TEST(SetCommand, RefusesWhatIsNoNameOrHasNoValue) {
  ShellRig rig({.mode = Mode::json});
  for (const std::string_view line : {"set x", "set 1x 2", "set '' 2", "set x-y 2", "set last a1",
                                      "set -x", "set x 1 2", "set -e 1", "unset", "unset a b"}) {
    EXPECT_EQ(rig.json(line).status, 2U) << line;
  }
  EXPECT_EQ(rig.variables.size(), 0U);
}

TEST(SetCommand, SaysThatItIsFull) {
  ShellRig rig({.mode = Mode::json});
  for (int i = 0; i < 32; ++i) rig.json("set v" + std::to_string(i) + " 1");
  EXPECT_EQ(rig.json("set w 1").message(), "there are 32 variables, which is the most");
  for (int i = 2; i < 32; ++i) rig.json("unset v" + std::to_string(i));
  rig.json("set v0 " + std::string(500, 'x'));
  rig.json("set v1 $v0$v0");
  EXPECT_EQ(rig.json("set w $v1").kind(), "no-room");
  EXPECT_EQ(rig.json("echo $v1$v0").kind(), "too-long");
  EXPECT_EQ(rig.json("echo $v1").result["text"].text(), std::string(1000, 'x'));
}

TEST(Variables, AnUndefinedOneFailsItsCommandOnly) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("alloc $size; echo $? || echo 3"), "error: there is no variable size\n2\n");
  EXPECT_EQ(rig.plain("echo $a || echo 2"), "error: there is no variable a\n2\n");
  EXPECT_EQ(rig.plain("echo 1 || echo $a"), "1\n");
  EXPECT_EQ(rig.heap.stats().allocations, 0U);
  rig.set_mode(Mode::json);
  const JsonReply reply = rig.json("'ec'ho $a");
  EXPECT_EQ(reply.command, "'ec'ho");
  EXPECT_EQ(reply.status, 2U);
  EXPECT_EQ(reply.kind(), "no-variable");
}

TEST(Variables, LastIsTheNewestHandle) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("echo $last"), "error: there is no variable last\n");
  rig.plain("alloc 64");
  EXPECT_EQ(rig.plain("echo $last"), "a1\n");
  rig.plain("alloc 64 -n 3; alloc 1G; alloc 0");
  EXPECT_EQ(rig.plain("echo \"$last\"; free $last; echo ${last}").substr(0, 3), "a4\n");
  EXPECT_EQ(rig.heap.stats().live_blocks, 3U);
}

TEST(UnknownCommand, IsNamedAsTypedInJson) {
  ShellRig rig({.mode = Mode::json});
  const JsonReply reply = rig.json("'n\"p\\e' x");
  EXPECT_EQ(reply.command, "'n\"p\\e'");
  EXPECT_EQ(reply.message(), "unknown command: n\"p\\e");
}

// ---- source <<NAME ----

TEST(Source, RunsTheLinesThatFollow) {
  ShellRig rig;
  EXPECT_EQ(typed(rig, "source <<END\recho 1\r\recho 2; nope\r"),
            "source <<END\n> echo 1\n> \n> echo 2; nope\n> ");
  EXPECT_EQ(typed(rig, "echo $?\rEND\r"),
            "echo $?\n> END\n1\n2\nunknown command: nope\n127\nlines                  4\n"
            "status                 0\nheapscope> ");
  EXPECT_EQ(rig.status(), "0");
}

TEST(Source, HasOneReplyOfItsOwnInJson) {
  ShellRig rig({.mode = Mode::json});
  EXPECT_EQ(answers(rig, "source <<E\ralloc 64\rnope\rE\r"),
            (Texts{"alloc 0", "nope 127", "source 127"}));
  const auto lines = test::split_lines(typed(rig, "source <<E\r# nothing\r\rE\r"));
  ASSERT_EQ(lines.size(), 1U);
  const JsonReply reply = test::read_reply(lines[0]);
  EXPECT_EQ(reply.result["lines"].number(), 2U);
  EXPECT_EQ(rig.status(), std::to_string(reply.result["status"].number()));
}

TEST(Source, CtrlCDropsTheLines) {
  ShellRig rig;
  rig.type("source <<END\ralloc 64\r");
  EXPECT_EQ(rig.ctrl_c(), "^C\r\nheapscope> ");
  EXPECT_EQ(rig.plain("END"), "unknown command: END\n");
  EXPECT_EQ(rig.heap.stats().allocations, 0U);
}

TEST(Source, InAFrameEndsTheFrameBehindTheScript) {
  ShellRig rig;
  EXPECT_EQ(typed(rig, "@t source <<END && echo 3\recho 1\r@u nope\rEND\r"),
            "@t source <<END && echo 3\n> echo 1\n> @u nope\n> END\n@t BEGIN\n1\n@u BEGIN\n"
            "unknown command: nope\n@u END status=127\nlines                  2\n"
            "status                 127\n@t END status=127\nheapscope> ");
}

TEST(Source, ThatIsSkippedRunsNoneOfItsLines) {
  ShellRig rig;
  EXPECT_TRUE(typed(rig, "nope && source <<END\ralloc 64\rEND\r")
                  .ends_with("END\nunknown command: nope\nheapscope> "));
  EXPECT_EQ(rig.heap.stats().allocations, 0U);
}

TEST(Source, OnlyACommandOfTheLineTakesLines) {
  ShellRig rig({.mode = Mode::json});
  EXPECT_EQ(rig.json("echo source <<END").result["text"].text(), "source <<END");
  EXPECT_EQ(rig.json("source '<<END'").kind(), "usage");
  EXPECT_EQ(rig.json("source <<").kind(), "usage");
  EXPECT_EQ(answers(rig, "source <<A; source <<B\recho\rA\r"),
            (Texts{"echo 0", "source 0", "source 2"}));
  EXPECT_EQ(rig.json("source x").kind(), "usage");
  EXPECT_EQ(rig.json("source initrd").kind(), "not-a-script");
  EXPECT_EQ(rig.json("source a1").kind(), "not-allocated");
}

TEST(Source, TooLongATextIsSwallowedAndNotRun) {
  ShellRig rig({.mode = Mode::json});
  std::string lines = "source <<END\ralloc 64\r";
  for (int i = 0; i < 33; ++i) lines += "# " + std::string(498, 'x') + "\r";
  const auto replies = test::split_lines(typed(rig, lines + "END\r"));
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(test::read_reply(replies[0]).kind(), "too-long");
  EXPECT_EQ(rig.heap.stats().allocations, 0U);
  // 32 lines of 501 bytes, 10 bytes and the rest: to the last byte.
  lines = "source <<END\r";
  for (int i = 0; i < 32; ++i) lines += "# " + std::string(498, 'x') + "\r";
  lines += "# " + std::string(349, 'x') + "\r";
  EXPECT_EQ(answers(rig, lines + "END\r"), (Texts{"source 0"}));
  EXPECT_EQ(answers(rig, lines + "\rEND\r"), (Texts{"source 1"}));
}

TEST(Source, ALineThatLostBytesIsNotRun) {
  ShellRig rig;
  const std::string rest = " alloc 64 " + std::string(600, '#') + "\r";
  rig.type("source <<E\r" + rest + "@t" + rest);
  EXPECT_EQ(typed(rig, "E\r"),
            "E\nerror: source: line 1: line too long: 512 bytes at most\n@t BEGIN\n"
            "error: source: line 2: line too long: 512 bytes at most\n@t END status=2\n"
            "lines                  2\nstatus                 2\nheapscope> ");
  EXPECT_EQ(rig.heap.stats().allocations, 0U);
}

TEST(Source, ScriptsHoldScripts) {
  ShellRig rig;
  EXPECT_TRUE(rig.shell.run_script("initrd",
                                   "#!heapscope\nsource <<A\necho 1\nsource <<B\necho 2\nB\n"
                                   "echo 'x\nA\necho 'y\n"));
  EXPECT_EQ(test::with_plain_newlines(rig.console.take_output()),
            "1\n2\nlines                  1\nstatus                 0\n"
            "error: source: line 5: unclosed quote\nlines                  5\n"
            "status                 2\nerror: initrd: line 9: unclosed quote\n");
}

TEST(Source, ATextWithoutItsEndIsNotRun) {
  ShellRig rig;
  rig.shell.run_text("initrd", "source <<END\nalloc 64\n");
  EXPECT_EQ(rig.console.take_output(),
            "error: no line END ends the script; none of it was run\r\n");
  EXPECT_EQ(rig.heap.stats().allocations, 0U);
}

TEST(Source, RunsABlocksTextUpToItsPadding) {
  ShellRig rig;
  rig.plain("alloc 64 -f 0");
  const std::string_view text = "#!heapscope\necho 1\necho $?";
  auto* const block = reinterpret_cast<char*>(rig.handles.find(1)->address);
  text.copy(block, text.size());
  block[text.size() + 1] = '\x1a';
  EXPECT_EQ(rig.plain("source $last"),
            "1\n0\nlines                  3\nstatus                 0\n");
  EXPECT_EQ(rig.plain("repeat 2 source a1").substr(0, 4), "1\n0\n");
  EXPECT_EQ(rig.plain("source " + test::hex(rig.handles.find(1)->address)).substr(0, 4), "1\n0\n");
}

TEST(Source, ABlockThatFreesItselfEndsThere) {
  ShellRig rig;
  rig.plain("alloc 64 -f 0");
  const std::string_view text = "free a1; echo 1\nalloc 64; alloc 64";
  text.copy(reinterpret_cast<char*>(rig.handles.find(1)->address), text.size());
  EXPECT_TRUE(
      rig.plain("source a1").ends_with("\n1\nerror: a1: freed in line 1, where the script ends\n"));
  EXPECT_EQ(rig.status(), "1");
  EXPECT_EQ(rig.heap.stats().allocations, 1U);
}

TEST(Source, IsFourDeepAtMost) {
  ShellRig rig({.mode = Mode::json});
  rig.json("alloc 64 -f 0");
  const std::string_view text = "source a1";
  text.copy(reinterpret_cast<char*>(rig.handles.find(1)->address), text.size());
  EXPECT_EQ(answers(rig, "source a1\r"), Texts(5, "source 1"));
}

TEST(Source, DoesNotWorkInThePanicShell) {
  ShellRig rig({.purpose = Purpose::panic});
  EXPECT_EQ(rig.type("source <<END\r"),
            "source <<END\r\nerror: source does not work in the panic shell; try help\r\npanic> ");
}

TEST(Source, CtrlCStopsTheScript) {
  ShellRig rig({.mode = Mode::json});
  rig.type("source <<END\ralloc 64\rsleep 1000\ralloc 64\r");
  EXPECT_EQ(answers(rig, "END\r"), (Texts{"alloc 0", "sleep 0", "alloc 0", "source 0"}));
  rig.type("source <<END\ralloc 64\rsleep 1000000\ralloc 64\r");
  rig.console.call_at("\"alloc\"", [&] { rig.console.press_ctrl_c(); });
  EXPECT_EQ(answers(rig, "END\r"), (Texts{"alloc 0", "source 1"}));
  EXPECT_EQ(rig.heap.stats().allocations, 3U);
}

TEST(Source, PoweroffInAScriptIsTheLastThingAndEndsTheFrameFirst) {
  ShellRig rig;
  rig.type("@t source <<END\rpoweroff 3\ralloc 64\rEND\r");
  EXPECT_EQ(rig.platform.events(), (Texts{"poweroff 3"}));
  EXPECT_TRUE(rig.platform.output_before().ends_with("@t END status=0\r\n"));
  EXPECT_EQ(rig.heap.stats().allocations, 0U);
}

// ---- set -e ----

TEST(Strict, AScriptStopsAtItsFirstFailureAndSaysWhere) {
  ShellRig rig;
  rig.shell.run_text("initrd", "echo 1\nset -e\n\nfree a1; echo 2\necho 3\n");
  EXPECT_EQ(test::with_plain_newlines(rig.console.take_output()),
            "1\nerror: there is no block a1\nerror: initrd: line 4: stopped at status 1\n");
  EXPECT_EQ(rig.status(), "1");
}

TEST(Strict, StopsAtErrorsOfEveryKind) {
  for (const std::string_view line :
       {"nope", "echo 'a", "echo $a", "@t nope", "@ x", "alloc", "repeat 2 nope", "time nope",
        "echo 1 && nope", "nope || nope", "source <<X\nnope\nX", "nope; echo"}) {
    ShellRig rig({.mode = Mode::json});
    rig.shell.run_text("shell.run", "set -e\n" + std::string(line) + "\nalloc 64\n");
    EXPECT_EQ(rig.heap.stats().allocations, 0U) << line;
    EXPECT_NE(rig.console.take_output().find("shell.run: line 2: stopped at status "),
              std::string::npos)
        << line;
  }
}

TEST(Strict, AFailureThatIsAskedForIsNone) {
  for (const std::string_view line : {"nope || echo", "nope && echo", "echo 1 || nope"}) {
    ShellRig rig;
    rig.shell.run_text("initrd", "set -e\n" + std::string(line) + "\nalloc 64\n");
    EXPECT_EQ(rig.heap.stats().allocations, 1U) << line;
  }
}

TEST(Strict, HoldsToTheScriptsEndOrForScriptsThatFollow) {
  ShellRig rig;
  rig.shell.run_text("initrd", "set -e\n");
  EXPECT_FALSE(rig.shell.strict());
  rig.plain("set -e");
  EXPECT_EQ(rig.plain("nope; echo 1"), "unknown command: nope\n1\n");
  EXPECT_TRUE(typed(rig, "source <<END\rnope\rset +e\rEND\r")
                  .ends_with("error: source: line 1: stopped at status 127\nheapscope> "));
  EXPECT_EQ(rig.status(), "127");
  EXPECT_TRUE(typed(rig, "source <<END\rset +e\rnope\recho 1\rEND\r").find("\n1\nlines") !=
              std::string::npos);
  rig.plain("set +e");
  EXPECT_FALSE(rig.shell.strict());
}

// ---- repeat, watch, sleep, assert ----

TEST(RepeatCommand, RunsACommandWithItsOptions) {
  ShellRig rig({.mode = Mode::json});
  const auto replies = rig.json_lines("repeat 3 -d 20 alloc 64 -n 2 -t x");
  ASSERT_EQ(replies.size(), 4U);
  EXPECT_EQ(replies[2].result["blocks"].size(), 2U);
  EXPECT_EQ(replies[3].result["rounds"].number(), 3U);
  EXPECT_EQ(rig.console.waited_us(), 40'000U);
  EXPECT_EQ(rig.heap.stats().live_blocks, 6U);
}

TEST(RepeatCommand, StopsAtTheFirstFailureAndSaysWhichRound) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("repeat 9 nope; echo $?"),
            "unknown command: nope\nerror: round 1 of 9 ended with status 127\n127\n");
  rig.plain("alloc 64 -n 2");
  EXPECT_TRUE(rig.plain("repeat 3 assert allocations == 3")
                  .ends_with("error: round 1 of 3 ended with status 1\n"));
  rig.plain("repeat 9 free a1");
  EXPECT_EQ(rig.status(), "1");
  EXPECT_EQ(rig.plain("repeat 2 repeat 2 echo 1").substr(0, 4), "1\n1\n");
}

TEST(RepeatCommand, CtrlCEndsIt) {
  ShellRig rig({.mode = Mode::json});
  rig.console.call_at("\"text\":\"x\"", [&] { rig.console.press_ctrl_c(); });
  const auto replies = rig.json_lines("repeat 5 echo x");
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[1].message(), "interrupted in round 1 of 5");
  EXPECT_EQ(rig.status(), "1");
}

TEST(RepeatCommand, RefusesWhatItCannotDo) {
  ShellRig rig({.mode = Mode::json});
  for (const std::string_view line : {"repeat 0 echo", "repeat x echo", "repeat 3", "repeat",
                                      "repeat 2 -d x echo", "repeat 2 -d", "repeat -q 2 echo"}) {
    EXPECT_EQ(rig.json(line).status, 2U) << line;
  }
}

TEST(WatchCommand, SetsBlocksApartInPlainMode) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("watch -c 3 -n 7 echo a"), "a\n---\na\n---\na\nrounds                 3\n");
  EXPECT_EQ(rig.console.waited_us(), 14'000'000U);
  EXPECT_EQ(rig.plain("watch -c 2 nope; echo $?"),
            "unknown command: nope\n---\nunknown command: nope\nrounds                 2\n0\n");
}

TEST(WatchCommand, DrawsOverTheScreenInTerminalMode) {
  ShellRig rig;
  rig.set_mode(Mode::terminal);
  const std::string output = rig.type("watch -c 2 -n 0 echo a\r");
  const std::string round = "\x1b[Ha\x1b[K\r\n\x1b[J";
  EXPECT_NE(output.find(round + round + "rounds                 2\r\n"), std::string::npos)
      << output;
}

TEST(WatchCommand, GivesOneReplyARoundInJson) {
  ShellRig rig({.mode = Mode::json});
  EXPECT_EQ(answers(rig, "watch -c 2 stats\r"), (Texts{"stats 0", "stats 0", "watch 0"}));
}

TEST(WatchCommand, EndsWithCtrlC) {
  ShellRig rig({.mode = Mode::json});
  rig.console.call_at("\"stats\"", [&] { rig.console.press_ctrl_c(); });
  const auto replies = rig.json_lines("watch stats");
  EXPECT_EQ(replies.back().command, "watch");
  EXPECT_EQ(replies.back().status, 0U);
  EXPECT_EQ(rig.status(), "0");
  for (const std::string_view line : {"watch", "watch -n x echo", "watch -c 0 echo"}) {
    EXPECT_EQ(rig.json(line).status, 2U) << line;
  }
}

TEST(SleepCommand, WaitsAndIsInterrupted) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("sleep 250"), "");
  EXPECT_EQ(rig.console.waited_us(), 250'000U);
  rig.console.interrupt_at_check(10);
  EXPECT_EQ(typed(rig, "sleep 10\r"), "sleep 10\nerror: interrupted\n^C\nheapscope> ");
  EXPECT_EQ(rig.plain("sleep x"), "error: MS: 'x' is not a number\nusage: sleep MS\n");
}

TEST(AssertCommand, HoldsOrSaysWhatTheFiguresAre) {
  ShellRig rig;
  rig.plain("alloc 60 -n 3");
  EXPECT_EQ(rig.plain("assert live_blocks == 3"), "");
  EXPECT_EQ(rig.plain("assert 'used_bytes-requested_bytes<=12' && echo ok"), "ok\n");
  EXPECT_EQ(rig.plain("assert live_blocks == 0; echo $?"),
            "error: assert: live_blocks == 0 does not hold: live_blocks is 3\n1\n");
  EXPECT_EQ(rig.plain("assert frees + live_blocks > 2 * live_blocks"),
            "error: assert: frees + live_blocks > 2 * live_blocks does not hold: frees is 0, "
            "live_blocks is 3\n");
  EXPECT_EQ(rig.plain("assert 1 == 2"), "error: assert: 1 == 2 does not hold\n");
  EXPECT_EQ(rig.plain("assert live_blocks"),
            "error: a comparison is missing: == != < <= > or >=\nusage: assert EXPRESSION\n");
  rig.set_mode(Mode::json);
  EXPECT_EQ(rig.json("assert live_blocks == 0").kind(), "assertion");
  EXPECT_EQ(rig.json("assert bins == 0").message(), "stats has no figure bins");
  EXPECT_EQ(rig.json("assert 1 / frees == 0").kind(), "division-by-zero");
}

TEST(AssertCommand, KnowsEveryFigureOfStats) {
  ShellRig rig({.mode = Mode::json});
  rig.json_lines("alloc 100 -n 5; free a2");
  const test::Json stats = rig.json("stats").result;
  std::size_t figures = 0;
  for (const std::string& name : stats.names()) {
    if (name == "allocator" || name == "hardening" || name == "bins") continue;
    const bool address = name == "start" || name == "end";
    const std::string value = address ? stats[name].text() : std::to_string(stats[name].number());
    EXPECT_EQ(rig.json("assert " + name + " == " + value).status, 0U) << name;
    ++figures;
  }
  EXPECT_EQ(figures, 14U);
}

}  // namespace
}  // namespace heapscope::shell
