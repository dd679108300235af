// The other end of an XMODEM transfer: a sender that behaves as lrzsz's does, and a
// line that damages what it carries.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shell/xmodem.hpp"
#include "tests/unit/alloc/random_source.hpp"

namespace heapscope::shell::test {

inline constexpr char kAck = 0x06;
inline constexpr char kNak = 0x15;
inline constexpr char kCan = 0x18;
inline constexpr char kEot = 0x04;

/// A block as it goes over the line, filled up with 0x1a.
inline std::string xmodem_block(std::uint8_t number, std::string_view content, bool crc,
                                std::size_t size) {
  std::string data(content);
  data.resize(size, 0x1a);
  std::string block{static_cast<char>(size == 1024 ? 2 : 1), static_cast<char>(number),
                    static_cast<char>(~number)};
  block += data;
  std::uint16_t check = 0;
  for (const char c : data) {
    const auto byte = static_cast<std::uint8_t>(c);
    check = crc ? xmodem_crc(check, byte) : static_cast<std::uint8_t>(check + byte);
  }
  if (crc) block += static_cast<char>(check >> 8);
  return block + static_cast<char>(check & 0xff);
}

struct SenderOptions {
  std::size_t block = 128;
  bool knows_crc = true;
};

/// Says what it sends for each byte that it hears and for time that passes.
class XmodemSender {
 public:
  enum class State : std::uint8_t { starting, sending, ending, done, failed };

  explicit XmodemSender(std::string file, SenderOptions options = {})
      : file_(std::move(file)), options_(options) {}

  std::string hear(std::string_view bytes) {
    std::string sent;
    for (const char c : bytes) sent += hear(c);
    return sent;
  }
  std::string hear(char c) {
    if (state_ >= State::done) return {};
    silent_us_ = 0;
    if (c == kCan && last_ == kCan) state_ = State::failed;
    last_ = c;
    if (state_ == State::failed) return {};
    if (c == kNak) return repeat();
    if (c == 'C' && position_ == 0 && options_.knows_crc && state_ != State::ending) {
      crc_ = true;
      return repeat();
    }
    if (c != kAck || state_ == State::starting) return {};
    if (state_ == State::ending) {
      state_ = State::done;
      return {};
    }
    position_ += options_.block;
    ++number_;
    attempts_ = 0;
    return repeat();
  }
  std::string pass(std::uint64_t microseconds) {
    silent_us_ += microseconds;
    if (silent_us_ < kPatienceUs || state_ >= State::done) return {};
    silent_us_ = 0;
    return repeat();
  }
  [[nodiscard]] std::uint64_t patience() const {
    return state_ >= State::done ? kPatienceUs : kPatienceUs - silent_us_;
  }
  [[nodiscard]] State state() const { return state_; }

 private:
  static constexpr std::uint64_t kPatienceUs = 10'000'000;
  static constexpr int kAttempts = 11;

  std::string repeat() {
    if (++attempts_ > kAttempts) {
      state_ = State::failed;
      return std::string(10, kCan) + std::string(10, '\b');
    }
    state_ = position_ < file_.size() ? State::sending : State::ending;
    if (state_ == State::ending) return {kEot};
    return xmodem_block(number_, std::string_view(file_).substr(position_, options_.block), crc_,
                        options_.block);
  }

  std::string file_;
  SenderOptions options_;
  State state_ = State::starting;
  bool crc_ = false;
  std::size_t position_ = 0;
  std::uint8_t number_ = 1;
  int attempts_ = 0;
  char last_ = 0;
  std::uint64_t silent_us_ = 0;
};

/// Flips, drops, doubles and invents bytes, each so many times in 10,000.
struct Noise {
  unsigned flips = 0;
  unsigned drops = 0;
  unsigned doubles = 0;
  unsigned inventions = 0;

  std::string operator()(std::string_view bytes, alloc::RandomSource& random) const {
    const auto strikes = [&](unsigned times) { return random.below(10'000) < times; };
    std::string arrived;
    for (char c : bytes) {
      if (strikes(inventions)) arrived += static_cast<char>(random.below(256));
      if (strikes(drops)) continue;
      if (strikes(flips)) c = static_cast<char>(c ^ (1 << random.below(8)));
      arrived += c;
      if (strikes(doubles)) arrived += c;
    }
    return arrived;
  }
};

}  // namespace heapscope::shell::test
