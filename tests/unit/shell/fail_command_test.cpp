// `fail`, what callers say of allocations that it refuses, and every command with each of
// its allocations refused in turn.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "shell_rig.hpp"

namespace heapscope::shell {
namespace {

using alloc::FailureRule;
using test::Json;
using test::JsonReply;
using test::ShellRig;

class Fail : public ::testing::Test {
 protected:
  Json result(std::string_view line) {
    const JsonReply reply = rig_.json(line);
    EXPECT_EQ(reply.status, 0U) << line << ": " << reply.message();
    return reply.result;
  }
  /// Which of so many allocations fail: 'x' each that does.
  std::string refused(int count, std::string_view line = "alloc 64") {
    std::string which;
    for (int i = 0; i < count; ++i) which += rig_.json(line).status == 0 ? '.' : 'x';
    return which;
  }

  ShellRig rig_{{.mode = Mode::json}};
};

void expect_state(const Json& shown, std::string_view state, std::uint64_t seen,
                  std::uint64_t refused) {
  EXPECT_EQ(shown["state"].text(), state);
  EXPECT_EQ(shown["seen"].number(), seen);
  EXPECT_EQ(shown["refused"].number(), refused);
}

TEST_F(Fail, IsOffAtFirst) {
  const Json shown = result("fail");
  expect_state(shown, "off", 0, 0);
  for (const std::string_view field : {"rule", "value", "seed"}) {
    EXPECT_TRUE(shown[std::string(field)].is_null()) << field;
  }
  EXPECT_EQ(refused(20), std::string(20, '.'));
  expect_state(result("fail"), "off", 0, 0);
}

TEST_F(Fail, OfTheNthIsDoneAfterIt) {
  const Json set = result("fail nth 3");
  expect_state(set, "on", 0, 0);
  EXPECT_EQ(set["rule"].text(), "nth");
  EXPECT_EQ(set["value"].number(), 3U);
  EXPECT_TRUE(set["seed"].is_null());
  EXPECT_EQ(refused(2), "..");
  expect_state(result("fail"), "on", 2, 0);
  EXPECT_EQ(refused(10), "x.........");
  expect_state(result("fail"), "done", 12, 1);
}

TEST_F(Fail, FollowsTheOtherRules) {
  result("fail every 3");
  EXPECT_EQ(refused(10), "..x..x..x.");
  result("fail above 100");
  EXPECT_EQ(refused(3, "alloc 100"), "...");
  EXPECT_EQ(refused(3, "alloc 101"), "xxx");
  expect_state(result("fail"), "on", 6, 3);
  result("fail above 0");
  EXPECT_EQ(refused(3, "alloc 1"), "xxx");
  result("fail probability 100");
  EXPECT_EQ(refused(20), std::string(20, 'x'));
}

TEST_F(Fail, ByChanceIsTheSameForTheSameSeed) {
  EXPECT_EQ(result("fail probability 30")["seed"].number(), 1U);
  const std::string first = refused(60);
  const auto count = std::ranges::count(first, 'x');
  EXPECT_GT(count, 6);
  EXPECT_LT(count, 36);
  EXPECT_EQ(result("fail probability 30 1")["seed"].number(), 1U);
  EXPECT_EQ(refused(60), first);
  EXPECT_EQ(result("fail probability 30 2")["seed"].number(), 2U);
  EXPECT_NE(refused(60), first);
}

TEST_F(Fail, OffKeepsWhatWasCounted) {
  result("fail every 2");
  (void)refused(5);
  const Json off = result("fail off");
  expect_state(off, "off", 5, 2);
  EXPECT_TRUE(off["rule"].is_null());
  EXPECT_EQ(refused(10), std::string(10, '.'));
  expect_state(result("fail"), "off", 5, 2);
  expect_state(result("fail nth 1"), "on", 0, 0);
}

TEST_F(Fail, GoesOnWithAnotherAllocator) {
  result("fail every 2");
  result("allocator bump 64K");
  EXPECT_EQ(refused(4), ".x.x");
}

TEST_F(Fail, OfWrongCallsChangesNothing) {
  result("fail every 2");
  (void)refused(1);
  for (const std::string_view line : {"fail nth",
                                      "fail nth 0",
                                      "fail nth x",
                                      "fail nth 1 2",
                                      "fail every",
                                      "fail every 0",
                                      "fail every 1 2",
                                      "fail above",
                                      "fail above -1",
                                      "fail above 1 2",
                                      "fail probability",
                                      "fail probability 0",
                                      "fail probability 101",
                                      "fail probability 50 x",
                                      "fail probability 50 1 2",
                                      "fail off 1",
                                      "fail on",
                                      "fail OFF",
                                      "fail 3",
                                      "fail nth 18446744073709551616"}) {
    const JsonReply reply = rig_.json(line);
    EXPECT_EQ(reply.status, 2U) << line;
    EXPECT_EQ(reply.kind(), "usage") << line;
  }
  const Json shown = result("fail");
  expect_state(shown, "on", 1, 0);
  EXPECT_EQ(shown["rule"].text(), "every");
}

TEST_F(Fail, IsWhatAllocSaysOfARefusal) {
  result("fail every 1");
  const auto message = [&](std::string_view line) {
    const JsonReply reply = rig_.json(line);
    EXPECT_EQ(reply.kind(), "exhausted") << line;
    return reply.message();
  };
  EXPECT_EQ(message("alloc 64"), "64 bytes were refused on purpose, by fail");
  EXPECT_EQ(message("alloc 64 4K"), "64 bytes aligned to 4096 were refused on purpose, by fail");
  EXPECT_EQ(message("alloc 64 -n 7"),
            "one of 7 blocks of 64 bytes was refused on purpose, by fail; none was allocated");
  EXPECT_EQ(rig_.handles.next_id(), 1U);
}

TEST_F(Fail, IsNotWhatAllocSaysWhereThereIsNoRoom) {
  result("fail nth 1");
  EXPECT_EQ(refused(1), "x");
  const std::string largest = std::to_string(rig_.heap.stats().largest_free_bytes);
  result("alloc " + largest);
  const JsonReply reply = rig_.json("alloc " + largest);
  EXPECT_EQ(reply.kind(), "exhausted");
  EXPECT_FALSE(reply.message().contains("purpose")) << reply.message();
}

TEST_F(Fail, IsWhatReplaySaysOfRefusals) {
  result("fail every 10");
  const JsonReply reply = rig_.json("replay uniform -n 1000");
  const Json problem = reply.result["problem"];
  EXPECT_EQ(problem["kind"].text(), "exhausted");
  const std::string count = std::to_string(result("fail")["refused"].number());
  EXPECT_EQ(reply.result["failures"].number(), result("fail")["refused"].number());
  EXPECT_EQ(problem["message"].text(), count + " of its operations did not fit in the heap, " +
                                           count + " of them refused on purpose, by fail");
  EXPECT_EQ(rig_.heap.stats().live_blocks, 0U);
}

TEST_F(Fail, StandsInTheTrace) {
  alloc::record_origins(rig_.heap, true);
  result("trace on");
  result("fail nth 1");
  (void)refused(1, "alloc 100");
  const Json dump = result("trace dump");
  ASSERT_EQ(dump["events"].size(), 1U);
  EXPECT_EQ(dump["events"][0]["kind"].text(), "refused");
  EXPECT_EQ(dump["events"][0]["size"].number(), 100U);
}

// ---- every command ----

/// Which of so many allocations are refused: the first ones, some between, the last ones.
std::set<std::uint64_t> chosen_of(std::uint64_t count) {
  std::set<std::uint64_t> chosen;
  for (std::uint64_t i = 1; i <= std::min<std::uint64_t>(count, 40); ++i) chosen.insert(i);
  for (std::uint64_t i = 1; i <= 15 && count > 40; ++i) chosen.insert(40 + (count - 40) * i / 15);
  for (std::uint64_t i = 0; i < 5 && count > 40; ++i) chosen.insert(count - i);
  return chosen;
}

/// A shell on which an example can be run, and what is left of the heap.
class Example {
 public:
  Example(std::string_view allocator, std::string_view text)
      : rig_({.mode = Mode::json, .allocator = allocator}), text_(text) {
    const auto start = reinterpret_cast<std::uint64_t>(kTrace.data());
    rig_.boot.initrd = {.start = start, .end = start + kTrace.size()};
    alloc::record_origins(rig_.heap, true);  // As in the kernel.
    rig_.run("alloc 64 -n 3 -t page");
  }

  int run_with(const FailureRule& rule) {
    rig_.heap.with_instruments([&](alloc::Instruments& all) { all.failures().set(rule); });
    int status = 0;
    if (text_.ends_with("<<END")) {
      (void)rig_.type(text_ + "\ralloc 64\rEND\r");
      status = rig_.shell.last_status();
    } else {
      status = rig_.run(text_);
    }
    rig_.heap.with_instruments([&](alloc::Instruments& all) { all.failures().stop(); });
    return status;
  }
  [[nodiscard]] alloc::FailurePlan plan() {
    return rig_.heap.with_instruments([](alloc::Instruments& all) { return all.failures(); });
  }
  /// Bump gets no bytes back.
  [[nodiscard]] std::vector<std::uint64_t> figures() const {
    const alloc::Stats stats = rig_.heap.stats();
    std::vector<std::uint64_t> all{stats.live_blocks, rig_.handles.size()};
    if (rig_.heap.allocator_name() == "bump") return all;
    all.insert(all.end(), {stats.requested_bytes, stats.used_bytes, stats.free_bytes});
    return all;
  }
  ShellRig& rig() { return rig_; }

 private:
  static constexpr std::string_view kTrace = "a 0 64\na 1 100\nr 0 5000\nf 0\nf 1\n";
  ShellRig rig_;
  std::string text_;
};

/// These run other commands, and those that succeed stay done.
bool runs_others(const CommandRecord& command) {
  const std::string_view name = command.name;
  return name == "repeat" || name == "watch" || name == "time" || name == "source";
}

void run_with_one_refused(std::string_view allocator, const CommandRecord& command,
                          std::string_view text, std::uint64_t number) {
  SCOPED_TRACE(std::string(text) + ", allocation " + std::to_string(number));
  Example example(allocator, text);
  const auto before = example.figures();
  const int status = example.run_with({.kind = FailureRule::Kind::nth, .value = number});
  EXPECT_EQ(example.plan().refused(), 1U);
  EXPECT_EQ(status, 1) << "it does not tell";
  if (!runs_others(command)) {
    EXPECT_EQ(example.figures(), before);
  }
  example.rig().run("free all");
  EXPECT_EQ(example.rig().heap.stats().live_blocks, 0U);
  EXPECT_EQ(example.rig().run("alloc 64"), 0);
}

TEST(FailOfEachAllocation, IsSurvivedByEveryExample) {
  // These wait for a sender, or are this command.
  const std::set<std::string_view> left_out{"receive", "boot", "fail"};
  std::set<std::string_view> allocating;
  for (const std::string_view allocator : {"bin", "bump", "first-fit"}) {
    for (const CommandRecord* command : commands()) {
      if (left_out.contains(command->name)) continue;
      for (const std::string_view text : command->examples) {
        Example whole(allocator, text);
        (void)whole.run_with({.kind = FailureRule::Kind::nth, .value = UINT64_MAX});
        if (whole.plan().seen() == 0) continue;
        allocating.insert(command->name);
        for (const std::uint64_t number : chosen_of(whole.plan().seen())) {
          run_with_one_refused(allocator, *command, text, number);
        }
      }
    }
  }
  EXPECT_EQ(allocating, (std::set<std::string_view>{"alloc", "repeat", "replay", "set", "source"}));
}

TEST(FailOfEachAllocation, LeavesTheOthers) {
  for (const FailureRule& rule :
       {FailureRule{.kind = FailureRule::Kind::every, .value = 2},
        FailureRule{.kind = FailureRule::Kind::above, .value = 100},
        FailureRule{.kind = FailureRule::Kind::probability, .value = 40, .seed = 3}}) {
    for (const std::string_view text :
         {"replay lognormal -n 500 -v", "replay initrd", "alloc 200 -n 5", "compare lifo -n 200"}) {
      Example example("bin", text);
      const auto before = example.figures();
      const int status = example.run_with(rule);
      EXPECT_EQ(status, example.plan().refused() == 0 ? 0 : 1) << text;
      if (status != 0) {
        EXPECT_EQ(example.figures(), before) << text;
      }
    }
  }
}

}  // namespace
}  // namespace heapscope::shell
