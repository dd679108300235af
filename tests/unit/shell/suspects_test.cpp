// Whom the report of a panic names, and what a refused free says.
#include "shell/suspects.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>

#include "tests/unit/shell/shell_rig.hpp"

namespace heapscope::shell {
namespace {

using test::hex;
using test::ShellRig;
using Witness = test::WitnessedLock::Witness;

/// A shell whose heap is fully hardened and records origins.
class Suspects : public ::testing::Test {
 protected:
  Suspects() {
    rig_.heap.set_hardening(alloc::Hardening::full);
    rig_.json("allocator bin");
    alloc::record_origins(rig_.heap, true);
    Witness::called_by = 0x030201;
    Witness::on_core = 1;
  }
  ~Suspects() override { Witness::on_core = 0; }

  alloc::Address take(const std::string& rest) {
    rig_.json("alloc " + rest);
    return rig_.handles.find(rig_.handles.next_id() - 1)->address;
  }
  static void overwrite(alloc::Address from, alloc::Address to) {
    std::memset(reinterpret_cast<void*>(from), 'A', to - from);
  }
  /// The lines as they are before they are broken at 80 columns.
  static std::string unbroken(std::string_view text) {
    std::string all;
    for (const std::string& line : test::split_lines(text)) {
      EXPECT_LE(line.size(), 80U) << line;
      const std::size_t indent = line.find_first_not_of(' ');
      // An indented line is a call's; one that is indented further, or does not begin as
      // these do, goes on with the one before.
      const bool goes_on =
          indent == 4 || (indent == 2 && !line.starts_with("  allocated") &&
                          !line.starts_with("  freed") && !line.starts_with("  heap."));
      if (goes_on) all.back() = ' ';
      all += line.substr(goes_on ? indent : 0) + "\n";
    }
    return all;
  }
  /// The lines about what is found in the heap; none where nothing is.
  std::string suspects() {
    FixedText<2000> text;
    const auto found = search_for_misuse(rig_.environment());
    if (found) write_suspects(text, rig_.environment(), *found);
    return unbroken(text.view());
  }
  std::string refused(alloc::Address address, alloc::HeapError error) {
    FixedText<2000> text;
    write_suspects(text, rig_.environment(), RefusedFree{.address = address, .error = error});
    return unbroken(text.view());
  }
  std::string allocated(alloc::Address address) {
    const auto origin = rig_.heap.with_instruments(
        [&](const alloc::Instruments& all) { return all.origins().find(address); });
    EXPECT_TRUE(origin);
    return "  allocated by function1+0x1 < function2+0x2 < function3+0x3, core 1, call " +
           std::to_string(origin->sequence) + ", at " +
           std::to_string(origin->allocated.ticks() / 2) + " us\n";
  }

  ShellRig rig_{{.mode = Mode::json}};
};

TEST_F(Suspects, ASoundHeapHasNone) {
  take("64");
  EXPECT_EQ(suspects(), "");
}

TEST_F(Suspects, BothPartiesAreNamedWithTheirHandlesAndCallers) {
  const alloc::Address first = take("64 -t page");
  const alloc::Address second = take("64");
  ASSERT_GT(second, first);
  overwrite(first + 64, second + 24);
  EXPECT_EQ(suspects(), "culprit: " + hex(first) + " (64 bytes), a1 'page'\n" + allocated(first) +
                            "hit: " + hex(second) + " (64 bytes), a2\n" + allocated(second));
}

TEST_F(Suspects, WhereItCannotBeToldBothAreSuspects) {
  const alloc::Address first = take("64");
  const alloc::Address second = take("64");
  overwrite(first + 64, second);
  EXPECT_EQ(suspects(), "suspect: " + hex(first) + " (64 bytes), a1\n" + allocated(first) +
                            "suspect: " + hex(second) + " (64 bytes), a2\n" + allocated(second));
}

TEST_F(Suspects, OfAFreedBlockItIsToldWhoFreedIt) {
  const alloc::Address block = take("64 -t page");
  const std::string by = allocated(block);
  rig_.json("free a1");
  overwrite(block + 8, block + 12);
  const std::string found = suspects();
  const std::string start = "culprit: " + hex(block) + " (64 bytes, freed)\n" + by;
  EXPECT_TRUE(found.starts_with(start)) << found;
  EXPECT_TRUE(found.substr(start.size())
                  .starts_with("  freed by function1+0x1 < function2+0x2 < function3+0x3, core 1,"))
      << found;
}

TEST_F(Suspects, WithoutOriginsTheBlocksAreNamedAndHowToHaveMore) {
  const alloc::Address block = take("64");
  rig_.json("origins off");
  overwrite(block + 64, block + 65);
  EXPECT_EQ(suspects(), "culprit: " + hex(block) +
                            " (64 bytes), a1\n"
                            "  heap.origins=on names who allocated and freed it\n");
}

TEST_F(Suspects, ABlockThatLostItsZonesIsFoundByItsOrigin) {
  const alloc::Address block = take("64 -t page");
  overwrite(block - 16, block + 96);
  EXPECT_EQ(suspects(), "hit: " + hex(block) + " (64 bytes), a1 'page'\n" + allocated(block));
}

TEST_F(Suspects, ARefusedFreeNamesTheBlockThatItMissed) {
  const alloc::Address block = take("256 -t page");
  const std::string name = "culprit: " + hex(block) + " (256 bytes), a1 'page'";
  EXPECT_EQ(refused(block, alloc::HeapError::wrong_layout), name + "\n" + allocated(block));
  EXPECT_EQ(refused(block + 64, alloc::HeapError::inside_block),
            name + "; " + hex(block + 64) + " is 64 bytes behind its start\n" + allocated(block));
  EXPECT_TRUE(refused(block - 8, alloc::HeapError::inside_block)
                  .starts_with(name + "; " + hex(block - 8) + " is 8 bytes before its start\n"));
  rig_.json("free a1");
  EXPECT_TRUE(refused(block, alloc::HeapError::not_allocated)
                  .starts_with("culprit: " + hex(block) + " (256 bytes, freed)\n"));
  const auto far = static_cast<alloc::Address>(rig_.setup.plan().heap.end) - 4096;
  EXPECT_EQ(refused(far, alloc::HeapError::not_allocated),
            "no block is known to have been at " + hex(far) + "\n");
  EXPECT_EQ(refused(16, alloc::HeapError::outside_heap), "");
}

TEST_F(Suspects, InTheDefaultLevelARefusedFreeNamesThemAsWell) {
  rig_.heap.set_hardening(alloc::Hardening::standard);
  rig_.json("allocator bin");
  const alloc::Address block = take("5000 -t page");
  EXPECT_TRUE(refused(block, alloc::HeapError::wrong_layout)
                  .starts_with("culprit: " + hex(block) + " (5000 bytes), a1 'page'\n"));
  EXPECT_TRUE(refused(block + 16, alloc::HeapError::inside_block)
                  .starts_with("culprit: " + hex(block) + " (5000 bytes), a1 'page'; "));
  rig_.json("free a1");
  EXPECT_TRUE(refused(block, alloc::HeapError::not_allocated)
                  .starts_with("culprit: " + hex(block) + " (5000 bytes, freed)\n"));
}

TEST_F(Suspects, AnotherFreeSaysWhoFreedItFirst) {
  const alloc::Address block = take("64");
  EXPECT_EQ(rig_.json("free " + hex(block - 16)).message(),
            hex(block - 16) + " is in the zone before a1");
  rig_.json("free a1");
  for (const alloc::Address address : {block, block + 16}) {
    const auto reply = rig_.json("free " + hex(address));
    EXPECT_EQ(reply.kind(), "not-allocated");
    EXPECT_EQ(reply.message(), hex(address) + " is already free, by function1+0x1");
  }
}

}  // namespace
}  // namespace heapscope::shell
