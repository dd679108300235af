// `heapmap`: the cells against a model that looks at every byte, zooming in, and
// the list of blocks.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>
#include <utility>

#include "alloc_state.hpp"
#include "shell_rig.hpp"
#include "tests/unit/alloc/random_source.hpp"

namespace heapscope::shell {
namespace {

using test::hex;
using test::Json;
using test::JsonReply;
using test::ShellRig;
using Names = std::vector<std::string>;

/// A heap that is small enough to look at byte by byte, with holes in it.
struct HeapmapRig : ShellRig {
  explicit HeapmapRig(std::string_view allocator = "bin", std::uint64_t heap_bytes = 64 * 1024)
      : ShellRig({.mode = Mode::json, .allocator = allocator, .heap_bytes = heap_bytes}) {
    json("alloc 1000 -n 10 -t thousand");
    json("alloc 24 8 -n 30");
    json("alloc 5000 -t large");
    json("alloc 64 4096 -n 3");
    for (const std::string_view line : {"free a2 a4 a5", "free a12 a13 a17", "free a41"})
      json(line);
  }
  [[nodiscard]] Range range() const {
    return {.start = heap.stats().start, .end = heap.stats().end};
  }
};

/// For each byte of the range whether it is in use.
std::vector<bool> used_bytes(const ShellRig& rig, Range range) {
  std::vector<bool> used;
  for (const alloc::Extent& extent : test::extents_of(rig.heap)) {
    const Range part = Range{.start = extent.start, .end = extent.end()}.intersection(range);
    used.insert(used.end(), part.size(), extent.state != alloc::ExtentState::free);
  }
  return used;
}

/// How full the cells are that a picture of the range must show.
std::vector<std::uint64_t> model_cells(const ShellRig& rig, Range range, std::uint64_t cell_bytes) {
  const std::vector<bool> used = used_bytes(rig, range);
  std::vector<std::uint64_t> cells;
  for (std::size_t at = 0; at < used.size(); at += cell_bytes) {
    const std::size_t size = std::min<std::size_t>(cell_bytes, used.size() - at);
    const auto first = used.begin() + static_cast<std::ptrdiff_t>(at);
    const auto full = static_cast<std::uint64_t>(
        std::count(first, first + static_cast<std::ptrdiff_t>(size), true));
    const std::uint64_t permille = full * 1000 / size;
    const bool mixed = full > 0 && full < size;
    cells.push_back(mixed ? std::clamp<std::uint64_t>(permille, 1, 999) : permille);
  }
  return cells;
}

std::vector<std::uint64_t> cells_of(const JsonReply& reply) {
  std::vector<std::uint64_t> cells;
  for (const Json& cell : reply.result["cells"].items()) cells.push_back(cell.number());
  return cells;
}

Range range_of(const JsonReply& reply) {
  return {.start = reply.result["start"].address(), .end = reply.result["end"].address()};
}

/// The picture agrees with the model and has at most `most` cells.
void expect_true_picture(const ShellRig& rig, const JsonReply& reply, std::size_t most) {
  const std::uint64_t cell_bytes = reply.result["cell_bytes"].number();
  EXPECT_EQ(cell_bytes % 8, 0U);
  EXPECT_EQ(cells_of(reply), model_cells(rig, range_of(reply), cell_bytes));
  EXPECT_LE(reply.result["cells"].size(), most);
}

TEST(HeapmapCommand, JsonHasTheFieldsOfTheContract) {
  HeapmapRig rig;
  const JsonReply reply = rig.json("heapmap");
  EXPECT_EQ(reply.command, "heapmap");
  EXPECT_EQ(reply.result.names(), (Names{"start", "end", "cell_bytes", "cells"}));
  EXPECT_EQ(range_of(reply), rig.range());
  expect_true_picture(rig, reply, 64 * 16);
}

TEST(HeapmapCommand, EveryShapeOfPictureIsTrue) {
  for (const std::string_view allocator : {"bin", "bump", "first-fit"}) {
    for (const std::uint64_t heap_bytes : {64U * 1024, 65'521U, 30'001U}) {
      HeapmapRig rig(allocator, heap_bytes);
      for (const std::size_t columns : {1U, 2U, 7U, 64U, 255U, 256U}) {
        for (const std::size_t rows : {1U, 3U, 16U, 256U}) {
          const JsonReply reply =
              rig.json("heapmap -w " + std::to_string(columns) + " -r " + std::to_string(rows));
          expect_true_picture(rig, reply, columns * rows);
        }
      }
    }
  }
}

TEST(HeapmapCommand, CellsAreAsSmallAsTheShapeAllows) {
  HeapmapRig rig;
  EXPECT_EQ(rig.json("heapmap").result["cell_bytes"].number(), 64U);
  EXPECT_EQ(rig.json("heapmap -w 1 -r 1").result["cell_bytes"].number(), 64U * 1024);
  EXPECT_EQ(rig.json("heapmap -w 3 -r 1").result["cell_bytes"].number(), 21'848U);
  EXPECT_EQ(rig.json("heapmap -w 256 -r 256").result["cell_bytes"].number(), 8U);
}

TEST(HeapmapCommand, ZoomsIntoAnyRange) {
  HeapmapRig rig;
  alloc::RandomSource random(11);
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t from = rig.range().start + random.below(rig.range().size());
    const std::uint64_t length = random.between(1, 20'000);
    const JsonReply reply =
        rig.json("heapmap " + hex(from) + " " + std::to_string(length) + " -w 16 -r 4");
    ASSERT_EQ(reply.status, 0U);
    EXPECT_EQ(range_of(reply),
              (Range{.start = from, .end = std::min(from + length, rig.range().end)}));
    expect_true_picture(rig, reply, 64);
  }
}

TEST(HeapmapCommand, AnAddressAloneShowsAllFromThereOn) {
  HeapmapRig rig;
  const std::uint64_t middle = rig.range().start + 30'000;
  EXPECT_EQ(range_of(rig.json("heapmap " + hex(middle))),
            (Range{.start = middle, .end = rig.range().end}));
  EXPECT_EQ(range_of(rig.json("heapmap " + hex(rig.range().end - 1))),
            (Range{.start = rig.range().end - 1, .end = rig.range().end}));
  EXPECT_EQ(range_of(rig.json("heapmap 0")), rig.range());
  EXPECT_EQ(range_of(rig.json("heapmap 1 18446744073709551615")), rig.range());
}

TEST(HeapmapCommand, AHandleShowsItsBlock) {
  HeapmapRig rig;
  const auto block = rig.handles.find(10);
  const JsonReply reply = rig.json("heapmap a10");
  EXPECT_EQ(range_of(reply), (Range{.start = block->address, .end = block->address + 1000}));
  for (const std::uint64_t cell : cells_of(reply)) EXPECT_EQ(cell, 1000U);
  EXPECT_EQ(range_of(rig.json("heapmap a10 4K")),
            (Range{.start = block->address, .end = block->address + 4096}));
}

TEST(HeapmapCommand, WhatCannotBeShown) {
  HeapmapRig rig;
  const auto before = test::state_of(rig);
  const auto expect = [&](const std::string& line, std::uint64_t status, std::string_view kind) {
    const JsonReply reply = rig.json(line);
    EXPECT_EQ(reply.status, status) << line;
    EXPECT_EQ(reply.kind(), kind) << line;
  };
  expect("heapmap " + hex(rig.range().end), 1, "outside-heap");
  expect("heapmap 0 16", 1, "outside-heap");
  expect("heapmap " + hex(rig.range().start - 16) + " 16", 1, "outside-heap");
  expect("heapmap 18446744073709551615", 1, "outside-heap");
  expect("heapmap a2", 1, "not-allocated");
  expect("heapmap a999", 1, "not-allocated");
  expect("heapmap x", 2, "usage");
  expect("heapmap a1 x", 2, "usage");
  expect("heapmap a1 0", 2, "usage");
  expect("heapmap a1 2 3", 2, "usage");
  for (const std::string_view side : {"-w", "-r"}) {
    expect("heapmap " + std::string(side) + " 0", 2, "usage");
    expect("heapmap " + std::string(side) + " 257", 2, "usage");
    expect("heapmap " + std::string(side) + " x", 2, "usage");
    expect("heapmap " + std::string(side), 2, "usage");
  }
  expect("heapmap -b1", 2, "usage");
  expect("heapmap -b -b", 2, "usage");
  EXPECT_EQ(test::state_of(rig), before);
}

TEST(HeapmapCommand, BlocksTileTheHeap) {
  for (const std::string_view allocator : {"bin", "bump", "first-fit"}) {
    HeapmapRig rig(allocator);
    const JsonReply reply = rig.json("heapmap -b");
    EXPECT_EQ(reply.result.names(), (Names{"start", "end", "cell_bytes", "cells", "blocks"}));
    const auto extents = test::extents_of(rig.heap);
    ASSERT_EQ(reply.result["blocks"].size(), extents.size());
    std::size_t live = 0;
    for (std::size_t i = 0; i < extents.size(); ++i) {
      const Json& block = reply.result["blocks"][i];
      EXPECT_EQ(block.names(), (Names{"address", "size", "state", "id", "tag"}));
      EXPECT_EQ(block["address"].address(), extents[i].start);
      EXPECT_EQ(block["size"].number(), extents[i].size);
      EXPECT_EQ(block["state"].text(), alloc::state_name(extents[i].state));
      const bool named = extents[i].state == alloc::ExtentState::live;
      EXPECT_EQ(block["id"].is_null(), !named);
      if (!named) continue;
      const auto handle = rig.handles.find_address(extents[i].start);
      EXPECT_EQ(block["id"].text(), "a" + std::to_string(handle->id));
      EXPECT_EQ(block["tag"].is_null(), handle->tag.empty());
      ++live;
    }
    EXPECT_EQ(live, allocator != "bump" ? rig.handles.size() : 0);
  }
}

TEST(HeapmapCommand, BlocksTileAnyRangeZoomedInto) {
  HeapmapRig rig;
  alloc::RandomSource random(12);
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t from = rig.range().start + random.below(rig.range().size());
    const JsonReply reply =
        rig.json("heapmap " + hex(from) + " " + std::to_string(random.between(1, 9000)) + " -b");
    std::uint64_t at = range_of(reply).start;
    for (const Json& block : reply.result["blocks"].items()) {
      EXPECT_EQ(block["address"].address(), at);
      EXPECT_GT(block["size"].number(), 0U);
      at += block["size"].number();
    }
    ASSERT_EQ(at, range_of(reply).end);
  }
}

TEST(HeapmapCommand, BlocksOfAHandleAreTheOneBlock) {
  HeapmapRig rig;
  const JsonReply reply = rig.json("heapmap a1 -b");
  ASSERT_EQ(reply.result["blocks"].size(), 1U);
  EXPECT_EQ(reply.result["blocks"][0]["id"].text(), "a1");
  EXPECT_EQ(reply.result["blocks"][0]["tag"].text(), "thousand");
}

/// The picture's rows as plain mode prints them: from the line behind
/// cell_bytes to the legend.
Names picture_rows(const std::string& output) {
  Names rows;
  for (const std::string& line : test::split_lines(output)) {
    if (line.starts_with("0x") && line.size() > 12 && line.substr(10, 2) == "  ") {
      rows.push_back(line);
    }
  }
  return rows;
}

TEST(HeapmapCommand, ThePictureShowsTheSameCells) {
  HeapmapRig rig;
  const JsonReply reply = rig.json("heapmap -w 40 -r 7");
  const std::uint64_t cell_bytes = reply.result["cell_bytes"].number();
  const auto cells = cells_of(reply);
  rig.set_mode(Mode::plain);
  const Names rows = picture_rows(rig.plain("heapmap -w 40 -r 7"));
  const std::vector<alloc::Extent> extents = test::extents_of(rig.heap);
  std::size_t cell = 0;
  for (const std::string& row : rows) {
    EXPECT_EQ(row.substr(0, 10), test::hex8(rig.range().start + cell * cell_bytes));
    EXPECT_LE(row.size(), 12U + 40);
    for (const char c : row.substr(12)) {
      ASSERT_LT(cell, cells.size());
      const std::uint64_t start = rig.range().start + cell * cell_bytes;
      const Range shown{.start = start, .end = std::min(start + cell_bytes, rig.range().end)};
      const std::uint64_t permille = cells[cell++];
      // The allocator's own memory, at both ends of the heap, is drawn as such.
      const bool own = std::ranges::any_of(extents, [&](const alloc::Extent& extent) {
        return extent.state == alloc::ExtentState::metadata && extent.start <= shown.start &&
               shown.end <= extent.end();
      });
      const char full = own ? 'm' : '#';
      constexpr std::string_view kBetween = ":-=+*%";
      const char expected = permille == 0      ? '.'
                            : permille == 1000 ? full
                                               : kBetween[permille * kBetween.size() / 1000];
      EXPECT_EQ(c, expected) << "cell " << cell << " of " << permille;
    }
  }
  EXPECT_EQ(cell, cells.size());
}

TEST(HeapmapCommand, PlainHasALegendThatNamesEveryShade) {
  HeapmapRig rig;
  rig.set_mode(Mode::plain);
  const std::string output = rig.plain("heapmap -b");
  EXPECT_NE(output.find(". free  :-=+*% part full"), std::string::npos);
  EXPECT_NE(output.find("# full  m metadata\n"), std::string::npos);
  EXPECT_NE(output.find("\nblocks:\naddress            size  state     id        tag\n"),
            std::string::npos);
  EXPECT_NE(output.find("live      a1        thousand\n"), std::string::npos);
}

/// A console that does something to the heap, once, as an interrupt would: a few
/// bytes behind the first `mark` that is written.
class MeddlingConsole final : public Console {
 public:
  MeddlingConsole(std::string mark, std::function<void()> meddle)
      : mark_(std::move(mark)), meddle_(std::move(meddle)) {}

  std::optional<std::uint8_t> read() override { return std::nullopt; }
  void write(std::string_view bytes) override {
    output_ += bytes;
    const std::size_t found = output_.find(mark_);
    if (!meddle_ || found == std::string::npos || output_.size() < found + mark_.size() + 3) return;
    std::exchange(meddle_, nullptr)();
  }
  bool take_interrupt() override { return false; }
  bool has_input() override { return false; }
  void wait(std::uint64_t) override {}
  void set_raw(bool) override {}

  [[nodiscard]] JsonReply reply() const {
    const std::string lines = test::with_plain_newlines(output_);
    return test::read_reply(lines.substr(0, lines.find('\n')));
  }

 private:
  std::string mark_;
  std::function<void()> meddle_;
  std::string output_;
};

/// Runs a line while `meddle` happens to the heap behind `mark`.
JsonReply meddled(ShellRig& rig, std::string_view line, std::string mark,
                  std::function<void()> meddle) {
  MeddlingConsole console(std::move(mark), std::move(meddle));
  Environment environment{.heap = rig.heap,
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
  Shell shell(environment, console, Mode::json);
  EXPECT_EQ(shell.run_line(line), 0);
  return console.reply();
}

TEST(HeapmapCommand, AHeapThatChangesMeanwhileIsSaidToHave) {
  for (const std::string_view mark : {"\"cells\":[", "\"blocks\":["}) {
    HeapmapRig rig;
    const JsonReply reply = meddled(rig, "heapmap -b", std::string(mark),
                                    [&] { (void)rig.heap.allocate({.size = 16}); });
    EXPECT_TRUE(reply.result["changed_meanwhile"].boolean());
  }
}

TEST(HeapmapCommand, BlocksThatMergeMeanwhileAreNotShownTwice) {
  for (const std::string_view mark : {"\"cells\":[", "\"blocks\":["}) {
    ShellRig rig({.mode = Mode::json, .heap_bytes = 64 * 1024});
    rig.json("alloc 16 -n 200");
    // The walk has seen the first of these blocks and not yet the last, so that
    // it finds itself in the middle of the run that they become.
    const JsonReply reply = meddled(rig, "heapmap -b", std::string(mark), [&] {
      for (HandleId id = 10; id <= 150; ++id) {
        const auto handle = rig.handles.find(id);
        ASSERT_TRUE(rig.heap.deallocate(handle->address, handle->layout()));
      }
    });
    EXPECT_TRUE(reply.result["changed_meanwhile"].boolean());
    EXPECT_EQ(reply.result["cells"].size(), 1024U);
    std::uint64_t at = range_of(reply).start;
    for (const Json& block : reply.result["blocks"].items()) {
      EXPECT_EQ(block["address"].address(), at);
      at += block["size"].number();
    }
    EXPECT_EQ(at, range_of(reply).end);
  }
}

}  // namespace
}  // namespace heapscope::shell
