// The lines that are typed behind a `source <<NAME`, until NAME ends them.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace heapscope::shell {

/// Holds the line that asked for the text, and then the text. Lives outside the
/// heap that is being watched.
class ScriptBuffer {
 public:
  /// Bytes of the text, with one for the end of each line.
  static constexpr std::size_t kRoom = std::size_t{16} * 1024;
  /// Bytes of the line that asks for it, its frame included.
  static constexpr std::size_t kLineRoom = 1024;

  /// Starts a new text behind `line`, of at most kLineRoom bytes, which ends with
  /// a line `delimiter`, a part of `line`.
  void begin(std::string_view line, std::string_view delimiter);
  /// Adds a line to the text. One that is `cut`, as it was too long to be typed, is
  /// kept with a byte more, so that it is still too long when it is to be run.
  void add(std::string_view line, bool cut);

  [[nodiscard]] std::string_view line() const { return {text_.data(), line_size_}; }
  [[nodiscard]] std::string_view delimiter() const {
    return line().substr(delimiter_start_, delimiter_size_);
  }
  [[nodiscard]] std::string_view text() const { return {text_.data() + kLineRoom, size_}; }
  /// Whether the text is longer than kRoom; then text() is only its beginning.
  [[nodiscard]] bool too_long() const { return too_long_; }

 private:
  std::array<char, kLineRoom + kRoom> text_{};
  std::size_t line_size_ = 0;
  std::size_t delimiter_start_ = 0;
  std::size_t delimiter_size_ = 0;
  std::size_t size_ = 0;
  bool too_long_ = false;
};

}  // namespace heapscope::shell
