// The commands that show things and the few that change the shell itself, each
// in plain and in json mode; and what all commands have in common.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

#include "alloc_state.hpp"
#include "shell_rig.hpp"
#include "tests/unit/atags/tag_words.hpp"

namespace heapscope::shell {
namespace {

using test::Json;
using test::JsonReply;
using test::ShellRig;
using Names = std::vector<std::string>;

const Names kAllCommands{"alloc",   "allocator", "assert", "atags",   "boot",  "compare",  "echo",
                         "free",    "heapmap",   "help",   "memmap",  "mode",  "poweroff", "reboot",
                         "receive", "repeat",    "replay", "set",     "sleep", "source",   "stats",
                         "time",    "unset",     "uptime", "version", "watch", "blocks",   "bins",
                         "who",     "origins",   "trace",  "mark",    "diff",  "fail",     "harden",
                         "latency", "check"};

// ---- all commands ----

TEST(Commands, AreAllRegistered) {
  Names names;
  for (const CommandRecord* command : commands()) names.emplace_back(command->name);
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end()) << "two commands of one name";
  for (const std::string& name : kAllCommands) {
    EXPECT_TRUE(std::ranges::binary_search(names, name)) << name;
  }
}

TEST(Commands, RecordsAreComplete) {
  for (const CommandRecord* command : commands()) {
    SCOPED_TRACE(command->name);
    EXPECT_EQ(find_command(command->name), command);
    EXPECT_TRUE(command->usage.starts_with(command->name));
    EXPECT_FALSE(command->summary.empty());
    EXPECT_TRUE(command->help.ends_with("."));
    EXPECT_NE(command->run, nullptr);
    EXPECT_LE(command->min_arguments, command->max_arguments);
    EXPECT_LT(command->max_arguments, kMaxWords);
    EXPECT_LE(command->options.size(), Arguments::kMaxOptions);
    for (const OptionRecord& option : command->options) {
      EXPECT_FALSE(option.help.empty());
      // The usage names every option, with its value.
      const std::string value =
          option.value_name.empty() ? "" : " " + std::string(option.value_name);
      const std::string shown = std::string("-") + option.letter + value;
      const bool in_usage = command->usage.contains("[" + shown + "]") ||
                            command->usage.contains(shown) ||
                            (!option.word.empty() &&
                             command->usage.contains("--" + std::string(option.word) + value));
      EXPECT_TRUE(in_usage) << shown;
    }
  }
  EXPECT_EQ(find_command("nope"), nullptr);
  EXPECT_EQ(find_command(""), nullptr);
  EXPECT_EQ(find_command("ALLOC"), nullptr);
}

TEST(Commands, UnknownOnesAreSaidToBe) {
  ShellRig rig;
  for (const std::string_view name : {"nope", "ALLOC", "allo", "allocc", "/bin/sh", "a1", "-n"}) {
    EXPECT_EQ(rig.plain(std::string(name) + " 1 2"),
              "unknown command: " + std::string(name) + "\n");
    EXPECT_EQ(rig.status(), "127");
  }
  rig.set_mode(Mode::json);
  const JsonReply reply = rig.json("nope 1 2");
  EXPECT_EQ(reply.command, "nope");
  EXPECT_EQ(reply.status, 127U);
  EXPECT_EQ(reply.kind(), "unknown-command");
  EXPECT_EQ(reply.message(), "unknown command: nope");
  EXPECT_EQ(rig.status(), "127");
}

TEST(Commands, ALongUnknownNameIsStillOneReply) {
  ShellRig rig({.mode = Mode::json});
  EXPECT_EQ(rig.json(std::string(512, 'x')).command, std::string(512, 'x'));
  rig.json("x");
  std::string variables;
  while (variables.size() < 512) variables += "$?";
  EXPECT_EQ(rig.json(variables).status, 127U);
}

/// A text with every run of blanks and line ends as one blank.
std::string unwrapped(std::string_view text) {
  std::string words;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\n';
    if (!blank || !words.ends_with(' ')) words += blank ? ' ' : c;
  }
  return words;
}

TEST(Commands, WrongUsageShowsTheUsage) {
  for (const CommandRecord* command : commands()) {
    if (command->takes_words_as_they_are) continue;
    ShellRig rig;
    const auto before = test::state_of(rig);
    Names lines{std::string(command->name) + " -Z"};
    std::string crowded(command->name);
    for (int i = 0; i <= command->max_arguments && i < 63; ++i) crowded += " 1";
    if (command->max_arguments < kMaxWords - 1) lines.push_back(crowded);
    if (command->min_arguments > 0) lines.emplace_back(command->name);
    for (const std::string& line : lines) {
      const std::string output = rig.plain(line);
      EXPECT_TRUE(output.starts_with("error: ")) << line << ": " << output;
      const std::string usage = "usage: " + std::string(command->usage);
      EXPECT_TRUE(unwrapped(output).ends_with(" " + usage + " ")) << output;
      EXPECT_EQ(rig.status(), "2") << line;
      rig.set_mode(Mode::json);
      const JsonReply reply = rig.json(line);
      EXPECT_EQ(reply.command, command->name);
      EXPECT_EQ(reply.status, 2U) << line;
      EXPECT_EQ(reply.kind(), "usage") << line;
      EXPECT_EQ(reply.error["usage"].text(), command->usage);
      rig.set_mode(Mode::plain);
    }
    EXPECT_EQ(test::state_of(rig), before) << command->name;
    EXPECT_TRUE(rig.platform.events().empty()) << command->name;
  }
}

TEST(Commands, EveryExampleRuns) {
  const std::string trace = "a 0 64\nf 0\n";
  const auto trace_start = reinterpret_cast<std::uint64_t>(trace.data());
  for (const Mode mode : {Mode::plain, Mode::json}) {
    for (const std::string_view allocator : {"bin", "bump", "first-fit"}) {
      for (const CommandRecord* command : commands()) {
        // These wait for a sender, and have one in their own tests.
        if (command->name == "receive" || command->name == "boot") continue;
        if (command->name != "poweroff" && command->name != "reboot") {
          EXPECT_FALSE(command->examples.empty()) << command->name;
        }
        for (const std::string_view example : command->examples) {
          ShellRig rig({.mode = mode, .allocator = allocator});
          rig.boot.initrd = {.start = trace_start, .end = trace_start + trace.size()};
          alloc::record_origins(rig.heap, true);  // As in the kernel.
          rig.run("alloc 64 -n 3 -t page");
          // The text that an example announces is typed behind it.
          const bool text_follows = example.find("<<END") != std::string_view::npos;
          if (text_follows) (void)rig.type(std::string(example) + "\recho 1\rEND\r");
          const int status = text_follows ? rig.shell.last_status() : rig.run(example);
          // Addresses in examples are the board's, and so need not be in this heap.
          const bool by_address =
              example.find("0x") != std::string_view::npos && !example.starts_with("alloc");
          EXPECT_TRUE(status == 0 || (by_address && status == 1)) << example << ": " << status;
          EXPECT_TRUE(example.starts_with(command->name)) << example;
        }
      }
    }
  }
}

// ---- help ----

TEST(HelpCommand, ListsAllCommandsByName) {
  ShellRig rig;
  Names names;
  for (const std::string& line : test::split_lines(rig.plain("help"))) {
    names.push_back(line.substr(0, line.find(' ')));
    EXPECT_GT(line.size(), 12U);
  }
  ASSERT_FALSE(names.empty());
  EXPECT_EQ(names.front(), "name");
  names.erase(names.begin());
  EXPECT_TRUE(std::ranges::is_sorted(names));
  EXPECT_EQ(names.size(), commands().size());
  rig.set_mode(Mode::json);
  const JsonReply reply = rig.json("help");
  ASSERT_EQ(reply.result["commands"].size(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Json& command = reply.result["commands"][i];
    EXPECT_EQ(command["name"].text(), names[i]);
    EXPECT_EQ(command["summary"].text(), find_command(names[i])->summary);
  }
}

TEST(HelpCommand, ExplainsEveryCommand) {
  for (const CommandRecord* command : commands()) {
    ShellRig rig;
    const std::string output = rig.plain("help " + std::string(command->name));
    EXPECT_EQ(rig.status(), "0");
    EXPECT_NE(unwrapped(output).find(command->usage), std::string::npos) << output;
    for (const std::string_view example : command->examples) {
      EXPECT_NE(output.find("\n    " + std::string(example) + "\n"), std::string::npos) << output;
    }
    for (const OptionRecord& option : command->options) {
      EXPECT_NE(output.find(std::string("\n    -") + option.letter), std::string::npos) << output;
      EXPECT_NE(output.find(option.help), std::string::npos) << output;
    }
    rig.set_mode(Mode::json);
    const JsonReply reply = rig.json("help " + std::string(command->name));
    EXPECT_EQ(reply.result["usage"].text(), command->usage);
    EXPECT_EQ(reply.result["help"].text(), command->help);
    EXPECT_EQ(reply.result["examples"].size(), command->examples.size());
    EXPECT_EQ(reply.result.has("options"), !command->options.empty());
    ASSERT_EQ(reply.result.has("related"), !command->related.empty());
    for (std::size_t i = 0; i < command->related.size(); ++i) {
      EXPECT_EQ(reply.result["related"][i]["name"].text(), command->related[i]);
      EXPECT_NE(command->related[i], command->name);
    }
  }
}

TEST(HelpCommand, IsAPageUnderHeadings) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("help alloc; echo next"),
            "NAME\n"
            "    alloc - allocate blocks\n"
            "\n"
            "SYNOPSIS\n"
            "    alloc SIZE [ALIGN] [-n COUNT] [-t TAG] [-f BYTE]\n"
            "\n"
            "DESCRIPTION\n"
            "    Allocates SIZE bytes aligned to ALIGN (16 if not given) and prints the\n"
            "    block's handle, its address, and how many bytes were granted.\n"
            "\n"
            "OPTIONS\n"
            "    -n COUNT            that many blocks, all or none\n"
            "    -t TAG              a name to list and free them by\n"
            "    -f BYTE             fill them with this byte\n"
            "\n"
            "EXAMPLES\n"
            "    alloc 64\n"
            "    alloc 100 4096 -t page\n"
            "    alloc 1K -n 8 -f 0xaa\n"
            "\n"
            "SEE ALSO\n"
            "    free, heapmap, stats\n"
            "next\n");
}

TEST(HelpCommand, HasNoHeadingWithoutAnythingBelowIt) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("help uptime").find("OPTIONS"), std::string::npos);
  EXPECT_NE(rig.plain("help uptime").find("DESCRIPTION"), std::string::npos);
}

TEST(HelpOption, ShowsThePageOfEveryCommand) {
  for (const CommandRecord* command : commands()) {
    if (command->takes_words_as_they_are) continue;
    ShellRig rig;
    const auto before = test::state_of(rig);
    const std::string name(command->name);
    const std::string page = rig.plain("help " + name);
    for (const std::string_view words : {" --help", " -h", " 1 2 3 --help", " -h -Z"}) {
      // Behind another command's name, the option is that command's.
      if (command->command_at() != 0 && words.starts_with(" 1")) continue;
      EXPECT_EQ(rig.plain(name + std::string(words)), page) << words;
      EXPECT_EQ(rig.status(), "0");
    }
    rig.set_mode(Mode::json);
    const JsonReply reply = rig.json(name + " --help");
    EXPECT_EQ(reply.command, name);
    EXPECT_EQ(reply.result["help"].text(), command->help);
    EXPECT_EQ(test::state_of(rig), before);
    EXPECT_TRUE(rig.platform.events().empty()) << name;
  }
}

TEST(HelpOption, IsOneOnlyWhereOptionsAre) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("echo --help -h"), "--help -h\n");
  EXPECT_EQ(rig.plain("free -t --help"), "error: no live block has the tag --help\n");
  EXPECT_TRUE(rig.plain("free -- --help").starts_with("error: '--help' is neither"));
  EXPECT_TRUE(rig.plain("alloc -Z --help").starts_with("error: unknown option -Z\n"));
  EXPECT_TRUE(rig.plain("alloc --helpme").starts_with("error: unknown option --helpme\n"));
}

TEST(HelpCommand, OfWhatIsNoCommand) {
  ShellRig rig({.mode = Mode::json});
  const JsonReply reply = rig.json("help nope");
  EXPECT_EQ(reply.status, 1U);
  EXPECT_EQ(reply.kind(), "unknown-command");
  EXPECT_EQ(rig.json("help a b").status, 2U);
}

// ---- stats ----

const Names kStatsFields{"allocator",
                         "hardening",
                         "start",
                         "end",
                         "heap_bytes",
                         "used_bytes",
                         "requested_bytes",
                         "free_bytes",
                         "metadata_bytes",
                         "peak_used_bytes",
                         "largest_free_bytes",
                         "fragmentation_permille",
                         "live_blocks",
                         "allocations",
                         "frees",
                         "failures",
                         "bins"};

/// The identities that always hold.
void expect_consistent(const Json& stats) {
  const auto of = [&](std::string_view name) { return stats[name].number(); };
  EXPECT_EQ(of("heap_bytes"), of("used_bytes") + of("free_bytes") + of("metadata_bytes"));
  EXPECT_EQ(of("heap_bytes"), stats["end"].address() - stats["start"].address());
  EXPECT_GE(of("used_bytes"), of("requested_bytes"));
  EXPECT_GE(of("peak_used_bytes"), of("used_bytes"));
  EXPECT_GE(of("free_bytes"), of("largest_free_bytes"));
  const std::uint64_t fragmentation =
      of("free_bytes") == 0 ? 0 : 1000 - 1000 * of("largest_free_bytes") / of("free_bytes");
  EXPECT_EQ(of("fragmentation_permille"), fragmentation);
  EXPECT_EQ(of("live_blocks"), of("allocations") - of("frees"));
  std::uint64_t in_bins = 0;
  for (const Json& bin : stats["bins"].items()) {
    EXPECT_EQ(bin.names(), (Names{"size", "free_blocks", "free_bytes"}));
    EXPECT_GT(bin["free_blocks"].number(), 0U);
    EXPECT_GE(bin["free_bytes"].number(), bin["size"].number() * bin["free_blocks"].number());
    in_bins += bin["free_bytes"].number();
  }
  EXPECT_EQ(in_bins, stats["allocator"].text() == "bin" ? of("free_bytes") : 0);
}

TEST(StatsCommand, JsonHasTheFieldsOfTheContractAndTheyAreConsistent) {
  for (const std::string_view allocator : {"bin", "bump", "first-fit"}) {
    ShellRig rig({.mode = Mode::json, .allocator = allocator, .heap_bytes = 64 * 1024});
    for (const std::string_view line :
         {"stats", "alloc 100 -n 20", "alloc 5000 4096", "free a3 a5 a7 a20", "alloc 3G",
          "alloc 40K", "alloc 24K", "alloc 1 1 -n 50", "free all", "alloc 8 8"}) {
      rig.json(line);
      const JsonReply reply = rig.json("stats");
      EXPECT_EQ(reply.result.names(), kStatsFields);
      EXPECT_EQ(reply.result["allocator"].text(), allocator);
      expect_consistent(reply.result);
    }
  }
}

TEST(StatsCommand, CountsWhatHappened) {
  ShellRig rig({.mode = Mode::json});
  rig.json("alloc 100 -n 5");
  rig.json("free a2 a4");
  rig.json("alloc 3G");
  rig.json("alloc 0");
  const Json stats = rig.json("stats").result;
  EXPECT_EQ(stats["requested_bytes"].number(), 300U);
  EXPECT_EQ(stats["used_bytes"].number(), 336U);
  EXPECT_EQ(stats["peak_used_bytes"].number(), 560U);
  EXPECT_EQ(stats["live_blocks"].number(), 3U);
  EXPECT_EQ(stats["allocations"].number(), 5U);
  EXPECT_EQ(stats["frees"].number(), 2U);
  EXPECT_EQ(stats["failures"].number(), 2U);
}

TEST(StatsCommand, PlainShowsTheSameFigures) {
  ShellRig rig({.heap_bytes = 64 * 1024});
  rig.plain("alloc 100 -n 5");
  rig.plain("free a2");
  const auto lines = test::split_lines(rig.plain("stats"));
  rig.set_mode(Mode::json);
  const Json stats = rig.json("stats").result;
  ASSERT_GT(lines.size(), kStatsFields.size());
  for (std::size_t i = 4; i + 1 < kStatsFields.size(); ++i) {
    std::string expected = kStatsFields[i];
    expected.resize(23, ' ');
    expected += std::to_string(stats[kStatsFields[i]].number());
    EXPECT_TRUE(lines[i].starts_with(expected)) << lines[i];
  }
  EXPECT_EQ(lines[4], "heap_bytes             65536 (64.0 KiB)");
  EXPECT_EQ(lines[16], "bins:");
  EXPECT_EQ(lines[17], "       size  free_blocks   free_bytes");
  EXPECT_EQ(lines.size(), 18 + stats["bins"].size());
}

// ---- atags ----

TEST(AtagsCommand, JsonHasTheFieldsOfTheContract) {
  ShellRig rig({.mode = Mode::json, .tags = atags::test::qemu_list()});
  const JsonReply reply = rig.json("atags");
  EXPECT_EQ(reply.result["source"].text(), "atags");
  EXPECT_EQ(reply.result["address"].text(), "0x100");
  EXPECT_FALSE(reply.result.has("malformed"));
  EXPECT_FALSE(reply.result.has("rejected"));
  const Json& tags = reply.result["tags"];
  ASSERT_EQ(tags.size(), 4U);
  EXPECT_EQ(tags[0].names(), (Names{"tag", "id", "words", "flags", "page_size", "root_dev"}));
  EXPECT_EQ(tags[0]["tag"].text(), "CORE");
  EXPECT_EQ(tags[1].names(), (Names{"tag", "id", "words", "size", "start"}));
  EXPECT_EQ(tags[1]["tag"].text(), "MEM");
  EXPECT_EQ(tags[1]["id"].text(), "0x54410002");
  EXPECT_EQ(tags[1]["words"].number(), 4U);
  EXPECT_EQ(tags[1]["size"].number(), 0x3c00'0000U);
  EXPECT_EQ(tags[1]["start"].text(), "0x0");
  EXPECT_EQ(tags[2]["tag"].text(), "CMDLINE");
  EXPECT_EQ(tags[2]["text"].text(), "hello world");
  EXPECT_EQ(tags[3]["tag"].text(), "NONE");
  EXPECT_EQ(tags[3]["words"].number(), 0U);
  ASSERT_GE(reply.result["memory"].size(), 1U);
  EXPECT_EQ(reply.result["memory"][0].names(), (Names{"start", "end"}));
  EXPECT_EQ(reply.result["memory"][0]["start"].text(), "0x0");
  EXPECT_EQ(reply.result["memory"][0]["end"].text(), "0x3c000000");
}

TEST(AtagsCommand, EveryKindOfTag) {
  ShellRig rig({.mode = Mode::json, .tags = atags::test::all_tags_list()});
  const Json tags = rig.json("atags").result["tags"];
  ASSERT_EQ(tags.size(), 11U);
  EXPECT_EQ(tags[2]["tag"].text(), "VIDEOTEXT");
  EXPECT_EQ(tags[2]["x"].number(), 1U);
  EXPECT_EQ(tags[2]["page"].number(), 0x1234U);
  EXPECT_EQ(tags[2]["points"].number(), 0x9abcU);
  EXPECT_EQ(tags[3]["tag"].text(), "RAMDISK");
  EXPECT_EQ(tags[3]["size_kib"].number(), 4096U);
  EXPECT_EQ(tags[4]["tag"].text(), "INITRD2");
  EXPECT_EQ(tags[4]["start"].text(), "0x8000000");
  EXPECT_EQ(tags[5]["serial"].text(), "0x10e5da193c");
  EXPECT_EQ(tags[6]["revision"].text(), "0xa02082");
  EXPECT_EQ(tags[7]["tag"].text(), "VIDEOLFB");
  EXPECT_EQ(tags[7]["width"].number(), 640U);
  EXPECT_EQ(tags[7]["height"].number(), 480U);
  EXPECT_EQ(tags[7]["reserved_pos"].number(), 1U);
  EXPECT_EQ(tags[9]["tag"].text(), "UNKNOWN");
  EXPECT_EQ(tags[9]["id"].text(), "0x41000402");
  EXPECT_EQ(tags[9].names(), (Names{"tag", "id", "words"}));
}

TEST(AtagsCommand, RawWordsOnRequest) {
  ShellRig rig({.mode = Mode::json, .tags = atags::test::qemu_list()});
  std::vector<std::uint32_t> words;
  for (const Json& tag : rig.json("atags -x").result["tags"].items()) {
    EXPECT_EQ(tag.names().back(), "raw");
    for (const Json& word : tag["raw"].items()) {
      EXPECT_EQ(word.text().size(), 10U);
      words.push_back(static_cast<std::uint32_t>(word.address()));
    }
  }
  EXPECT_EQ(words, atags::test::qemu_list());
  rig.set_mode(Mode::plain);
  const std::string plain = rig.plain("atags -x");
  EXPECT_NE(plain.find("\n          0x00000004 0x54410002 0x3c000000 0x00000000\n"),
            std::string::npos);
  EXPECT_EQ(rig.plain("atags").find("0x6c6c6568"), std::string::npos);
}

TEST(AtagsCommand, PlainShowsEveryTagOnALineOfItsOwn) {
  ShellRig rig({.tags = atags::test::qemu_list()});
  const std::string output = rig.plain("atags");
  for (const std::string_view line :
       {"source                 atags\n", "address                0x00000100\n", "\ntags:\nCORE ",
        "\nMEM       id=0x54410002 words=4 size=1006632960 start=0x00000000\n",
        "\nCMDLINE   id=0x54410009 words=5 text=hello world\n",
        "\nNONE      id=0x00000000 words=0\n",
        "\nmemory:\nstart       end\n0x00000000  0x3c000000\n"}) {
    EXPECT_NE(output.find(line), std::string::npos) << line << output;
  }
}

TEST(AtagsCommand, SaysWhatIsWrongWithTheList) {
  using namespace atags::test;
  // A tag of size 1 behind the memory.
  ShellRig rig({.mode = Mode::json, .tags = join({core(), mem(0x3c000000, 0), {1, 0x54410009}})});
  const JsonReply reply = rig.json("atags");
  EXPECT_EQ(reply.result["tags"].size(), 2U);
  ASSERT_EQ(reply.result["malformed"].size(), 1U);
  const Json& fault = reply.result["malformed"][0];
  EXPECT_EQ(fault["address"].address(), 0x100U + 9 * 4);
  EXPECT_EQ(fault["id"].text(), "0x54410009");
  EXPECT_EQ(fault["words"].number(), 1U);
  EXPECT_FALSE(fault["what"].text().empty());
  rig.set_mode(Mode::plain);
  EXPECT_NE(rig.plain("atags").find("\nmalformed:\n"), std::string::npos);
}

TEST(AtagsCommand, SaysWhyOtherSourcesWereNotUsed) {
  const auto boot = atags::discover({.at_x0 = {},
                                     .x0 = 0,
                                     .at_0x100 = {},
                                     .mailbox_memory = Range{.start = 0, .end = 0x3b40'0000}});
  ASSERT_TRUE(boot);
  ShellRig rig({.mode = Mode::json});
  rig.boot = *boot;
  const JsonReply reply = rig.json("atags");
  EXPECT_EQ(reply.result["source"].text(), "mailbox");
  EXPECT_EQ(reply.result["tags"].size(), 0U);
  EXPECT_GE(reply.result["rejected"].size(), 2U);
  for (const Json& rejection : reply.result["rejected"].items()) {
    EXPECT_EQ(rejection.names(), (Names{"source", "address", "reason"}));
    EXPECT_FALSE(rejection["reason"].text().empty());
  }
  rig.set_mode(Mode::plain);
  const std::string plain = rig.plain("atags");
  EXPECT_NE(plain.find("\ntags:\n  none\n"), std::string::npos);
  EXPECT_NE(plain.find("\nrejected:\natags "), std::string::npos);
}

// ---- memmap ----

TEST(MemmapCommand, RegionsAreInOrderAndDoNotOverlap) {
  for (const std::string_view line : {"mode", "allocator bump 64K", "allocator bin 100001"}) {
    ShellRig rig({.mode = Mode::json});
    rig.json(line);
    const Json map = rig.json("memmap").result;
    EXPECT_EQ(map.names(), (Names{"banks", "regions"}));
    ASSERT_EQ(map["banks"].size(), 1U);
    EXPECT_EQ(map["banks"][0].names(), (Names{"start", "end", "bytes"}));
    std::uint64_t at = 0;
    Names what;
    for (const Json& region : map["regions"].items()) {
      EXPECT_EQ(region.names(), (Names{"start", "end", "bytes", "what"}));
      EXPECT_GE(region["start"].address(), at);
      at = region["end"].address();
      EXPECT_EQ(at - region["start"].address(), region["bytes"].number());
      EXPECT_GT(region["bytes"].number(), 0U);
      what.push_back(region["what"].text());
    }
    const Names first{"spin table and boot tags", "kernel", "heap", "handles", "records"};
    ASSERT_GE(what.size(), 5U);
    what.erase(std::remove(what.begin(), what.end(), "free"), what.end());
    EXPECT_EQ(what, first);
  }
}

TEST(MemmapCommand, TellsWhereHeapAndHandlesAreAndWhatIsFree) {
  ShellRig rig({.mode = Mode::json});
  rig.json("allocator bin 64K");
  const Range free = rig.setup.free();
  const HeapPlan plan = rig.setup.plan();
  std::uint64_t covered = 0;
  for (const Json& region : rig.json("memmap").result["regions"].items()) {
    const Range range{.start = region["start"].address(), .end = region["end"].address()};
    const std::string& what = region["what"].text();
    EXPECT_EQ(what == "heap", range == plan.heap);
    EXPECT_EQ(what == "handles", range == plan.handles);
    covered += range.intersection(free).size();
  }
  EXPECT_EQ(covered, free.size());
}

TEST(MemmapCommand, Plain) {
  ShellRig rig;
  rig.plain("allocator bin 64K");
  const std::string output = rig.plain("memmap");
  EXPECT_TRUE(output.starts_with("start       end               bytes\n0x00000000  0x"));
  EXPECT_NE(output.find("\nregions:\nstart       end               bytes  what\n"),
            std::string::npos);
  EXPECT_NE(output.find("        65536  heap\n"), std::string::npos);
}

// ---- allocator ----

struct Tenant final : HeapTenant {
  [[nodiscard]] bool stays() const override { return here; }
  bool here = true;
};

TEST(Allocator, IsNotStartedAnewWhileSomebodyElseHasBlocks) {
  ShellRig rig({.mode = Mode::json, .allocator = "bump", .heap_bytes = 64 * 1024});
  Tenant tenant;
  const Range lent = rig.setup.lend(4096, tenant);
  ASSERT_FALSE(lent.empty());
  const JsonReply refused = rig.json("allocator bin");
  EXPECT_EQ(refused.status, 1U);
  EXPECT_EQ(refused.kind(), "in-use");
  EXPECT_EQ(refused.message(), "stop the workload first: workload stop");
  EXPECT_EQ(rig.json("allocator").result["allocator"].text(), "bump");
  std::size_t told = 0;
  std::uint64_t end = 0;
  for (const Json& region : rig.json("memmap").result["regions"].items()) {
    EXPECT_GE(region["start"].address(), end);
    end = region["end"].address();
    if (region["what"].text() != "workload") continue;
    ++told;
    EXPECT_EQ((Range{.start = region["start"].address(), .end = end}), lent);
  }
  EXPECT_EQ(told, 1U);
  tenant.here = false;
  EXPECT_EQ(rig.json("allocator bin").status, 0U);
}

TEST(AllocatorCommand, ShowsWhichOneRuns) {
  ShellRig rig({.mode = Mode::json, .allocator = "bump", .heap_bytes = 64 * 1024});
  const Json result = rig.json("allocator").result;
  EXPECT_EQ(result.names(),
            (Names{"allocator", "hardening", "start", "end", "heap_bytes", "available"}));
  EXPECT_EQ(result["allocator"].text(), "bump");
  EXPECT_EQ(result["heap_bytes"].number(), 64U * 1024);
  ASSERT_EQ(result["available"].size(), 3U);
  EXPECT_EQ(result["available"][0]["name"].text(), "bump");
  EXPECT_EQ(result["available"][1]["name"].text(), "bin");
  EXPECT_EQ(result["available"][2]["name"].text(), "first-fit");
  rig.set_mode(Mode::plain);
  EXPECT_TRUE(rig.plain("allocator").starts_with("allocator              bump\n"));
}

TEST(AllocatorCommand, StartsAnewAndHandleNumbersGoOn) {
  ShellRig rig({.mode = Mode::json, .heap_bytes = 64 * 1024});
  rig.json("alloc 64 -n 5 -t x");
  const JsonReply started = rig.json("allocator bump 32K");
  EXPECT_EQ(started.result["allocator"].text(), "bump");
  EXPECT_EQ(started.result["heap_bytes"].number(), 32U * 1024);
  EXPECT_EQ(rig.heap.stats().live_blocks, 0U);
  EXPECT_EQ(rig.heap.stats().allocations, 0U);
  EXPECT_EQ(rig.handles.size(), 0U);
  EXPECT_EQ(rig.json("alloc 64").result["blocks"][0]["id"].text(), "a6");
  // Without a size the heap keeps the one it has.
  EXPECT_EQ(rig.json("allocator bin").result["heap_bytes"].number(), 32U * 1024);
  EXPECT_EQ(rig.json("alloc 64").result["blocks"][0]["id"].text(), "a7");
  EXPECT_EQ(rig.json("allocator bin all").result["heap_bytes"].number(), rig.setup.largest_heap());
}

TEST(AllocatorCommand, RefusalsChangeNothing) {
  ShellRig rig({.mode = Mode::json, .heap_bytes = 64 * 1024});
  rig.json("alloc 64 -t x");
  const auto before = test::state_of(rig);
  const auto expect = [&](std::string_view line, std::uint64_t status, std::string_view kind) {
    const JsonReply reply = rig.json(line);
    EXPECT_EQ(reply.status, status) << line;
    EXPECT_EQ(reply.kind(), kind) << line;
    EXPECT_EQ(test::state_of(rig), before) << line;
  };
  expect("allocator slab", 2, "usage");
  expect("allocator ''", 2, "usage");
  expect("allocator bin x", 2, "usage");
  expect("allocator bin 64K 2", 2, "usage");
  expect("allocator bin 3G", 1, "exhausted");
  expect("allocator bin 18446744073709551615", 1, "exhausted");
  expect("allocator bin 18446744073709551616", 2, "usage");
  expect("allocator bin 0", 1, "unsupported");
  expect("allocator bin 1", 1, "unsupported");
  (void)rig.heap.allocate({.size = 16});
  EXPECT_EQ(rig.json("allocator bin").kind(), "in-use");
}

TEST(AllocatorCommand, TheLargestHeapItNamesStarts) {
  ShellRig rig({.mode = Mode::json});
  const std::string message = rig.json("allocator bin 3G").message();
  const std::string size = std::to_string(rig.setup.largest_heap());
  EXPECT_NE(message.find(size), std::string::npos);
  EXPECT_EQ(rig.json("allocator bump " + size).status, 0U);
}

// ---- echo, mode, uptime, version ----

TEST(EchoCommand, PrintsItsWords) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("echo  a   b\tc"), "a b c\n");
  EXPECT_EQ(rig.plain("echo"), "\n");
  EXPECT_EQ(rig.plain("echo -n -- --help -1"), "-n -- --help -1\n");
  EXPECT_EQ(rig.plain("echo 'a  b' '' c"), "a  b  c\n");
  EXPECT_EQ(rig.plain("echo 'a\tb'"), "a\\x09b\n");
  rig.set_mode(Mode::json);
  const JsonReply reply = rig.json("echo 'a\tb' \\\"");
  EXPECT_EQ(reply.result.names(), (Names{"text"}));
  EXPECT_EQ(reply.result["text"].text(), "a\tb \"");
  EXPECT_EQ(rig.json("echo").result["text"].text(), "");
}

TEST(EchoCommand, AWholeLineOfVariables) {
  ShellRig rig({.mode = Mode::json});
  rig.json("nope");
  std::string line = "echo ";
  std::string expected;
  for (; line.size() + 2 <= 512; line += "$?") expected += "127";
  EXPECT_EQ(rig.json(line).result["text"].text(), expected);
}

TEST(ModeCommand, ShowsTheMode) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("mode"), "mode                   plain\n");
  rig.set_mode(Mode::json);
  EXPECT_EQ(rig.json("mode").result["mode"].text(), "json");
}

TEST(ModeCommand, GoingToJsonIsAnsweredInJson) {
  ShellRig rig;
  const std::string reply =
      "{\"schema\":1,\"command\":\"mode\",\"status\":0,\"result\":{\"mode\":\"json\"}}\r\n";
  EXPECT_EQ(rig.type("mode json\r"), "mode json\r\n" + reply);
  EXPECT_EQ(rig.type("mode json\r"), reply);
  EXPECT_EQ(rig.type("\r"), "");
}

TEST(ModeCommand, LeavingJsonIsStillAnsweredInJson) {
  ShellRig rig({.mode = Mode::json});
  EXPECT_EQ(rig.type("mode plain\r"),
            "{\"schema\":1,\"command\":\"mode\",\"status\":0,\"result\":{\"mode\":\"plain\"}}\r\n"
            "heapscope> ");
  EXPECT_EQ(rig.type("mode plain\r"), "mode plain\r\nmode                   plain\r\nheapscope> ");
}

TEST(ModeCommand, SwitchesInTheMiddleOfALine) {
  ShellRig rig;
  EXPECT_EQ(rig.type("echo 1; mode json; echo 2; mode plain; echo 3\r"),
            "echo 1; mode json; echo 2; mode plain; echo 3\r\n"
            "1\r\n"
            "{\"schema\":1,\"command\":\"mode\",\"status\":0,\"result\":{\"mode\":\"json\"}}\r\n"
            "{\"schema\":1,\"command\":\"echo\",\"status\":0,\"result\":{\"text\":\"2\"}}\r\n"
            "{\"schema\":1,\"command\":\"mode\",\"status\":0,\"result\":{\"mode\":\"plain\"}}\r\n"
            "3\r\nheapscope> ");
}

TEST(ModeCommand, RefusesOtherNames) {
  ShellRig rig;
  for (const std::string_view name : {"JSON", "xml", "''", "json plain"}) {
    const std::string output = rig.plain("mode " + std::string(name));
    EXPECT_TRUE(output.starts_with("error: ")) << name;
    EXPECT_EQ(rig.status(), "2");
  }
  EXPECT_EQ(rig.shell.mode(), Mode::plain);
}

TEST(ModeCommand, JsonModeTypesNothingBack) {
  ShellRig rig({.mode = Mode::json});
  EXPECT_EQ(rig.type("alloc 64\x7f\x7f\x15\x01\x1b[A\x80"), "");
  EXPECT_EQ(rig.type(std::string(600, 'x')), "");
  EXPECT_EQ(rig.type("\x15\r\n\r\n"), "");
  EXPECT_EQ(rig.json("echo hi").result["text"].text(), "hi");
}

TEST(UptimeCommand, TellsTheTime) {
  ShellRig rig;
  EXPECT_NE(rig.plain("uptime").find("1234567"), std::string::npos);
  rig.set_mode(Mode::json);
  EXPECT_EQ(rig.json("uptime").result["microseconds"].number(), test::FakePlatform::kUptime);
}

TEST(VersionCommand, TellsTheBuild) {
  ShellRig rig({.mode = Mode::json});
  const Json result = rig.json("version").result;
  EXPECT_EQ(result["name"].text(), "heapscope");
  EXPECT_EQ(result["version"].text(), "0.1.0");
  EXPECT_EQ(result["revision"].text(), "1a2b3c4d5e6f");
  EXPECT_EQ(result["compiler"].text(), "GCC 12.2.0");
  EXPECT_EQ(result["board"].text(), "Raspberry Pi 3 Model B");
  rig.set_mode(Mode::plain);
  EXPECT_NE(rig.plain("version").find("revision               1a2b3c4d5e6f\n"), std::string::npos);
}

TEST(VersionCommand, TellsWhatTheBootTookOnRequest) {
  ShellRig rig({.mode = Mode::json});
  EXPECT_FALSE(rig.json("version").result.has("boot_microseconds"));
  const Json result = rig.json("version -v").result;
  EXPECT_EQ(result["boot_microseconds"].number(), 7U);
  EXPECT_EQ(result["boot_instructions"].number(), 35U);
}

// ---- time ----

TEST(TimeCommand, ShowsTheCommandsReplyAndThenWhatItTook) {
  ShellRig rig;
  EXPECT_EQ(rig.plain("time echo a  'b c'"),
            "a b c\n"
            "microseconds           10\n"
            "cycles                 100\n"
            "instructions           50\n");
  rig.set_mode(Mode::json);
  const auto replies = rig.json_lines("time alloc 64");
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[0].command, "alloc");
  EXPECT_EQ(replies[0].result["blocks"].size(), 1U);
  EXPECT_EQ(replies[1].command, "time");
  EXPECT_EQ(replies[1].result.names(), (Names{"microseconds", "cycles", "instructions"}));
  EXPECT_EQ(replies[1].result["cycles"].number(), 100U);
}

TEST(TimeCommand, HasTheStatusOfTheCommand) {
  ShellRig rig;
  const std::vector<std::pair<std::string_view, std::string>> lines{
      {"time echo", "0"},   {"time free a1", "1"},     {"time alloc", "2"},
      {"time nope", "127"}, {"time time nope", "127"}, {"time", "2"}};
  for (const auto& [line, status] : lines) {
    rig.plain(line);
    EXPECT_EQ(rig.status(), status) << line;
  }
  EXPECT_TRUE(rig.plain("time nope").starts_with("unknown command: nope\nmicroseconds "));
  EXPECT_TRUE(rig.plain("time").ends_with("\nusage: time COMMAND [WORD...]\n"));
}

TEST(TimeCommand, AnswersInTheModeThatItsCommandSets) {
  ShellRig rig;
  const std::string output = rig.type("time mode json\r");
  const auto lines = test::split_lines(test::with_plain_newlines(output));
  ASSERT_EQ(lines.size(), 3U) << output;
  EXPECT_EQ(test::read_reply(lines[1]).command, "mode");
  EXPECT_EQ(test::read_reply(lines[2]).command, "time");
  EXPECT_TRUE(rig.type("time mode plain\r")
                  .ends_with("\"mode\":\"plain\"}}\r\n"
                             "microseconds           10\r\n"
                             "cycles                 100\r\n"
                             "instructions           50\r\nheapscope> "));
  EXPECT_EQ(rig.plain("echo 1"), "1\n");
}

TEST(TimeCommand, MayBeNestedSevenTimes) {
  ShellRig rig({.mode = Mode::json});
  std::string line;
  for (int i = 0; i < Shell::kMaxNested - 1; ++i) line += "time ";
  EXPECT_EQ(rig.json_lines(line + "echo").size(), 8U);
  for (const std::size_t more : {1U, 55U}) {
    std::string deeper = line;
    for (std::size_t i = 0; i < more; ++i) deeper += "time ";
    const auto replies = rig.json_lines(deeper + "echo");
    ASSERT_EQ(replies.size(), 9U);
    EXPECT_EQ(replies[0].kind(), "too-deep");
    EXPECT_EQ(replies[8].status, 1U);
    EXPECT_EQ(replies[8].kind(), "nested");
  }
  EXPECT_EQ(rig.json_lines(line + "echo").size(), 8U);
}

TEST(TimeCommand, OfAFailureHasItsStatusInJsonAndShowsTheTimeAllTheSame) {
  ShellRig rig({.mode = Mode::json});
  const auto replies = rig.json_lines("time nope");
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[1].status, 127U);
  EXPECT_EQ(replies[1].kind(), "nested");
  EXPECT_EQ(replies[1].message(), "the command ended with status 127");
  EXPECT_EQ(replies[1].error["cycles"].number(), 100U);
  EXPECT_EQ(rig.status(), "127");
}

TEST(TimeCommand, OfPoweroffIsShownBeforeTheMachineStops) {
  ShellRig rig;
  rig.plain("time poweroff 3; alloc 64");
  EXPECT_EQ(rig.platform.events(), (Names{"poweroff 3"}));
  EXPECT_NE(rig.platform.output_before().find("microseconds"), std::string::npos);
  EXPECT_EQ(rig.heap.stats().allocations, 0U);
}

// ---- stopping ----

TEST(PoweroffCommand, PassesItsStatusOn) {
  const std::vector<std::pair<std::string_view, std::string>> lines{
      {"poweroff", "poweroff 0"},
      {"poweroff 3", "poweroff 3"},
      {"poweroff 255", "poweroff 255"},
      {"poweroff 0x10", "poweroff 16"},
      {"reboot", "reboot"}};
  for (const auto& [line, event] : lines) {
    ShellRig rig;
    rig.plain(line);
    EXPECT_EQ(rig.platform.events(), (Names{event}));
  }
}

TEST(PoweroffCommand, RefusesOtherStatuses) {
  ShellRig rig({.mode = Mode::json});
  for (const std::string_view line : {"poweroff 256", "poweroff -1", "poweroff x", "poweroff ''",
                                      "poweroff 1 2", "reboot 1", "poweroff -f"}) {
    EXPECT_EQ(rig.json(line).status, 2U) << line;
  }
  EXPECT_TRUE(rig.platform.events().empty());
}

TEST(PoweroffCommand, TheReplyIsOutBeforeTheMachineStops) {
  for (const std::string_view name : {"poweroff 7", "reboot"}) {
    ShellRig rig;
    rig.plain(name);
    EXPECT_TRUE(rig.platform.output_before().ends_with("ing off\r\n") ||
                rig.platform.output_before().ends_with("rebooting\r\n"))
        << rig.platform.output_before();
    ShellRig json_rig({.mode = Mode::json});
    json_rig.json(name);
    EXPECT_TRUE(json_rig.platform.output_before().ends_with("}}\r\n"));
  }
}

TEST(PoweroffCommand, TheRestOfTheLineIsNotRun) {
  for (const std::string_view line :
       {"poweroff 4; alloc 64", "poweroff 4 && alloc 64", "nope || poweroff 4; alloc 64"}) {
    ShellRig rig;
    rig.plain(line);
    EXPECT_EQ(rig.platform.events(), (Names{"poweroff 4"})) << line;
    EXPECT_EQ(rig.heap.stats().allocations, 0U) << line;
  }
  ShellRig rig;
  rig.plain("alloc 64; echo 1 || poweroff");
  EXPECT_TRUE(rig.platform.events().empty());
}

// ---- every command in json ----

TEST(Commands, InJsonEachGivesExactlyOneLine) {
  ShellRig rig({.mode = Mode::json});
  std::size_t replies = 0;
  for (const std::string_view line :
       {"help; help alloc; help nope", "alloc 64 -n 3 -t 'q\"\\'; alloc 0; alloc", "stats",
        "heapmap; heapmap -b; heapmap a1; heapmap 0 1; heapmap x",
        "atags; atags -x; memmap; allocator; uptime; version; mode", "free a1; free a1; free x",
        "echo \"\\\"\"; nope; 'n\"p\\e'",
        "free all; free -t x; allocator bump; allocator bin all"}) {
    replies += rig.json_lines(line).size();
  }
  EXPECT_EQ(replies, 3U + 3 + 1 + 5 + 7 + 3 + 3 + 4);
}

TEST(Commands, SyntaxErrorsInJsonAreOneReplyWithTheFirstWordAsTyped) {
  ShellRig rig({.mode = Mode::json});
  const auto expect = [&](const std::string& line, std::string_view command,
                          std::string_view kind) {
    const JsonReply reply = rig.json(line);
    EXPECT_EQ(reply.command, command) << line;
    EXPECT_EQ(reply.status, 2U) << line;
    EXPECT_EQ(reply.kind(), kind) << line;
  };
  expect("echo 'a", "echo", "syntax");
  expect("'ec'ho a; b \"c", "'ec'ho", "syntax");
  expect("\"a", "\"a", "syntax");
  expect("stats &&", "stats", "syntax");
  expect("; stats", "", "syntax");
  expect("alloc 1 & stats", "alloc", "syntax");
  std::string words = "alloc";
  for (int i = 0; i < 64; ++i) words += " 1";
  expect(words, "alloc", "too-many-arguments");
  expect("free " + std::string(600, '1'), "free", "line-too-long");
}

}  // namespace
}  // namespace heapscope::shell
