// The receiving side of XMODEM, with CRC or checksum and blocks of 128 bytes or 1K,
// as a computation: bytes and silence in, answers out. Knows no line and no clock.
// Source: C. Forsberg, "XMODEM/YMODEM Protocol Reference", 1988.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace heapscope::shell {

/// How a transfer stands, or how it ended.
enum class XmodemState : std::uint8_t {
  running,
  complete,        ///< All of the file is there.
  cancelled,       ///< The sender gave up.
  interrupted,     ///< A person pressed Ctrl-C.
  no_sender,       ///< Nobody has sent anything for a minute.
  silence,         ///< The sender has stopped.
  damaged,         ///< One block was damaged too many times.
  out_of_step,     ///< A block that is neither the next nor the last one.
  other_protocol,  ///< A YMODEM header in place of the first block.
  too_large,       ///< The file does not fit in the memory that it was to go to.
};

/// The CRC of a block: polynomial 0x1021, from 0 on, most significant bit first.
[[nodiscard]] std::uint16_t xmodem_crc(std::uint16_t crc, std::uint8_t byte);

/// One transfer. What feed() and pass() return is to be sent at once; mostly it is
/// nothing. When state() is no longer `running`, the transfer is over.
///
/// A sender that is started late finds all requests for its first block at once and
/// sends that block for each of them. So the first block, and any that came twice, is
/// only answered when the line has been silent: one answer, to the last of them.
class XmodemReceiver {
 public:
  /// The file goes to `room`, which is also where blocks are received: it must have
  /// room for a block more than the file, or the last block may not fit.
  explicit XmodemReceiver(std::span<std::byte> room) : room_(room) {}

  /// A byte that has arrived.
  [[nodiscard]] std::string_view feed(std::uint8_t byte);
  /// So many more microseconds without a byte.
  [[nodiscard]] std::string_view pass(std::uint64_t microseconds);
  /// For how many microseconds nothing happens unless a byte arrives.
  [[nodiscard]] std::uint64_t patience() const;

  [[nodiscard]] XmodemState state() const { return state_; }
  /// What has arrived, padding included.
  [[nodiscard]] std::span<const std::byte> data() const { return room_.first(size_); }
  /// The same without the bytes of 0x1a at the end of the last block: padding, which
  /// cannot be told from a file that ends with such bytes.
  [[nodiscard]] std::span<const std::byte> unpadded() const;

  /// Blocks of the file.
  [[nodiscard]] std::uint64_t blocks() const { return blocks_; }
  /// How often something was asked for again, or came again.
  [[nodiscard]] std::uint64_t retries() const { return retries_; }
  [[nodiscard]] bool uses_crc() const { return check_ != Check::sum; }

 private:
  enum class Place : std::uint8_t { between, number, complement, data, check, garbage };
  enum class Check : std::uint8_t {
    crc,
    either,  ///< A checksum has been asked for as well, and no block has come yet.
    sum,
  };

  std::string_view begin_burst(std::uint8_t byte);
  std::string_view end_burst();
  void begin_block(std::size_t size);
  std::string_view take_check(std::uint8_t byte);
  std::string_view judge_block(bool intact);
  std::string_view accept_block();
  std::string_view ask_again(XmodemState reason);
  std::string_view ask_for_first();
  std::string_view give_up(XmodemState reason);
  void discard();
  [[nodiscard]] std::size_t next_position() const { return size_ + received_; }

  std::span<std::byte> room_;
  std::size_t size_ = 0;  // Of what has been accepted.
  XmodemState state_ = XmodemState::running;

  Place place_ = Place::between;
  std::uint64_t silent_us_ = 0;  // Since the last byte, or the last answer to silence.
  std::uint32_t requests_ = 0;   // For the first block.
  std::uint32_t failures_ = 0;   // Since the last block that was accepted.
  bool answer_waits_ = false;    // An ACK is due once the line is silent.
  bool end_announced_ = false;   // EOT has come once.

  // Bytes between blocks that begin none: they are judged when silence follows.
  std::uint8_t burst_ = 0;
  std::uint32_t burst_bytes_ = 0;
  std::uint32_t cancels_ = 0;  // At the end of what arrived last.

  std::size_t block_size_ = 0;
  std::size_t received_ = 0;
  std::uint8_t number_ = 0;
  bool number_intact_ = false;
  std::uint16_t crc_ = 0;
  std::uint8_t sum_ = 0;
  std::uint8_t first_check_ = 0;
  std::uint8_t check_bytes_ = 0;
  Check check_ = Check::crc;

  std::size_t last_block_ = 0;  // Its size.
  std::uint64_t blocks_ = 0;
  std::uint64_t retries_ = 0;
};

}  // namespace heapscope::shell
