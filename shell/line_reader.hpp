// The line discipline of plain and json mode: keys become lines, with echo, erasing
// and the bell, and nothing that a dumb terminal would show.
#pragma once

#include <cstddef>
#include <string_view>

#include "shell/console.hpp"
#include "shell/key.hpp"
#include "shell/line_buffer.hpp"

namespace heapscope::shell {

/// Types at the end of a line that others may share. Backspace erases; Ctrl-U erases
/// the line; what cannot be part of a line rings the bell and is not taken.
class LineReader {
 public:
  LineReader(Console& console, LineBuffer& line) : console_(console), line_(line) {}

  /// Whether typed bytes are echoed and the bell rings; off in json mode.
  void set_echo(bool echo) { echo_ = echo; }
  /// Where on the screen the line begins, in columns; tabs need it.
  void set_start_column(std::size_t column) { start_column_ = column; }

  /// Takes a key; true where it ended the line.
  [[nodiscard]] bool take(const KeyPress& key);

 private:
  void insert(std::string_view text);
  void erase_last();
  void erase_all();
  void echo(std::string_view bytes) {
    if (echo_) console_.write(bytes);
  }
  void ring() { echo("\a"); }
  [[nodiscard]] std::size_t column_of(std::size_t index) const;

  Console& console_;
  LineBuffer& line_;
  std::size_t start_column_ = 0;
  bool echo_ = true;
};

}  // namespace heapscope::shell
