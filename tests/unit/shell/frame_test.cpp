// Frames: `@TAG command…` puts a BEGIN and an END line around the reply.
#include <gtest/gtest.h>

#include <string>

#include "shell_rig.hpp"

namespace heapscope::shell {
namespace {

using test::ShellRig;

TEST(Frame, SurroundsTheReply) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("@t1 echo hello"), "@t1 BEGIN\nhello\n@t1 END status=0\n");
  EXPECT_EQ(rig.plain("@t2 nope"), "@t2 BEGIN\nunknown command: nope\n@t2 END status=127\n");
  EXPECT_EQ(rig.plain("@t3 free a1"), "@t3 BEGIN\nerror: there is no block a1\n@t3 END status=1\n");
  EXPECT_EQ(rig.plain("@t4 mode x"),
            "@t4 BEGIN\nerror: there is no mode 'x'\nusage: mode [plain|terminal|json]\n@t4 END "
            "status=2\n");
}

TEST(Frame, SurroundsJsonAsWell) {
  ShellRig rig({.mode = Mode::json});
  const auto lines = test::split_lines(test::with_plain_newlines(rig.type("@t stats\r")));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "@t BEGIN");
  EXPECT_EQ(test::read_reply(lines[1]).command, "stats");
  EXPECT_EQ(lines[2], "@t END status=0");
}

TEST(Frame, SurroundsAWholeChain) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("@t echo 1; nope && echo 2"),
            "@t BEGIN\n1\nunknown command: nope\n@t END status=127\n");
  EXPECT_EQ(rig.plain("@t nope || echo $?"),
            "@t BEGIN\nunknown command: nope\n127\n@t END status=0\n");
  rig.set_mode(Mode::json);
  const auto lines = test::split_lines(test::with_plain_newlines(rig.type("@t mode; nope\r")));
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(test::read_reply(lines[1]).command, "mode");
  EXPECT_EQ(test::read_reply(lines[2]).status, 127U);
  EXPECT_EQ(lines[3], "@t END status=127");
}

TEST(Frame, OfALineThatIsMalformed) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("@t alloc 64; echo 'a"),
            "@t BEGIN\nerror: unclosed quote\n@t END status=2\n");
  EXPECT_EQ(rig.heap.stats().allocations, 0U);
  std::string words = "@t echo";
  for (int i = 0; i < 64; ++i) words += " x";
  EXPECT_EQ(rig.plain(words), "@t BEGIN\nerror: too many arguments\n@t END status=2\n");
  words.resize(words.size() - 2);
  EXPECT_TRUE(rig.plain(words).ends_with("x\n@t END status=0\n"));
  rig.set_mode(Mode::json);
  const auto lines = test::split_lines(test::with_plain_newlines(rig.type("@t echo 'a\r")));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(test::read_reply(lines[1]).command, "echo");
  EXPECT_EQ(test::read_reply(lines[1]).kind(), "syntax");
  EXPECT_EQ(lines[2], "@t END status=2");
}

TEST(Frame, OfALineThatIsTooLong) {
  ShellRig rig({.mode = Mode::json});
  const std::string command = "alloc 64 " + std::string(600, '#') + "\r";
  const auto lines = test::split_lines(test::with_plain_newlines(rig.type("@t " + command)));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "@t BEGIN");
  EXPECT_EQ(test::read_reply(lines[1]).kind(), "line-too-long");
  EXPECT_EQ(test::read_reply(lines[1]).command, "alloc");
  EXPECT_EQ(lines[2], "@t END status=2");
  EXPECT_EQ(rig.heap.stats().allocations, 0U);
}

TEST(Frame, OfNothing) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("@t"), "@t BEGIN\n@t END status=0\n");
  EXPECT_EQ(rig.plain("@t   "), "@t BEGIN\n@t END status=0\n");
  EXPECT_EQ(rig.plain("@t # comment"), "@t BEGIN\n@t END status=0\n");
}

TEST(Frame, AnEmptyLineLeavesTheStatusAlone) {
  ShellRig rig;
  rig.plain("nope");
  rig.plain("@t");
  EXPECT_EQ(rig.status(), "127");
}

TEST(Frame, TagsAreWhateverHasNoBlank) {
  ShellRig rig;
  for (const std::string& tag : {std::string("1"), std::string("x-1/2:3"), std::string("@@"),
                                 std::string("\"';&|#$?\\"), std::string(32, 'x')}) {
    const std::string name = "@" + tag;
    EXPECT_EQ(rig.plain(name + " echo 1"), name + " BEGIN\n1\n" + name + " END status=0\n");
  }
  EXPECT_EQ(rig.plain("  @t echo 1"), "@t BEGIN\n1\n@t END status=0\n");
  EXPECT_EQ(rig.plain("@t\techo 1"), "@t BEGIN\n1\n@t END status=0\n");
}

TEST(Frame, BadTagsRunNothing) {
  for (const std::string& tag :
       {std::string("@"), "@" + std::string(33, 'x'), "@" + std::string(400, 'x')}) {
    ShellRig rig;
    const std::string output = rig.plain(tag + " alloc 64");
    EXPECT_TRUE(output.starts_with("error: a frame's tag is 1 to 32 characters")) << output;
    EXPECT_EQ(output.find("BEGIN"), std::string::npos);
    EXPECT_EQ(rig.heap.stats().allocations, 0U);
    EXPECT_EQ(rig.status(), "2");
    rig.set_mode(Mode::json);
    EXPECT_EQ(rig.json(tag + " alloc 64").kind(), "bad-tag");
  }
}

TEST(Frame, AnAtSignElsewhereIsAWord) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("echo @t x"), "@t x\n");
  EXPECT_EQ(rig.plain("'@t' x"), "unknown command: @t\n");
}

TEST(Frame, StatusIsThatOfTheLastCommand) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("@a nope; echo $?"),
            "@a BEGIN\nunknown command: nope\n127\n@a END status=0\n");
  EXPECT_EQ(rig.plain("@b nope"), "@b BEGIN\nunknown command: nope\n@b END status=127\n");
  EXPECT_EQ(rig.plain("@c echo $?"), "@c BEGIN\n127\n@c END status=0\n");
}

TEST(Frame, ModeSwitchesInsideStayInside) {
  ShellRig rig;
  EXPECT_EQ(rig.type("@t mode json\r"),
            "@t mode json\r\n@t BEGIN\r\n"
            "{\"schema\":1,\"command\":\"mode\",\"status\":0,\"result\":{\"mode\":\"json\"}}\r\n"
            "@t END status=0\r\n");
  EXPECT_EQ(rig.type("@t mode plain\r"),
            "@t BEGIN\r\n"
            "{\"schema\":1,\"command\":\"mode\",\"status\":0,\"result\":{\"mode\":\"plain\"}}\r\n"
            "@t END status=0\r\nheapscope> ");
}

TEST(Frame, IsClosedBeforeTheMachineStops) {
  for (const Mode mode : {Mode::plain, Mode::json}) {
    ShellRig rig({.mode = mode});
    rig.type("@t echo 1; poweroff 3; echo 2\r");
    EXPECT_EQ(rig.platform.events(), (std::vector<std::string>{"poweroff 3"}));
    EXPECT_TRUE(rig.platform.output_before().ends_with("\r\n@t END status=0\r\n"))
        << rig.platform.output_before();
  }
}

}  // namespace
}  // namespace heapscope::shell
