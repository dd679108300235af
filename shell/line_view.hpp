// A line on the screen of a terminal: where its characters are, what is written again
// when it changes, and where the cursor goes.
#pragma once

#include <cstddef>
#include <string_view>

#include "shell/console.hpp"
#include "shell/utf8.hpp"

namespace heapscope::shell {

/// Draws a prompt and a text behind it, wrapped at the screen's width. Where they take
/// more rows than the screen has, those around the cursor are shown.
///
/// Sends only what every VT100 obeys: CUU, CUF, ED and EL. Relies on the cursor staying
/// at the end of a full row until the next character (DECAWM, as all of them have it).
class LineView {
 public:
  explicit LineView(Console& console) : console_(console) {}

  /// The size of the screen in characters; at least 2 by 1 counts.
  void set_size(std::size_t columns, std::size_t rows);
  [[nodiscard]] std::size_t columns() const { return columns_; }
  [[nodiscard]] std::size_t rows() const { return rows_; }

  /// `prompt` was just written at the start of a row, and `text` behind it. Both must
  /// stay where they are, as far as the text is not passed anew.
  void begin(std::string_view prompt, std::string_view text);
  /// `character` was typed at the end of the text: echoes exactly that. O(1). A hint is
  /// left for clear_hint().
  void append(std::string_view character);
  /// The text was changed from byte `from` on.
  void change(std::string_view text, std::size_t from, std::size_t cursor);
  /// Another prompt, and perhaps another text.
  void change_prompt(std::string_view prompt, std::string_view text, std::size_t cursor);
  /// Only the cursor moved.
  void move(std::string_view text, std::size_t cursor);
  /// Shows grey text behind the cursor, which is at the end of the text, as far as the
  /// row has room; it is gone with the next character.
  void hint(std::string_view hint);
  void clear_hint();
  /// Leaves the line: the cursor goes to the start of the row below it.
  void leave(std::string_view text);
  /// Takes the line away, as if it had never been there; begin() shows it again.
  void withdraw();
  /// The screen is to be empty but for the line, at its top.
  void clear_screen(std::string_view text, std::size_t cursor);

 private:
  /// A cell, counted from the start of the prompt. A column of columns_ is the end of
  /// a full row, where the terminal waits for the next character.
  struct Place {
    std::size_t row = 0;
    std::size_t column = 0;
  };

  [[nodiscard]] Place start_of(Place place, Character character) const;
  [[nodiscard]] Place behind(Place place, std::string_view text) const;
  [[nodiscard]] Place place_of(std::string_view text, std::size_t at) const;
  void draw(std::string_view text, Place from, std::size_t cursor);
  Place write_visible(Place place, Place from, std::string_view text);
  void go_to(Place place);
  void follow_cursor();
  void send(std::size_t count, char final);

  Console& console_;
  std::string_view prompt_;
  std::size_t columns_ = 80;
  std::size_t rows_ = 24;
  Place cursor_;         // Where the screen's cursor is.
  std::size_t top_ = 0;  // The first row that is on the screen.
  bool hinted_ = false;
};

}  // namespace heapscope::shell
