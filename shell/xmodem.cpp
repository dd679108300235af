// Blocks and what stands between them; every doubt is settled by silence.
#include "shell/xmodem.hpp"

#include <algorithm>

namespace heapscope::shell {
namespace {

constexpr std::uint8_t kSoh = 0x01;  // A block of 128 bytes follows.
constexpr std::uint8_t kStx = 0x02;  // One of 1024.
constexpr std::uint8_t kControlC = 0x03;
constexpr std::uint8_t kEot = 0x04;
constexpr std::uint8_t kBackspace = 0x08;
constexpr std::uint8_t kCan = 0x18;
constexpr std::uint8_t kPadding = 0x1a;

constexpr std::string_view kAcknowledge = "\x06";
constexpr std::string_view kRepeat = "\x15";
constexpr std::string_view kSendWithCrc = "C";
constexpr std::string_view kCancel = "\x18\x18\x18\x18\x18\x18\x18\x18";

constexpr std::size_t kShortBlock = 128;
constexpr std::size_t kLongBlock = 1024;

/// What a sender's pauses within what it sends stay below.
constexpr std::uint64_t kQuietUs = 200'000;
constexpr std::uint64_t kByteUs = 1'000'000;
constexpr std::uint64_t kBlockUs = 3'000'000;
/// Each request for the first block is waited for a second longer than the one before:
/// no more than a minute and eleven requests, of which lrzsz's sender, when it finds
/// them all at once, takes ten for failures and does not take an eleventh.
constexpr std::uint64_t kRequestUs = 1'000'000;
constexpr std::uint32_t kRequests = 11;
constexpr std::uint32_t kRequestsForCrcAlone = 6;
constexpr std::uint32_t kFailures = 10;

/// CANs that stop a transfer: between blocks, and in the middle of what may be data.
constexpr std::uint32_t kCancels = 2;
constexpr std::uint32_t kCancelsInData = 5;

}  // namespace

std::uint16_t xmodem_crc(std::uint16_t crc, std::uint8_t byte) {
  std::uint32_t value = crc ^ std::uint32_t{byte} << 8;
  for (int bit = 0; bit < 8; ++bit) value = value << 1 ^ ((value & 0x8000) != 0 ? 0x1021 : 0);
  return static_cast<std::uint16_t>(value);
}

std::span<const std::byte> XmodemReceiver::unpadded() const {
  std::size_t size = size_;
  const std::size_t least = size_ - last_block_;
  while (size > least && room_[size - 1] == std::byte{kPadding}) --size;
  return room_.first(size);
}

std::uint64_t XmodemReceiver::patience() const {
  std::uint64_t limit = kByteUs;
  if (place_ == Place::garbage ||
      (place_ == Place::between && (burst_bytes_ > 0 || answer_waits_))) {
    limit = kQuietUs;
  } else if (place_ == Place::between) {
    limit = blocks_ > 0 ? kBlockUs : requests_ * kRequestUs;
  }
  return limit - std::min(limit, silent_us_);
}

std::string_view XmodemReceiver::feed(std::uint8_t byte) {
  silent_us_ = 0;
  if (byte == kCan) {
    ++cancels_;
  } else if (byte != kBackspace || cancels_ < kCancels) {
    cancels_ = 0;  // Senders erase the CANs that a shell may have taken for input.
  }
  switch (place_) {
    case Place::between:
      return begin_burst(byte);
    case Place::garbage:
      ++burst_bytes_;
      return {};
    case Place::number:
      number_ = byte;
      place_ = Place::complement;
      return {};
    case Place::complement:
      number_intact_ = (number_ ^ byte) == 0xff;
      place_ = Place::data;
      return {};
    case Place::data:
      room_[next_position()] = std::byte{byte};
      crc_ = xmodem_crc(crc_, byte);
      sum_ = static_cast<std::uint8_t>(sum_ + byte);
      if (++received_ == block_size_) place_ = Place::check;
      return {};
    case Place::check:
      return take_check(byte);
  }
  return {};
}

std::string_view XmodemReceiver::pass(std::uint64_t microseconds) {
  const bool due = microseconds >= patience();
  silent_us_ += microseconds;
  if (!due || state_ != XmodemState::running) return {};
  silent_us_ = 0;
  if (place_ == Place::between) {
    if (burst_bytes_ > 0) return end_burst();
    if (answer_waits_) {
      answer_waits_ = false;
      return kAcknowledge;
    }
    return blocks_ > 0 ? ask_again(XmodemState::silence) : ask_for_first();
  }
  if (place_ == Place::check && check_ == Check::either && check_bytes_ == 1 &&
      first_check_ == sum_) {
    check_ = Check::sum;
    return judge_block(true);
  }
  // Before the first block a person may have touched a key.
  const bool typed = place_ == Place::garbage && blocks_ == 0 && burst_bytes_ < kShortBlock;
  discard();
  if (cancels_ >= kCancelsInData) return give_up(XmodemState::cancelled);
  return typed ? std::string_view() : ask_again(XmodemState::damaged);
}

/// What begins no block counts only when nothing follows it: within a block that was
/// taken apart by noise, any byte can come.
std::string_view XmodemReceiver::begin_burst(std::uint8_t byte) {
  if (burst_bytes_ == 0 && (byte == kSoh || byte == kStx)) {
    begin_block(byte == kSoh ? kShortBlock : kLongBlock);
    return next_position() + block_size_ > room_.size() ? give_up(XmodemState::too_large)
                                                        : std::string_view();
  }
  const bool erases_cancels = byte == kBackspace && burst_ == kCan && cancels_ > 0;
  if (burst_bytes_ == 0) burst_ = byte;
  if (byte != burst_ && !erases_cancels) place_ = Place::garbage;
  ++burst_bytes_;
  return {};
}

std::string_view XmodemReceiver::end_burst() {
  const std::uint8_t byte = burst_;
  discard();
  switch (byte) {
    case kCan:
      // One by itself may be the first of two that a person types.
      return cancels_ >= kCancels ? give_up(XmodemState::cancelled) : std::string_view();
    case kControlC:
      return give_up(XmodemState::interrupted);
    case kEot:
      if (end_announced_) {
        state_ = XmodemState::complete;
        return kAcknowledge;
      }
      // It is one byte without any check, so that it has to be said twice.
      end_announced_ = true;
      return kRepeat;
    default:
      return blocks_ > 0 ? ask_again(XmodemState::damaged) : std::string_view();
  }
}

void XmodemReceiver::begin_block(std::size_t size) {
  place_ = Place::number;
  block_size_ = size;
  received_ = 0;
  crc_ = 0;
  sum_ = 0;
  check_bytes_ = 0;
}

std::string_view XmodemReceiver::take_check(std::uint8_t byte) {
  if (check_ == Check::sum) return judge_block(byte == sum_);
  if (++check_bytes_ == 1) {
    first_check_ = byte;
    return {};
  }
  if (crc_ == (first_check_ << 8 | byte)) {
    check_ = Check::crc;
    return judge_block(true);
  }
  if (check_ == Check::either && first_check_ == sum_) {
    check_ = Check::sum;
    const std::string_view answer = judge_block(true);
    return state_ == XmodemState::running ? feed(byte) : answer;
  }
  return judge_block(false);
}

std::string_view XmodemReceiver::judge_block(bool intact) {
  cancels_ = 0;
  if (!intact || !number_intact_) {
    place_ = Place::garbage;
    burst_bytes_ = kLongBlock;
    return {};
  }
  place_ = Place::between;
  if (number_ == static_cast<std::uint8_t>(blocks_ + 1)) return accept_block();
  if (blocks_ == 0) {
    return give_up(number_ == 0 ? XmodemState::other_protocol : XmodemState::out_of_step);
  }
  if (number_ != static_cast<std::uint8_t>(blocks_)) return give_up(XmodemState::out_of_step);
  ++retries_;
  if (!answer_waits_ && ++failures_ > kFailures) return give_up(XmodemState::damaged);
  answer_waits_ = true;
  return {};
}

std::string_view XmodemReceiver::accept_block() {
  size_ += block_size_;
  last_block_ = block_size_;
  received_ = 0;
  failures_ = 0;
  end_announced_ = false;
  answer_waits_ = ++blocks_ == 1;
  return answer_waits_ ? std::string_view() : kAcknowledge;
}

std::string_view XmodemReceiver::ask_again(XmodemState reason) {
  if (++failures_ > kFailures) return give_up(reason);
  ++retries_;
  answer_waits_ = false;
  return blocks_ > 0 ? kRepeat : ask_for_first();
}

std::string_view XmodemReceiver::ask_for_first() {
  if (++requests_ > kRequests) return give_up(XmodemState::no_sender);
  if (requests_ <= kRequestsForCrcAlone || requests_ % 2 == 0) return kSendWithCrc;
  check_ = Check::either;
  return kRepeat;
}

std::string_view XmodemReceiver::give_up(XmodemState reason) {
  state_ = reason;
  return reason == XmodemState::cancelled ? std::string_view() : kCancel;
}

void XmodemReceiver::discard() {
  place_ = Place::between;
  burst_bytes_ = 0;
  received_ = 0;
}

}  // namespace heapscope::shell
