// Collecting a text line by line.
#include "shell/script_buffer.hpp"

#include <algorithm>

namespace heapscope::shell {

void ScriptBuffer::begin(std::string_view line, std::string_view delimiter) {
  line_size_ = line.copy(text_.data(), kLineRoom);
  delimiter_start_ = static_cast<std::size_t>(delimiter.data() - line.data());
  delimiter_size_ = delimiter.size();
  size_ = 0;
  too_long_ = false;
}

void ScriptBuffer::add(std::string_view line, bool cut) {
  const std::string_view end = cut ? " \n" : "\n";
  const std::size_t size = line.size() + end.size();
  too_long_ = too_long_ || size > kRoom - size_;
  if (too_long_) return;
  std::ranges::copy(end, std::ranges::copy(line, text_.data() + kLineRoom + size_).out);
  size_ += size;
}

}  // namespace heapscope::shell
