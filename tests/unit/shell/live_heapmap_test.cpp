// `heapmap -l`: the heap changes between its frames, and the screen, the rows and the
// JSON follow it, at a bounded cost.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "screen.hpp"
#include "shell_rig.hpp"

namespace heapscope::shell {
namespace {

using test::Json;
using test::JsonReply;
using test::Screen;
using test::ShellRig;

constexpr std::size_t kMostBytes = 2048;

/// A shell whose heap `change` works on after each frame, and what each frame sent.
struct LiveRig : ShellRig {
  explicit LiveRig(Mode mode, std::uint64_t heap_bytes = 64 * 1024)
      : ShellRig({.mode = mode, .heap_bytes = heap_bytes}) {}

  /// Types a line whose frames are counted from 1, and returns all that was sent.
  std::string live(std::string_view line, std::function<void(std::size_t)> change) {
    frames.clear();
    frames.emplace_back();
    console.connect([this, change = std::move(change)](std::string_view bytes, std::uint64_t us) {
      frames.back() += bytes;
      if (us == 0) return std::string();
      change(frames.size());
      frames.emplace_back();
      return std::string();
    });
    std::string output = type(std::string(line) + "\r");
    console.connect(nullptr);
    return output;
  }
  alloc::Address take(std::size_t size) { return *heap.allocate({.size = size}); }
  void give(alloc::Address address, std::size_t size) {
    ASSERT_TRUE(heap.deallocate(address, {.size = size}));
  }

  /// What was sent up to each wait.
  std::vector<std::string> frames;
};

/// The cells as a picture drawn now in plain mode shows them.
std::vector<std::string> rows_now(ShellRig& rig, const std::string& line) {
  rig.set_mode(Mode::plain);
  std::vector<std::string> rows;
  for (const std::string& row : test::split_lines(rig.plain(line))) {
    if (row.starts_with("0x") && row.substr(10, 2) == "  ") rows.push_back(row);
  }
  return rows;
}

/// Whether the screen shows these rows one below the other.
testing::AssertionResult shows(const Screen& screen, const std::vector<std::string>& rows) {
  const auto shown = screen.rows();
  if (std::ranges::search(shown, rows).empty()) {
    std::string text;
    for (const std::string& row : shown) text += row + "\n";
    return testing::AssertionFailure() << text;
  }
  return testing::AssertionSuccess();
}

std::string to_terminal(LiveRig& rig, std::size_t columns, std::size_t rows) {
  return rig.type("mode terminal\r\x1b[" + std::to_string(rows) + ";" + std::to_string(columns) +
                  "R");
}

TEST(LiveHeapmap, OnAScreenFollowsSmallChangesWithFewBytes) {
  for (const std::string by : {"fullness", "tag", "age"}) {
    LiveRig rig(Mode::plain);
    rig.run("alloc 100 -n 10 -t x");
    to_terminal(rig, 80, 50);
    Screen screen(80, 50);
    const std::string sent =
        rig.live("heapmap -l -c 20 -k " + by, [&](std::size_t) { (void)rig.take(200); });
    screen.feed("heapscope> ");
    screen.feed(sent);
    ASSERT_EQ(rig.frames.size(), 20U);
    for (std::size_t i = 1; i < 19; ++i) {
      EXPECT_LE(rig.frames[i].size(), 200U) << i;
      EXPECT_FALSE(rig.frames[i].contains('\n')) << i;
    }
    EXPECT_TRUE(shows(screen, rows_now(rig, "heapmap -k " + by)));
  }
}

/// Blocks of a cell each with holes between them, so that each cell has other neighbours.
class Checkerboard {
 public:
  explicit Checkerboard(LiveRig& rig) : rig_(rig) {}
  void set_up(std::size_t count) {
    std::vector<alloc::Address> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(rig_.take(64));
    for (std::size_t i = 0; i < count; ++i) {
      if (i % 2 == 0) {
        blocks_.push_back(all[i]);
      } else {
        rig_.give(all[i], 64);
      }
    }
  }
  void take_down() {
    for (const alloc::Address block : blocks_) rig_.give(block, 64);
    blocks_.clear();
  }

 private:
  LiveRig& rig_;
  std::vector<alloc::Address> blocks_;
};

TEST(LiveHeapmap, OnAScreenNoFrameIsLargeAndTheScreenCatchesUp) {
  constexpr std::array<std::pair<std::size_t, std::size_t>, 3> kSizes{
      {{80, 24}, {132, 50}, {40, 10}}};
  for (const auto& [columns, rows] : kSizes) {
    LiveRig rig(Mode::plain);
    Checkerboard board(rig);
    to_terminal(rig, columns, rows);
    Screen screen(columns, rows);
    const std::string sent = rig.live("heapmap -l -c 30", [&](std::size_t frame) {
      if (frame > 9) return;
      frame % 2 == 1 ? board.set_up(800 - 50 * frame) : board.take_down();
    });
    screen.feed("heapscope> ");
    screen.feed(sent);
    bool cut = false;
    for (std::size_t i = 1; i < rig.frames.size(); ++i) {
      EXPECT_LE(rig.frames[i].size(), kMostBytes) << i;
      cut = cut || rig.frames[i].contains("cells behind");
    }
    EXPECT_EQ(cut, columns > 40);
    const std::size_t width = columns == 40 ? 24 : columns == 80 ? 64 : 112;
    const std::size_t height = std::min<std::size_t>(16, rows - 6);
    EXPECT_TRUE(shows(screen, rows_now(rig, "heapmap -w " + std::to_string(width) + " -r " +
                                                std::to_string(height))));
  }
}

TEST(LiveHeapmap, OnAScreenEveryCellHasItsTurnWhereAllChangesAllTheTime) {
  LiveRig rig(Mode::plain);
  Checkerboard board(rig);
  to_terminal(rig, 132, 50);
  // Three frames of each, in which the first cells change again before the last were drawn.
  const std::string sent = rig.live("heapmap -l -c 24 -i 1", [&](std::size_t frame) {
    frame % 2 == 1 ? board.set_up(800) : board.take_down();
  });
  std::map<int, int> times;  // That each row of the screen was drawn in.
  for (const std::string& frame : rig.frames) {
    for (int row = 2; row < 18; ++row) {
      times[row] += frame.contains("\x1b[" + std::to_string(row) + ";") ? 1 : 0;
    }
  }
  std::erase_if(times, [](const auto& row) { return row.second == 0; });
  ASSERT_GT(times.size(), 10U);
  EXPECT_GE(times.begin()->second, 2);
  EXPECT_GE(times.rbegin()->second, 2);
}

TEST(LiveHeapmap, HasRoomForSoManyCells) {
  LiveRig rig(Mode::json);
  const JsonReply reply = rig.json("heapmap -l -c 1 -w 128 -r 64");
  EXPECT_EQ(reply.status, 2U);
  EXPECT_EQ(reply.message(), "4096 cells are the most with -l, not 8192");
  EXPECT_EQ(rig.json("heapmap -l -c 1 -w 128 -r 32").status, 0U);
}

TEST(LiveHeapmap, EndsBelowThePictureWithCtrlC) {
  LiveRig rig(Mode::plain);
  to_terminal(rig, 80, 24);
  Screen screen(80, 24);
  const std::string sent = rig.live("heapmap -l", [&](std::size_t frame) {
    if (frame == 5) rig.console.press_ctrl_c();
  });
  screen.feed("heapscope> ");
  screen.feed(sent);
  EXPECT_EQ(rig.frames.size(), 6U);
  const auto rows = screen.rows();
  EXPECT_EQ(rows.back(), "heapscope>");
  EXPECT_EQ(rows[rows.size() - 2], "^C");
  EXPECT_TRUE(rows[rows.size() - 3].starts_with("frame 5  0 bytes in 0 blocks"));
  EXPECT_EQ(screen.scrolled(), 0U);
  rig.set_mode(Mode::plain);
  EXPECT_EQ(rig.status(), "0");
}

TEST(LiveHeapmap, SaysThatTheHeapChanged) {
  LiveRig rig(Mode::plain);
  const std::string output =
      test::with_plain_newlines(rig.live("heapmap -l -c 3", [&](std::size_t frame) {
        if (frame == 1) (void)rig.take(64);
      }));
  EXPECT_TRUE(output.contains("\nframe 1  0 bytes in 0 blocks\n"));
  EXPECT_TRUE(output.contains("\nframe 2  64 bytes in 1 blocks  changed\n"));
  EXPECT_TRUE(output.contains("\nframe 3  64 bytes in 1 blocks\n"));
}

TEST(LiveHeapmap, InPlainOnlyRowsThatChangedFollow) {
  LiveRig rig(Mode::plain);
  const std::string output =
      test::with_plain_newlines(rig.live("heapmap -l -c 4 -i 250", [&](std::size_t frame) {
        if (frame != 2) (void)rig.take(2000);
      }));
  EXPECT_EQ(rig.console.waited_us(), 750'000U);
  EXPECT_FALSE(output.contains('\x1b'));
  const std::string after = output.substr(output.find("frame 1"));
  const std::vector<std::string> now = rows_now(rig, "heapmap");
  const std::vector<std::string> lines =
      test::split_lines(after.substr(0, after.find("heapscope>")));
  std::size_t rows = 0;
  for (const std::string& line : lines) rows += line.starts_with("0x") ? 1U : 0U;
  EXPECT_GE(rows, 2U);
  EXPECT_LE(rows, 4U);
  EXPECT_TRUE(std::ranges::count(now, lines[lines.size() - 2]) == 1) << output;
  EXPECT_TRUE(lines[lines.size() - 1].starts_with("frame 4"));
}

TEST(LiveHeapmap, InJsonTheChangesLeadFromTheFirstPictureToTheLast) {
  LiveRig rig(Mode::json);
  rig.run("alloc 64 -n 20 -t x");
  rig.live("heapmap -l -c 6 -k tag", [&](std::size_t frame) { (void)rig.take(1000 + 16 * frame); });
  const JsonReply reply = test::read_reply(test::split_lines(test::with_plain_newlines(rig.live(
      "heapmap -l -c 6 -k tag", [&](std::size_t frame) { (void)rig.take(700 + 16 * frame); })))[0]);
  std::vector<std::uint64_t> cells;
  std::vector<std::uint64_t> groups;
  for (const Json& cell : reply.result["cells"].items()) cells.push_back(cell.number());
  for (const Json& group : reply.result["groups"].items()) groups.push_back(group.number());
  ASSERT_EQ(reply.result["frames"].size(), 6U);
  std::uint64_t number = 0;
  for (const Json& frame : reply.result["frames"].items()) {
    EXPECT_EQ(frame["frame"].number(), ++number);
    EXPECT_EQ(frame["heap_changed"].boolean(), number > 1);
    EXPECT_EQ(frame["changes"].size() > 0, number > 1);
    for (const Json& change : frame["changes"].items()) {
      cells[change["cell"].number()] = change["permille"].number();
      groups[change["cell"].number()] = change["group"].number();
    }
  }
  EXPECT_EQ(reply.result["frames"][5]["used_bytes"].number(), rig.heap.stats().used_bytes);
  const JsonReply now = rig.json("heapmap -k tag");
  for (std::size_t i = 0; i < cells.size(); ++i) {
    ASSERT_EQ(cells[i], now.result["cells"][i].number()) << i;
    ASSERT_EQ(groups[i], now.result["groups"][i].number()) << i;
  }
}

TEST(LiveHeapmap, InAFrameAndInAScriptSendsNoEscapeSequence) {
  for (const std::string line : {"@t heapmap -l -c 2", "source <<E\rheapmap -l -c 2\rE"}) {
    LiveRig rig(Mode::plain);
    const std::string output = rig.live(line, [](std::size_t) {});
    EXPECT_TRUE(output.contains("frame 2"));
    EXPECT_FALSE(output.contains('\x1b'));
  }
  LiveRig rig(Mode::plain);
  to_terminal(rig, 80, 24);
  const std::string framed = rig.live("@t heapmap -l -c 2 -k tag", [](std::size_t) {});
  const std::size_t begin = framed.find("@t BEGIN");
  EXPECT_FALSE(framed.substr(begin, framed.find("@t END") - begin).contains('\x1b'));
}

}  // namespace
}  // namespace heapscope::shell
