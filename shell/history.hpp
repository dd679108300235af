// The lines that were typed before.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace heapscope::shell {

/// Keeps the newest lines, each once, in a fixed room; the oldest make place. Lives
/// outside the heap that is being watched.
class History {
 public:
  /// Bytes for all lines, one more than its length for each.
  static constexpr std::size_t kRoom = 4096;

  /// Adds a line as the newest; where it was there before, it is no more. A line of
  /// blanks, and one that there is no room for at all, is not taken. O(kRoom).
  void add(std::string_view line);
  void clear() { used_ = 0; }

  [[nodiscard]] std::size_t size() const;
  /// A line by its age: 0 is the newest. It is valid until the next call of add();
  /// empty where there is none that old. O(kRoom).
  [[nodiscard]] std::string_view line(std::size_t age) const;
  /// The age of the next older line, from `age` on, that begins with `prefix`; size()
  /// where there is none.
  [[nodiscard]] std::size_t find_prefix(std::string_view prefix, std::size_t age) const;
  /// The same for one that holds `part`.
  [[nodiscard]] std::size_t find_part(std::string_view part, std::size_t age) const;

 private:
  void remove(std::size_t at, std::size_t count);

  // Oldest first, each with a line feed behind it.
  std::array<char, kRoom> text_{};
  std::size_t used_ = 0;
};

}  // namespace heapscope::shell
