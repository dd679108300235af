// Text on its way to the console: line ends become CRLF here and nowhere else.
#pragma once

#include "base/text_sink.hpp"
#include "shell/console.hpp"

namespace heapscope::shell {

/// Sends text to a console and knows whether the cursor is at column 0.
class Output final : public TextSink {
 public:
  explicit Output(Console& console) : console_(console) {}

  /// Each "\n" is sent as CR LF.
  void write(std::string_view text) override;
  /// Ends the line that was begun, if any.
  void begin_line() {
    if (!at_line_start_) write("\n");
  }

 private:
  Console& console_;
  bool at_line_start_ = true;
};

}  // namespace heapscope::shell
