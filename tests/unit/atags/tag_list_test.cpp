// The tag list: what each tag decodes to, where a list ends, and every way in
// which one can be malformed.
#include "atags/tag_list.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/atags/exact_buffer.hpp"
#include "tests/unit/atags/tag_words.hpp"

namespace heapscope::atags {
namespace {

using test::ExactBuffer;
using test::Words;

struct Walk {
  std::vector<Tag> tags;
  std::optional<Malformed> malformed;
  std::size_t covered_words = 0;
};

Walk walk(std::span<const std::uint32_t> window) {
  const auto list = TagList::open(window);
  EXPECT_TRUE(list.has_value());
  if (!list) return {};
  Walk result;
  TagCursor cursor = list->cursor();
  while (const auto tag = cursor.next()) result.tags.push_back(*tag);
  for (int again = 0; again < 3; ++again) EXPECT_FALSE(cursor.next().has_value());
  result.malformed = cursor.malformed();
  result.covered_words = cursor.covered_words();
  return result;
}

template <class T>
T value_of(const Tag& tag) {
  const T* value = tag.as<T>();
  EXPECT_NE(value, nullptr) << tag_name(tag.id);
  return value == nullptr ? T{} : *value;
}

std::string names(const Walk& walked) {
  std::string text;
  for (const Tag& tag : walked.tags) text.append(tag_name(tag.id)).append(" ");
  return text;
}

TEST(TagName, NamesTheTenAndNoOther) {
  EXPECT_EQ(tag_name(0), "NONE");
  EXPECT_EQ(tag_name(0x54410001), "CORE");
  EXPECT_EQ(tag_name(0x54410002), "MEM");
  EXPECT_EQ(tag_name(0x54410003), "VIDEOTEXT");
  EXPECT_EQ(tag_name(0x54410004), "RAMDISK");
  EXPECT_EQ(tag_name(0x54420005), "INITRD2");
  EXPECT_EQ(tag_name(0x54410006), "SERIAL");
  EXPECT_EQ(tag_name(0x54410007), "REVISION");
  EXPECT_EQ(tag_name(0x54410008), "VIDEOLFB");
  EXPECT_EQ(tag_name(0x54410009), "CMDLINE");
  EXPECT_EQ(tag_name(0x54410005), "UNKNOWN");
  EXPECT_EQ(tag_name(0xffffffff), "UNKNOWN");
}

TEST(TagList, ReadsTheListOfQemu) {
  ExactBuffer<std::uint32_t> window(test::qemu_list());
  const Walk walked = walk(window.span());
  ASSERT_EQ(names(walked), "CORE MEM CMDLINE NONE ");
  EXPECT_EQ(value_of<Core>(walked.tags[0]),
            (Core{.present = true, .flags = 1, .page_size = 0x1000, .root_dev = 0}));
  EXPECT_EQ(value_of<Mem>(walked.tags[1]), (Mem{.size = 0x3c000000, .start = 0}));
  EXPECT_EQ(value_of<CmdLine>(walked.tags[2]).text, "hello world");
  EXPECT_EQ(walked.tags[1].offset_words, 5U);
  EXPECT_EQ(walked.tags[1].words, 4U);
  EXPECT_EQ(walked.tags[1].id, 0x54410002U);
  EXPECT_EQ(walked.tags[2].offset_words, 9U);
  EXPECT_EQ(walked.tags[3].offset_words, 14U);
  EXPECT_EQ(walked.tags[3].words, 0U);
  EXPECT_EQ(walked.tags[3].raw.size(), 2U);
  EXPECT_EQ(walked.malformed, std::nullopt);
  EXPECT_EQ(walked.covered_words, window.span().size());
}

TEST(TagList, ReadsTheListOfARealPi3) {
  ASSERT_EQ(test::kPi3CommandLine.size(), 355U);
  ExactBuffer<std::uint32_t> window(test::pi3_list());
  const Walk walked = walk(window.span());
  ASSERT_EQ(names(walked), "CORE MEM CMDLINE NONE ");
  EXPECT_EQ(value_of<Mem>(walked.tags[1]), (Mem{.size = 0x3b400000, .start = 0}));
  EXPECT_EQ(walked.tags[2].words, 91U);
  EXPECT_EQ(value_of<CmdLine>(walked.tags[2]).text, test::kPi3CommandLine);
}

TEST(TagList, DecodesAllTenTags) {
  ExactBuffer<std::uint32_t> window(test::all_tags_list());
  const Walk walked = walk(window.span());
  ASSERT_EQ(names(walked),
            "CORE MEM VIDEOTEXT RAMDISK INITRD2 SERIAL REVISION VIDEOLFB CMDLINE UNKNOWN NONE ");
  EXPECT_EQ(value_of<VideoText>(walked.tags[2]), (VideoText{.x = 1,
                                                            .y = 2,
                                                            .page = 0x1234,
                                                            .mode = 3,
                                                            .columns = 4,
                                                            .ega_bx = 0x5678,
                                                            .lines = 5,
                                                            .is_vga = 6,
                                                            .points = 0x9abc}));
  EXPECT_EQ(value_of<Ramdisk>(walked.tags[3]), (Ramdisk{.flags = 3, .size_kib = 4096, .start = 7}));
  EXPECT_EQ(value_of<Initrd2>(walked.tags[4]), (Initrd2{.start = 0x08000000, .size = 0x1234}));
  EXPECT_EQ(value_of<Serial>(walked.tags[5]), (Serial{.low = 0xe5da193c, .high = 0x10}));
  EXPECT_EQ(value_of<Revision>(walked.tags[6]), (Revision{.revision = 0xa02082}));
  EXPECT_EQ(value_of<VideoLfb>(walked.tags[7]), (VideoLfb{.width = 640,
                                                          .height = 480,
                                                          .depth = 16,
                                                          .line_length = 1280,
                                                          .base = 0x3c100000,
                                                          .size = 0x96000,
                                                          .red_size = 5,
                                                          .red_pos = 11,
                                                          .green_size = 6,
                                                          .green_pos = 5,
                                                          .blue_size = 5,
                                                          .blue_pos = 0,
                                                          .reserved_size = 0,
                                                          .reserved_pos = 1}));
  EXPECT_EQ(value_of<CmdLine>(walked.tags[8]).text, "root=/dev/sda");
  EXPECT_EQ(value_of<Unknown>(walked.tags[9]), (Unknown{.id = 0x41000402}));
  EXPECT_EQ(walked.tags[9].raw[2], 66'000'000U);
  EXPECT_EQ(value_of<None>(walked.tags[10]), None{});
  EXPECT_EQ(walked.tags[10].as<Mem>(), nullptr);
}

TEST(TagList, AnEmptyCoreHasNoFields) {
  const Walk walked = walk(test::join({test::empty_core(), test::none()}));
  ASSERT_EQ(names(walked), "CORE NONE ");
  EXPECT_EQ(value_of<Core>(walked.tags[0]), Core{});
}

TEST(TagList, ALaterCoreIsDecodedLikeAny) {
  const Walk walked = walk(test::join({test::empty_core(), test::core(), test::none()}));
  ASSERT_EQ(names(walked), "CORE CORE NONE ");
  EXPECT_TRUE(value_of<Core>(walked.tags[1]).present);
}

TEST(TagList, UnknownTagsMayHaveAnySizeFromTwo) {
  const Walk walked = walk(test::join({test::core(),
                                       {2, 0x414f4d50},
                                       {3, 0x54410005, 9},
                                       {7, 0xffffffff, 1, 2, 3, 4, 5},
                                       test::mem(16, 32),
                                       test::none()}));
  ASSERT_EQ(names(walked), "CORE UNKNOWN UNKNOWN UNKNOWN MEM NONE ");
  EXPECT_EQ(walked.tags[3].raw.size(), 7U);
  EXPECT_EQ(value_of<Mem>(walked.tags[4]), (Mem{.size = 16, .start = 32}));
}

TEST(TagList, LargerTagsThanNeededAreDecoded) {
  const Walk walked =
      walk(test::join({{6, 0x54410001, 1, 4096, 2, 99}, {5, 0x54410002, 7, 8, 9}, test::none()}));
  ASSERT_EQ(names(walked), "CORE MEM NONE ");
  EXPECT_EQ(value_of<Core>(walked.tags[0]).root_dev, 2U);
  EXPECT_EQ(value_of<Mem>(walked.tags[1]), (Mem{.size = 7, .start = 8}));
}

TEST(TagList, NoneEndsTheListWhateverItsSize) {
  for (const std::uint32_t size : {0U, 1U, 2U, 5U, 0xffffffffU}) {
    SCOPED_TRACE(size);
    const Walk walked = walk(test::join({test::core(), {size, 0}, test::mem(1, 2), test::none()}));
    ASSERT_EQ(names(walked), "CORE NONE ");
    EXPECT_EQ(walked.tags[1].words, size);
    EXPECT_EQ(walked.tags[1].raw.size(), 2U);
    EXPECT_EQ(walked.malformed, std::nullopt);
    EXPECT_EQ(walked.covered_words, 7U);
  }
}

TEST(TagList, CommandLineEndsAtItsFirstNul) {
  const auto text_of = [](const Words& tag) {
    ExactBuffer<std::uint32_t> window(test::join({test::core(), tag, test::none()}));
    const Walk walked = walk(window.span());
    EXPECT_EQ(names(walked), "CORE CMDLINE NONE ");
    return std::string(walked.tags.size() < 2 ? "?" : value_of<CmdLine>(walked.tags[1]).text);
  };
  EXPECT_EQ(text_of({3, 0x54410009, 0}), "");
  EXPECT_EQ(text_of({3, 0x54410009, 0x00636261}), "abc");
  EXPECT_EQ(text_of({4, 0x54410009, 0x61616161, 0x62006262}), "aaaabb");
  EXPECT_EQ(text_of(test::cmd_line("four")), "four");
  EXPECT_EQ(text_of({4, 0x54410009, 0x00000061, 0x62626262}), "a");
}

TEST(TagList, RangeForGivesTheTagsAndNone) {
  const Words words = test::pi3_list();
  const auto list = TagList::open(words);
  ASSERT_TRUE(list.has_value());
  std::string seen;
  for (const Tag& tag : *list) seen.append(tag_name(tag.id)).append(" ");
  EXPECT_EQ(seen, "CORE MEM CMDLINE NONE ");
  EXPECT_EQ(list->begin()->words, 5U);
}

TEST(TagList, ExtentEndsAfterNone) {
  const Words words = test::join({test::qemu_list(), {7, 7, 7}});
  const auto list = TagList::open(words);
  ASSERT_TRUE(list.has_value());
  EXPECT_EQ(list->extent().size(), words.size() - 3);
  EXPECT_EQ(list->extent().data(), words.data());
  EXPECT_EQ(list->malformed(), std::nullopt);
}

TEST(TagListOpen, RefusesWhatIsNoList) {
  const auto error_of = [](const Words& words) {
    ExactBuffer<std::uint32_t> window(words);
    const auto list = TagList::open(window.span());
    EXPECT_FALSE(list.has_value());
    return list ? TagListError{} : list.error();
  };
  EXPECT_EQ(error_of({}), TagListError::too_small);
  EXPECT_EQ(error_of({5}), TagListError::too_small);
  EXPECT_EQ(error_of({0, 0}), TagListError::no_core);
  EXPECT_EQ(error_of({0, 0x54410001}), TagListError::no_core);
  EXPECT_EQ(error_of({1, 0x54410001, 0}), TagListError::no_core);
  EXPECT_EQ(error_of({3, 0x54410001, 0, 0, 0}), TagListError::no_core);
  EXPECT_EQ(error_of({4, 0x54410001, 0, 0, 0, 0}), TagListError::no_core);
  EXPECT_EQ(error_of(test::mem(1, 2)), TagListError::no_core);
  EXPECT_EQ(error_of({0x54410001, 5, 1, 2, 3}), TagListError::no_core);
  EXPECT_EQ(error_of({0xedfe0dd0}), TagListError::device_tree);
  EXPECT_EQ(error_of({0xedfe0dd0, 0x54410001, 0}), TagListError::device_tree);
}

TEST(TagListOpen, EveryErrorIsDescribed) {
  EXPECT_EQ(describe(TagListError::too_small), "no room for a tag");
  EXPECT_EQ(describe(TagListError::device_tree), "a device tree, not a tag list");
  EXPECT_EQ(describe(TagListError::no_core), "no CORE tag at the start");
}

struct Fault {
  const char* name;
  Words words;
  std::string_view tags_before;
  Malformed expected;
};

void PrintTo(const Fault& fault, std::ostream* stream) { *stream << fault.name; }

class TagListFault : public testing::TestWithParam<Fault> {};

TEST_P(TagListFault, IsReportedAndNotFollowed) {
  const Fault& fault = GetParam();
  ExactBuffer<std::uint32_t> window(fault.words);
  const Walk walked = walk(window.span());
  EXPECT_EQ(names(walked), fault.tags_before);
  ASSERT_TRUE(walked.malformed.has_value());
  EXPECT_EQ(*walked.malformed, fault.expected) << walked.malformed->describe();
  EXPECT_NE(walked.malformed->describe(), "unknown fault");
}

TEST_P(TagListFault, IsMetAgainInTheExtentAlone) {
  ExactBuffer<std::uint32_t> window(GetParam().words);
  const auto list = TagList::open(window.span());
  ASSERT_TRUE(list.has_value());
  ExactBuffer<std::uint32_t> kept(list->extent());
  const Walk again = walk(kept.span());
  EXPECT_EQ(names(again), GetParam().tags_before);
  EXPECT_EQ(again.malformed, std::optional(GetParam().expected));
  EXPECT_EQ(list->malformed(), again.malformed);
}

constexpr std::uint32_t kMem = 0x54410002;
constexpr std::uint32_t kCmdLine = 0x54410009;

Fault fault(const char* name, const Words& tail, Malformed::Kind kind) {
  return {.name = name,
          .words = test::join({test::core(), tail}),
          .tags_before = "CORE ",
          .expected = {.kind = kind,
                       .offset_words = 5,
                       .id = tail.size() < 2 ? 0 : tail[1],
                       .words = tail.size() < 2 ? 0 : tail[0]}};
}

INSTANTIATE_TEST_SUITE_P(
    Each, TagListFault,
    testing::Values(
        fault("SizeZeroWithAnId", {0, kMem, 1, 2, 0, 0}, Malformed::Kind::size_zero),
        fault("SizeZeroUnknown", {0, 0x1234, 0, 0}, Malformed::Kind::size_zero),
        fault("SizeOne", {1, kMem, 1, 2, 0, 0}, Malformed::Kind::size_one),
        fault("SizeOneUnknown", {1, 0x1234, 0, 0}, Malformed::Kind::size_one),
        fault("OneWordTooFar", {3, 0x1234}, Malformed::Kind::beyond_window),
        fault("MemTooFar", {4, kMem, 1}, Malformed::Kind::beyond_window),
        fault("AsFarAsCanBe", {0xffffffff, 0x1234, 0, 0}, Malformed::Kind::beyond_window),
        fault("ADeviceTreeInTheList", {0xedfe0dd0, 0x430, 0, 0}, Malformed::Kind::beyond_window),
        fault("CommandLineTooFar", {9, kCmdLine, 0, 0}, Malformed::Kind::beyond_window),
        fault("CoreTooSmall", {4, 0x54410001, 1, 2, 0, 0}, Malformed::Kind::too_small),
        fault("CoreOfThree", {3, 0x54410001, 1, 0, 0}, Malformed::Kind::too_small),
        fault("MemTooSmall", {3, kMem, 1, 0, 0}, Malformed::Kind::too_small),
        fault("VideoTextTooSmall", {4, 0x54410003, 1, 2, 0, 0}, Malformed::Kind::too_small),
        fault("RamdiskTooSmall", {4, 0x54410004, 1, 2, 0, 0}, Malformed::Kind::too_small),
        fault("Initrd2TooSmall", {3, 0x54420005, 1, 0, 0}, Malformed::Kind::too_small),
        fault("SerialTooSmall", {3, 0x54410006, 1, 0, 0}, Malformed::Kind::too_small),
        fault("RevisionTooSmall", {2, 0x54410007, 0, 0}, Malformed::Kind::too_small),
        fault("VideoLfbTooSmall", {7, 0x54410008, 1, 2, 3, 4, 5, 0, 0}, Malformed::Kind::too_small),
        fault("CommandLineWithoutNul", {3, kCmdLine, 0x61616161, 0, 0},
              Malformed::Kind::unterminated_text),
        fault("CommandLineWithoutText", {2, kCmdLine, 0, 0}, Malformed::Kind::unterminated_text),
        fault("NoEnd", {}, Malformed::Kind::no_end),
        fault("HalfAHeaderAtTheEnd", {0}, Malformed::Kind::no_end)),
    [](const auto& each) { return std::string(each.param.name); });

TEST(TagListMalformed, TheFirstTagCanBeTheFault) {
  const Walk walked = walk(Words{5, 0x54410001, 1, 2});
  EXPECT_TRUE(walked.tags.empty());
  EXPECT_EQ(walked.malformed, (Malformed{.kind = Malformed::Kind::beyond_window,
                                         .offset_words = 0,
                                         .id = 0x54410001,
                                         .words = 5}));
}

TEST(TagListMalformed, NothingIsReportedBeforeTheEnd) {
  const Words words = test::core();
  TagCursor cursor = TagList::open(words)->cursor();
  EXPECT_TRUE(cursor.next().has_value());
  EXPECT_EQ(cursor.malformed(), std::nullopt);
  EXPECT_FALSE(cursor.next().has_value());
  EXPECT_TRUE(cursor.malformed().has_value());
}

}  // namespace
}  // namespace heapscope::atags
