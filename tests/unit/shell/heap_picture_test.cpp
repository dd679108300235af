// `heapmap` beyond fullness: groups by tag and age, blocks drawn to scale, what cannot be
// read, the width and colours of a terminal, and all of memory.
#include "shell/heap_picture.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "alloc_state.hpp"
#include "failing_heap.hpp"
#include "shell_rig.hpp"
#include "tests/unit/alloc/random_source.hpp"

namespace heapscope::shell {
namespace {

using test::hex;
using test::Json;
using test::JsonReply;
using test::ShellRig;
using Lines = std::vector<std::string>;

constexpr std::size_t kAddressColumns = 12;

struct PictureRig : ShellRig {
  explicit PictureRig(std::string_view allocator = "bin")
      : ShellRig({.mode = Mode::json, .allocator = allocator, .heap_bytes = 32 * 1024}) {}
  [[nodiscard]] Range range() const { return setup.plan().heap; }
  [[nodiscard]] std::optional<Handle> handle_of(const alloc::Extent& extent) const {
    if (extent.state != alloc::ExtentState::live) return std::nullopt;
    return handles.find_address(extent.start);
  }
};

/// Blocks of all sizes, some with tags, and holes.
void fill(PictureRig& rig, alloc::RandomSource& random) {
  for (int i = 0; i < 60; ++i) {
    std::string line = "alloc " + std::to_string(random.between(1, 600));
    if (random.below(3) == 0) line += " 8";
    if (random.below(2) == 0) line += " -t t" + std::to_string(random.below(5));
    rig.run(line);
  }
  for (int i = 0; i < 25; ++i) rig.run("free a" + std::to_string(random.between(1, 60)));
}

/// The cells of the picture in a text, without the addresses.
std::string picture_of(std::string_view text) {
  std::string cells;
  for (const std::string& line : test::split_lines(std::string(text))) {
    if (line.starts_with("0x") && line.substr(10, 2) == "  ") cells += line.substr(kAddressColumns);
  }
  return cells;
}

std::string plain_picture(PictureRig& rig, const std::string& line) {
  rig.set_mode(Mode::plain);
  const std::string picture = picture_of(rig.plain(line));
  rig.set_mode(Mode::json);
  return picture;
}

// ---- groups ----

/// The group of each cell, from a look at every byte: that of most bytes, the first of
/// equals. `group_of` knows the group of a live extent.
template <class GroupOf>
std::vector<std::uint64_t> model_groups(const PictureRig& rig, std::uint64_t cell_bytes,
                                        GroupOf group_of) {
  std::vector<std::uint64_t> groups;
  std::map<std::uint64_t, std::uint64_t> bytes;
  std::uint64_t at = 0;
  const auto finish = [&] {
    std::uint64_t best = 0;
    for (const auto& [group, count] : bytes) {
      if (count > (bytes.contains(best) ? bytes[best] : 0)) best = group;
    }
    groups.push_back(best);
    bytes.clear();
  };
  for (const alloc::Extent& extent : test::extents_of(rig.heap)) {
    for (std::size_t i = 0; i < extent.size; ++i) {
      if (extent.state == alloc::ExtentState::live) ++bytes[group_of(extent)];
      if (++at % cell_bytes == 0) finish();
    }
  }
  if (at % cell_bytes != 0) finish();
  return groups;
}

std::vector<std::uint64_t> numbers(const Json& list) {
  std::vector<std::uint64_t> all;
  for (const Json& item : list.items()) all.push_back(item.number());
  return all;
}

TEST(HeapmapGroups, ByTagAreTrueForEveryCellAndEveryBlock) {
  alloc::RandomSource random(5);
  for (int round = 0; round < 10; ++round) {
    PictureRig rig;
    fill(rig, random);
    const JsonReply reply = rig.json("heapmap -k tag -w 32 -r 8");
    ASSERT_EQ(reply.result.names(),
              (Lines{"start", "end", "cell_bytes", "cells", "groups", "legend"}));
    std::map<std::string, std::uint64_t> group_of_tag;
    std::map<std::uint64_t, std::uint64_t> blocks;
    std::map<std::uint64_t, std::uint64_t> bytes;
    for (const Json& each : reply.result["legend"].items()) {
      const std::uint64_t group = each["group"].number();
      if (!each["tag"].is_null()) group_of_tag[each["tag"].text()] = group;
      blocks[group] = each["blocks"].number();
      bytes[group] = each["bytes"].number();
    }
    const auto group_of = [&](const alloc::Extent& extent) {
      const auto handle = rig.handle_of(extent);
      return handle && !handle->tag.empty() ? group_of_tag.at(std::string(handle->tag)) : 0;
    };
    EXPECT_EQ(numbers(reply.result["groups"]),
              model_groups(rig, reply.result["cell_bytes"].number(), group_of));
    for (const alloc::Extent& extent : test::extents_of(rig.heap)) {
      if (extent.state != alloc::ExtentState::live) continue;
      --blocks[group_of(extent)];
      bytes[group_of(extent)] -= extent.size;
    }
    for (const auto& [group, left] : blocks) EXPECT_EQ(left, 0U) << group;
    for (const auto& [group, left] : bytes) EXPECT_EQ(left, 0U) << group;
  }
}

TEST(HeapmapGroups, ByTagAreLettersInPlain) {
  PictureRig rig;
  rig.run("alloc 512 -t one; alloc 512 -t two; alloc 512");
  const JsonReply reply = rig.json("heapmap -k tag");
  const std::string picture = plain_picture(rig, "heapmap -k tag");
  const std::map<std::uint64_t, char> marks{{0, '#'}, {1, 'A'}, {2, 'B'}};
  const auto groups = numbers(reply.result["groups"]);
  const auto cells = numbers(reply.result["cells"]);
  ASSERT_EQ(picture.size(), groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (picture[i] == 'm') continue;
    EXPECT_EQ(picture[i], cells[i] == 0 ? '.' : marks.at(groups[i])) << i;
  }
  for (const char mark : std::string("#ABm.")) EXPECT_TRUE(picture.contains(mark)) << mark;
}

TEST(HeapmapGroups, FurtherTagsShareOneGroup) {
  PictureRig rig;
  for (int i = 0; i < 30; ++i) rig.run("alloc 64 -t tag" + std::to_string(i));
  const JsonReply reply = rig.json("heapmap -k tag");
  const Json& last = reply.result["legend"].items().back();
  EXPECT_EQ(last["group"].number(), BlockGroups::kOther);
  EXPECT_EQ(last["mark"].text(), "+");
  EXPECT_EQ(last["blocks"].number(), 4U);
  EXPECT_TRUE(last["tag"].is_null());
  EXPECT_EQ(reply.result["legend"].size(), 27U);
}

TEST(HeapmapGroups, ByAgeGoFromTheOldestHandleToTheNewest) {
  PictureRig rig;
  rig.run("alloc 64 -n 100; free a1 a2 a3 a4");
  const JsonReply reply = rig.json("heapmap -k age");
  std::uint64_t expected = 5;
  std::uint64_t group = 0;
  for (const Json& each : reply.result["legend"].items()) {
    EXPECT_EQ(each["group"].number(), ++group);
    EXPECT_EQ(each["first"].text(), "a" + std::to_string(expected));
    EXPECT_EQ(each["blocks"].number(), 12U);
    expected += 12;
    EXPECT_EQ(each["last"].text(), "a" + std::to_string(expected - 1));
  }
  EXPECT_EQ(group, 8U);
  EXPECT_EQ(expected, 101U);
  const std::string picture = plain_picture(rig, "heapmap -k age");
  EXPECT_TRUE(picture.contains('1') && picture.contains('8'));
}

TEST(HeapmapGroups, ByAgeAreOfTheHeapsCallsWhereTheseAreRecorded) {
  PictureRig rig;
  alloc::record_origins(rig.heap, true);
  // Of somebody who gives no handles; the first half is gone when we look.
  std::vector<alloc::Address> blocks;
  for (int i = 0; i < 160; ++i) blocks.push_back(*rig.heap.allocate({.size = 64}));
  for (int i = 0; i < 80; ++i) {
    ASSERT_TRUE(rig.heap.deallocate(blocks[static_cast<std::size_t>(i)], {.size = 64}));
  }
  const JsonReply reply = rig.json("heapmap -k age");
  std::uint64_t in_groups = 0;
  for (const Json& each : reply.result["legend"].items()) {
    EXPECT_TRUE(each["first"].is_null());
    EXPECT_GT(each["group"].number(), 0U);
    in_groups += each["blocks"].number();
  }
  EXPECT_EQ(in_groups, 80U);
  // 160 calls since the oldest one that lives, the frees among them: none is of the last half.
  EXPECT_EQ(reply.result["legend"].size(), 4U);
  EXPECT_EQ(reply.result["legend"][0]["blocks"].number(), 20U);
  rig.run("alloc 64");
  const Json newest = rig.json("heapmap -k age").result["legend"].items().back();
  EXPECT_EQ(newest["group"].number(), 8U);
  EXPECT_EQ(newest["first"].text(), "a1");
}

TEST(HeapmapGroups, OfAHeapWithoutRecordsAreNone) {
  PictureRig rig("bump");
  rig.run("alloc 64 -t tag");
  for (const std::string_view by : {"tag", "age"}) {
    const JsonReply reply = rig.json("heapmap -k " + std::string(by));
    ASSERT_EQ(reply.result["legend"].size(), 1U);
    EXPECT_EQ(reply.result["legend"][0]["group"].number(), 0U);
    EXPECT_EQ(reply.result["legend"][0]["blocks"].number(), 0U);
  }
}

// ---- to scale ----

/// What a picture to scale must show: each cell what owner() says of its first byte.
std::string model_scale(const PictureRig& rig, Range range, std::uint64_t cell_bytes) {
  const std::uint64_t count = (range.size() + cell_bytes - 1) / cell_bytes;
  std::vector<alloc::Extent> owners;
  for (std::uint64_t i = 0; i < count; ++i) {
    owners.push_back(*rig.heap.owner(range.start + i * cell_bytes));
  }
  std::string text;
  for (std::size_t i = 0; i < count;) {
    const alloc::Extent owner = owners[i];
    std::size_t run = 1;
    while (i + run < count && owners[i + run] == owner) ++run;
    i += run;
    if (owner.state != alloc::ExtentState::live) {
      constexpr std::string_view kMarks = "?.=m";
      text += std::string(run, kMarks[static_cast<std::size_t>(owner.state)]);
      continue;
    }
    const bool begins = owner.start >= range.start;
    const bool ends = owner.end() <= range.end;
    if (run == 1 && begins && ends) {
      text += '#';
      continue;
    }
    std::string body(run, '-');
    if (const auto handle = rig.handle_of(owner); handle && run > 2) {
      std::string label = "a" + std::to_string(handle->id);
      const std::string whole = label + " " + std::string(handle->tag);
      if (!handle->tag.empty() && whole.size() <= run - 2) label = whole;
      if (label.size() <= run - 2) body.replace(1, label.size(), label);
    }
    if (ends) body.back() = ']';
    if (begins) body.front() = '[';
    text += body;
  }
  for (const alloc::Extent& extent : test::extents_of(rig.heap)) {
    const Range part = Range{.start = extent.start, .end = extent.end()}.intersection(range);
    if (part.empty()) continue;
    const std::uint64_t cell = (part.start - range.start) / cell_bytes;
    const std::uint64_t first = range.start + cell * cell_bytes;
    if (first < part.start && part.end <= first + cell_bytes) text[cell] = '*';
  }
  return text;
}

TEST(HeapmapToScale, EveryCellShowsWhatItBelongsTo) {
  constexpr std::uint64_t kSeed = 21;
  alloc::RandomSource random(kSeed);
  std::map<char, int> seen;
  for (const std::string_view allocator : {"bin", "first-fit", "bump"}) {
    for (int round = 0; round < 60; ++round) {
      PictureRig rig(allocator);
      fill(rig, random);
      const std::uint64_t from = rig.range().start + random.below(rig.range().size() / 8) * 8;
      const std::string line = "heapmap " + hex(from) + " " +
                               std::to_string(random.between(1, 8000)) + " -z -r " +
                               std::to_string(random.between(1, 16));
      const JsonReply reply = rig.json(line);
      const Range range{.start = reply.result["start"].address(),
                        .end = reply.result["end"].address()};
      const std::string picture = plain_picture(rig, line);
      ASSERT_EQ(picture, model_scale(rig, range, reply.result["cell_bytes"].number()))
          << line << " seed " << kSeed;
      for (const char c : picture) ++seen[c];
    }
  }
  for (const char mark : std::string("[]-#*=.m")) EXPECT_GT(seen[mark], 0) << mark;
}

TEST(HeapmapToScale, IsChosenWhereNoCellIsLargerThanABlock) {
  PictureRig rig;
  rig.run("alloc 128 -t page; alloc 24 8");
  EXPECT_EQ(plain_picture(rig, "heapmap a1"), "[a1 page-------]");
  EXPECT_EQ(plain_picture(rig, "heapmap a1 -w 2 -r 1"), "[]");
  EXPECT_EQ(
      plain_picture(rig, "heapmap " + hex(rig.range().start) + " -w 4 -r 1").find_first_of("[]"),
      std::string::npos);
  EXPECT_FALSE(plain_picture(rig, "heapmap").contains('['));
  EXPECT_TRUE(plain_picture(rig, "heapmap -z").contains("[a1"));
}

TEST(HeapmapToScale, ABlockOverRowsGoesOn) {
  PictureRig rig;
  rig.run("alloc 256");
  rig.set_mode(Mode::plain);
  const Lines lines = test::split_lines(rig.plain("heapmap a1 -w 8"));
  ASSERT_GE(lines.size(), 7U);
  EXPECT_TRUE(lines[3].ends_with("  [a1-----"));
  EXPECT_TRUE(lines[4].ends_with("  --------"));
  EXPECT_TRUE(lines[6].ends_with("  -------]"));
}

TEST(HeapmapToScale, ATagOfOtherBytesTakesOneCellForEach) {
  PictureRig rig;
  rig.run("alloc 256 -t 'a b\xc3\xa9'");
  EXPECT_TRUE(plain_picture(rig, "heapmap a1").starts_with("[a1 a_b__---"));
}

TEST(HeapmapBlocks, ABlockCutByTheRangeKeepsItsName) {
  PictureRig rig;
  rig.run("alloc 256 -t cut");
  const JsonReply reply = rig.json("heapmap " + hex(rig.handles.find(1)->address + 16) + " 32 -b");
  ASSERT_EQ(reply.result["blocks"].size(), 1U);
  EXPECT_EQ(reply.result["blocks"][0]["id"].text(), "a1");
  EXPECT_EQ(reply.result["blocks"][0]["size"].number(), 32U);
}

// ---- what cannot be read ----

/// Runs a line on a heap that fails from an address on, and returns what is sent.
std::string run_failing(PictureRig& rig, Mode mode, std::string_view line, alloc::Address from,
                        test::FailingHeap::Nonsense nonsense, int status) {
  test::FailingHeap heap(rig.heap, from, std::move(nonsense));
  test::FakeConsole console;
  Environment environment{.heap = heap,
                          .trial_heap = rig.trial_heap,
                          .handles = rig.handles,
                          .history = rig.history,
                          .setup = rig.setup,
                          .platform = rig.platform,
                          .variables = rig.variables,
                          .typed_script = rig.typed_script,
                          .boot = rig.boot,
                          .memory = rig.map,
                          .regions = {}};
  Shell shell(environment, console, mode);
  EXPECT_EQ(shell.run_line(line), status);
  return test::with_plain_newlines(console.output());
}

TEST(HeapmapUnreadable, WhateverTheHeapSaysTheRestIsToldToBe) {
  PictureRig rig;
  rig.run("alloc 100 -n 20; free a3 a5 a7");
  const auto extents = test::extents_of(rig.heap);
  const alloc::Address broken = extents[4].start;
  const std::vector<test::FailingHeap::Nonsense> kinds{
      [](const alloc::Extent&) { return std::nullopt; },
      [](alloc::Extent extent) { return extent.size = 0, extent; },
      [](alloc::Extent extent) { return extent.start += 8, extent; },
      [](alloc::Extent extent) { return extent.start -= 64, extent.size = 32, extent; },
      [](alloc::Extent extent) { return extent.size = SIZE_MAX, extent; },
  };
  for (const auto& kind : kinds) {
    for (const std::string line : {"heapmap", "heapmap -b", "heapmap -k tag", "heapmap -z",
                                   "heapmap -l -c 2 -i 0", "heapmap 0"}) {
      const std::string output = run_failing(rig, Mode::json, line, broken, kind, 1);
      const JsonReply reply = test::read_reply(test::split_lines(output)[0]);
      EXPECT_EQ(reply.result["unreadable_from"].address(), broken) << line;
      EXPECT_EQ(reply.result["problem"]["kind"].text(), "unreadable") << line;
      const std::uint64_t cells = reply.result["cells"].size();
      EXPECT_EQ(cells, rig.range().size() / reply.result["cell_bytes"].number()) << line;

      const std::string text = run_failing(rig, Mode::plain, line, broken, kind, 1);
      const std::string picture = picture_of(text).substr(0, cells);
      const std::uint64_t first =
          (broken - rig.range().start) / reply.result["cell_bytes"].number();
      EXPECT_EQ(picture.substr(first), std::string(cells - first, '?')) << line;
      EXPECT_FALSE(picture.substr(0, first).contains('?')) << line;
      EXPECT_TRUE(text.contains("error: the heap's records could not be read from " + hex(broken) +
                                " on\n"))
          << text;
    }
  }
}

// ---- terminal ----

/// A text without its colours, each of which must be ended on its line.
std::string without_colours(std::string_view text) {
  std::string bare;
  bool coloured = false;
  while (!text.empty()) {
    if (text.starts_with("\x1b[")) {
      const std::size_t end = text.find('m');
      coloured = text.substr(2, end - 2) != "0";
      text.remove_prefix(end + 1);
      continue;
    }
    EXPECT_FALSE(text[0] == '\r' && coloured) << bare;
    bare += text[0];
    text.remove_prefix(1);
  }
  return bare;
}

TEST(HeapmapInATerminal, ShowsTheSameWithColours) {
  for (const std::string line :
       {"heapmap", "heapmap -k tag", "heapmap -k age", "heapmap -z", "heapmap a2 -b"}) {
    PictureRig rig;
    rig.run("alloc 100 -t x -n 3; alloc 3000; free a2; alloc 24 -n 9; alloc 100 -t y");
    rig.set_mode(Mode::plain);
    const std::string plain = rig.plain(line);
    EXPECT_FALSE(plain.contains('\x1b'));
    rig.type("mode terminal\r\x1b[90;80R");
    const std::string output = rig.type(line + "\r");
    const std::size_t begin = output.find("start  ");
    const std::size_t end = output.find("heapscope>", begin);
    if (line == "heapmap a2 -b") {
      EXPECT_TRUE(output.contains("already free"));
      continue;
    }
    ASSERT_NE(begin, std::string::npos) << output;
    const std::string shown = output.substr(begin, end - begin);
    EXPECT_TRUE(shown.contains("\x1b[3") || shown.contains("\x1b[7;3"));
    EXPECT_TRUE(test::with_plain_newlines(without_colours(shown)).starts_with(plain)) << line;
  }
}

TEST(HeapmapInATerminal, IsAsWideAsTheTerminal) {
  const std::map<std::size_t, std::size_t> cells{{40, 24}, {80, 64}, {100, 80}, {132, 112}};
  for (const auto& [columns, expected] : cells) {
    PictureRig rig;
    rig.set_mode(Mode::plain);
    rig.type("mode terminal\r\x1b[50;" + std::to_string(columns) + "R");
    const std::string output = rig.type("heapmap\r");
    const std::size_t begin = output.find("\n0x") + 1 + kAddressColumns;
    const std::string row = without_colours(output.substr(begin, output.find('\r', begin) - begin));
    EXPECT_EQ(row.size(), expected) << columns;
    const std::string narrow = rig.type("heapmap -w 10\r");
    const std::size_t at = narrow.find("\n0x") + 1 + kAddressColumns;
    EXPECT_EQ(without_colours(narrow.substr(at, narrow.find('\r', at) - at)).size(), 10U);
  }
}

TEST(HeapmapInATerminal, ColoursDoNotCountAsColumnsWhereOutputIsPaged) {
  PictureRig rig;
  rig.run("alloc 100 -n 60");
  for (int i = 1; i < 60; i += 2) rig.run("free a" + std::to_string(i));
  rig.set_mode(Mode::plain);
  rig.type("mode terminal\r\x1b[24;80R");
  EXPECT_FALSE(rig.type("heapmap -k age -r 4\r").contains("-- more --"));
}

// ---- all of memory ----

TEST(HeapmapMemory, RegionsTileTheAddressSpace) {
  PictureRig rig;
  rig.run("alloc 1000");
  const JsonReply reply = rig.json("heapmap -a");
  std::uint64_t at = 0;
  std::map<std::string, std::uint64_t> bytes;
  std::string map_marks;
  for (const Json& region : reply.result["regions"].items()) {
    EXPECT_EQ(region["start"].address(), at);
    at = region["end"].address();
    EXPECT_EQ(region["bytes"].number(), at - region["start"].address());
    bytes[region["what"].text()] += region["bytes"].number();
    map_marks += region["mark"].text();
  }
  EXPECT_EQ(bytes["heap"], rig.range().size());
  EXPECT_EQ(bytes["handles"], rig.setup.plan().handles.size());
  EXPECT_EQ(reply.result["heap_used_bytes"].number(), rig.heap.stats().used_bytes);
  EXPECT_EQ(reply.result["heap_free_bytes"].number(), rig.heap.stats().free_bytes);
  // The map shows each region, in order, and fits beside its name.
  const std::string map = reply.result["map"].text();
  EXPECT_LE(map.size(), 56U);
  std::string squeezed = map.substr(0, 1);
  for (const char c : map) {
    if (c != squeezed.back()) squeezed += c;
  }
  EXPECT_EQ(squeezed, map_marks);
}

TEST(HeapmapMemory, SaysWhatCannotBeRead) {
  PictureRig rig;
  const JsonReply reply = rig.json("heapmap -a");
  for (const Json& region : reply.result["regions"].items()) {
    const bool expected = region["what"].text() == "GPU memory";
    if (expected || region["what"].text() == "heap") {
      EXPECT_EQ(!region["unreadable"].is_null(), expected);
    }
  }
}

TEST(HeapmapCommand, RefusesOptionsThatDoNotGoTogether) {
  PictureRig rig;
  rig.run("alloc 64");
  const auto before = test::state_of(rig);
  for (const std::string line :
       {"heapmap -k size", "heapmap -k", "heapmap -a a1", "heapmap -a -b", "heapmap -a -l -c 1",
        "heapmap -c 1", "heapmap -i 1", "heapmap -l", "heapmap -l -c 0", "heapmap -l -c x",
        "heapmap -l -c 1 -i x", "heapmap -l -c 1 -b", "heapmap -z1"}) {
    const JsonReply reply = rig.json(line);
    EXPECT_EQ(reply.status, 2U) << line;
    EXPECT_EQ(reply.kind(), "usage") << line;
  }
  EXPECT_EQ(test::state_of(rig), before);
}

}  // namespace
}  // namespace heapscope::shell
