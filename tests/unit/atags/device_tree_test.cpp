// The device tree reader: what it extracts, and that it refuses every kind of
// broken blob with the right error.
#include "atags/device_tree.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/unit/atags/device_tree_builder.hpp"
#include "tests/unit/atags/exact_buffer.hpp"
#include "tests/unit/atags/print_range.hpp"

namespace heapscope::atags {
namespace {

using test::Bytes;
using test::DeviceTreeBuilder;
using test::ExactBuffer;
using test::Ranges;
using test::ranges_of;

// Reads from an odd address; `check` sees the facts while the blob is there.
template <class Check>
void read_tree(const Bytes& blob, Check check) {
  ExactBuffer<std::byte> buffer(blob, 1);
  const auto facts = read_device_tree(buffer.span());
  ASSERT_TRUE(facts.has_value()) << describe(facts.error());
  check(*facts);
}

DeviceTreeError error_of(const Bytes& blob) {
  ExactBuffer<std::byte> buffer(blob, 1);
  const auto facts = read_device_tree(buffer.span());
  EXPECT_FALSE(facts.has_value());
  return facts ? DeviceTreeError{} : facts.error();
}

Bytes with_word(Bytes blob, std::size_t offset, std::uint32_t value) {
  test::put_word(blob, offset, value);
  return blob;
}

Ranges banks_of(const DeviceTreeBuilder& tree) {
  Ranges banks;
  read_tree(tree.blob(),
            [&banks](const DeviceTreeFacts& facts) { banks = ranges_of(facts.banks); });
  return banks;
}

Bytes bytes_of(std::string_view text) {
  Bytes bytes;
  test::append_text(bytes, text);
  return bytes;
}

TEST(DeviceTree, ReadsATreeLikeThePi3s) {
  const Bytes blob = test::pi3_tree().blob();
  read_tree(blob, [&blob](const DeviceTreeFacts& facts) {
    EXPECT_EQ(facts.version, 17U);
    EXPECT_EQ(facts.total_size, blob.size());
    EXPECT_EQ(ranges_of(facts.banks), (Ranges{{.start = 0, .end = 0x3b400000}}));
    EXPECT_EQ(ranges_of(facts.reserved), (Ranges{{.start = 0, .end = 0x1000}}));
    EXPECT_EQ(facts.command_line, "console=ttyS0,115200  rootwait");
    EXPECT_EQ(facts.initrd, (Range{.start = 0x08000000, .end = 0x08001234}));
    EXPECT_FALSE(facts.banks_truncated);
  });
}

TEST(DeviceTree, MayBeSmallerThanItsWindow) {
  Bytes blob = test::pi3_tree().blob();
  const std::size_t size = blob.size();
  blob.resize(size + 1000, std::byte{0xff});
  read_tree(blob, [size](const DeviceTreeFacts& facts) {
    EXPECT_EQ(facts.total_size, size);
    EXPECT_EQ(facts.banks.size(), 1U);
  });
}

TEST(DeviceTree, AnEmptyRootIsATree) {
  read_tree(DeviceTreeBuilder().begin("").end().blob(), [](const DeviceTreeFacts& facts) {
    EXPECT_TRUE(facts.banks.empty());
    EXPECT_TRUE(facts.reserved.empty());
    EXPECT_TRUE(facts.command_line.empty());
    EXPECT_TRUE(facts.initrd.empty());
  });
}

TEST(DeviceTree, CellCountsAreTheRoots) {
  for (const std::uint32_t address_cells : {1U, 2U}) {
    for (const std::uint32_t size_cells : {1U, 2U}) {
      SCOPED_TRACE(testing::Message() << address_cells << " and " << size_cells);
      Bytes reg;
      test::append_big_endian(reg, 0x4000'0000, 4 * address_cells);
      test::append_big_endian(reg, 0x1000'0000, 4 * size_cells);
      DeviceTreeBuilder tree;
      tree.begin("").cells("#address-cells", {address_cells}).cells("#size-cells", {size_cells});
      tree.begin("memory").property("reg", reg);
      tree.cells("#address-cells", {7}).cells("#size-cells", {7}).end().end();
      EXPECT_EQ(banks_of(tree), (Ranges{{.start = 0x4000'0000, .end = 0x5000'0000}}));
    }
  }
}

TEST(DeviceTree, CellCountsDefaultToTwoAndOne) {
  DeviceTreeBuilder tree;
  tree.begin("").begin("memory").cells("reg", {1, 2, 3}).end().end();
  EXPECT_EQ(banks_of(tree), (Ranges{{.start = 0x1'0000'0002, .end = 0x1'0000'0005}}));
}

TEST(DeviceTree, SixtyFourBitBanksThatDoNotFitAreCut) {
  DeviceTreeBuilder tree;
  tree.begin("").cells("#size-cells", {2}).begin("memory");
  tree.cells("reg", {0xffffffff, 0xfffff000, 0xffffffff, 0xffffffff}).end().end();
  EXPECT_EQ(banks_of(tree),
            (Ranges{{.start = 0xffff'ffff'ffff'f000, .end = 0xffff'ffff'ffff'ffff}}));
}

TEST(DeviceTree, CollectsAllBanksOfAllMemoryNodes) {
  DeviceTreeBuilder tree;
  tree.begin("").cells("#address-cells", {1});
  tree.begin("memory@80000000").cells("reg", {0x80000000, 16, 0x90000000, 0, 0x70000000, 32}).end();
  tree.begin("memory").end();
  tree.begin("ram").cells("reg", {0x100, 8}).text("device_type", "memory").end();
  tree.begin("memory@0").cells("reg", {0, 4}).end();
  tree.begin("memory-controller@5").cells("reg", {5, 5}).end();
  tree.begin("cpu").text("device_type", "memory2").cells("reg", {6, 6}).end();
  tree.begin("soc").begin("memory@7").cells("reg", {7, 7}).end();
  tree.begin("sram").text("device_type", "memory").cells("reg", {8, 8}).end().end();
  tree.end();
  EXPECT_EQ(banks_of(tree),
            (Ranges{range_from_size(0x80000000, 16), range_from_size(0x70000000, 32),
                    range_from_size(0x100, 8), range_from_size(0, 4)}));
}

TEST(DeviceTree, AMemoryNodeMayHaveChildren) {
  DeviceTreeBuilder tree;
  tree.begin("").cells("#address-cells", {1}).begin("memory@0").cells("reg", {16, 8});
  tree.begin("part").cells("reg", {1, 1}).begin("deeper").end().end().end().end();
  EXPECT_EQ(banks_of(tree), (Ranges{range_from_size(16, 8)}));
}

TEST(DeviceTree, TooManyBanksAreFlagged) {
  Bytes reg;
  for (std::uint32_t i = 0; i < kMaxBanks + 1; ++i) {
    test::append_big_endian(reg, std::uint64_t{i} << 32 | 1, 8);
  }
  DeviceTreeBuilder tree;
  tree.begin("").cells("#address-cells", {1}).begin("memory").property("reg", reg).end().end();
  read_tree(tree.blob(), [](const DeviceTreeFacts& facts) {
    EXPECT_TRUE(facts.banks_truncated);
    EXPECT_TRUE(facts.banks.full());
  });
}

TEST(DeviceTree, ReservationsAreCollected) {
  DeviceTreeBuilder tree;
  tree.reserve(0x1000, 0x100).reserve(0x2000, 0).reserve(0, 0x10);
  tree.reserve(0xffff'ffff'ffff'0000, 0xffff'ffff'ffff'ffff);
  tree.begin("").cells("#address-cells", {1}).begin("reserved-memory").cells("ranges", {});
  tree.begin("linux,cma").cells("size", {0x4000000}).end();
  tree.begin("nvram@0").cells("reg", {0x3e000000, 0x1000, 0x3f000000, 0x10}).end().end().end();
  read_tree(tree.blob(), [](const DeviceTreeFacts& facts) {
    EXPECT_EQ(ranges_of(facts.reserved),
              (Ranges{{.start = 0x1000, .end = 0x1100},
                      {.start = 0, .end = 0x10},
                      {.start = 0xffff'ffff'ffff'0000, .end = 0xffff'ffff'ffff'ffff},
                      {.start = 0x3e000000, .end = 0x3e001000},
                      {.start = 0x3f000000, .end = 0x3f000010}}));
  });
}

TEST(DeviceTree, NoReservationIsEverLeftOut) {
  constexpr std::uint64_t kCount = kMaxReserved + 20;
  DeviceTreeBuilder tree;
  for (std::uint64_t i = 0; i < kCount; ++i) tree.reserve(0x1000 * (i + 1), 0x10 + i);
  tree.begin("").end();
  read_tree(tree.blob(), [](const DeviceTreeFacts& facts) {
    for (std::uint64_t i = 0; i < kCount; ++i) {
      const Range wanted = range_from_size(0x1000 * (i + 1), 0x10 + i);
      bool covered = false;
      for (const Range& entry : facts.reserved) covered |= entry.intersection(wanted) == wanted;
      EXPECT_TRUE(covered) << i;
    }
  });
}

TEST(DeviceTree, InitrdAddressesMayHaveEightBytes) {
  DeviceTreeBuilder tree;
  tree.begin("").begin("chosen").cells("linux,initrd-end", {1, 0x2000});
  tree.cells("linux,initrd-start", {1, 0x1000}).end().end();
  read_tree(tree.blob(), [](const DeviceTreeFacts& facts) {
    EXPECT_EQ(facts.initrd, (Range{.start = 0x1'0000'1000, .end = 0x1'0000'2000}));
  });
}

TEST(DeviceTree, AnInitrdNeedsBothEndsInOrder) {
  const auto initrd_of = [](const DeviceTreeBuilder& tree) {
    Range initrd{.start = 1, .end = 2};
    read_tree(tree.blob(), [&initrd](const DeviceTreeFacts& facts) { initrd = facts.initrd; });
    return initrd;
  };
  DeviceTreeBuilder only_start;
  only_start.begin("").begin("chosen").cells("linux,initrd-start", {0x1000}).end().end();
  EXPECT_EQ(initrd_of(only_start), Range{});
  DeviceTreeBuilder only_end;
  only_end.begin("").begin("chosen").cells("linux,initrd-end", {0x1000}).end().end();
  EXPECT_EQ(initrd_of(only_end), Range{});
  DeviceTreeBuilder reversed;
  reversed.begin("").begin("chosen").cells("linux,initrd-start", {0x1000});
  reversed.cells("linux,initrd-end", {0x10}).end().end();
  EXPECT_EQ(initrd_of(reversed), Range{});
}

TEST(DeviceTree, BootargsEndAtTheirNulOrWithTheProperty) {
  const auto line_of = [](const Bytes& value) {
    DeviceTreeBuilder tree;
    tree.begin("").begin("chosen").property("bootargs", value).end().end();
    std::string line = "?";
    read_tree(tree.blob(), [&line](const DeviceTreeFacts& facts) { line = facts.command_line; });
    return line;
  };
  EXPECT_EQ(line_of({}), "");
  EXPECT_EQ(line_of(Bytes(1)), "");
  EXPECT_EQ(line_of(bytes_of("abcd")), "abcd");
  EXPECT_EQ(line_of(bytes_of(std::string_view("ab\0cd", 5))), "ab");
}

TEST(DeviceTree, OnlyTheRootsChosenCounts) {
  DeviceTreeBuilder tree;
  tree.begin("").text("bootargs", "no");
  tree.begin("soc").text("bootargs", "no").begin("chosen").text("bootargs", "no").end().end();
  tree.begin("chosen").text("bootargs2", "no").text("bootarg", "no").end().end();
  read_tree(tree.blob(), [](const DeviceTreeFacts& facts) { EXPECT_EQ(facts.command_line, ""); });
}

TEST(DeviceTree, NopsAreSkipped) {
  DeviceTreeBuilder tree;
  tree.nop().begin("").nop().cells("#address-cells", {1}).nop().begin("memory").nop();
  tree.cells("reg", {0, 64}).nop().end().nop().end().nop();
  EXPECT_EQ(banks_of(tree), (Ranges{{.start = 0, .end = 64}}));
}

TEST(DeviceTree, AStructureOfVersion16HasNoSize) {
  Bytes blob = test::pi3_tree().blob();
  test::put_word(blob, test::kVersionField, 16);
  test::put_word(blob, test::kStructureSizeField, 0xffffffff);
  read_tree(blob, [](const DeviceTreeFacts& facts) {
    EXPECT_EQ(facts.version, 16U);
    EXPECT_EQ(facts.banks.size(), 1U);
  });
}

TEST(DeviceTree, ALaterVersionIsReadIfItSaysItCanBe) {
  const Bytes blob = with_word(test::pi3_tree().blob(), test::kVersionField, 18);
  read_tree(blob, [](const DeviceTreeFacts& facts) { EXPECT_EQ(facts.version, 18U); });
  EXPECT_EQ(error_of(with_word(blob, test::kLastCompatibleField, 18)),
            DeviceTreeError::unsupported_version);
}

TEST(DeviceTreeHeader, IsRefusedWhereItIsNone) {
  EXPECT_EQ(error_of({}), DeviceTreeError::too_small);
  EXPECT_EQ(error_of(Bytes(3)), DeviceTreeError::too_small);
  EXPECT_EQ(error_of(Bytes(4)), DeviceTreeError::no_magic);
  EXPECT_EQ(error_of(Bytes(4000)), DeviceTreeError::no_magic);
  const Bytes blob = test::pi3_tree().blob();
  EXPECT_EQ(error_of(Bytes(blob.begin(), blob.begin() + 4)), DeviceTreeError::too_small);
  EXPECT_EQ(error_of(Bytes(blob.begin(), blob.begin() + 35)), DeviceTreeError::too_small);
  EXPECT_EQ(error_of(with_word(blob, 0, 0xedfe0dd0)), DeviceTreeError::no_magic);
  EXPECT_EQ(error_of(with_word(blob, test::kVersionField, 15)),
            DeviceTreeError::unsupported_version);
  EXPECT_EQ(
      error_of(with_word(blob, test::kTotalSizeField, static_cast<std::uint32_t>(blob.size() + 1))),
      DeviceTreeError::beyond_window);
  EXPECT_EQ(error_of(with_word(blob, test::kTotalSizeField, 0xffffffff)),
            DeviceTreeError::beyond_window);
  EXPECT_EQ(error_of(with_word(blob, test::kTotalSizeField, 0)), DeviceTreeError::bad_layout);
}

TEST(DeviceTreeHeader, BlocksMustLieInside) {
  const Bytes blob = test::pi3_tree().blob();
  const auto size = static_cast<std::uint32_t>(blob.size());
  for (const std::size_t field :
       {test::kStructureField, test::kStringsField, test::kReservationsField}) {
    SCOPED_TRACE(field);
    for (const std::uint32_t offset : {0U, 36U, size + 4, 0xfffffffcU}) {
      EXPECT_EQ(error_of(with_word(blob, field, offset)), DeviceTreeError::bad_layout) << offset;
    }
  }
  for (const std::size_t field : {test::kStringsSizeField, test::kStructureSizeField}) {
    SCOPED_TRACE(field);
    for (const std::uint32_t length : {size, 0xffffffffU}) {
      EXPECT_EQ(error_of(with_word(blob, field, length)), DeviceTreeError::bad_layout) << length;
    }
  }
  EXPECT_EQ(error_of(with_word(blob, test::kReservationsField, size - 15)),
            DeviceTreeError::bad_layout);
  const std::uint32_t structure = test::get_word(blob, test::kStructureField);
  EXPECT_EQ(error_of(with_word(blob, test::kStructureField, structure + 2)),
            DeviceTreeError::bad_layout);
}

TEST(DeviceTreeReservations, MustEnd) {
  Bytes blob = test::pi3_tree().blob();
  const auto size = static_cast<std::uint32_t>(blob.size());
  blob.resize(size + 40, std::byte{1});
  test::put_word(blob, test::kTotalSizeField, size + 40);
  EXPECT_EQ(error_of(with_word(blob, test::kReservationsField, size)),
            DeviceTreeError::bad_reservations);
}

TEST(DeviceTreeStructure, MustNestAndEnd) {
  const auto error = [](const DeviceTreeBuilder& tree) { return error_of(tree.blob()); };
  EXPECT_EQ(error(DeviceTreeBuilder()), DeviceTreeError::bad_structure);
  EXPECT_EQ(error(DeviceTreeBuilder().end()), DeviceTreeError::bad_structure);
  EXPECT_EQ(error(DeviceTreeBuilder().begin("")), DeviceTreeError::bad_structure);
  EXPECT_EQ(error(DeviceTreeBuilder().begin("").end().end()), DeviceTreeError::bad_structure);
  EXPECT_EQ(error(DeviceTreeBuilder().begin("").end().begin("").end()),
            DeviceTreeError::bad_structure);
  EXPECT_EQ(error(DeviceTreeBuilder().begin("").token(5).end()), DeviceTreeError::bad_structure);
  EXPECT_EQ(error(DeviceTreeBuilder().begin("").token(0).end()), DeviceTreeError::bad_structure);
  EXPECT_EQ(error(DeviceTreeBuilder().cells("x", {1}).begin("").end()),
            DeviceTreeError::bad_structure);
  EXPECT_EQ(error(DeviceTreeBuilder().begin("").end().cells("x", {1})),
            DeviceTreeError::bad_structure);
  EXPECT_EQ(error(DeviceTreeBuilder().begin("").begin("a").end().cells("x", {1}).end()),
            DeviceTreeError::bad_structure);
  EXPECT_EQ(error(DeviceTreeBuilder().begin("").token(3).token(0xffffffff).token(0).end()),
            DeviceTreeError::bad_structure);
}

TEST(DeviceTreeStructure, StopsAtItsSize) {
  const Bytes blob = test::pi3_tree().blob();
  const std::uint32_t size = test::get_word(blob, test::kStructureSizeField);
  for (std::uint32_t cut = 0; cut < size; ++cut) {
    SCOPED_TRACE(cut);
    ExactBuffer<std::byte> buffer(with_word(blob, test::kStructureSizeField, cut));
    EXPECT_FALSE(read_device_tree(buffer.span()).has_value());
  }
}

TEST(DeviceTreeStructure, ValuesMustFitWhatIsLeft) {
  // Behind the length and the name are an END_NODE and an END: 8 bytes.
  for (std::uint32_t size = 9; size < 20; ++size) {
    SCOPED_TRACE(size);
    DeviceTreeBuilder tree;
    tree.begin("").cells("#size-cells", {1}).token(3).token(size).token(0).end();
    EXPECT_EQ(error_of(tree.blob(DeviceTreeBuilder::Last::structure)),
              DeviceTreeError::bad_structure);
  }
}

TEST(DeviceTreeStructure, NestsAsDeepAsPromised) {
  const auto nested = [](std::size_t depth) {
    DeviceTreeBuilder tree;
    for (std::size_t i = 0; i < depth; ++i) tree.begin("n");
    for (std::size_t i = 0; i < depth; ++i) tree.end();
    return tree.blob();
  };
  read_tree(nested(kMaxDeviceTreeDepth), [](const DeviceTreeFacts&) {});
  EXPECT_EQ(error_of(nested(kMaxDeviceTreeDepth + 1)), DeviceTreeError::too_deep);
}

TEST(DeviceTreeStrings, MustEndInsideTheirBlock) {
  DeviceTreeBuilder tree;
  tree.begin("").cells("only", {1}).end();
  Bytes blob = tree.blob();
  EXPECT_EQ(error_of(with_word(blob, test::kStringsSizeField, 4)), DeviceTreeError::bad_string);
  EXPECT_EQ(error_of(with_word(blob, test::kStringsSizeField, 0)), DeviceTreeError::bad_string);
  const std::size_t structure = test::get_word(blob, test::kStructureField);
  const std::size_t name_field = structure + 8 + 8;
  EXPECT_EQ(error_of(with_word(blob, name_field, 5)), DeviceTreeError::bad_string);
  EXPECT_EQ(error_of(with_word(blob, name_field, 0xffffffff)), DeviceTreeError::bad_string);
  read_tree(with_word(blob, name_field, 4), [](const DeviceTreeFacts&) {});
}

TEST(DeviceTreeStrings, NodeNamesMustEndInsideTheStructure) {
  Bytes blob = DeviceTreeBuilder().begin("abcdefg").end().blob();
  const std::size_t structure = test::get_word(blob, test::kStructureField);
  for (std::size_t i = structure + 4; i < blob.size(); ++i) blob[i] = std::byte{'x'};
  EXPECT_EQ(error_of(blob), DeviceTreeError::bad_string);
}

TEST(DeviceTreeValues, OfTheWrongSizeAreRefused) {
  const auto root = [](std::string_view name, const Bytes& value) {
    return error_of(DeviceTreeBuilder().begin("").property(name, value).end().blob());
  };
  const auto node = [](std::string_view node_name, std::string_view name, const Bytes& value) {
    return error_of(
        DeviceTreeBuilder().begin("").begin(node_name).property(name, value).end().end().blob());
  };
  EXPECT_EQ(root("#address-cells", Bytes(4)), DeviceTreeError::unsupported_cells);
  EXPECT_EQ(root("#size-cells", Bytes(4)), DeviceTreeError::unsupported_cells);
  EXPECT_EQ(root("#size-cells", Bytes{{}, {}, {}, std::byte{3}}),
            DeviceTreeError::unsupported_cells);
  EXPECT_EQ(root("#address-cells", Bytes{}), DeviceTreeError::unsupported_cells);
  EXPECT_EQ(root("#address-cells", Bytes(8, std::byte{1})), DeviceTreeError::unsupported_cells);
  for (const std::size_t size : {1U, 4U, 8U, 11U, 13U, 16U}) {
    EXPECT_EQ(node("memory@0", "reg", Bytes(size)), DeviceTreeError::bad_memory) << size;
  }
  for (const std::size_t size : {0U, 1U, 3U, 5U, 7U, 9U, 12U}) {
    EXPECT_EQ(node("chosen", "linux,initrd-start", Bytes(size)), DeviceTreeError::bad_initrd);
    EXPECT_EQ(node("chosen", "linux,initrd-end", Bytes(size)), DeviceTreeError::bad_initrd);
  }
  DeviceTreeBuilder reserved;
  reserved.begin("").begin("reserved-memory").begin("a@0").cells("reg", {1}).end().end().end();
  EXPECT_EQ(error_of(reserved.blob()), DeviceTreeError::bad_memory);
}

TEST(DeviceTreeError, EveryErrorIsDescribed) {
  for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(DeviceTreeError::bad_initrd); ++i) {
    EXPECT_NE(describe(DeviceTreeError{i}), "unknown error") << int{i};
  }
}

}  // namespace
}  // namespace heapscope::atags
