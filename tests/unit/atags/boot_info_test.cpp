// Which source is used, in what order they are tried, and what is said about the
// ones that were not.
#include "atags/boot_info.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>

#include "atags/device_tree.hpp"
#include "atags/tag_list.hpp"
#include "tests/unit/atags/device_tree_builder.hpp"
#include "tests/unit/atags/exact_buffer.hpp"
#include "tests/unit/atags/print_range.hpp"
#include "tests/unit/atags/tag_words.hpp"

namespace heapscope::atags {
namespace {

using test::Bytes;
using test::DeviceTreeBuilder;
using test::ExactBuffer;
using test::Ranges;
using test::ranges_of;
using test::Words;

constexpr std::uint64_t kX0 = 0x0800'0000;
constexpr Range kMailboxMemory{.start = 0, .end = 0x3b40'0000};

// Memory that ends where the data ends, at an address that is a multiple of 4.
class Memory {
 public:
  explicit Memory(const Words& words) : words_(words) {}
  explicit Memory(const Bytes& bytes) : words_(to_words(bytes)) {}
  [[nodiscard]] std::span<const std::byte> bytes() { return std::as_bytes(words_.span()); }

 private:
  static Words to_words(const Bytes& bytes) {
    Words words((bytes.size() + 3) / 4);
    std::memcpy(words.data(), bytes.data(), bytes.size());
    return words;
  }
  ExactBuffer<std::uint32_t> words_;
};

std::string text_of(const Rejections& rejections) {
  std::string text;
  for (const Rejection& rejection : rejections) {
    text += boot_source_name(rejection.source);
    text += rejection.address == kFirmwareTagsAddress ? "@0x100: "
            : rejection.address == kX0                ? "@x0: "
                                                      : ": ";
    text.append(rejection.reason).append("\n");
  }
  return text;
}

TEST(Discover, TagsAt0x100ComeFirst) {
  Memory tags(test::pi3_list());
  Memory tree(test::pi3_tree().blob());
  const auto info = discover({.at_x0 = tree.bytes(),
                              .x0 = kX0,
                              .at_0x100 = tags.bytes(),
                              .mailbox_memory = kMailboxMemory});
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->source, BootSource::atags);
  EXPECT_EQ(info->address, 0x100U);
  EXPECT_EQ(std::as_bytes(info->tags).data(), tags.bytes().data());
  EXPECT_EQ(info->tags.size(), test::pi3_list().size());
  EXPECT_EQ(ranges_of(info->banks), (Ranges{{.start = 0, .end = test::kPi3MemorySize}}));
  EXPECT_EQ(info->command_line, test::kPi3CommandLine);
  EXPECT_TRUE(info->initrd.empty());
  EXPECT_EQ(ranges_of(info->reserved), (Ranges{range_from_size(0x100, tags.bytes().size())}));
  EXPECT_TRUE(info->rejected.empty());
  EXPECT_EQ(info->malformed, std::nullopt);
  EXPECT_FALSE(info->banks_truncated);
}

TEST(Discover, TagsAreKeptUpToTheirEndOnly) {
  Memory tags(test::join({test::qemu_list(), Words(1000, 0xffffffff)}));
  const auto info = discover({.at_0x100 = tags.bytes()});
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->tags.size(), test::qemu_list().size());
  EXPECT_EQ(ranges_of(info->reserved),
            (Ranges{range_from_size(0x100, 4 * test::qemu_list().size())}));
}

TEST(Discover, AllBanksAreCollected) {
  Memory tags(test::join({test::core(), test::mem(0x1000, 0x8000), test::mem(0, 0x9000),
                          test::mem(0xffffffff, 0), test::mem(0x10000000, 0xf0000000),
                          test::mem(0xffffffff, 0xffffffff), test::initrd(0x4000, 0x20),
                          test::cmd_line("first"), test::initrd(0xfffffff0, 0x20),
                          test::cmd_line("last"), test::none()}));
  const auto info = discover({.at_0x100 = tags.bytes()});
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(ranges_of(info->banks), (Ranges{{.start = 0x8000, .end = 0x9000},
                                            {.start = 0, .end = 0xffffffff},
                                            {.start = 0xf0000000, .end = 0x1'0000'0000},
                                            {.start = 0xffffffff, .end = 0x1'ffff'fffe}}));
  EXPECT_EQ(info->initrd, (Range{.start = 0xfffffff0, .end = 0x1'0000'0010}));
  EXPECT_EQ(info->command_line, "last");
}

TEST(Discover, TooManyBanksAreFlagged) {
  Words words = test::core();
  for (std::uint32_t i = 0; i <= kMaxBanks; ++i) words = test::join({words, test::mem(16, 64 * i)});
  Memory tags(test::join({words, test::none()}));
  const auto info = discover({.at_0x100 = tags.bytes()});
  ASSERT_TRUE(info.has_value());
  EXPECT_TRUE(info->banks.full());
  EXPECT_TRUE(info->banks_truncated);
}

TEST(Discover, TagsAtX0ComeSecond) {
  Memory tree(test::pi3_tree().blob());
  Memory tags(test::qemu_list());
  const auto info = discover({.at_x0 = tags.bytes(), .x0 = kX0, .at_0x100 = tree.bytes()});
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->source, BootSource::atags);
  EXPECT_EQ(info->address, kX0);
  EXPECT_EQ(info->command_line, "hello world");
  EXPECT_EQ(ranges_of(info->reserved), (Ranges{range_from_size(kX0, tags.bytes().size())}));
  EXPECT_EQ(text_of(info->rejected), "atags@0x100: a device tree, not a tag list\n");
}

TEST(Discover, ADeviceTreeAtX0ComesThird) {
  Memory zeros(Words(64, 0));
  const Bytes blob = test::pi3_tree().blob();
  ExactBuffer<std::byte> tree(blob);
  const auto info = discover({.at_x0 = tree.span(),
                              .x0 = kX0,
                              .at_0x100 = zeros.bytes(),
                              .mailbox_memory = kMailboxMemory});
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->source, BootSource::device_tree);
  EXPECT_EQ(info->address, kX0);
  EXPECT_TRUE(info->tags.empty());
  EXPECT_EQ(ranges_of(info->banks), (Ranges{{.start = 0, .end = 0x3b400000}}));
  EXPECT_EQ(info->command_line, "console=ttyS0,115200  rootwait");
  EXPECT_EQ(info->initrd, (Range{.start = 0x08000000, .end = 0x08001234}));
  EXPECT_EQ(ranges_of(info->reserved),
            (Ranges{range_from_size(kX0, blob.size()), {.start = 0, .end = 0x1000}}));
  EXPECT_EQ(text_of(info->rejected),
            "atags@0x100: no CORE tag at the start\n"
            "atags@x0: a device tree, not a tag list\n");
}

TEST(Discover, ADeviceTreeAt0x100ComesFourth) {
  Memory tree(test::pi3_tree().blob());
  Memory zeros(Words(64, 0));
  const auto info = discover({.at_x0 = zeros.bytes(), .x0 = kX0, .at_0x100 = tree.bytes()});
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->source, BootSource::device_tree);
  EXPECT_EQ(info->address, 0x100U);
  EXPECT_EQ(text_of(info->rejected),
            "atags@0x100: a device tree, not a tag list\n"
            "atags@x0: no CORE tag at the start\n"
            "device-tree@x0: no device tree magic\n");
}

TEST(Discover, AnX0ThatIs0x100IsNotTriedTwice) {
  Memory tree(test::pi3_tree().blob());
  const auto info = discover({.at_x0 = tree.bytes(), .x0 = 0x100, .at_0x100 = tree.bytes()});
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(text_of(info->rejected), "atags@0x100: a device tree, not a tag list\n");
}

TEST(Discover, TheMailboxComesLast) {
  Memory zeros(Words(64, 0));
  const auto info = discover({.at_0x100 = zeros.bytes(), .mailbox_memory = kMailboxMemory});
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->source, BootSource::mailbox);
  EXPECT_EQ(info->address, 0U);
  EXPECT_EQ(ranges_of(info->banks), (Ranges{kMailboxMemory}));
  EXPECT_TRUE(info->command_line.empty());
  EXPECT_TRUE(info->reserved.empty());
  EXPECT_EQ(text_of(info->rejected),
            "atags@0x100: no CORE tag at the start\n"
            "device-tree@0x100: no device tree magic\n");
}

TEST(Discover, WithoutAnySourceEachIsExplained) {
  Memory zeros(Words(64, 0));
  const auto nothing = discover({.at_x0 = zeros.bytes(), .x0 = kX0, .at_0x100 = zeros.bytes()});
  ASSERT_FALSE(nothing.has_value());
  EXPECT_EQ(text_of(nothing.error().rejected),
            "atags@0x100: no CORE tag at the start\n"
            "atags@x0: no CORE tag at the start\n"
            "device-tree@x0: no device tree magic\n"
            "device-tree@0x100: no device tree magic\n"
            "mailbox: the mailbox did not answer\n");

  const auto empty = discover({.mailbox_memory = Range{.start = 5, .end = 5}});
  ASSERT_FALSE(empty.has_value());
  EXPECT_EQ(text_of(empty.error().rejected),
            "atags@0x100: no room for a tag\n"
            "device-tree@0x100: no room for a device tree\n"
            "mailbox: the mailbox reports no memory\n");
}

TEST(Discover, AnX0ThatIsNotAlignedHasNoTags) {
  Memory zeros(Words(4, 0));
  ExactBuffer<std::byte> odd(Bytes(64), 1);
  const auto nothing = discover({.at_x0 = odd.span(), .x0 = kX0, .at_0x100 = zeros.bytes()});
  ASSERT_FALSE(nothing.has_value());
  EXPECT_EQ(nothing.error().rejected[1].reason, "the address is not a multiple of 4");
}

TEST(Discover, AListThatBreaksAfterItsMemoryIsUsed) {
  Memory tags(test::join({test::core(),
                          test::mem(0x1000, 0),
                          test::cmd_line("x"),
                          {1, 0x54410006, 1, 2},
                          test::mem(0x9999, 0),
                          test::none()}));
  const auto info = discover({.at_0x100 = tags.bytes(), .mailbox_memory = kMailboxMemory});
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->source, BootSource::atags);
  EXPECT_EQ(ranges_of(info->banks), (Ranges{{.start = 0, .end = 0x1000}}));
  EXPECT_EQ(info->command_line, "x");
  const Malformed expected{
      .kind = Malformed::Kind::size_one, .offset_words = 12, .id = 0x54410006, .words = 1};
  EXPECT_EQ(info->malformed, expected);
  EXPECT_EQ(TagList::open(info->tags)->malformed(), expected);
  EXPECT_EQ(info->tags.size(), 14U);
  EXPECT_EQ(ranges_of(info->reserved), (Ranges{range_from_size(0x100, 56)}));
}

TEST(Discover, AListThatBreaksBeforeItsMemoryIsNot) {
  Memory tags(test::join({test::core(), test::mem(0, 0), {1, 0x54410006, 1, 2}, test::mem(9, 0)}));
  const auto info = discover({.at_0x100 = tags.bytes(), .mailbox_memory = kMailboxMemory});
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->source, BootSource::mailbox);
  EXPECT_EQ(info->malformed, std::nullopt);
  EXPECT_EQ(text_of(info->rejected),
            "atags@0x100: a tag has size 1, less than its header\n"
            "device-tree@0x100: no device tree magic\n");
}

TEST(Discover, SourcesWithoutMemoryAreNotUsed) {
  Memory tags(test::join({test::core(), test::mem(0, 0x9000), test::none()}));
  Memory tree(DeviceTreeBuilder().begin("").begin("memory").end().end().blob());
  const auto info = discover({.at_x0 = tree.bytes(),
                              .x0 = kX0,
                              .at_0x100 = tags.bytes(),
                              .mailbox_memory = kMailboxMemory});
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->source, BootSource::mailbox);
  EXPECT_EQ(text_of(info->rejected),
            "atags@0x100: no MEM tag with memory\n"
            "atags@x0: a device tree, not a tag list\n"
            "device-tree@x0: a device tree without memory\n"
            "device-tree@0x100: no device tree magic\n");
}

TEST(Discover, NoReservationOfATreeIsLeftOut) {
  constexpr std::uint64_t kCount = 100;
  DeviceTreeBuilder tree;
  for (std::uint64_t i = 0; i < kCount; ++i) tree.reserve(0x10000 * (i + 1), 0x10 + i);
  tree.begin("").cells("#address-cells", {1}).begin("memory").cells("reg", {0, 0x10000000});
  const Bytes blob = tree.end().end().blob();
  Memory memory(blob);
  const auto info = discover({.at_0x100 = memory.bytes()});
  ASSERT_TRUE(info.has_value());
  const MemoryMap map = make_memory_map(info->banks, 0x3f000000, info->reserved);
  for (const Range& free : map.free) {
    EXPECT_FALSE(free.overlaps(range_from_size(0x100, blob.size())));
    for (std::uint64_t i = 0; i < kCount; ++i) {
      EXPECT_FALSE(free.overlaps(range_from_size(0x10000 * (i + 1), 0x10 + i)));
    }
  }
  EXPECT_EQ(map.largest_free().end, 0x10000000U);
}

}  // namespace
}  // namespace heapscope::atags
