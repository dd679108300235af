// The line discipline.
#include "shell/line_reader.hpp"

#include <algorithm>

namespace heapscope::shell {
namespace {

constexpr std::uint8_t kBackspace = 0x08;
constexpr std::uint8_t kTab = 0x09;
constexpr std::uint8_t kLineFeed = 0x0a;
constexpr std::uint8_t kCarriageReturn = 0x0d;
constexpr std::uint8_t kKillLine = 0x15;
constexpr std::uint8_t kEscape = 0x1b;
constexpr std::uint8_t kDelete = 0x7f;
constexpr std::size_t kTabStop = 8;

constexpr bool printable(std::uint8_t byte) { return byte >= 0x20 && byte < kDelete; }

}  // namespace

void LineReader::begin() {
  size_ = 0;
  too_long_ = false;
  escape_ = Escape::none;
}

bool LineReader::feed(std::uint8_t byte) {
  const bool pair = after_cr_ && byte == kLineFeed;
  after_cr_ = byte == kCarriageReturn;
  if (pair) return false;
  if (byte == kCarriageReturn || byte == kLineFeed) {
    escape_ = Escape::none;
    echo("\r\n");
    return true;
  }
  if (swallow_escape(byte)) return false;
  if (byte == kBackspace || byte == kDelete) {
    erase_last();
  } else if (byte == kKillLine) {
    erase_all();
  } else if (printable(byte) || byte == kTab) {
    take(static_cast<char>(byte));
  } else {
    ring();
  }
  return false;
}

/// A key that sends an escape sequence rings once; nothing of it is taken.
bool LineReader::swallow_escape(std::uint8_t byte) {
  switch (escape_) {
    case Escape::none:
      if (byte != kEscape) return false;
      escape_ = Escape::begun;
      ring();
      return true;
    case Escape::begun:
      if (byte == kEscape) {
        // The Escape key, and then perhaps a key that sends a sequence.
        ring();
        return true;
      }
      escape_ = byte == '[' ? Escape::sequence : byte == 'O' ? Escape::single : Escape::none;
      // After a lone escape the next key is meant as it is.
      return escape_ != Escape::none;
    case Escape::sequence:
      if (byte == '[') {
        // F1 to F5 of the Linux console: a second "[" and one more byte.
        escape_ = Escape::single;
      } else if (byte >= 0x40 && byte <= 0x7e) {
        escape_ = Escape::none;
      }
      return true;
    case Escape::single:
      escape_ = Escape::none;
      return true;
  }
  return false;
}

std::size_t LineReader::limit() const {
  if (size_ == 0 || buffer_[0] != '@') return kMaxLine;
  const std::size_t blank = line().substr(0, kMaxTag + 2).find_first_of(" \t");
  const std::size_t prefix =
      blank == std::string_view::npos ? std::min(size_, kMaxTag + 1) : blank + 1;
  return kMaxLine + prefix;
}

void LineReader::take(char c) {
  if (size_ >= limit()) {
    too_long_ = true;
    ring();
    return;
  }
  buffer_[size_++] = c;
  echo({&c, 1});
}

std::size_t LineReader::column_of(std::size_t index) const {
  std::size_t column = start_column_;
  for (const char c : line().substr(0, index)) {
    column = c == '\t' ? (column / kTabStop + 1) * kTabStop : column + 1;
  }
  return column;
}

void LineReader::erase_last() {
  if (size_ == 0) {
    ring();
    return;
  }
  const std::size_t columns = column_of(size_) - column_of(size_ - 1);
  --size_;
  too_long_ = false;
  for (std::size_t i = 0; i < columns; ++i) echo("\b \b");
}

void LineReader::erase_all() {
  while (size_ > 0) erase_last();
  too_long_ = false;
}

}  // namespace heapscope::shell
