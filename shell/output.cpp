// Line ends for the serial line, and the counting of rows.
#include "shell/output.hpp"

#include <algorithm>

#include "shell/utf8.hpp"

namespace heapscope::shell {

void Output::write(std::string_view text) {
  while (!text.empty()) {
    if (counting_ && rows_left_ == 0 && !watcher_->rows_used_up()) return;
    const std::size_t end = text.find('\n');
    if (end != 0) {
      console_.write(text.substr(0, end));
      // Escape sequences come alone, and take no room on a screen.
      if (text.front() != '\x1b') column_ += columns_of(text.substr(0, end));
    }
    if (end == std::string_view::npos) return;
    console_.write(line_end_);
    count_row();
    text.remove_prefix(end + 1);
    if (watcher_ != nullptr && !watcher_->line_ended()) return;
  }
}

void Output::count_row() {
  const std::size_t rows = counting_ && column_ > columns_ ? (column_ - 1) / columns_ + 1 : 1;
  rows_left_ -= std::min(rows, rows_left_);
  column_ = 0;
}

}  // namespace heapscope::shell
