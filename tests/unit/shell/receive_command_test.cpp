// `receive` in a shell with a sender at the other end of the line: the file becomes a
// block, and what goes wrong changes nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "alloc_state.hpp"
#include "shell_rig.hpp"
#include "xmodem_sender.hpp"

namespace heapscope::shell {
namespace {

using test::JsonReply;
using test::SenderOptions;
using test::ShellRig;
using test::state_of;
using test::XmodemSender;

/// At the end of the line of a rig until it is gone. Started when the line is raw: it
/// would take the words to the person for requests.
class Sending {
 public:
  Sending(ShellRig& rig, std::string file, SenderOptions options = {})
      : rig_(rig), sender_(std::move(file), options) {
    rig.console.connect([this](std::string_view bytes, std::uint64_t microseconds) {
      if (!rig_.console.raw()) return std::string();
      return microseconds > 0 ? sender_.pass(microseconds) : sender_.hear(bytes);
    });
  }
  ~Sending() { rig_.console.connect(nullptr); }
  Sending(const Sending&) = delete;
  Sending& operator=(const Sending&) = delete;

  [[nodiscard]] bool done() const { return sender_.state() == XmodemSender::State::done; }

 private:
  ShellRig& rig_;
  XmodemSender sender_;
};

std::string file_of(std::size_t size) {
  std::string file;
  for (std::size_t i = 0; i < size; ++i) file += static_cast<char>(i * 7 + i / 251);
  if (!file.empty()) file.back() = 'z';
  return file;
}

/// The reply in json mode, which stands behind what the protocol sent.
JsonReply receive(ShellRig& rig, std::string_view line) {
  const std::string output = rig.type(std::string(line) + "\r");
  EXPECT_TRUE(output.ends_with("\r\n"));
  const std::string reply = output.substr(output.find('{'));
  return test::read_reply(std::string_view(reply).substr(0, reply.size() - 2));
}

std::string bytes_at(std::uint64_t address, std::size_t size) {
  return {reinterpret_cast<const char*>(address), size};
}

struct State {
  test::HeapState heap;
  alloc::Stats stats;
};
State whole_state(const ShellRig& rig) {
  return {.heap = state_of(rig), .stats = rig.heap.stats()};
}
void expect_unchanged(const ShellRig& rig, const State& before) {
  EXPECT_EQ(state_of(rig), before.heap);
  const alloc::Stats now = rig.heap.stats();
  EXPECT_EQ(now.peak_used_bytes, before.stats.peak_used_bytes);
  EXPECT_EQ(now.allocations, before.stats.allocations);
  EXPECT_EQ(now.frees, before.stats.frees);
  EXPECT_EQ(now.failures, before.stats.failures);
  EXPECT_FALSE(rig.console.raw());
}

TEST(Receive, MakesABlockThatIsTheFile) {
  for (const std::string_view allocator : {"bin", "bump", "first-fit"}) {
    for (const std::size_t block : {128U, 1024U}) {
      for (const std::size_t size : {1U, 128U, 1000U, 100'000U}) {
        SCOPED_TRACE(std::to_string(size) + " in " + std::to_string(block));
        const std::string file = file_of(size);
        ShellRig rig({.mode = Mode::json, .allocator = allocator});
        const Sending sending(rig, file, {.block = block, .knows_crc = true});
        const JsonReply reply = receive(rig, "receive -t book");
        ASSERT_EQ(reply.status, 0U) << reply.error["message"].text();
        EXPECT_TRUE(sending.done());
        EXPECT_EQ(reply.result["id"].text(), "a1");
        EXPECT_EQ(reply.result["size"].number(), size);
        EXPECT_EQ(reply.result["align"].number(), 16U);
        EXPECT_GE(reply.result["usable"].number(), size);
        EXPECT_EQ(reply.result["tag"].text(), "book");
        EXPECT_EQ(reply.result["received_blocks"].number(), (size + block - 1) / block);
        EXPECT_EQ(reply.result["retries"].number(), 0U);
        EXPECT_EQ(reply.result["check"].text(), "crc");
        EXPECT_EQ(bytes_at(reply.result["address"].address(), size), file);
        EXPECT_EQ(rig.heap.stats().requested_bytes, size);
        EXPECT_FALSE(rig.console.raw());
        rig.console.connect(nullptr);
        EXPECT_EQ(rig.json("free -t book").status, 0U);
      }
    }
  }
}

TEST(Receive, OfAFileThatIsRefusedOnPurposeChangesNothing) {
  ShellRig rig({.mode = Mode::json});
  rig.json("fail nth 1");
  const State before = whole_state(rig);
  const Sending sending(rig, file_of(1000));
  const JsonReply reply = receive(rig, "receive");
  EXPECT_EQ(reply.kind(), "exhausted");
  EXPECT_EQ(reply.message(), "the file's 1000 bytes were refused on purpose, by fail");
  EXPECT_TRUE(sending.done());
  expect_unchanged(rig, before);
}

TEST(Receive, KeepsThePaddingWhereAsked) {
  ShellRig rig({.mode = Mode::json});
  const Sending sending(rig, "text");
  const JsonReply reply = receive(rig, "receive -p");
  EXPECT_EQ(reply.result["size"].number(), 128U);
  EXPECT_EQ(bytes_at(reply.result["address"].address(), 128), "text" + std::string(124, '\x1a'));
}

TEST(Receive, TellsAPersonWhatToDoAndBeginsTheReplyOnALineOfItsOwn) {
  ShellRig rig;
  std::string output;
  {
    const Sending sending(rig, "text");
    output = rig.type("receive\r");
  }
  EXPECT_TRUE(output.starts_with(
      "receive\r\nSend the file by XMODEM now, from picocom with Ctrl-A Ctrl-S; Ctrl-C gives "
      "up.\r\nC\x06"))
      << output;
  EXPECT_NE(output.find("\x06\r\nid                     a1\r\n"), std::string::npos) << output;
  EXPECT_TRUE(output.ends_with("\r\nheapscope> "));
}

TEST(Receive, InJsonSaysNothingButTheProtocolAndTheReply) {
  ShellRig rig({.mode = Mode::json});
  const Sending sending(rig, "text");
  EXPECT_TRUE(rig.type("receive\r").starts_with("C\x06\x15\x06{\"schema\""));
}

TEST(Receive, WithoutASenderChangesNothing) {
  ShellRig rig({.mode = Mode::json});
  rig.json("alloc 64 -n 3");
  const State before = whole_state(rig);
  const JsonReply reply = receive(rig, "receive");
  EXPECT_EQ(reply.status, 1U);
  EXPECT_EQ(reply.kind(), "no-sender");
  expect_unchanged(rig, before);
  EXPECT_EQ(rig.json("alloc 64").status, 0U);
}

TEST(Receive, OfASenderThatStopsChangesNothing) {
  ShellRig rig({.mode = Mode::json});
  rig.json("alloc 64 -n 3");
  const State before = whole_state(rig);
  const std::string block = test::xmodem_block(1, "one", true, 128);
  bool sent = false;
  rig.console.connect([&](std::string_view bytes, std::uint64_t) {
    return bytes == "C" && !std::exchange(sent, true) ? block : std::string();
  });
  const JsonReply reply = receive(rig, "receive");
  EXPECT_EQ(reply.kind(), "silence");
  rig.console.connect(nullptr);
  expect_unchanged(rig, before);
}

TEST(Receive, CtrlCStopsTheLineAndTakesNothingOfItFromAnybody) {
  ShellRig rig;
  const State before = whole_state(rig);
  rig.console.connect([](std::string_view bytes, std::uint64_t) {
    return bytes == "C" ? std::string("\x03") : std::string();
  });
  const std::string output = rig.type("receive; alloc 64\r");
  rig.console.connect(nullptr);
  EXPECT_NE(output.find("error: interrupted; nothing has changed\r\n"), std::string::npos);
  EXPECT_TRUE(output.ends_with("^C\r\nheapscope> ")) << output;
  expect_unchanged(rig, before);
}

TEST(Receive, WhatTheSenderSaysLastIsNoCommand) {
  ShellRig rig({.mode = Mode::json});
  bool cancelled = false;
  rig.console.connect([&](std::string_view bytes, std::uint64_t microseconds) -> std::string {
    if (bytes == "C") return std::string(10, test::kCan);
    if (microseconds == 300'000 && !std::exchange(cancelled, true)) return "\b\balloc 64\r";
    return {};
  });
  const JsonReply reply = receive(rig, "receive");
  rig.console.connect(nullptr);
  EXPECT_EQ(reply.kind(), "cancelled");
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(rig.heap.stats().allocations, 0U);
}

TEST(Receive, OfAFileLargerThanTheHeapChangesNothing) {
  for (const std::string_view allocator : {"bin", "bump", "first-fit"}) {
    ShellRig rig({.mode = Mode::json, .allocator = allocator, .heap_bytes = 16384});
    rig.json("alloc 64");
    const State before = whole_state(rig);
    // The second one is found to be too large when it is all there.
    for (const std::size_t size : {50'000U, 16'700U}) {
      const Sending sending(rig, file_of(size));
      EXPECT_EQ(receive(rig, "receive").kind(), "too-large");
      EXPECT_EQ(sending.done(), size < 17'000);
      expect_unchanged(rig, before);
    }
  }
}

TEST(Receive, OfAFileThatNoFreeRunHoldsAllocatesNothing) {
  ShellRig rig({.mode = Mode::json, .heap_bytes = 65536});
  rig.json("alloc 1K -n 50");
  for (int id = 1; id <= 50; id += 2) rig.json("free a" + std::to_string(id));
  const auto before = state_of(rig);
  const Sending sending(rig, file_of(20'000));
  const JsonReply reply = receive(rig, "receive");
  EXPECT_EQ(reply.kind(), "exhausted");
  EXPECT_EQ(state_of(rig), before);
}

TEST(Receive, OfAnEmptyFileChangesNothing) {
  ShellRig rig({.mode = Mode::json});
  for (const std::string& file : {std::string(), std::string(100, '\x1a')}) {
    const State before = whole_state(rig);
    const Sending sending(rig, file);
    EXPECT_EQ(receive(rig, "receive").kind(), "empty");
    expect_unchanged(rig, before);
  }
}

TEST(Receive, WithoutAHandleLeftDoesNotEvenBegin) {
  ShellRig rig({.mode = Mode::json, .heap_bytes = 4096});
  while (rig.handles.size() < rig.handles.capacity()) {
    (void)rig.handles.add(0x10 * rig.handles.size(), 1, 1, HandleTable::kNoTag);
  }
  EXPECT_EQ(rig.json("receive").kind(), "no-handles");
}

TEST(Receive, RefusesATagThatIsNone) {
  ShellRig rig({.mode = Mode::json});
  EXPECT_EQ(rig.json("receive -t ''").status, 2U);
  EXPECT_EQ(rig.json("receive -t " + std::string(32, 'x')).status, 2U);
  EXPECT_EQ(rig.console.waited_us(), 0U);
}

TEST(Receive, ThatFaultsLeavesTheLineAsItWas) {
  ShellRig rig({.mode = Mode::json});
  rig.platform.fault_next();
  // As a fault leaves it: nothing of what was begun is ended.
  rig.platform.call_next([&] { rig.console.set_raw(true); });
  (void)rig.type("mode\r");
  EXPECT_FALSE(rig.console.raw());
}

TEST(Receive, OverANoisyLineGivesTheFileOrChangesNothing) {
  const test::Noise noise{.flips = 10, .drops = 5, .doubles = 3, .inventions = 3};
  std::size_t received = 0;
  std::size_t failed = 0;
  for (const std::uint64_t seed : alloc::kSeeds) {
    alloc::RandomSource random(seed);
    for (int round = 0; round < 10; ++round) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", round " + std::to_string(round));
      ShellRig rig({.mode = Mode::json});
      rig.json("alloc 64 -n 3");
      const State before = whole_state(rig);
      const std::string file = file_of(1 + random.below(5000));
      XmodemSender sender(file, {.block = random.percent(50) ? 128U : 1024U, .knows_crc = true});
      rig.console.connect([&](std::string_view bytes, std::uint64_t microseconds) {
        return noise(
            microseconds > 0 ? sender.pass(microseconds) : sender.hear(noise(bytes, random)),
            random);
      });
      rig.console.send("receive\r");
      rig.shell.poll();
      while (rig.console.pending() && rig.console.waited_us() == 0) rig.shell.poll();
      rig.console.connect(nullptr);
      EXPECT_FALSE(rig.console.raw());
      if (const auto handle = rig.handles.find(4)) {
        ++received;
        EXPECT_EQ(bytes_at(handle->address, file.size()), file);
        EXPECT_EQ(handle->size, file.size());
      } else {
        ++failed;
        expect_unchanged(rig, before);
      }
    }
  }
  EXPECT_GT(received, 10U);
  RecordProperty("failed", static_cast<int>(failed));
}

TEST(ReceiveCommand, ACtrlCBeforeTheLineIsRawStopsItAtOnce) {
  ShellRig rig;
  rig.platform.call_next([&] { rig.console.press_ctrl_c(); });
  const std::string said = rig.type("receive\r");
  EXPECT_NE(said.find("error: interrupted; nothing has changed\r\n"), std::string::npos) << said;
  EXPECT_FALSE(rig.console.raw());
  EXPECT_EQ(rig.platform.uptime_us(), test::FakePlatform::kUptime);
}

}  // namespace
}  // namespace heapscope::shell
