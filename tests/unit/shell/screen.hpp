// A terminal for tests: what a VT100 with UTF-8 would show of the bytes that it gets.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "shell/utf8.hpp"

namespace heapscope::shell::test {

/// Knows CR, LF, BS, BEL, the cursor's movements, ED, EL, DECSC and DECRC, and that the
/// cursor waits at the end of a full row. Throws at a sequence that it does not know.
class Screen {
 public:
  Screen(std::size_t columns, std::size_t rows)
      : columns_(columns), cells_(rows, Row(columns, " ")) {}

  void feed(std::string_view bytes);

  /// A row without the blanks at its end.
  [[nodiscard]] std::string row(std::size_t index) const {
    std::string text;
    for (const std::string& cell : cells_[index]) text += cell;
    return text.substr(0, text.find_last_not_of(' ') + 1);
  }
  [[nodiscard]] std::vector<std::string> rows() const {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < cells_.size(); ++i) all.push_back(row(i));
    while (!all.empty() && all.back().empty()) all.pop_back();
    return all;
  }
  [[nodiscard]] std::size_t cursor_row() const { return row_; }
  /// The number of columns where the cursor waits behind a full row.
  [[nodiscard]] std::size_t cursor_column() const { return column_; }
  [[nodiscard]] std::size_t scrolled() const { return scrolled_; }
  /// How often it was asked where its cursor is.
  [[nodiscard]] std::size_t questions() const { return questions_; }

 private:
  using Row = std::vector<std::string>;

  void put(std::string_view character, std::size_t width);
  void line_feed();
  void erase(std::size_t row, std::size_t from, std::size_t to);
  std::size_t sequence(std::string_view bytes);
  void control(char final, std::string_view parameters);

  std::size_t columns_;
  std::vector<Row> cells_;
  std::size_t row_ = 0;
  std::size_t column_ = 0;
  std::size_t saved_row_ = 0;
  std::size_t saved_column_ = 0;
  std::size_t scrolled_ = 0;
  std::size_t questions_ = 0;
};

}  // namespace heapscope::shell::test
