// Terminal mode's editing, as a terminal shows it: every key, wrapping, history,
// completion and hints, on screens of several sizes.
#include "shell/line_editor.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "screen.hpp"
#include "shell_rig.hpp"

namespace heapscope::shell {
namespace {

using test::Screen;
using test::ShellRig;

const std::string kPrompt(Shell::kPrompt);

/// A person at a terminal of a size that the shell has been told.
class Terminal {
 public:
  explicit Terminal(std::size_t columns = 80, std::size_t rows = 24) : screen(columns, rows) {
    // What the rig swallowed.
    screen.feed(kPrompt);
    rig.console.send("mode terminal\r");
    type("\x1b[" + std::to_string(rows) + ";" + std::to_string(columns) + "R");
    type("\x0c");
    type("\x1b[" + std::to_string(rows) + ";" + std::to_string(columns) + "R");
  }

  /// Types and lets the shell come to rest. Returns what was sent.
  std::string type(std::string_view bytes) {
    const std::string sent = rig.type(bytes);
    if (rig.shell.wants_pause()) rig.shell.pause();
    const std::string idle = rig.type({});
    screen.feed(sent);
    screen.feed(idle);
    return sent + idle;
  }
  /// The row that the cursor is in.
  [[nodiscard]] std::string here() const { return screen.row(screen.cursor_row()); }
  [[nodiscard]] std::size_t column() const { return screen.cursor_column() - kPrompt.size(); }

  ShellRig rig{{.heap_bytes = 256 * 1024}};
  Screen screen;
};

TEST(LineEditor, TypingAtTheEndEchoesExactlyTheBytes) {
  Terminal terminal;
  EXPECT_EQ(terminal.type("a"), "a");
  EXPECT_EQ(terminal.type("llo\u00e9"), "llo\u00e9");
  EXPECT_EQ(terminal.here(), kPrompt + "allo\u00e9");
}

TEST(LineEditor, TheEchoComesBeforeAnythingElse) {
  Terminal terminal;
  const std::string sent = terminal.type("alloc ");
  EXPECT_TRUE(sent.starts_with("alloc \x1b[90mSIZE")) << sent;
  EXPECT_TRUE(terminal.type("6").starts_with("6\x1b[K"));
  EXPECT_EQ(terminal.type("4"), "4");
}

struct Edit {
  std::string_view typed;
  std::string_view line;
  std::size_t column;
};

TEST(LineEditor, KeysEditTheLine) {
  constexpr Edit kEdits[] = {
      {"abc\x1b[Dx", "abxc", 3},
      {"abc\x02\x02x", "axbc", 2},
      {"abc\x1b[Hx", "xabc", 1},
      {"abc\x01x\x05y", "xabcy", 5},
      {"abc\x1b[D\x7f", "ac", 1},
      {"abc\x1b[D\x1b[D\x1b[3~", "ac", 1},
      {"abc\x01\x04", "bc", 0},
      {"abc\x01\x06\x06x", "abxc", 3},
      {"one two\x17", "one ", 4},
      {"one a-b\x1b\x7f", "one a-", 6},
      {"one two\x01\x1b"
       "d",
       " two", 0},
      {"one two\x1b"
       "bx",
       "one xtwo", 5},
      {"one two\x1b[1;5D\x1b[1;5Dx", "xone two", 1},
      {"one two\x01\x1b"
       "fx",
       "onex two", 4},
      {"one two\x15x", "x", 1},
      {"one two\x02\x02\x15", "wo", 0},
      {"one two\x01\x0b"
       "x\x19",
       "xone two", 8},
      {"one two\x17\x19\x19", "one twotwo", 10},
      {"abc\x14", "acb", 3},
      {"abc\x01\x06\x14", "bac", 2},
      {"a\u00e9\u4e2d\x1b[D\x1b[D\x7f", "\u00e9\u4e2d", 0},
      {"e\u0301x\x1b[D\x7f", "x", 0},
      {"ab\x1b[5~\x1b[24~\x1b[?1;2cc", "abc", 3},
  };
  for (const Edit& edit : kEdits) {
    Terminal terminal;
    terminal.type(edit.typed);
    const std::string shown = kPrompt + std::string(edit.line);
    EXPECT_EQ(terminal.here(), shown.substr(0, shown.find_last_not_of(' ') + 1)) << edit.typed;
    EXPECT_EQ(terminal.column(), edit.column) << edit.typed;
  }
}

TEST(LineEditor, KeysThatCanDoNothingRingAndChangeNothing) {
  for (const std::string_view key : {"\x7f", "\x1b[D", "\x1b[C", "\x04", "\x0b", "\x17", "\x14",
                                     "\x19", "\x1b[B", "\x0e", "\x1bx", "\x1d"}) {
    Terminal terminal;
    terminal.rig.type("history -c\r");
    terminal.rig.type({});
    const std::string sent = terminal.type(key);
    EXPECT_NE(sent.find('\a'), std::string::npos) << key.substr(1);
    EXPECT_EQ(terminal.rig.type("echo x\r").find("unknown"), std::string::npos);
  }
}

/// The rows that a prompt and a text take, and where a cursor before byte `at` is.
struct Expected {
  std::vector<std::string> rows;
  std::size_t row;
  std::size_t column;
};

Expected expected(const std::string& text, std::size_t at, std::size_t columns) {
  Screen screen(columns, 60);
  screen.feed(kPrompt + text.substr(0, at));
  // A character that follows tells where the cursor belongs behind a full row.
  Screen next = screen;
  const std::string rest = text.substr(at);
  next.feed(rest.empty() ? "x" : rest.substr(0, first_character(rest).bytes));
  const std::size_t width = rest.empty() ? 1 : first_character(rest).columns;
  Expected result{.rows = {}, .row = next.cursor_row(), .column = next.cursor_column() - width};
  screen.feed(rest);
  result.rows = screen.rows();
  return result;
}

/// Random editing: the screen always shows the line, wrapped, and the cursor in its
/// place; in a screen that is too small for it, the rows around the cursor.
void edit_at_random(unsigned seed, std::size_t columns, std::size_t rows) {
  static constexpr std::string_view kKeys[] = {
      "a",         "bc ",       "\u00e9",  "\u4e2d", "long_word-with.parts ",
      "x",         "y",         "\x7f",    "\x1b[D", "\x1b[C",
      "\x1b[H",    "\x1b[F",    "\x1b[3~", "\x17",   "\x1b\x7f",
      "\x1b[1;5D", "\x1b[1;5C", "\x19",    "\x14",   "0123456789012345678901234567890123456789",
      "\x0b",      "\x15"};
  std::mt19937 random(seed);
  Terminal terminal(columns, rows);
  LineBuffer model;
  const auto press = [&](std::string_view key) {
    if (key == "\x7f") {
      (void)model.erase_left();
    } else if (key == "\x1b[D") {
      (void)model.move_left();
    } else if (key == "\x1b[C") {
      (void)model.move_right();
    } else if (key == "\x1b[H") {
      model.move_home();
    } else if (key == "\x1b[F") {
      model.move_end();
    } else if (key == "\x1b[3~") {
      (void)model.erase_right();
    } else if (key == "\x17") {
      (void)model.kill_blank_word();
    } else if (key == "\x1b\x7f") {
      (void)model.kill_word_left();
    } else if (key == "\x1b[1;5D") {
      (void)model.move_word_left();
    } else if (key == "\x1b[1;5C") {
      (void)model.move_word_right();
    } else if (key == "\x19") {
      (void)model.yank();
    } else if (key == "\x14") {
      (void)model.transpose();
    } else if (key == "\x0b") {
      (void)model.kill_to_end();
    } else if (key == "\x15") {
      (void)model.kill_to_start();
    } else {
      for (std::string_view rest = key; !rest.empty();) {
        const std::size_t bytes = first_character(rest).bytes;
        (void)model.insert(rest.substr(0, bytes));
        rest.remove_prefix(bytes);
      }
    }
  };
  std::size_t last = 0;
  for (int step = 0; step < 300; ++step) {
    // Killing all of it is rare, so that lines get long.
    const std::size_t index = random() % (random() % 20 == 0 ? std::size(kKeys) : 20);
    terminal.type(kKeys[index]);
    press(kKeys[index]);
    last = index;
    const Expected want = expected(std::string(model.text()), model.cursor(), columns);
    // At a full row's end the cursor may still wait there.
    const bool waits = terminal.screen.cursor_column() == columns && want.column == 0;
    const std::size_t row = waits ? want.row - 1 : want.row;
    const std::size_t first = row - std::min(row, terminal.screen.cursor_row());
    ASSERT_TRUE(waits || terminal.screen.cursor_column() == want.column)
        << "seed " << seed << ", step " << step;
    for (std::size_t i = 0; i < rows; ++i) {
      const std::string shown = terminal.screen.row(i);
      // Where the prompt scrolled off, an edit may show rows further up or down.
      if (terminal.screen.cursor_row() + first < row) continue;
      const std::string wanted = first + i < want.rows.size() ? want.rows[first + i] : "";
      ASSERT_EQ(shown, wanted) << "seed " << seed << ", step " << step << ", row " << i << ", key "
                               << last << " cursor " << model.cursor() << " of " << model.size()
                               << " at " << terminal.screen.cursor_row() << " "
                               << terminal.screen.cursor_column();
    }
  }
}

TEST(LineEditor, TheScreenShowsTheLineAfterRandomEditing) {
  const unsigned seed = std::random_device{}();
  for (unsigned i = 0; i < 6; ++i) {
    edit_at_random(seed + i, 80, 24);
    edit_at_random(seed + i, 40, 10);
    edit_at_random(seed + i, 132, 50);
    edit_at_random(seed + i, 20, 4);
    edit_at_random(seed + i, 13, 60);
  }
}

TEST(LineEditor, UpBringsBackWhatBeginsLikeTheLine) {
  Terminal terminal;
  for (const char* line : {"echo one\r", "stats\r", "echo two\r"}) terminal.type(line);
  terminal.type("\x1b[A");
  EXPECT_EQ(terminal.here(), kPrompt + "echo two");
  terminal.type("\x1b[A");
  EXPECT_EQ(terminal.here(), kPrompt + "stats");
  terminal.type("\x1b[B\x1b[B");
  EXPECT_EQ(terminal.here(), kPrompt.substr(0, kPrompt.size() - 1));
  terminal.type("echo\x1bOA\x10");
  EXPECT_EQ(terminal.here(), kPrompt + "echo one");
  terminal.type("\x0e\x1bOB");
  EXPECT_EQ(terminal.here(), kPrompt + "echo");
  terminal.type("\x1b[A!\x1b[A");
  EXPECT_EQ(terminal.here(), kPrompt + "echo two!");
}

TEST(LineEditor, ATabThatWasTypedInPlainModeComesBackAsABlank) {
  Terminal terminal;
  terminal.rig.set_mode(Mode::plain);
  terminal.rig.type("echo\tone\r");
  terminal.type("mode terminal\r\x1b[24;80R\x0c\x1b[24;80R");
  terminal.type("\x1b[A\x1b[A");
  EXPECT_EQ(terminal.here(), kPrompt + "echo one");
  EXPECT_EQ(terminal.column(), 8U);
}

TEST(LineEditor, CtrlRSearches) {
  Terminal terminal;
  for (const char* line : {"echo one\r", "echo two\r", "echo on\r"}) terminal.type(line);
  terminal.type("\x12one");
  EXPECT_EQ(terminal.here(), "search 'one': echo one");
  terminal.type("\x7f");
  EXPECT_EQ(terminal.here(), "search 'on': echo on");
  terminal.type("\x12");
  EXPECT_EQ(terminal.here(), "search 'on': echo one");
  EXPECT_NE(terminal.type("\x12").find('\a'), std::string::npos);
  EXPECT_EQ(terminal.here(), "failed search 'on': echo one");
  EXPECT_NE(terminal.type("\r").find("\r\none\r\n"), std::string::npos);
  terminal.type("half\x12two\x07");
  EXPECT_EQ(terminal.here(), kPrompt + "half");
  terminal.type("\x15\x12two\x05!");
  EXPECT_EQ(terminal.here(), kPrompt + "echo two!");
}

TEST(LineEditor, CtrlCGivesTheLineUpWhereverTheCursorIs) {
  Terminal terminal;
  terminal.type("echo lost\x01");
  terminal.screen.feed(terminal.rig.ctrl_c());
  EXPECT_EQ(terminal.screen.row(terminal.screen.cursor_row() - 1), kPrompt + "echo lost^C");
  EXPECT_EQ(terminal.here(), kPrompt.substr(0, kPrompt.size() - 1));
  terminal.type("\x12 x");
  terminal.screen.feed(terminal.rig.ctrl_c());
  EXPECT_EQ(terminal.type("echo on\r").find("unknown"), std::string::npos);
}

TEST(LineEditor, TabCompletesCommandsValuesOptionsTagsAndBlocks) {
  Terminal terminal;
  terminal.type("alloc 64 -t page\ralloc 128 -t 'two words'\ralloc 1K\r");
  const auto completed = [&](std::string_view typed) {
    terminal.type(typed);
    const std::string line = terminal.here();
    terminal.type("\x15");
    return line.substr(kPrompt.size());
  };
  EXPECT_EQ(completed("heapm\t|"), "heapmap |");
  EXPECT_EQ(completed("echo x; stat\t|"), "echo x; stats |");
  EXPECT_EQ(completed("echo x&&time stat\t|"), "echo x&&time stats |");
  EXPECT_EQ(completed("@x1 stat\t|"), "@x1 stats |");
  EXPECT_EQ(completed("help heapm\t|"), "help heapmap |");
  EXPECT_EQ(completed("free -t p\t|"), "free -t page |");
  EXPECT_EQ(completed("free -t t\t|"), "free -t two\\ words |");
  EXPECT_EQ(completed("free \t|"), "free a|");
  EXPECT_EQ(completed("free a2\t|"), "free a2 |");
  EXPECT_EQ(completed("mode j\t|"), "mode json |");
  EXPECT_EQ(completed("replay lo\t|"), "replay lognormal |");
  terminal.type("mark before\r");
  EXPECT_EQ(completed("diff be\t|"), "diff before |");
  EXPECT_EQ(completed("echo 'st\t|"), "echo 'st|");
  EXPECT_EQ(completed("# st\t|"), "# st|");
  EXPECT_EQ(completed("stat\x1b[D\t|"), "stats |t");
}

TEST(LineEditor, SeveralCandidatesAreListedAndTheLineStays) {
  Terminal terminal;
  terminal.type("alloc 64 -t page\ralloc 128\r");
  terminal.type("\x0c");
  terminal.type("free a\t");
  EXPECT_EQ(terminal.screen.rows(),
            (std::vector<std::string>{kPrompt + "free a", "a1  64 bytes  page", "a2  128 bytes",
                                      kPrompt + "free a"}));
  EXPECT_EQ(terminal.column(), 6U);
}

TEST(LineEditor, AListNeverTakesMoreThanTheScreen) {
  Terminal terminal(40, 10);
  // What is typed on ahead keeps the output from waiting for somebody to read it.
  terminal.type("alloc 16 -n 500\r\x15");
  terminal.type("\x0c");
  terminal.type("free a\t");
  EXPECT_EQ(terminal.screen.row(8), "and 493 more");
  EXPECT_EQ(terminal.screen.row(9), kPrompt + "free a");
}

TEST(LineEditor, TheUsageIsHintedBehindABlank) {
  Terminal terminal;
  terminal.type("alloc ");
  EXPECT_EQ(terminal.here(), kPrompt + "alloc SIZE [ALIGN] [-n COUNT] [-t TAG] [-f BYTE]");
  EXPECT_EQ(terminal.column(), 6U);
  terminal.type("64 ");
  EXPECT_EQ(terminal.here(), kPrompt + "alloc 64 [ALIGN] [-n COUNT] [-t TAG] [-f BYTE]");
  terminal.type("-n ");
  EXPECT_EQ(terminal.here(), kPrompt + "alloc 64 -n COUNT");
  terminal.type("\x1b[D");
  EXPECT_EQ(terminal.here(), kPrompt + "alloc 64 -n");
  terminal.type("\x15time stats ");
  EXPECT_EQ(terminal.here(), kPrompt + "time stats");
}

TEST(LineEditor, HintsStayInTheRow) {
  Terminal terminal(40, 10);
  terminal.type("alloc ");
  EXPECT_EQ(terminal.here().size(), 39U);
  EXPECT_EQ(terminal.screen.row(terminal.screen.cursor_row() + 1), "");
}

TEST(LineEditor, PastedTextIsTakenAsItIsAndItsLinesRun) {
  Terminal terminal;
  const std::string sent = terminal.type("\x1b[200~echo one\recho\ttwo\r\x1b[Aecho three\x1b[201~");
  EXPECT_NE(sent.find("\r\none\r\n"), std::string::npos);
  EXPECT_NE(sent.find("\r\ntwo\r\n"), std::string::npos);
  EXPECT_EQ(terminal.here(), kPrompt + "echo three");
}

TEST(LineEditor, FourThousandPastedLinesGiveFourThousandReplies) {
  for (const bool marked : {false, true}) {
    Terminal terminal;
    std::string paste = marked ? "\x1b[200~" : "";
    for (int i = 0; i < 4000; ++i) paste += "echo line " + std::to_string(i) + "\r";
    const std::string sent = terminal.rig.type(paste);
    std::size_t at = 0;
    for (int i = 0; i < 4000; ++i) {
      const std::string reply = "\r\nline " + std::to_string(i) + "\r\n";
      at = sent.find(reply, at);
      ASSERT_NE(at, std::string::npos) << i;
    }
  }
}

TEST(LineEditor, TheTerminalIsAskedForItsSizeAgainWithCtrlL) {
  Terminal terminal(40, 10);
  EXPECT_NE(terminal.type("\x0c").find("\x1b[6n"), std::string::npos);
  terminal.type("\x1b[10;40R");
  terminal.type("a\x7f");
  EXPECT_EQ(terminal.type("\x1b[5;5R"), "");
  // Nobody asked for that: the line is still wrapped at 40 columns.
  terminal.type("0123456789012345678901234567890\x01");
  EXPECT_EQ(terminal.here(), kPrompt + "01234567890123456789012345678");
  EXPECT_EQ(terminal.column(), 0U);
}

TEST(TerminalMode, TheAnswerToAQuestionOfBeforeIsNotTakenForTheSize) {
  ShellRig rig;
  rig.shell.probe_terminal();
  rig.type("\x1b[A\x1b[A");
  // Three questions, and the one for the size behind them.
  rig.type("\x1b[3;1R\x1b[4;12R\x1b[4;12R\x1b[24;80R");
  EXPECT_EQ(rig.shell.mode(), Mode::terminal);
  // In a terminal of 12 columns this would be written in rows.
  EXPECT_EQ(rig.type("0123456789\x01").find("\x1b[1A"), std::string::npos);
}

TEST(TerminalMode, LeavingItLeavesItsStyleAndItsPages) {
  Terminal terminal(80, 10);
  const std::string sent = terminal.type("mode plain; free a9; help\r");
  EXPECT_TRUE(sent.contains("\r\nerror: there is no block a9\r\n"));
  EXPECT_FALSE(sent.contains("more"));
}

TEST(LineEditor, TagsBeyondAsciiAreCompletedByWholeCharacters) {
  Terminal terminal;
  terminal.type("alloc 64 -t \u00e9\u4e2d1\ralloc 64 -t \u00e9\u4e2e2\r");
  terminal.type("free -t \t");
  EXPECT_EQ(terminal.here(), kPrompt + "free -t \u00e9");
  EXPECT_EQ(terminal.column(), 9U);
  terminal.type("\u4e2d\t|");
  EXPECT_EQ(terminal.here(), kPrompt + "free -t \u00e9\u4e2d1 |");
  EXPECT_EQ(terminal.column(), 14U);
}

TEST(LineEditor, TagsThatATerminalWouldObeyAreNotShown) {
  Terminal terminal;
  terminal.rig.run("alloc 64 -t '\x1b[2Jx'");
  terminal.rig.run("alloc 64 -t '\u009b2Jy'");
  EXPECT_FALSE(terminal.type("free \t").contains("2J"));
  EXPECT_EQ(terminal
                .type("\x15"
                      "free -t \t")
                .find("2J"),
            std::string::npos);
}

TEST(LineEditor, AnEscapeThatStandsAloneSwallowsNothing) {
  Terminal terminal;
  terminal.type("\x1b");
  terminal.rig.console.wait(KeyDecoder::kEscapeAloneUs);
  terminal.type("bx");
  EXPECT_EQ(terminal.here(), kPrompt + "bx");
}

// --- The shell around it ---

TEST(TerminalMode, IsEnteredWhenTheTerminalAnswers) {
  ShellRig rig;
  rig.shell.probe_terminal();
  EXPECT_EQ(rig.console.take_output(), "\x1b[6n\r");
  EXPECT_EQ(rig.type("st"), "st");
  EXPECT_TRUE(rig.type("\x1b[1;14R").contains("\x1b[?2004h"));
  EXPECT_EQ(rig.shell.mode(), Mode::terminal);
  const std::string sent = rig.type("ats\r");
  EXPECT_NE(sent.find("live_blocks"), std::string::npos);
}

TEST(TerminalMode, AnAnswerIsNeverTypedHoweverLateItIs) {
  for (const Mode mode : {Mode::plain, Mode::json, Mode::terminal}) {
    ShellRig rig;
    rig.set_mode(mode);
    const std::string sent = rig.type("echo a\x1b[24;80Rb\x1b[0n\r");
    EXPECT_TRUE(sent.contains("ab")) << sent;
    EXPECT_FALSE(sent.contains('\a')) << sent;
  }
}

TEST(TerminalMode, PlainSendsNoEscapeWithoutBeingToldToProbe) {
  ShellRig rig;
  for (const char* line : {"help\r", "clear\r", "history\r", "nosuch\r", "stats\r", "\x1b[A\r"}) {
    EXPECT_FALSE(rig.type(line).contains('\x1b')) << line;
  }
}

TEST(TerminalMode, AKeyThatSendsASequenceRepeatsTheQuestion) {
  ShellRig rig;
  rig.shell.probe_terminal();
  (void)rig.console.take_output();
  EXPECT_EQ(rig.type("\xff"), "\a");
  EXPECT_EQ(rig.type("\x1b[A"), "\x1b[6n\a");
  rig.type("\x1b[1;1R");
  EXPECT_EQ(rig.shell.mode(), Mode::terminal);
  rig.type("mode plain\r");
  EXPECT_EQ(rig.type("\x1b[A\x1b[1;1R"), "\a");
  EXPECT_EQ(rig.shell.mode(), Mode::plain);
}

/// Runs a line of which more than a screenful is shown; `keys` are pressed one by one
/// when it waits. Returns all that was sent.
std::string paged(Terminal& terminal, std::string_view line, std::string keys) {
  const std::string more = "-- more --\x1b[27m";
  std::size_t next = 0;
  std::function<void()> press = [&] {
    terminal.rig.console.call_at(more, press);
    terminal.rig.console.send(keys.substr(next++, 1));
  };
  terminal.rig.console.call_at(more, press);
  const std::string sent = terminal.type(line);
  EXPECT_EQ(next, keys.size());
  return sent;
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

TEST(TerminalMode, MoreThanAScreenfulIsPaged) {
  Terminal terminal(80, 10);
  terminal.type("alloc 64 -n 30\r\x15");
  const std::string all = paged(terminal, "free all\r", "   ");
  EXPECT_EQ(count(all, "-- more --"), 3U);
  EXPECT_EQ(count(all, "\r\na"), 27U);  // Three stand behind the erased question.
  EXPECT_TRUE(all.contains("a30"));
}

TEST(TerminalMode, EnterShowsOneLineMoreAndQNoMore) {
  Terminal terminal(80, 10);
  terminal.type("alloc 64 -n 30\r\x15");
  const std::string some = paged(terminal, "free all\r", "\r\rq");
  EXPECT_TRUE(some.contains("a10 "));
  EXPECT_FALSE(some.contains("a11 "));
  EXPECT_EQ(terminal.rig.heap.stats().live_blocks, 0U);
  EXPECT_TRUE(terminal.type("echo on\r").contains("\r\non\r\n"));
}

TEST(TerminalMode, AnyOtherKeyShowsTheRestAndIsTyped) {
  Terminal terminal(80, 10);
  terminal.type("alloc 64 -n 30\r\x15");
  const std::string all = paged(terminal, "free all\r", "e");
  EXPECT_TRUE(all.contains("a30"));
  EXPECT_EQ(terminal.here(), kPrompt + "e");
}

TEST(TerminalMode, CtrlCAtTheQuestionEndsTheOutput) {
  Terminal terminal(80, 10);
  terminal.type("alloc 64 -n 30\r\x15");
  terminal.rig.console.call_at("-- more --\x1b[27m", [&] { terminal.rig.console.press_ctrl_c(); });
  const std::string some = terminal.type("stats\r");
  EXPECT_FALSE(some.contains("failures"));
  EXPECT_TRUE(some.contains("^C\r\n"));
}

TEST(TerminalMode, FramesAndWhatIsTypedAheadAreNotPaged) {
  Terminal terminal(80, 10);
  EXPECT_FALSE(terminal.type("@t stats\r").contains("more"));
  EXPECT_FALSE(terminal.type("stats\recho\r").contains("more"));
}

TEST(PlainMode, CtrlCStopsLongOutput) {
  ShellRig rig;
  rig.run("alloc 64 -n 200");
  rig.console.interrupt_after_output(400);
  const std::string sent = rig.type("help\r");
  EXPECT_LT(sent.size(), 600U);
  EXPECT_TRUE(sent.ends_with("\r\n^C\r\n" + kPrompt)) << sent;
}

TEST(TerminalMode, AnErrorIsRed) {
  Terminal terminal;
  EXPECT_TRUE(
      terminal.type("free a9\r").contains("\x1b[31merror:\x1b[0m there is no block a9\r\n"));
  EXPECT_TRUE(terminal.type("@t free a9\r").contains("\r\nerror: there is no block a9\r\n"));
}

TEST(Notices, AreToldBetweenLines) {
  Terminal terminal;
  terminal.type("echo ha");
  terminal.rig.platform.notice("something happened");
  terminal.type({});
  EXPECT_EQ(terminal.screen.row(terminal.screen.cursor_row() - 1), "notice: something happened");
  EXPECT_EQ(terminal.here(), kPrompt + "echo ha");
  EXPECT_NE(terminal.type("lf\r").find("\r\nhalf\r\n"), std::string::npos);
}

TEST(Notices, WaitForTheEndOfALineInPlainModeAndAreNotForJson) {
  ShellRig rig;
  rig.type("echo ha");
  rig.platform.notice("something happened");
  EXPECT_EQ(rig.type("lf"), "lf");
  EXPECT_EQ(rig.type("\r"), "\r\nhalf\r\n" + kPrompt);
  EXPECT_EQ(rig.type({}), "\r\nnotice: something happened\r\n" + kPrompt);
  rig.set_mode(Mode::json);
  rig.platform.notice("something else");
  EXPECT_EQ(rig.type({}), "");
}

}  // namespace
}  // namespace heapscope::shell
