// `alloc`: what it grants and says, all or none, and what it refuses.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "alloc_state.hpp"
#include "shell_rig.hpp"

namespace heapscope::shell {
namespace {

using test::JsonReply;
using test::ShellRig;
using test::state_of;
using Names = std::vector<std::string>;

constexpr std::string_view kUsage = "usage: alloc SIZE [ALIGN] [-n COUNT] [-t TAG] [-f BYTE]\n";

TEST(AllocCommand, PrintsHandleAddressSizeAndWhatWasGranted) {
  ShellRig rig;
  const auto lines = test::split_lines(rig.plain("alloc 100 4096 -t page"));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], "id        address            size     align       usable  tag");
  const auto handle = rig.handles.find(1);
  ASSERT_TRUE(handle);
  EXPECT_EQ(lines[1], "a1        " + test::hex8(handle->address) +
                          "          100      4096          112  page");
  EXPECT_EQ(rig.status(), "0");
}

TEST(AllocCommand, JsonHasTheFieldsOfTheContract) {
  ShellRig rig({.mode = Mode::json});
  const JsonReply reply = rig.json("alloc 64");
  EXPECT_EQ(reply.command, "alloc");
  EXPECT_EQ(reply.status, 0U);
  EXPECT_EQ(reply.result.names(), (Names{"blocks"}));
  ASSERT_EQ(reply.result["blocks"].size(), 1U);
  const test::Json& block = reply.result["blocks"][0];
  EXPECT_EQ(block.names(), (Names{"id", "address", "size", "align", "usable", "tag"}));
  EXPECT_EQ(block["id"].text(), "a1");
  EXPECT_EQ(block["address"].address(), rig.handles.find(1)->address);
  EXPECT_EQ(block["size"].number(), 64U);
  EXPECT_EQ(block["align"].number(), 16U);
  EXPECT_EQ(block["usable"].number(), 64U);
  EXPECT_TRUE(block["tag"].is_null());
  EXPECT_EQ(rig.json("alloc 8 -t 'a tag'").result["blocks"][0]["tag"].text(), "a tag");
}

TEST(AllocCommand, TheBlockIsReallyThere) {
  for (const std::string_view allocator : {"bin", "bump", "first-fit"}) {
    ShellRig rig({.mode = Mode::json, .allocator = allocator});
    for (const std::string_view line : {"alloc 100", "alloc 1 1", "alloc 5000 4096", "alloc 24 8",
                                        "alloc 1K 0x10000", "alloc 0b11 2", "alloc 4_096 1M"}) {
      const test::Json block = rig.json(line).result["blocks"][0];
      const auto address = block["address"].address();
      EXPECT_EQ(address % block["align"].number(), 0U) << line;
      EXPECT_GE(block["usable"].number(), block["size"].number()) << line;
      std::memset(reinterpret_cast<void*>(address), 0x5a, block["usable"].number());
    }
    EXPECT_EQ(rig.heap.stats().live_blocks, 7U);
    EXPECT_EQ(rig.heap.stats().requested_bytes, 100U + 1 + 5000 + 24 + 1024 + 3 + 4096);
    for (alloc::Address at = rig.heap.stats().start; at < rig.heap.stats().end;) {
      const auto next = rig.heap.check(at, 10);
      ASSERT_TRUE(next) << next.error().what;
      at = *next;
    }
  }
}

TEST(AllocCommand, NumbersGoUpAndAreNotGivenAgain) {
  ShellRig rig({.mode = Mode::json});
  EXPECT_EQ(rig.json("alloc 64").result["blocks"][0]["id"].text(), "a1");
  EXPECT_EQ(rig.json("alloc 64").result["blocks"][0]["id"].text(), "a2");
  rig.json("free a2");
  EXPECT_EQ(rig.json("alloc 64").result["blocks"][0]["id"].text(), "a3");
}

TEST(AllocCommand, SeveralBlocks) {
  ShellRig rig({.mode = Mode::json});
  const JsonReply reply = rig.json("alloc 1K -n 8 -f 0xaa -t eight");
  ASSERT_EQ(reply.result["blocks"].size(), 8U);
  for (std::size_t i = 0; i < 8; ++i) {
    const test::Json& block = reply.result["blocks"][i];
    EXPECT_EQ(block["id"].text(), "a" + std::to_string(i + 1));
    EXPECT_EQ(block["tag"].text(), "eight");
    const auto* bytes = reinterpret_cast<const unsigned char*>(block["address"].address());
    EXPECT_TRUE(std::all_of(bytes, bytes + 1024, [](unsigned char b) { return b == 0xaa; }));
  }
  EXPECT_EQ(rig.heap.stats().live_blocks, 8U);
}

TEST(AllocCommand, FillsTheBlockAndNothingElse) {
  ShellRig rig({.mode = Mode::json, .allocator = "bump"});
  const auto first = rig.json("alloc 16 -f 1").result["blocks"][0]["address"].address();
  const auto* bytes = reinterpret_cast<const unsigned char*>(first);
  rig.json("alloc 10 -f 255");
  EXPECT_EQ(bytes[15], 1);
  EXPECT_EQ(bytes[16], 255);
  EXPECT_EQ(bytes[25], 255);
  EXPECT_EQ(bytes[26], 0);
}

TEST(AllocCommand, OptionsMayStandAnywhereAndJoinTheirValues) {
  ShellRig rig({.mode = Mode::json});
  for (const std::string_view line :
       {"alloc -n 2 64 32 -t t", "alloc -t t 64 -n2 32", "alloc 64 -tt -n 2 -- 32"}) {
    const JsonReply reply = rig.json(line);
    ASSERT_EQ(reply.status, 0U) << line;
    ASSERT_EQ(reply.result["blocks"].size(), 2U) << line;
    EXPECT_EQ(reply.result["blocks"][1]["align"].number(), 32U) << line;
    EXPECT_EQ(reply.result["blocks"][1]["tag"].text(), "t") << line;
  }
}

struct Refusal {
  std::string_view line;
  std::uint64_t status;
  std::string_view kind;
  std::string_view says;  ///< A part of the message.
};

constexpr std::array<Refusal, 33> kRefusals{{
    {"alloc 0", 1, "unsupported", "0 bytes"},
    {"alloc 3G", 1, "unsupported", "never fit"},
    {"alloc 18446744073709551615", 1, "unsupported", "never fit"},
    {"alloc 18446744073709551600", 1, "unsupported", "never fit"},
    {"alloc 64 0x8000_0000_0000_0000", 1, "unsupported", "never fit"},
    {"alloc 16 3", 1, "unsupported", "not a power of two"},
    {"alloc 16 0", 1, "unsupported", "not a power of two"},
    {"alloc 16 18446744073709551615", 1, "unsupported", "not a power of two"},
    {"alloc 0 -n 5", 1, "unsupported", "0 bytes"},
    {"alloc 3G -n 2", 1, "unsupported", "never fit"},
    {"alloc 2M -n 2", 1, "exhausted", "none was allocated"},
    {"alloc 18446744073709551616", 2, "usage", "SIZE: 18446744073709551616 is not between"},
    {"alloc 17179869184G", 2, "usage", "SIZE"},
    {"alloc -1", 2, "usage", "'-1' is not a number"},
    {"alloc 1e3", 2, "usage", "'1e3' is not a number"},
    {"alloc 0x", 2, "usage", "'0x' is not a number"},
    {"alloc ''", 2, "usage", "'' is not a number"},
    {"alloc 1KB", 2, "usage", "'1KB' is not a number"},
    {"alloc 16 x", 2, "usage", "ALIGN: 'x' is not a number"},
    {"alloc", 2, "usage", "more arguments"},
    {"alloc 1 2 3", 2, "usage", "'3'"},
    {"alloc 16 -n 0", 2, "usage", "COUNT"},
    {"alloc 16 -n x", 2, "usage", "COUNT"},
    {"alloc 16 -n 4294967296", 2, "usage", "COUNT"},
    {"alloc 16 -n -1", 2, "usage", "COUNT"},
    {"alloc 16 -n", 2, "usage", "-n needs a value"},
    {"alloc 16 -n 1 -n 2", 2, "usage", "-n is given twice"},
    {"alloc 16 -x", 2, "usage", "unknown option -x"},
    {"alloc 16 --count 3", 2, "usage", "unknown option --count"},
    {"alloc 16 -f 256", 2, "usage", "BYTE"},
    {"alloc 16 -t ''", 2, "usage", "TAG"},
    {"alloc 16 -t 12345678901234567890123456789012", 2, "usage", "31 bytes"},
    {"alloc 16 -n 4294967295", 1, "no-handles", "handles"},
}};

TEST(AllocCommand, RefusalsInJson) {
  for (const std::string_view allocator : {"bin", "bump", "first-fit"}) {
    ShellRig rig({.mode = Mode::json, .allocator = allocator});
    rig.json("alloc 64");
    const auto before = state_of(rig);
    for (const Refusal& refusal : kRefusals) {
      const JsonReply reply = rig.json(refusal.line);
      EXPECT_EQ(reply.status, refusal.status) << refusal.line;
      EXPECT_EQ(reply.kind(), refusal.kind) << refusal.line;
      EXPECT_NE(reply.message().find(refusal.says), std::string::npos)
          << refusal.line << ": " << reply.message();
      EXPECT_EQ(reply.error.has("usage"), refusal.status == 2) << refusal.line;
      EXPECT_EQ(state_of(rig), before) << allocator << ", " << refusal.line;
    }
  }
}

TEST(AllocCommand, RefusalsInPlain) {
  ShellRig rig;
  for (const Refusal& refusal : kRefusals) {
    const std::string output = rig.plain(refusal.line);
    EXPECT_TRUE(output.starts_with("error: ")) << refusal.line;
    EXPECT_NE(output.find(refusal.says), std::string::npos) << refusal.line << ": " << output;
    EXPECT_EQ(output.ends_with("\n" + std::string(kUsage)), refusal.status == 2) << refusal.line;
    EXPECT_EQ(test::split_lines(output).size(), refusal.status == 2 ? 2U : 1U) << refusal.line;
    EXPECT_EQ(rig.status(), std::to_string(refusal.status)) << refusal.line;
  }
}

TEST(AllocCommand, AFullHeapSaysWhatIsFree) {
  ShellRig rig({.mode = Mode::json, .heap_bytes = 64 * 1024});
  rig.json("alloc 40K");
  const JsonReply reply = rig.json("alloc 40K");
  EXPECT_EQ(reply.kind(), "exhausted");
  const auto stats = rig.heap.stats();
  EXPECT_NE(reply.message().find(std::to_string(stats.free_bytes) + " free"), std::string::npos);
  EXPECT_NE(reply.message().find(std::to_string(stats.largest_free_bytes)), std::string::npos);
}

TEST(AllocCommand, AllOrNoneInAFragmentedHeap) {
  ShellRig rig({.mode = Mode::json, .heap_bytes = 64 * 1024});
  rig.json("alloc 1K -n 40");
  for (int i = 1; i <= 40; i += 2) rig.json("free a" + std::to_string(i));
  const auto before = state_of(rig);
  const auto next = rig.handles.next_id();
  EXPECT_EQ(rig.json("alloc 1K -n 200").kind(), "exhausted");
  EXPECT_EQ(rig.json("alloc 512 -n 300 -t t -f 9").kind(), "exhausted");
  EXPECT_EQ(rig.json("alloc 2K 2K -n 60").kind(), "exhausted");
  EXPECT_EQ(state_of(rig), before);
  EXPECT_EQ(rig.handles.next_id(), next);
  EXPECT_EQ(rig.json("alloc 512 -n 2").result["blocks"][0]["id"].text(),
            "a" + std::to_string(next));
}

TEST(AllocCommand, AllOrNoneOnBumpTakesNoMemoryEither) {
  for (const std::string_view line :
       {"alloc 10000 -n 10", "alloc 1000 4096 -n 17", "alloc 1 16 -n 1K -f 1", "alloc 65000 -n 2",
        "alloc 30000 0x8000 -n 3"}) {
    ShellRig rig({.mode = Mode::json, .allocator = "bump", .heap_bytes = 64 * 1024});
    if (line == "alloc 1 16 -n 1K -f 1") rig.json("alloc 50000");
    const auto before = state_of(rig);
    EXPECT_EQ(rig.json(line).kind(), "exhausted") << line;
    EXPECT_EQ(state_of(rig), before) << line;
  }
}

TEST(AllocCommand, ExactlyAsManyAsFit) {
  for (const std::string_view allocator : {"bin", "bump", "first-fit"}) {
    for (const std::string_view what : {"64", "100 256", "1000", "48 64", "4000 4096"}) {
      ShellRig rig({.mode = Mode::json, .allocator = allocator, .heap_bytes = 64 * 1024});
      const std::string line = "alloc " + std::string(what);
      std::size_t fit = 0;
      while (rig.json(line).status == 0) ++fit;
      rig.json("allocator " + std::string(allocator));
      const auto before = state_of(rig);
      EXPECT_EQ(rig.json(line + " -n " + std::to_string(fit + 1)).status, 1U) << line;
      EXPECT_EQ(state_of(rig), before) << allocator << ", " << line;
      EXPECT_EQ(rig.json(line + " -n " + std::to_string(fit)).status, 0U)
          << allocator << ", " << line;
    }
  }
}

TEST(AllocCommand, NoHandlesLeft) {
  ShellRig rig({.mode = Mode::json, .heap_bytes = 64 * 1024});
  const std::size_t capacity = rig.handles.capacity();
  ASSERT_GE(capacity, 1024U);
  EXPECT_EQ(rig.json("alloc 8 8 -n " + std::to_string(capacity + 1)).kind(), "no-handles");
  EXPECT_EQ(rig.json("alloc 8 8 -n " + std::to_string(capacity)).status, 0U);
  const auto before = state_of(rig);
  EXPECT_EQ(rig.json("alloc 8 8").kind(), "no-handles");
  EXPECT_EQ(state_of(rig), before);
  rig.json("free a7");
  EXPECT_EQ(rig.json("alloc 8 8").status, 0U);
}

TEST(AllocCommand, NoTagsLeft) {
  ShellRig rig({.mode = Mode::json});
  for (std::size_t i = 0; i < HandleTable::kMaxTags; ++i) {
    ASSERT_EQ(rig.json("alloc 16 -t t" + std::to_string(i)).status, 0U);
  }
  const auto before = state_of(rig);
  const JsonReply reply = rig.json("alloc 16 -t another");
  EXPECT_EQ(reply.status, 1U);
  EXPECT_EQ(reply.kind(), "too-many-tags");
  EXPECT_EQ(state_of(rig), before);
  EXPECT_EQ(rig.json("alloc 16 -t t7").status, 0U);
  rig.json("free -t t9");
  EXPECT_EQ(rig.json("alloc 16 -t another").status, 0U);
}

TEST(AllocCommand, ATagOfAFailedAllocationIsNotKept) {
  ShellRig rig({.mode = Mode::json});
  for (std::size_t i = 0; i < 2 * HandleTable::kMaxTags; ++i) {
    EXPECT_EQ(rig.json("alloc 3G -t t" + std::to_string(i)).kind(), "unsupported");
  }
  EXPECT_EQ(rig.json("alloc 16 -t last").status, 0U);
}

TEST(AllocCommand, AMillionHandlesWithTheWholePi) {
  ShellRig rig({.mode = Mode::json, .memory_bytes = std::uint64_t{900} << 20});
  EXPECT_GE(rig.handles.capacity(), 1'000'000U);
  EXPECT_EQ(rig.json("alloc 64").status, 0U);
}

}  // namespace
}  // namespace heapscope::shell
