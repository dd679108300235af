// Line ends for the serial line.
#include "shell/output.hpp"

namespace heapscope::shell {

void Output::write(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end != 0) {
      console_.write(text.substr(0, end));
      at_line_start_ = false;
    }
    if (end == std::string_view::npos) return;
    console_.write("\r\n");
    at_line_start_ = true;
    text.remove_prefix(end + 1);
  }
}

}  // namespace heapscope::shell
