// The line discipline: what ends a line, what erases, what rings, what is echoed.
#include "shell/line_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fake_console.hpp"
#include "shell/key_decoder.hpp"
#include "shell_rig.hpp"

namespace heapscope::shell {
namespace {

constexpr char kBell = '\a';
const std::string kErased = "\b \b";

/// A reader that starts a new line behind each one, as the shell does.
class Typist {
 public:
  explicit Typist(std::size_t start_column = 0) { reader.set_start_column(start_column); }

  /// Types; returns what was echoed.
  std::string type(std::string_view bytes) {
    for (const char c : bytes) {
      const auto key = decoder.feed(static_cast<std::uint8_t>(c));
      if (!key || !reader.take(*key)) continue;
      lines.emplace_back(line.text());
      too_long.push_back(line.too_long());
      line.clear();
    }
    return console.take_output();
  }

  test::FakeConsole console;
  KeyDecoder decoder;
  LineBuffer line;
  LineReader reader{console, line};
  std::vector<std::string> lines;
  std::vector<bool> too_long;
};

std::vector<std::string> lines_of(std::string_view bytes) {
  Typist typist;
  typist.type(bytes);
  return typist.lines;
}

using Lines = std::vector<std::string>;

TEST(LineReader, EveryKindOfLineEndEndsALineOnce) {
  EXPECT_EQ(lines_of("a\rb\r"), (Lines{"a", "b"}));
  EXPECT_EQ(lines_of("a\nb\n"), (Lines{"a", "b"}));
  EXPECT_EQ(lines_of("a\r\nb\r\n"), (Lines{"a", "b"}));
  EXPECT_EQ(lines_of("a\r\rb\r"), (Lines{"a", "", "b"}));
  EXPECT_EQ(lines_of("a\n\nb\n"), (Lines{"a", "", "b"}));
  EXPECT_EQ(lines_of("a\n\rb\r"), (Lines{"a", "", "b"}));
  EXPECT_EQ(lines_of("a\r\n\r\nb\r\n"), (Lines{"a", "", "b"}));
  EXPECT_EQ(lines_of("a\r\n\nb\n"), (Lines{"a", "", "b"}));
  EXPECT_EQ(lines_of("a\r\r\nb\r"), (Lines{"a", "", "b"}));
}

TEST(LineReader, ALineFeedIsSwallowedOnlyRightBehindItsCarriageReturn) {
  EXPECT_EQ(lines_of("a\rb\n"), (Lines{"a", "b"}));
  EXPECT_EQ(lines_of("a\r\x08\n"), (Lines{"a", ""}));
}

TEST(LineReader, EchoesTypedBytesAsTheyAreAndEveryLineEndAsCrLf) {
  Typist typist;
  EXPECT_EQ(typist.type("alloc 64"), "alloc 64");
  EXPECT_EQ(typist.type("\r"), "\r\n");
  EXPECT_EQ(typist.type("\n"), "");  // The second half of CRLF.
  EXPECT_EQ(typist.type("x\n"), "x\r\n");
  std::string all;
  for (char c = 0x20; c < 0x7f; ++c) all += c;
  EXPECT_EQ(typist.type(all), all);
}

TEST(LineReader, BackspaceAndDeleteEraseOneCharacter) {
  Typist typist;
  EXPECT_EQ(typist.type("ab\x08"), "ab" + kErased);
  EXPECT_EQ(typist.type("\x7f"), kErased);
  EXPECT_EQ(typist.type("cd\x7f\x08xy\r"), "cd" + kErased + kErased + "xy\r\n");
  EXPECT_EQ(typist.lines, (Lines{"xy"}));
}

TEST(LineReader, ErasingAtAnEmptyLineRingsAndErasesNothing) {
  for (const std::string_view erase : {"\x08", "\x7f"}) {
    Typist typist(11);
    EXPECT_EQ(typist.type(erase), "\a");
    EXPECT_EQ(typist.type(std::string("a") + std::string(erase) + std::string(erase)),
              "a" + kErased + "\a");
    typist.type("ok\r");
    EXPECT_EQ(typist.lines, (Lines{"ok"}));
  }
}

TEST(LineReader, WhatIsNoTextRingsAndIsNotTaken) {
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = byte >= 0x20 && byte < 0x7f;
    const bool key = std::string_view("\b\t\n\r\x15\x1b\x7f").find(static_cast<char>(byte)) !=
                     std::string_view::npos;
    // A lone byte that begins a character waits for the rest of it.
    if (printable || key) continue;
    Typist typist;
    const std::string typed{'a', static_cast<char>(byte), 'b', '\r'};
    EXPECT_EQ(typist.type(typed), (std::string{'a', kBell, 'b', '\r', '\n'})) << "byte " << byte;
    EXPECT_EQ(typist.lines, (Lines{"ab"})) << "byte " << byte;
  }
}

TEST(LineReader, TakesThe512thByteAndRingsAtThe513th) {
  Typist typist;
  const std::string most(512, 'x');
  EXPECT_EQ(typist.type(most), most);
  EXPECT_EQ(typist.type("y"), "\a");
  EXPECT_EQ(typist.type("zz"), "\a\a");
  typist.type("\r");
  EXPECT_EQ(typist.lines, (Lines{most}));
  EXPECT_EQ(typist.too_long, (std::vector<bool>{true}));
}

TEST(LineReader, ALineOfExactly512BytesIsNotTooLong) {
  Typist typist;
  typist.type(std::string(512, 'x') + "\r");
  EXPECT_EQ(typist.too_long, (std::vector<bool>{false}));
}

TEST(LineReader, ErasingWhatHasRoomAgainIsNotTooLong) {
  for (const std::string_view erase : {"\x08", "\x7f", "\x15"}) {
    Typist typist;
    typist.type(std::string(520, 'x') + std::string(erase) + "a\r");
    EXPECT_EQ(typist.too_long, (std::vector<bool>{false}));
    typist.type("b\r");
    EXPECT_EQ(typist.lines.back(), "b");
  }
}

TEST(LineReader, TooLongIsForgottenWithTheLine) {
  Typist typist;
  typist.type(std::string(600, 'x') + "\rab\r");
  EXPECT_EQ(typist.too_long, (std::vector<bool>{true, false}));
  EXPECT_EQ(typist.lines.back(), "ab");
}

TEST(LineReader, AFramesTagAndItsBlankDoNotCount) {
  for (const std::size_t tag_size : {std::size_t{1}, std::size_t{7}, LineBuffer::kMaxTag}) {
    for (const char blank : {' ', '\t'}) {
      Typist typist;
      typist.type("@" + std::string(tag_size, 't') + blank + std::string(512, 'x'));
      EXPECT_EQ(typist.type("y"), "\a") << tag_size;
      typist.type("\x7f\r");
      EXPECT_FALSE(typist.too_long[0]) << tag_size;
      EXPECT_EQ(typist.lines[0].size(), 1 + tag_size + 1 + 511) << tag_size;
    }
  }
}

TEST(LineReader, ALongerTagGetsNoMoreRoomThanTheLongestTag) {
  Typist typist;
  typist.type("@" + std::string(700, 't') + "\r");
  EXPECT_TRUE(typist.too_long[0]);
  EXPECT_LE(typist.lines[0].size(), 512 + LineBuffer::kMaxTag + 1);
}

TEST(LineReader, AnAtSignFurtherOnIsNoTag) {
  Typist typist;
  typist.type("x@t " + std::string(508, 'x'));
  EXPECT_EQ(typist.type("y"), "\a");
}

TEST(LineReader, TabsAreEchoedAndErasedOverTheirColumns) {
  // With the prompt of 11 columns: the first tab goes from 11 to 16.
  Typist typist(11);
  EXPECT_EQ(typist.type("\t"), "\t");
  EXPECT_EQ(typist.type("\x7f"), kErased + kErased + kErased + kErased + kErased);
  // "abcde" ends at 16, so that a tab there is 8 wide.
  typist.type("abcde\t");
  std::string eight;
  for (int i = 0; i < 8; ++i) eight += kErased;
  EXPECT_EQ(typist.type("\x7f"), eight);
  // At 15 it is one wide, and what is before it is erased as ever.
  typist.type("\x7f\t");
  EXPECT_EQ(typist.type("\x7f\x7f\x7f"), kErased + kErased + kErased);
  typist.type("c\td\r");
  EXPECT_EQ(typist.lines, (Lines{"abc\td"}));
}

/// A terminal that knows what echo needs: where the cursor is, and what is there.
std::string screen_after(std::string_view output, std::size_t start_column) {
  std::string screen(200, ' ');
  std::size_t column = start_column;
  for (const char c : output) {
    if (c == '\b') {
      --column;
    } else if (c == '\t') {
      column = column / 8 * 8 + 8;
    } else if (c != '\a') {
      screen[column++] = c;
    }
  }
  screen.resize(column);
  return screen;
}

TEST(LineReader, TheScreenShowsTheLineAfterAnyErasing) {
  Typist typist(11);
  std::string output;
  for (const std::string_view typed :
       {"a\tb\tcd", "\x7f\x7f", "\x7f", "xy\t\t", "\x08", "\x7f\x7f", "\t1\t2\t3", "\x15", "\tq"}) {
    output += typist.type(typed);
    const std::string line(typist.line.text());
    EXPECT_EQ(screen_after(output, 11), screen_after(line, 11)) << line;
  }
}

TEST(LineReader, CtrlUErasesTheLine) {
  Typist typist;
  EXPECT_EQ(typist.type("abc\x15"), "abc" + kErased + kErased + kErased);
  EXPECT_EQ(typist.type("d\r"), "d\r\n");
  EXPECT_EQ(typist.lines, (Lines{"d"}));
  EXPECT_EQ(typist.type("\x15"), "");  // Nothing to erase is no mistake here.
}

TEST(LineReader, KeysThatSendEscapeSequencesRingOnceAndLeaveNothing) {
  for (const std::string_view key : {"\x1b[A", "\x1b[D", "\x1bOA", "\x1bOH", "\x1b[H", "\x1b[3~",
                                     "\x1b[15~", "\x1b[1;5C", "\x1b[?1;2c", "\x1b[[A", "\x1b[[E"}) {
    Typist typist;
    const std::string typed = "a" + std::string(key) + "b\r";
    EXPECT_EQ(typist.type(typed), "a\ab\r\n") << key.substr(1);
    EXPECT_EQ(typist.lines, (Lines{"ab"})) << key.substr(1);
  }
}

TEST(LineReader, WhatATerminalAnswersAndTheMarksOfAPasteAreSwallowedSilently) {
  for (const std::string_view sequence :
       {"\x1b[12;40R", "\x1b[0n", "\x1b[8;24;80t", "\x1b[200~", "\x1b[201~"}) {
    Typist typist;
    EXPECT_EQ(typist.type("a" + std::string(sequence) + "b\r"), "ab\r\n") << sequence.substr(1);
    EXPECT_EQ(typist.lines, (Lines{"ab"})) << sequence.substr(1);
  }
}

TEST(LineReader, CharactersBeyondAsciiAreEchoedExactlyAndErasedWhole) {
  Typist typist;
  EXPECT_EQ(typist.type("a\u00e9\u4e2d\U0001f600b"), "a\u00e9\u4e2d\U0001f600b");
  EXPECT_EQ(typist.type("\x7f\x7f"), kErased + kErased + kErased);
  EXPECT_EQ(typist.type("\x7f\x7f"), kErased + kErased + kErased);
  typist.type("\r");
  EXPECT_EQ(typist.lines, (Lines{"a"}));
}

TEST(LineReader, BytesThatAreNoCharacterRing) {
  for (const std::string_view bytes : {"\xc3", "\xe2\x82", "\x80", "\xff", "\xf0\x9f\x98"}) {
    Typist typist;
    EXPECT_EQ(typist.type("a" + std::string(bytes) + "b\r"), "a\ab\r\n");
    EXPECT_EQ(typist.lines, (Lines{"ab"}));
  }
  Typist typist;
  EXPECT_EQ(typist.type("a\u009bb\u0080\r"), "a\ab\a\r\n");
}

TEST(LineReader, ALoneEscapeRingsAndTheNextKeyIsTaken) {
  Typist typist;
  EXPECT_EQ(typist.type("a\x1b"), "a");
  EXPECT_EQ(typist.type("xb\r"), "\axb\r\n");
  EXPECT_EQ(typist.type("\x1b"
                        "bd\r"),
            "\abd\r\n");
  EXPECT_EQ(typist.lines, (Lines{"axb", "bd"}));
}

TEST(LineReader, EscapeBeforeAnArrowKeyLeavesNothingOfTheArrow) {
  Typist typist;
  EXPECT_EQ(typist.type("a\x1b\x1b[Ab\r"), "a\ab\r\n");
  EXPECT_EQ(typist.type("a\x1b\x1b\x1bOHb\r"), "a\ab\r\n");
  EXPECT_EQ(typist.lines, (Lines{"ab", "ab"}));
}

TEST(LineReader, ALineEndInsideAnEscapeSequenceStillEndsTheLine) {
  for (const std::string_view begun : {"\x1b", "\x1b[", "\x1b[1;", "\x1bO"}) {
    Typist typist;
    typist.type("a" + std::string(begun) + "\rb\r");
    EXPECT_EQ(typist.lines, (Lines{"a", "b"})) << begun.substr(1);
  }
}

TEST(LineReader, EraseBehindALoneEscapeErases) {
  Typist typist;
  EXPECT_EQ(typist.type("ab\x1b\x7f"), "ab\a" + kErased);
}

TEST(LineReader, WithoutEchoNothingIsSentAndEditingStillWorks) {
  Typist typist;
  typist.reader.set_echo(false);
  EXPECT_EQ(typist.type("\x7f\x01\x80" + std::string(513, 'x') + "\x15" + "ab\tc\x7f\x1b[A\r\n"),
            "");
  EXPECT_EQ(typist.lines, (Lines{"ab\t"}));
}

TEST(LineReader, TheShellSaysThatALineIsTooLongAndDoesNotRunIt) {
  for (const std::size_t size : {std::size_t{513}, std::size_t{2000}}) {
    test::ShellRig rig;
    std::string line = "alloc 64 #";
    line.resize(size, 'x');
    const std::string output = rig.type(line + "\r");
    EXPECT_NE(output.find("\r\nerror: line too long"), std::string::npos);
    EXPECT_EQ(rig.heap.stats().live_blocks, 0U);
    EXPECT_EQ(rig.status(), "2");
  }
}

TEST(LineReader, ALineThatHasRoomAgainRuns) {
  test::ShellRig rig;
  std::string line = "alloc 64 #";
  line.resize(513, 'x');
  const std::string output = rig.type(line + "\x7f\r");
  EXPECT_EQ(output.find("error"), std::string::npos);
  EXPECT_EQ(rig.heap.stats().live_blocks, 1U);
  EXPECT_EQ(rig.status(), "0");
}

TEST(LineReader, AFramedLineOf512BytesRuns) {
  test::ShellRig rig;
  std::string line = "alloc 64 #";
  line.resize(512, 'x');
  const std::string tag(32, 't');
  EXPECT_NE(rig.type("@" + tag + " " + line + "\r").find("END status=0\r\n"), std::string::npos);
  EXPECT_EQ(rig.heap.stats().live_blocks, 1U);
  EXPECT_NE(rig.type("@" + tag + " " + line + "y\r").find("END status=2\r\n"), std::string::npos);
  EXPECT_EQ(rig.heap.stats().live_blocks, 1U);
}

}  // namespace
}  // namespace heapscope::shell
