// The commands that look into the heap: blocks, bins, who, origins, trace, mark, diff, and
// replies in one line.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "alloc/workload/player.hpp"
#include "alloc/workload/trace_reader.hpp"
#include "alloc_state.hpp"
#include "shell/marks.hpp"
#include "tests/unit/shell/shell_rig.hpp"

namespace heapscope::shell {
namespace {

using test::Json;
using test::JsonReply;
using test::RigOptions;
using test::ShellRig;
using Witness = test::WitnessedLock::Witness;

/// A shell in json mode whose heap records origins.
class Microscope : public ::testing::Test {
 protected:
  Microscope() { alloc::record_origins(rig_.heap, true); }

  Json result(std::string_view line) {
    const JsonReply reply = rig_.json(line);
    EXPECT_EQ(reply.status, 0U) << line << ": " << reply.message();
    return reply.result;
  }
  std::string error(std::string_view line) {
    const JsonReply reply = rig_.json(line);
    EXPECT_NE(reply.status, 0U) << line;
    return reply.kind();
  }

  ShellRig rig_{{.mode = Mode::json}};
};

using Blocks = Microscope;

TEST_F(Blocks, TileTheHeap) {
  rig_.json("alloc 100 -n 3 -t page");
  rig_.json("free a2");
  const Json all = result("blocks");
  std::uint64_t at = rig_.setup.plan().heap.start;
  std::uint64_t bytes = 0;
  for (const Json& block : all["blocks"].items()) {
    EXPECT_EQ(block["address"].address(), at);
    at += block["size"].number();
    bytes += block["size"].number();
  }
  EXPECT_EQ(at, rig_.setup.plan().heap.end);
  EXPECT_EQ(all["bytes"].number(), bytes);
  EXPECT_EQ(all["count"].number(), all["blocks"].size());
}

TEST_F(Blocks, AreChosen) {
  rig_.json("alloc 100 -n 3 -t page");
  rig_.json("alloc 5000 -t big");
  EXPECT_EQ(result("blocks --live")["count"].number(), 4U);
  EXPECT_EQ(result("blocks -l --min 4K")["count"].number(), 1U);
  const Json tagged = result("blocks --tag page");
  EXPECT_EQ(tagged["count"].number(), 3U);
  for (const Json& block : tagged["blocks"].items()) EXPECT_EQ(block["tag"].text(), "page");
  for (const Json& block : result("blocks --free")["blocks"].items()) {
    EXPECT_EQ(block["state"].text(), "free");
  }
  EXPECT_EQ(result("blocks --live --top 2")["blocks"].size(), 2U);
  EXPECT_EQ(result("blocks --live --top 2")["count"].number(), 4U);
  EXPECT_EQ(error("blocks --live --free"), "usage");
  EXPECT_EQ(error("blocks --sort colour"), "usage");
  EXPECT_EQ(error("blocks --sort size --top 0"), "usage");
}

TEST_F(Blocks, AreSorted) {
  for (const std::string_view line : {"alloc 500 -t b", "alloc 2000 -t c", "alloc 100 -t a"}) {
    rig_.json(line);
  }
  rig_.json("alloc 4000");
  const auto ids = [&](std::string_view line) {
    std::string all;
    const Json found = result(line);
    for (const Json& block : found["blocks"].items()) all += block["id"].text() + " ";
    return all;
  };
  EXPECT_EQ(ids("blocks --live --sort size"), "a4 a2 a1 a3 ");
  EXPECT_EQ(ids("blocks --live --sort age"), "a1 a2 a3 a4 ");
  EXPECT_EQ(ids("blocks --live --sort tag"), "a3 a1 a2 a4 ");
  EXPECT_EQ(ids("blocks --live --sort size --top 2"), "a4 a2 ");
}

/// The addresses of the blocks that a line lists.
std::vector<std::uint64_t> addresses_of(const Json& found) {
  std::vector<std::uint64_t> all;
  for (const Json& block : found["blocks"].items()) all.push_back(block["address"].address());
  return all;
}

TEST_F(Blocks, MoreThanFitABatchAreSortedAsAModelSortsThem) {
  constexpr std::uint64_t kSeed = 20260711;
  RecordProperty("seed", std::to_string(kSeed));
  std::mt19937_64 random(kSeed);
  struct Block {
    std::uint64_t address;
    std::uint64_t size;
    std::string tag;
    std::uint64_t age;
  };
  std::vector<Block> model;
  for (std::uint64_t i = 1; i <= 700; ++i) {
    const std::string tag = random() % 4 == 0 ? "" : "t" + std::to_string(random() % 3);
    rig_.json("alloc " + std::to_string(16 + random() % 5 * 64) +
              (tag.empty() ? "" : " -t " + tag));
    if (i % 3 == 0) rig_.json("free a" + std::to_string(i - random() % 2));
  }
  for (const alloc::Extent& extent : test::extents_of(rig_.heap)) {
    if (extent.state != alloc::ExtentState::live) continue;
    const auto handle = rig_.handles.find_address(extent.start);
    ASSERT_TRUE(handle);
    model.push_back({extent.start, extent.size, std::string(handle->tag), handle->id});
  }
  ASSERT_GT(model.size(), 256U);
  const auto expect = [&](const std::string& key, auto before) {
    std::ranges::stable_sort(model, {}, &Block::address);
    std::ranges::stable_sort(model, before);
    std::vector<std::uint64_t> sorted;
    for (const Block& block : model) sorted.push_back(block.address);
    EXPECT_EQ(addresses_of(result("blocks --live --sort " + key)), sorted) << key;
    for (const std::size_t top : {1U, 255U, 256U, 257U, 300U}) {
      EXPECT_EQ(
          addresses_of(result("blocks --live --sort " + key + " --top " + std::to_string(top))),
          std::vector(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(top)))
          << key << " " << top;
    }
  };
  expect("size", [](const Block& a, const Block& b) { return a.size > b.size; });
  expect("age", [](const Block& a, const Block& b) { return a.age < b.age; });
  expect("tag", [](const Block& a, const Block& b) {
    return a.tag.empty() != b.tag.empty() ? b.tag.empty() : a.tag < b.tag;
  });
}

TEST_F(Blocks, OfAnotherHeapThanTheOneThatWasBegunAreSaidToBe) {
  rig_.json("alloc 64 -n 600");
  EXPECT_FALSE(result("blocks --live --sort size").has("changed_meanwhile"));
  // In the middle of the first batch's reply, between two passes.
  rig_.console.call_at("a100\"", [&] { (void)rig_.heap.allocate({.size = 64}); });
  const Json changed = result("blocks --live --sort size");
  EXPECT_TRUE(changed["changed_meanwhile"].boolean());
  EXPECT_EQ(changed["count"].number(), 600U);
  EXPECT_LE(changed["blocks"].size(), 600U);
}

TEST_F(Blocks, StopAtCtrlC) {
  rig_.json("alloc 64 -n 600");
  for (const std::string_view key : {"address", "size"}) {
    rig_.console.interrupt_after_output(10'000);
    const JsonReply reply = rig_.json("blocks --live --sort " + std::string(key));
    EXPECT_EQ(reply.result["problem"]["kind"].text(), "interrupted") << key;
    EXPECT_LT(reply.result["blocks"].size(), 300U) << key;
    EXPECT_EQ(rig_.status(), "1") << key;
  }
}

using Bins = Microscope;

TEST_F(Bins, CountWhatIsFreeAndLive) {
  rig_.json("alloc 100 -n 5");
  rig_.json("alloc 5000");
  const Json bins = result("bins");
  EXPECT_EQ(bins["free_bytes"].number(), rig_.heap.stats().free_bytes);
  std::uint64_t live = 0;
  for (const Json& each : bins["live"].items()) live += each["blocks"].number();
  EXPECT_EQ(live, 6U);
  EXPECT_EQ(bins["live"][0]["size"].number(), 64U);
  EXPECT_EQ(bins["live"][0]["blocks"].number(), 5U);
  EXPECT_EQ(bins["live"][1]["size"].number(), 4096U);
}

using Who = Microscope;

TEST_F(Who, TellsTheBlockAndWhoAllocatedIt) {
  Witness::called_by = 0x0507;
  Witness::on_core = 2;
  rig_.json("alloc 100 -t page");
  Witness::on_core = 0;
  const auto handle = rig_.handles.find(1);
  ASSERT_TRUE(handle);
  const Json inside = result("who " + std::to_string(handle->address + 7));
  EXPECT_EQ(inside["state"].text(), "live");
  EXPECT_EQ(inside["offset"].number(), 7U);
  EXPECT_EQ(inside["id"].text(), "a1");
  EXPECT_EQ(inside["tag"].text(), "page");
  EXPECT_EQ(inside["block_size"].number(), 100U);
  EXPECT_EQ(inside["sequence"].number(), 1U);
  EXPECT_EQ(inside["allocated_by"].text(), "function7+0x7 < function5+0x5");
  EXPECT_EQ(inside["allocated_core"].number(), 2U);
}

TEST_F(Who, TellsWhoFreedWhatIsGone) {
  rig_.json("alloc 5000 -n 2");
  const alloc::Address address = rig_.handles.find(1)->address;
  Witness::called_by = 0x0b;
  rig_.json("free a1");
  const Json gone = result("who " + std::to_string(address + 4321));
  EXPECT_EQ(gone["state"].text(), "free");
  EXPECT_EQ(gone["block"].address(), address);
  EXPECT_EQ(gone["block_size"].number(), 5000U);
  EXPECT_EQ(gone["freed_by"].text(), "function11+0xb");
  EXPECT_EQ(gone["id"].is_null(), true);
}

TEST_F(Who, SaysThatNothingIsRecorded) {
  rig_.json("alloc 64");
  rig_.json("origins off");
  EXPECT_EQ(result("who a1")["origin"].text(), "not recorded: origins are off");
  rig_.json("origins on");
  EXPECT_EQ(result("who a1")["origin"].text(), "not recorded, or not any more");
}

TEST_F(Who, KnowsOtherMemory) {
  const Range heap = rig_.setup.plan().heap;
  EXPECT_EQ(result("who " + std::to_string(rig_.setup.plan().handles.start))["region"].text(),
            "handles");
  EXPECT_EQ(result("who " + std::to_string(heap.start))["state"].text(), "metadata");
  EXPECT_EQ(error("who 0xffff_ffff_ffff_fff0"), "outside-memory");
  EXPECT_EQ(error("who a99"), "not-allocated");
  EXPECT_EQ(error("who nobody"), "usage");
}

TEST_F(Who, KnowsZonesAndWhatIsKeptBack) {
  rig_.heap.set_hardening(alloc::Hardening::full);
  rig_.json("allocator bin");
  rig_.json("alloc 50 -t page");
  const alloc::Address block = rig_.handles.find(1)->address;
  struct Place {
    int offset;
    const char* part;
  };
  constexpr Place kPlaces[] = {{-16, "zone before"}, {-1, "zone before"}, {0, "block"},
                               {49, "block"},        {50, "zone behind"}, {79, "zone behind"}};
  for (const bool freed : {false, true}) {
    if (freed) rig_.json("free a1");
    for (const Place& place : kPlaces) {
      SCOPED_TRACE(place.offset);
      const Json found =
          result("who " + std::to_string(block + static_cast<alloc::Address>(place.offset)));
      EXPECT_EQ(found["part"].text(), place.part);
      EXPECT_EQ(found["kept"].boolean(), freed);
      EXPECT_EQ(found["block"].address(), block);
      EXPECT_EQ(found["block_size"].number(), 50U);
      EXPECT_TRUE(found.has("allocated_by"));
      EXPECT_EQ(found.has("freed_by"), freed);
      EXPECT_EQ(found["id"].is_null(), freed);
    }
  }
  const alloc::Address end = rig_.setup.plan().heap.end;
  EXPECT_FALSE(result("who " + std::to_string(end - 64)).has("kept"));
}

using Diff = Microscope;

TEST_F(Diff, FindsWhatLeaks) {
  rig_.json("alloc 64 -t before");
  rig_.json("mark start");
  Witness::called_by = 0x21;
  rig_.json("alloc 1000 -n 3 -t page");
  rig_.json("alloc 200");
  rig_.json("free a2");
  rig_.json("mark later");
  rig_.json("alloc 300 -t late");
  const Json found = result("diff start later");
  EXPECT_EQ(found["blocks"].number(), 3U);
  EXPECT_EQ(found["bytes"].number(), 2200U);
  ASSERT_EQ(found["groups"].size(), 2U);
  EXPECT_EQ(found["groups"][0]["tag"].text(), "page");
  EXPECT_EQ(found["groups"][0]["blocks"].number(), 2U);
  EXPECT_EQ(found["groups"][0]["by"].is_null(), true);
  EXPECT_EQ(found["groups"][1]["by"].text(), "function33+0x21");
  EXPECT_EQ(result("diff start")["blocks"].number(), 4U);
  EXPECT_EQ(result("diff later")["groups"][0]["tag"].text(), "late");
  EXPECT_EQ(result("diff boot")["blocks"].number(), 5U);
  const Json by_caller = result("diff start --group caller -b");
  ASSERT_EQ(by_caller["groups"].size(), 1U);
  EXPECT_EQ(by_caller["live"].size(), 4U);
  rig_.json("free all");
  EXPECT_EQ(result("diff start")["blocks"].number(), 0U);
  rig_.json("mark start -d");
  rig_.json("mark later -d");
}

TEST_F(Diff, OfMomentsBetweenWhichNothingWasRecordedFails) {
  rig_.json("mark once");
  rig_.json("origins off");
  EXPECT_EQ(error("diff once"), "not-recorded");
  rig_.json("origins on");
  EXPECT_EQ(error("diff once"), "not-recorded");
  EXPECT_EQ(error("diff never"), "no-mark");
  EXPECT_EQ(result("diff boot")["blocks"].number(), 0U);
  rig_.json("mark once");
  EXPECT_EQ(result("diff once")["blocks"].number(), 0U);
  rig_.json("mark once -d");
  EXPECT_EQ(error("mark once -d"), "no-mark");
  EXPECT_EQ(error("mark boot"), "usage");
}

TEST_F(Diff, ManyGroupsAreCutOff) {
  rig_.json("mark many");
  for (std::uint64_t i = 1; i <= 70; ++i) {
    Witness::called_by = i;
    rig_.json("alloc 64");
  }
  const Json found = result("diff many");
  ASSERT_EQ(found["groups"].size(), 65U);
  EXPECT_EQ(found["groups"][64]["by"].text(), "further callers");
  EXPECT_EQ(found["groups"][64]["blocks"].number(), 6U);
  rig_.json("mark many -d");
}

TEST(Marks, AreSixteenAtMost) {
  Marks marks;
  for (std::size_t i = 0; i < Marks::kMost; ++i) {
    Mark mark;
    format(mark.name, "m{}", i);
    EXPECT_TRUE(marks.set(mark));
  }
  Mark other;
  other.name.write("other");
  EXPECT_FALSE(marks.set(other));
  EXPECT_TRUE(marks.remove("m3"));
  EXPECT_FALSE(marks.remove("m3"));
  EXPECT_TRUE(marks.set(other));
  EXPECT_NE(marks.find("other"), nullptr);
}

using Trace = Microscope;

/// What the plain dump says, as a trace.
std::string dumped(ShellRig& rig) {
  rig.set_mode(Mode::plain);
  std::string text = rig.plain("trace dump");
  rig.set_mode(Mode::json);
  return text;
}

workload::Figures played(std::string_view text) {
  static std::vector<workload::Slot> slots(workload::kMaxBlocks);
  workload::NoTarget target;
  workload::Player player(target, slots);
  workload::TraceReader reader(text);
  const auto done = player.play(reader);
  EXPECT_TRUE(done) << (done ? 0 : done.error().position) << "\n" << text;
  return player.figures();
}

TEST_F(Trace, CanBePlayedAgain) {
  rig_.json("alloc 5000 -n 2");
  rig_.json("trace on");
  rig_.json("alloc 64 -n 3 -t page");
  rig_.json("alloc 100 4096");
  rig_.json("free a1 a3 a4");
  rig_.json("alloc 16");
  const std::string text = dumped(rig_);
  EXPECT_TRUE(workload::is_trace(text));
  const workload::Figures figures = played(text);
  EXPECT_EQ(figures.allocations, 5U);
  EXPECT_EQ(figures.frees, 2U);
  EXPECT_EQ(figures.peak_live_bytes, 64U * 3 + 100);
  EXPECT_NE(text.find("# events 8, overwritten 0, left out 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" tag=page by=function"), std::string::npos) << text;
  const Json events = result("trace dump");
  EXPECT_EQ(events["left_out"].number(), 1U);
  ASSERT_EQ(events["events"].size(), 8U);
  EXPECT_EQ(events["events"][4]["kind"].text(), "free");
  EXPECT_EQ(events["events"][4]["followed"].boolean(), false);
}

TEST_F(Trace, OfFreesOnlyLeavesOutWhatWasAllocatedMeanwhile) {
  rig_.json("trace on");
  rig_.json("alloc 64");
  rig_.json("trace frees");
  rig_.json("alloc 64");
  rig_.json("free a1 a2");
  const workload::Figures figures = played(dumped(rig_));
  EXPECT_EQ(figures.allocations, 1U);
  EXPECT_EQ(figures.frees, 1U);
  rig_.json("trace off");
  EXPECT_EQ(result("trace")["tracing"].text(), "off");
  const std::uint64_t calls = result("trace")["calls"].number();
  for (int i = 0; i < 100; ++i) rig_.json("alloc 64");
  EXPECT_EQ(result("trace")["calls"].number(), calls) << "what is not traced does not count";
  EXPECT_EQ(played(dumped(rig_)).allocations, 1U);
  rig_.json("trace on");
  EXPECT_EQ(result("trace")["calls"].number(), 0U) << "it begins anew";
}

TEST_F(Trace, SaysWhatWasOverwritten) {
  rig_.json("trace on");
  const std::uint64_t capacity = result("trace")["capacity"].number();
  const std::uint64_t pairs = capacity;
  for (std::uint64_t i = 0; i < pairs; ++i) {
    const auto block = rig_.heap.allocate({.size = 32});
    ASSERT_TRUE(block && rig_.heap.deallocate(*block, {.size = 32}));
  }
  const Json state = result("trace");
  EXPECT_EQ(state["calls"].number(), capacity);
  EXPECT_EQ(state["overwritten"].number(), 2 * pairs - capacity);
  const workload::Figures figures = played(dumped(rig_));
  EXPECT_EQ(figures.allocations, capacity / 2);
  EXPECT_EQ(figures.frees, capacity / 2);
  rig_.json("trace clear");
  EXPECT_EQ(result("trace")["calls"].number(), 0U);
  EXPECT_EQ(result("trace dump")["events"].size(), 0U);
}

TEST_F(Trace, TellsOfRefusals) {
  rig_.json("trace on");
  EXPECT_EQ(error("alloc 3M"), "unsupported");
  const Json events = result("trace dump");
  ASSERT_EQ(events["events"].size(), 1U);
  EXPECT_EQ(events["events"][0]["kind"].text(), "refused");
  EXPECT_EQ(events["events"][0]["size"].number(), 3U << 20);
  EXPECT_EQ(played(dumped(rig_)).operations, 0U);
}

TEST_F(Trace, DumpsTheLastCallsAlone) {
  (void)rig_.json("trace on");
  (void)rig_.json("alloc 64 -n 5");
  EXPECT_EQ(result("trace dump --calls 1000")["events"].size(), 5U);
  const Json last = result("trace dump -n 2");
  ASSERT_EQ(last["events"].size(), 2U);
  EXPECT_EQ(last["events"][1]["id"].number(), 5U);
  EXPECT_EQ(rig_.json("trace -n 2").status, 2);
  EXPECT_EQ(rig_.json("trace dump -n 0").status, 2);
}

TEST(Origins, WithoutMemoryForRecordsStayOff) {
  ShellRig rig({.mode = Mode::json, .record_bytes = 0});
  EXPECT_EQ(rig.json("origins on").kind(), "no-records");
  EXPECT_EQ(rig.json("trace on").kind(), "no-records");
  EXPECT_EQ(rig.json("origins").result["recording"].boolean(), false);
  EXPECT_EQ(rig.json("diff boot").kind(), "not-recorded");
}

TEST(OneLine, IsOneLineForEveryCommand) {
  ShellRig rig;
  rig.plain("alloc 100 -n 2 -t 'two words'");
  EXPECT_EQ(rig.plain("uptime --one-line"), "microseconds=1234567\n");
  const std::string blocks = rig.plain("blocks --live --one-line");
  EXPECT_TRUE(blocks.starts_with("blocks(address:size:state:id:sequence:tag)=[0x")) << blocks;
  EXPECT_NE(blocks.find(":112:live:a1:-:\"two words\",0x"), std::string::npos) << blocks;
  EXPECT_TRUE(blocks.ends_with("] count=2 bytes=224\n")) << blocks;
  EXPECT_EQ(rig.plain("free a9 --one-line"),
            "error=not-allocated message=\"there is no block a9\"\n");
  for (const CommandRecord* command : commands()) {
    if (command->takes_words_as_they_are || command->min_arguments > 0) continue;
    if (command->name == "receive" || command->name == "boot" || command->name == "source" ||
        command->name == "poweroff" || command->name == "reboot" || command->name == "mode") {
      continue;
    }
    const std::string line = std::string(command->name) + " --one-line";
    const std::string said = rig.plain(line);
    EXPECT_EQ(std::ranges::count(said, '\n'), 1) << line << ": " << said;
  }
}

TEST(OneLine, AnEmptyReplySaysThatAllIsWell) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("clear --one-line"), "ok=yes\n");
  EXPECT_EQ(rig.plain("sleep 1 --one-line"), "ok=yes\n");
}

TEST(OneLine, ItemsOfDifferentKindsNameTheirFields) {
  ShellRig rig;
  const std::string tags = rig.plain("atags --one-line");
  EXPECT_NE(tags.find(" tags=[tag="), std::string::npos) << tags;
  EXPECT_NE(tags.find("tag=MEM:id=0x54410002:words=4:size="), std::string::npos) << tags;
  EXPECT_NE(tags.find(" memory(start:end)=["), std::string::npos) << tags;
}

TEST(OneLine, HoldsForWhatRunsWithinACommand) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("repeat --one-line 2 uptime"),
            "microseconds=1234567\nmicroseconds=1234567\nrounds=2\n");
  EXPECT_EQ(rig.plain("watch -n 0 -c 2 --one-line uptime"),
            "microseconds=1234567\nmicroseconds=1234567\nrounds=2\n");
  // Or only for that: then the log has no lines between its rounds either.
  EXPECT_EQ(rig.plain("watch -n 0 -c 2 uptime --one-line").substr(0, 42),
            "microseconds=1234567\nmicroseconds=1234567\n");
  EXPECT_EQ(rig.plain("watch --one-line -n 0 -c 1 free a9"),
            "error=not-allocated message=\"there is no block a9\"\nrounds=1\n");
  // And not for what comes later.
  EXPECT_NE(rig.plain("uptime").find("microseconds   "), std::string::npos);
  rig.platform.fault_next();
  (void)rig.plain("watch --one-line -n 0 -c 1 uptime");
  EXPECT_NE(rig.plain("uptime").find("microseconds   "), std::string::npos);
}

TEST(OneLine, ErrorsOfTheCallAreOneLineWhereverItStands) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("blocks --one-line -Z"), "error=usage message=\"unknown option -Z\"\n");
  EXPECT_EQ(rig.plain("blocks -Z --one-line"), "error=usage message=\"unknown option -Z\"\n");
  EXPECT_EQ(rig.plain("blocks -l -l --one-line"), "error=usage message=\"-l is given twice\"\n");
  EXPECT_EQ(rig.plain("blocks --one-line --tag"), "error=usage message=\"--tag needs a value\"\n");
  EXPECT_EQ(rig.plain("blocks x --one-line"), "error=usage message=\"blocks does not take 'x'\"\n");
  EXPECT_EQ(rig.plain("alloc --one-line"), "error=usage message=\"alloc needs more arguments\"\n");
  EXPECT_EQ(rig.status(), "2");
  // Behind --, it is a word; behind -t, a tag.
  EXPECT_EQ(rig.plain("blocks -Z -- --one-line").find("error="), std::string::npos);
  EXPECT_EQ(rig.plain("blocks --one-line -t --one-line"),
            "blocks(address:size:state:id:sequence:tag)=[] count=0 bytes=0\n");
  const std::string page = rig.plain("blocks --help --one-line");
  EXPECT_EQ(std::ranges::count(page, '\n'), 1) << page;
  EXPECT_TRUE(page.starts_with("summary=\"list the heap's blocks\" usage=\"blocks ")) << page;
}

TEST(OneLine, OfACommandThatFaultsIsOneLine) {
  ShellRig rig;
  rig.platform.fault_next();
  EXPECT_EQ(rig.plain("uptime --one-line"),
            "microseconds=1234567 error=fault message=\"data abort at 0x50000000\"\n");
}

TEST(OneLine, OfACommandThatRunsAnotherIsItsOwn) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("time --one-line echo a b"),
            "text=\"a b\"\nmicroseconds=10 cycles=100 instructions=50\n");
  EXPECT_EQ(rig.plain("time --one-line uptime --one-line"),
            "microseconds=1234567\nmicroseconds=10 cycles=100 instructions=50\n");
  EXPECT_EQ(rig.plain("time --bogus uptime --one-line").find("error="), std::string::npos);
  EXPECT_TRUE(rig.plain("time --one-line nope").starts_with("unknown command: nope\nmicroseco"));
  // json needs no lines of its own.
  rig.set_mode(Mode::json);
  EXPECT_EQ(rig.json("uptime --one-line").result["microseconds"].number(), 1'234'567U);
  EXPECT_EQ(rig.json("uptime --one-line -Z").kind(), "usage");
  EXPECT_EQ(rig.json_lines("time --one-line uptime").size(), 2U);
}

TEST(OneLine, BelongsToTheCommandThatItStandsBehind) {
  ShellRig rig;
  const std::string both = rig.plain("time stats --one-line");
  EXPECT_TRUE(both.starts_with("allocator=bin ")) << both;
  EXPECT_EQ(rig.plain("echo --one-line"), "--one-line\n");
}

TEST(OneLine, OfALivePictureIsALineForEachChange) {
  ShellRig rig({.heap_bytes = 64 * 1024});
  std::size_t waits = 0;
  rig.console.connect([&](std::string_view, std::uint64_t us) {
    if (us != 0 && ++waits % 2 == 0) (void)*rig.heap.allocate({.size = 4000});
    return std::string();
  });
  const std::string said = rig.plain("heapmap --live -c 7 -i 10 -r 1 -w 16 --one-line");
  rig.console.connect(nullptr);
  const std::vector<std::string> lines = test::split_lines(said);
  // Frames 1, 3, 5 and 7.
  ASSERT_EQ(lines.size(), 4U) << said;
  EXPECT_TRUE(lines[0].starts_with("start=0x")) << said;
  EXPECT_TRUE(lines[0].contains(" cell_bytes=4096 cells=")) << said;
  EXPECT_TRUE(lines[0].ends_with(" frame=1 used_bytes=0 live_blocks=0 changed_meanwhile=no"));
  for (std::size_t i = 1; i < 4; ++i) {
    const std::string begin = "frame=" + std::to_string(2 * i + 1) +
                              " used_bytes=" + std::to_string(i * 4000) +
                              " live_blocks=" + std::to_string(i) + " changed_meanwhile=no cells=";
    EXPECT_TRUE(lines[i].starts_with(begin)) << lines[i];
    EXPECT_EQ(lines[i].size(), begin.size() + 16) << lines[i];
  }
  EXPECT_NE(lines[1].substr(lines[1].size() - 16), lines[2].substr(lines[2].size() - 16));
}

TEST(LongOptions, MeanTheSameAsLetters) {
  ShellRig rig({.mode = Mode::json});
  rig.json("alloc 64 -t a");
  for (const std::string_view line :
       {"blocks --tag a", "blocks --tag=a", "blocks -t a", "blocks -ta"}) {
    EXPECT_EQ(rig.json(line).result["count"].number(), 1U) << line;
  }
  EXPECT_EQ(rig.json("blocks --tag").message(), "--tag needs a value");
  EXPECT_EQ(rig.json("blocks --live=3").message(), "unknown option --live=3");
  EXPECT_EQ(rig.json("blocks --liv").message(), "unknown option --liv");
  EXPECT_EQ(rig.json("blocks --live -l").message(), "-l is given twice");
  EXPECT_EQ(rig.json("blocks --=x").message(), "unknown option --=x");
}

}  // namespace
}  // namespace heapscope::shell
