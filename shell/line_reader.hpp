// The line discipline of plain and json mode: bytes become lines, with echo,
// erasing and the bell.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shell/console.hpp"

namespace heapscope::shell {

/// Collects one line at a time. CR, LF and CRLF each end a line once; 0x08 and
/// 0x7f erase; Ctrl-U erases the line; what cannot be part of a line rings the
/// bell and is not taken. Escape sequences of keys are swallowed whole.
class LineReader {
 public:
  /// Bytes of a line, a frame's "@TAG " before it not counted.
  static constexpr std::size_t kMaxLine = 512;
  /// Bytes of a frame's tag, the "@" not counted.
  static constexpr std::size_t kMaxTag = 32;

  explicit LineReader(Console& console) : console_(console) {}

  /// Whether typed bytes are echoed and the bell rings; off in json mode.
  void set_echo(bool echo) { echo_ = echo; }
  /// Where on the screen the line begins, in columns; tabs need it.
  void set_start_column(std::size_t column) { start_column_ = column; }

  /// Takes a byte; true where it ended the line. Then line() is the line until
  /// begin() is called.
  [[nodiscard]] bool feed(std::uint8_t byte);
  [[nodiscard]] std::string_view line() const { return {buffer_.data(), size_}; }
  /// Whether bytes of this line were refused for want of room, so that it is
  /// not what was typed.
  [[nodiscard]] bool too_long() const { return too_long_; }
  /// Starts a new line; what was typed of this one is gone.
  void begin();

 private:
  enum class Escape : std::uint8_t { none, begun, sequence, single };

  [[nodiscard]] bool swallow_escape(std::uint8_t byte);
  void take(char c);
  void erase_last();
  void erase_all();
  void echo(std::string_view bytes) {
    if (echo_) console_.write(bytes);
  }
  void ring() { echo("\a"); }
  [[nodiscard]] std::size_t limit() const;
  [[nodiscard]] std::size_t column_of(std::size_t index) const;

  Console& console_;
  std::array<char, kMaxLine + kMaxTag + 2> buffer_{};
  std::size_t size_ = 0;
  std::size_t start_column_ = 0;
  Escape escape_ = Escape::none;
  bool echo_ = true;
  bool after_cr_ = false;
  bool too_long_ = false;
};

}  // namespace heapscope::shell
