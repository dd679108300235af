// Scripts: every line of a text that says it is one.
#include <gtest/gtest.h>

#include <string>

#include "shell_rig.hpp"

namespace heapscope::shell {
namespace {

using test::ShellRig;

/// What a script prints, with "\n" at the ends of lines.
std::string output_of(ShellRig& rig, std::string_view text) {
  EXPECT_TRUE(rig.shell.run_script("initrd", text));
  return test::with_plain_newlines(rig.console.take_output());
}

TEST(Script, RunsEveryLineWhateverEndsIt) {
  for (const std::string_view end : {"\n", "\r\n", "\r"}) {
    ShellRig rig;
    std::string script;
    for (const std::string_view line :
         {"#!heapscope", "echo 1", "", "# a comment", "echo 2; echo 3"}) {
      script += std::string(line) + std::string(end);
    }
    EXPECT_EQ(output_of(rig, script), "1\n2\n3\n");
    // A last line without an end is a line.
    EXPECT_EQ(output_of(rig, script + "echo 4"), "1\n2\n3\n4\n");
  }
}

TEST(Script, TheFirstLineAlone) {
  ShellRig rig;
  EXPECT_EQ(output_of(rig, "#!heapscope"), "");
  EXPECT_EQ(output_of(rig, "#!heapscope\n"), "");
  EXPECT_EQ(output_of(rig, "#!heapscope\r\n\r\n"), "");
}

TEST(Script, HasNoPromptAndNoEcho) {
  ShellRig rig;
  EXPECT_EQ(output_of(rig, "#!heapscope\necho 1\n"), "1\n");
}

TEST(Script, StatusFlowsFromLineToLine) {
  ShellRig rig;
  EXPECT_EQ(output_of(rig, "#!heapscope\nnope\necho $?\n\necho $?\n"),
            "unknown command: nope\n127\n0\n");
  EXPECT_EQ(rig.shell.last_status(), 0);
}

TEST(Script, GoesOnBehindErrors) {
  ShellRig rig;
  EXPECT_EQ(output_of(rig, "#!heapscope\nfree a1\necho 'a\nalloc\necho 4\n"),
            "error: there is no block a1\nerror: initrd: line 3: unclosed quote\n"
            "error: alloc needs more arguments\n"
            "usage: alloc SIZE [ALIGN] [-n COUNT] [-t TAG] [-f BYTE]\n4\n");
}

TEST(Script, WhatIsNoScriptIsNotRun) {
  for (const std::string_view text :
       {"", "\n#!heapscope\n", "alloc 64\n", "#!heapscope2\nalloc 64\n", "#!heapscop\nalloc 64\n",
        "#! heapscope\nalloc 64\n", " #!heapscope\nalloc 64\n", "#!/bin/sh\nalloc 64\n"}) {
    ShellRig rig;
    EXPECT_FALSE(rig.shell.run_script("initrd", text)) << text;
    const std::string output = test::with_plain_newlines(rig.console.take_output());
    EXPECT_TRUE(output.starts_with("error: ")) << output;
    EXPECT_EQ(test::split_lines(output).size(), 1U) << output;
    EXPECT_EQ(rig.heap.stats().allocations, 0U) << text;
    rig.set_mode(Mode::json);
    EXPECT_FALSE(rig.shell.run_script("initrd", text)) << text;
    std::string line = test::with_plain_newlines(rig.console.take_output());
    line.pop_back();
    const test::JsonReply reply = test::read_reply(line);
    EXPECT_EQ(reply.command, "initrd");
    EXPECT_EQ(reply.status, 1U);
    EXPECT_EQ(reply.kind(), "not-a-script");
  }
}

TEST(Script, AnyBytesAtAllAreNoScript) {
  ShellRig rig;
  std::string bytes;
  for (int i = 0; i < 5000; ++i) bytes += static_cast<char>(i * 7919 >> 3);
  EXPECT_FALSE(rig.shell.run_script("initrd", bytes));
}

TEST(Script, ALineThatIsTooLongIsNotRun) {
  ShellRig rig;
  std::string line = "echo x";
  line.resize(512, 'x');
  EXPECT_TRUE(output_of(rig, "#!heapscope\n" + line + "\necho 2\n").ends_with("xxx\n2\n"));
  EXPECT_EQ(output_of(rig, "#!heapscope\n" + line + "x\necho 2\n"),
            "error: initrd: line 2: line too long: 512 bytes at most\n2\n");
  EXPECT_EQ(output_of(rig, "#!heapscope\necho " + std::string(100'000, 'x') + "\necho 2\n"),
            "error: initrd: line 2: line too long: 512 bytes at most\n2\n");
  const std::string tag = "@" + std::string(32, 't');
  EXPECT_TRUE(
      output_of(rig, "#!heapscope\n" + tag + " " + line + "\n").ends_with(" END status=0\n"));
  EXPECT_TRUE(
      output_of(rig, "#!heapscope\n" + tag + " " + line + "x\n").ends_with(" END status=2\n"));
}

TEST(Script, FramesInItAreFrames) {
  ShellRig rig;
  EXPECT_EQ(output_of(rig, "#!heapscope\n@1 echo a\n@2 nope\n"),
            "@1 BEGIN\na\n@1 END status=0\n@2 BEGIN\nunknown command: nope\n@2 END status=127\n");
}

TEST(Script, BytesThatCannotBeTypedAreShownSafely) {
  ShellRig rig;
  EXPECT_EQ(output_of(rig, "#!heapscope\necho a\x1b[31m\x07\x7f\xff\n"),
            "a\\x1b[31m\\x07\\x7f\\xff\n");
  rig.set_mode(Mode::json);
  EXPECT_EQ(output_of(rig, "#!heapscope\necho '\x1b\x07\xff\xc3\xa4'\n"),
            "{\"schema\":1,\"command\":\"echo\",\"status\":0,"
            "\"result\":{\"text\":\"\\u001b\\u0007\\ufffd\xc3\xa4\"}}\n");
}

TEST(Script, CtrlCStopsIt) {
  std::string script = "#!heapscope\n";
  for (int i = 0; i < 100; ++i) script += "alloc 64; alloc 64\n";
  ShellRig rig;
  rig.console.interrupt_after_output(1000);
  EXPECT_TRUE(rig.shell.run_script("initrd", script));
  const auto stopped = rig.heap.stats().allocations;
  EXPECT_GT(stopped, 2U);
  EXPECT_LT(stopped, 30U);
  // It ends the script only: what is run next runs.
  (void)rig.console.take_output();
  EXPECT_EQ(rig.shell.run_line("echo 1; echo 2"), 0);
  EXPECT_EQ(rig.console.take_output(), "1\r\n2\r\n");
}

TEST(Script, PoweroffAtTheEndOfOne) {
  ShellRig rig;
  EXPECT_EQ(output_of(rig, "#!heapscope\necho 1; poweroff 5; echo 2\n"), "1\npowering off\n");
  EXPECT_EQ(rig.platform.events(), (std::vector<std::string>{"poweroff 5"}));
  EXPECT_EQ(rig.platform.output_before(), "1\r\npowering off\r\n");
}

TEST(RunLine, IsOneLineAsIfTyped) {
  ShellRig rig;
  EXPECT_EQ(rig.shell.run_line("alloc 64; stats; nope"), 127);
  EXPECT_EQ(rig.heap.stats().allocations, 1U);
  EXPECT_EQ(rig.shell.run_line(""), 0);
  EXPECT_EQ(rig.shell.run_line(std::string(513, '#')), 2);
  EXPECT_EQ(rig.shell.run_line(std::string(512, '#')), 0);
}

TEST(Report, IsOneErrorInEveryMode) {
  ShellRig rig;
  rig.shell.report("boot", "bad-option", "heap.size=12Q: its value is not a size");
  EXPECT_EQ(rig.console.take_output(), "error: heap.size=12Q: its value is not a size\r\n");
  rig.set_mode(Mode::json);
  rig.shell.report("boot", "bad-option", "\"x\"");
  std::string line = test::with_plain_newlines(rig.console.take_output());
  line.pop_back();
  const test::JsonReply reply = test::read_reply(line);
  EXPECT_EQ(reply.command, "boot");
  EXPECT_EQ(reply.status, 1U);
  EXPECT_EQ(reply.kind(), "bad-option");
  EXPECT_EQ(reply.message(), "\"x\"");
}

TEST(Greeting, SaysWhichBuildRunsInPlainModeOnly) {
  ShellRig rig({.heap_bytes = 64 * 1024});
  rig.shell.greet();
  const auto lines = test::split_lines(test::with_plain_newlines(rig.console.take_output()));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], "heapscope 0.1.0 (1a2b3c4d5e6f) on Raspberry Pi 3 Model B");
  EXPECT_TRUE(lines[1].starts_with("bin heap of "));
  ShellRig json_rig({.mode = Mode::json});
  json_rig.shell.greet();
  json_rig.shell.prompt();
  EXPECT_EQ(json_rig.console.take_output(), "");
}

}  // namespace
}  // namespace heapscope::shell
