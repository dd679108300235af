// What is sent, byte by byte: line ends, no escapes, 80 columns; and hostile
// texts made harmless.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "shell_rig.hpp"
#include "tests/unit/atags/tag_words.hpp"

namespace heapscope::shell {
namespace {

using test::ShellRig;

/// Lines that between them make every command print all it can.
const std::vector<std::string> kLines{
    "help",
    "help alloc",
    "help allocator",
    "help atags",
    "help echo",
    "help free",
    "help heapmap",
    "help help",
    "help memmap",
    "help mode",
    "help poweroff",
    "help reboot",
    "help stats",
    "help time",
    "help uptime",
    "help version",
    "help nope",
    "help compare",
    "help replay",
    "alloc --help",
    "stats -h",
    "alloc 64",
    "alloc 100 4096 -t page",
    "alloc 1K -n 8 -f 0xaa -t 1234567890123456789012",
    "alloc 0",
    "alloc 3G",
    "alloc 3G 4096",
    "alloc 600M",
    "alloc 600M",
    "alloc 500M -n 2",
    "alloc 16 3",
    "alloc 18446744073709551615",
    "alloc 18446744073709551616",
    "alloc 16 -n 4294967295",
    "alloc 16 -t 12345678901234567890123456789012",
    "alloc",
    "alloc -x",
    "stats",
    "heapmap",
    "heapmap -b",
    "heapmap -w 32 -r 4",
    "heapmap a1 -b",
    "heapmap 0x10000000 64K",
    "heapmap x",
    "atags",
    "atags -x",
    "memmap",
    "free a1",
    "free a1",
    "free a99",
    "free 0",
    "free x",
    "free a3 a3",
    "free -t page",
    "free -t page",
    "free all",
    "free all",
    "allocator",
    "allocator slab",
    "allocator bin 3G",
    "allocator bin 1",
    "allocator bump 64K",
    "alloc 100 -n 3",
    "alloc 40K -n 3",
    "heapmap -b",
    "stats",
    "free 0x200001",
    "memmap",
    "allocator bin all",
    "mode",
    "mode xml",
    "uptime",
    "version",
    "version -v",
    "time stats",
    "time nope",
    "echo hello",
    "nope",
    "echo 'a",
    "echo \\",
    "a & b",
    "a &&",
    "@t stats",
    "@ stats",
    "poweroff 256",
    "poweroff",
    "reboot",
};

/// Types all lines and returns everything that was sent.
std::string everything(ShellRig& rig) {
  std::string output;
  rig.shell.greet();
  for (const std::string& line : kLines) output += rig.type(line + "\r");
  output += rig.type("echo " + std::string(600, 'x') + "\r");
  output += rig.type("alloc 64");
  output += rig.ctrl_c();
  return output;
}

test::RigOptions whole_pi() {
  return {.memory_bytes = std::uint64_t{900} << 20, .command_line = atags::test::kPi3CommandLine};
}

TEST(PrintedText, EveryLineEndsWithCrLfInEveryMode) {
  for (const Mode mode : {Mode::plain, Mode::json}) {
    test::RigOptions options = whole_pi();
    options.mode = mode;
    ShellRig rig(options);
    EXPECT_NO_THROW((void)test::with_plain_newlines(everything(rig)));
  }
}

TEST(PrintedText, IsPrintableAsciiAndTheBell) {
  for (const Mode mode : {Mode::plain, Mode::json}) {
    test::RigOptions options = whole_pi();
    options.mode = mode;
    ShellRig rig(options);
    for (const char c : everything(rig)) {
      const bool allowed =
          (c >= 0x20 && c < 0x7f) || c == '\r' || c == '\n' || (c == '\a' && mode == Mode::plain);
      ASSERT_TRUE(allowed) << static_cast<int>(c);
    }
  }
}

TEST(PrintedText, PlainFitsIn80Columns) {
  ShellRig rig(whole_pi());
  rig.shell.greet();
  std::string output = rig.console.take_output();
  for (const std::string& line : kLines) output += rig.plain(line);
  std::string unix_output;
  std::ranges::remove_copy(output, std::back_inserter(unix_output), '\r');
  for (const std::string& line : test::split_lines(unix_output)) {
    EXPECT_LE(line.size(), 80U) << line;
  }
}

TEST(PrintedText, APictureWiderThanTheScreenIsWhatWasAskedFor) {
  ShellRig rig(whole_pi());
  const auto lines = test::split_lines(rig.plain("heapmap -w 200 -r 2"));
  EXPECT_EQ(std::ranges::max(lines, {}, &std::string::size).size(), 12U + 200);
}

TEST(PrintedText, EveryReplyInJsonModeIsOneLine) {
  test::RigOptions options = whole_pi();
  options.mode = Mode::json;
  ShellRig rig(options);
  for (const std::string& line : kLines) {
    for (const std::string& reply :
         test::split_lines(test::with_plain_newlines(rig.type(line + "\r")))) {
      if (reply.starts_with('@')) continue;
      EXPECT_NO_THROW((void)test::read_reply(reply)) << line << ": " << reply;
    }
  }
}

const std::string kHostile =
    "a\x1b[2J\x07\x9b"
    "31m\xc2\x9b\xff\"\\\x7f\r\nz";

TEST(PrintedText, AHostileCommandLineIsHarmlessInPlainMode) {
  ShellRig rig({.command_line = kHostile});
  for (const std::string_view command : {"atags", "atags -x"}) {
    const std::string output = rig.plain(command);
    EXPECT_NE(output.find("a\\x1b[2J\\x07\\x9b31m\\xc2\\x9b\\xff\"\\\\x7f\\x0d\\x0az"),
              std::string::npos)
        << output;
    for (const char c : output) ASSERT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7f));
  }
}

TEST(PrintedText, AHostileCommandLineIsParseableInJson) {
  ShellRig rig({.mode = Mode::json, .command_line = kHostile});
  const test::JsonReply reply = rig.json("atags");
  const std::string expected = "a\x1b[2J\x07\ufffd31m\xc2\x9b\ufffd\"\\\x7f\r\nz";
  EXPECT_EQ(reply.result["tags"][2]["text"].text(), expected);
  EXPECT_EQ(reply.result["command_line"].text(), expected);
  // What reaches the line has no byte that a terminal would obey.
  for (const char c : rig.type("atags\r")) {
    EXPECT_TRUE(c == '\r' || c == '\n' || static_cast<unsigned char>(c) >= 0x20);
    EXPECT_NE(c, 0x7f);
  }
}

TEST(PrintedText, EveryByteInACommandLineCanBeReadBackFromJson) {
  std::string text;
  for (int byte = 1; byte < 256; ++byte) text += static_cast<char>(byte);
  ShellRig rig({.mode = Mode::json, .command_line = text});
  const std::string read = rig.json("atags").result["command_line"].text();
  EXPECT_EQ(read.substr(0, 127), text.substr(0, 127));
  std::string replaced;
  for (int i = 0; i < 128; ++i) replaced += "\ufffd";
  EXPECT_EQ(read.substr(127), replaced);
}

TEST(PrintedText, Utf8InACommandLineIsKeptInJson) {
  const std::string valid = "\u00e4\u20ac\ud7ff\ue000\uffff\U0001f600\U0010ffff";
  const std::string wrong =
      "\xc0\x80|\xc1\xbf|\xe0\x80\x80|\xed\xa0\x80|\xf0\x80\x80\x80|\xf4\x90\x80\x80|\xf5|"
      "\xe2\x82|";
  ShellRig rig({.mode = Mode::json, .command_line = valid + wrong + "\xf0\x9f"});
  const std::string read = rig.json("atags").result["command_line"].text();
  EXPECT_TRUE(read.starts_with(valid));
  std::string replaced;
  for (const char c : wrong + "\xf0\x9f") replaced += c == '|' ? "|" : "\ufffd";
  EXPECT_EQ(read.substr(valid.size()), replaced);
}

TEST(PrintedText, ALongCommandLineIsWrappedAndNothingOfItIsLost) {
  ShellRig rig({.command_line = atags::test::kPi3CommandLine});
  // Each line is broken where a blank was.
  std::string joined;
  for (const std::string& line : test::split_lines(rig.plain("atags"))) {
    joined += line.substr(std::min(line.find_first_not_of(' '), line.size())) + " ";
  }
  const std::string text(atags::test::kPi3CommandLine);
  EXPECT_NE(joined.find("text=" + text + " NONE"), std::string::npos) << joined;
}

TEST(Prompt, IsAtColumnZeroBehindEveryReply) {
  ShellRig rig;
  for (const std::string& line : kLines) {
    const std::string output = rig.type(line + "\r");
    EXPECT_TRUE(output.ends_with("\r\nheapscope> ")) << line << ": " << output;
  }
}

TEST(Prompt, AnEmptyLineJustPromptsAgain) {
  ShellRig rig;
  EXPECT_EQ(rig.type("\r"), "\r\nheapscope> ");
  EXPECT_EQ(rig.type("\n"), "");  // The other half of CRLF.
  EXPECT_EQ(rig.type("\n"), "\r\nheapscope> ");
  EXPECT_EQ(rig.type("  \t\r"), "  \t\r\nheapscope> ");
}

TEST(Prompt, CannotBeErased) {
  ShellRig rig;
  EXPECT_EQ(rig.type("ab\x7f\x7f\x7f\x7f"), "ab\b \b\b \b\a\a");
}

TEST(Prompt, CountsForTheColumnsOfATab) {
  ShellRig rig;
  EXPECT_EQ(rig.type("\t\x7f"), "\t\b \b\b \b\b \b\b \b\b \b");  // From 16 back to 11.
}

}  // namespace
}  // namespace heapscope::shell
