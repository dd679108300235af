// Text on its way to the console: line ends become CRLF here and nowhere else.
#pragma once

#include <cstddef>

#include "base/text_sink.hpp"
#include "shell/console.hpp"

namespace heapscope::shell {

/// Looks at what is shown, line by line.
class OutputWatcher {
 public:
  /// A line was ended. False: the rest of what is being written is not wanted.
  [[nodiscard]] virtual bool line_ended() = 0;
  /// As many rows were written as were allowed, and more follows. False: what follows is
  /// not wanted.
  [[nodiscard]] virtual bool rows_used_up() = 0;

 protected:
  ~OutputWatcher() = default;
};

/// Sends text to a console and knows whether the cursor is at column 0.
class Output final : public TextSink {
 public:
  explicit Output(Console& console, OutputWatcher* watcher = nullptr)
      : console_(console), watcher_(watcher) {}

  /// Each "\n" is sent as CR LF.
  void write(std::string_view text) override;
  /// Ends the line that was begun, if any.
  void begin_line() {
    if (column_ != 0) write("\n");
  }

  /// So many more rows of a screen of `columns` are written before the watcher is asked;
  /// 0 for as many as there are.
  void allow_rows(std::size_t rows, std::size_t columns) {
    rows_left_ = rows;
    columns_ = columns;
    counting_ = rows != 0;
  }
  /// Whether what a terminal shows to the right of each line's end is erased, for
  /// text that is drawn over other text.
  void erase_line_ends(bool erase) { line_end_ = erase ? "\x1b[K\r\n" : "\r\n"; }

 private:
  void count_row();

  Console& console_;
  OutputWatcher* watcher_;
  std::size_t column_ = 0;  // Of a line that is as long as the text makes it.
  std::size_t columns_ = 0;
  std::size_t rows_left_ = 0;
  bool counting_ = false;
  std::string_view line_end_ = "\r\n";
};

}  // namespace heapscope::shell
