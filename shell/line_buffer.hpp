// The line that is being typed: its text, the cursor, and all that editing keys do to
// them. Knows nothing of screens.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/text_sink.hpp"

namespace heapscope::shell {

/// The text is valid UTF-8 wherever only characters are put in; the cursor is always
/// between two of them. Calls that can do nothing return false and change nothing.
/// All take time in proportion to the line.
class LineBuffer {
 public:
  /// Bytes of a line, a frame's "@TAG " before it not counted.
  static constexpr std::size_t kMaxLine = 512;
  /// Bytes of a frame's tag, the "@" not counted.
  static constexpr std::size_t kMaxTag = 32;
  static constexpr std::size_t kRoom = kMaxLine + kMaxTag + 2;

  /// A copy of a line's text.
  using Text = FixedText<kRoom>;

  [[nodiscard]] std::string_view text() const { return {text_.data(), size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// In bytes from the start.
  [[nodiscard]] std::size_t cursor() const { return cursor_; }
  [[nodiscard]] bool at_end() const { return cursor_ == size_; }
  [[nodiscard]] std::string_view before_cursor() const { return text().substr(0, cursor_); }

  /// Whether something was put in that there was no room for, and nothing was taken
  /// away since: the text is not what was meant.
  [[nodiscard]] bool too_long() const { return too_long_; }

  void clear() {
    size_ = cursor_ = 0;
    too_long_ = false;
  }
  /// Replaces the text, cut where there is no room for it; the cursor is at its end. Tabs
  /// become blanks: a screen gives them no width of their own.
  void assign(std::string_view text);
  /// Puts text in at the cursor, all of it or, for want of room, nothing.
  [[nodiscard]] bool insert(std::string_view text);

  [[nodiscard]] bool move_left();
  [[nodiscard]] bool move_right();
  [[nodiscard]] bool move_word_left();
  [[nodiscard]] bool move_word_right();
  void move_home() { cursor_ = 0; }
  void move_end() { cursor_ = size_; }
  void move_to(std::size_t cursor) { cursor_ = cursor; }

  [[nodiscard]] bool erase_left();
  [[nodiscard]] bool erase_right();
  // What these take away, yank() puts in again.
  [[nodiscard]] bool kill_to_start();
  [[nodiscard]] bool kill_to_end();
  [[nodiscard]] bool kill_word_left();   ///< Letters and digits.
  [[nodiscard]] bool kill_word_right();  ///< The same.
  [[nodiscard]] bool kill_blank_word();  ///< To the blank on the left.
  [[nodiscard]] bool yank();
  /// Exchanges the two characters around the cursor, or the last two.
  [[nodiscard]] bool transpose();

  /// The most bytes that a line may have that begins with `text`.
  [[nodiscard]] static std::size_t limit(std::string_view text);

 private:
  void remove(std::size_t from, std::size_t to);
  [[nodiscard]] bool kill(std::size_t from, std::size_t to);
  [[nodiscard]] std::size_t word_left() const;
  [[nodiscard]] std::size_t word_right() const;

  std::array<char, kRoom> text_{};
  std::array<char, kRoom> killed_{};
  std::size_t size_ = 0;
  std::size_t cursor_ = 0;
  std::size_t killed_size_ = 0;
  bool too_long_ = false;
};

}  // namespace heapscope::shell
