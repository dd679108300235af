// A serial line for tests: bytes to read are queued, what is written is kept,
// and Ctrl-C arrives at a chosen moment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "shell/console.hpp"

namespace heapscope::shell::test {

class FakeConsole final : public Console {
 public:
  static constexpr std::uint64_t kPatienceUs = 10'000'000'000;

  std::optional<std::uint8_t> read() override {
    if (input_.empty()) return std::nullopt;
    const std::uint8_t byte = input_.front();
    input_.pop_front();
    return byte;
  }
  void write(std::string_view bytes) override {
    output_ += bytes;
    written_ += bytes.size();
    if (interrupt_at_byte_ && written_ >= *interrupt_at_byte_) {
      interrupt_at_byte_.reset();
      press_ctrl_c();
    }
    if (call_ && output_.ends_with(mark_)) std::exchange(call_, nullptr)();
    if (peer_) send(peer_(bytes, 0));
  }
  bool take_interrupt() override {
    ++checks_;
    if (interrupt_at_check_ && checks_ >= *interrupt_at_check_) {
      interrupt_at_check_.reset();
      press_ctrl_c();
    }
    return std::exchange(interrupted_, false);
  }

  [[nodiscard]] bool has_input() override { return !input_.empty(); }
  /// Time passes, and no more than that, unless there is a peer.
  void wait(std::uint64_t microseconds) override {
    waited_us_ += microseconds;
    if (peer_) {
      send(peer_({}, microseconds));
      return;
    }
    if (waited_us_ < kPatienceUs) return;
    std::fputs("the shell waits for a key that nobody presses\n", stderr);
    std::abort();
  }
  void set_raw(bool raw) override { raw_ = raw; }
  /// What answers, with the bytes that it returns, to whatever is written and to the time
  /// that passes.
  using Peer = std::function<std::string(std::string_view bytes, std::uint64_t microseconds)>;
  void connect(Peer peer) { peer_ = std::move(peer); }
  [[nodiscard]] bool raw() const { return raw_; }
  /// For how long the shell has waited, in microseconds.
  [[nodiscard]] std::uint64_t waited_us() const { return waited_us_; }

  void send(std::string_view bytes) {
    for (const char c : bytes) input_.push_back(static_cast<std::uint8_t>(c));
  }
  /// Ctrl-C arrives now; what was typed and not read is gone.
  void press_ctrl_c() {
    input_.clear();
    interrupted_ = true;
  }
  /// Ctrl-C arrives with the `count`-th question for it from now on.
  void interrupt_at_check(std::size_t count) { interrupt_at_check_ = checks_ + count; }
  /// Ctrl-C arrives when `bytes` more bytes have been written.
  void interrupt_after_output(std::size_t bytes) { interrupt_at_byte_ = written_ + bytes; }

  /// `what` happens when the output ends with `mark`.
  void call_at(std::string mark, std::function<void()> what) {
    mark_ = std::move(mark);
    call_ = std::move(what);
  }

  /// Whether there is something that the shell has not taken yet.
  [[nodiscard]] bool pending() const { return !input_.empty() || interrupted_; }
  [[nodiscard]] const std::string& output() const { return output_; }
  [[nodiscard]] std::string take_output() { return std::exchange(output_, {}); }
  /// How often the shell has asked for Ctrl-C.
  [[nodiscard]] std::size_t checks() const { return checks_; }

 private:
  std::deque<std::uint8_t> input_;
  std::string output_;
  std::size_t written_ = 0;
  std::size_t checks_ = 0;
  std::uint64_t waited_us_ = 0;
  bool raw_ = false;
  bool interrupted_ = false;
  Peer peer_;
  std::string mark_;
  std::function<void()> call_;
  std::optional<std::size_t> interrupt_at_check_;
  std::optional<std::size_t> interrupt_at_byte_;
};

}  // namespace heapscope::shell::test
