// The variables that people set in the shell: names and texts, in a fixed room
// outside the heap that is being watched.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.hpp"

namespace heapscope::shell {

/// The longest start of `text` that is a variable's name: letters, digits and _,
/// no digit first. Empty where there is none.
[[nodiscard]] std::string_view leading_name(std::string_view text);

enum class VariableError : std::uint8_t {
  too_many,  ///< There are kMaxCount others.
  no_room,   ///< All names and values together would take more than kRoom bytes.
};

/// Kept in alphabetical order.
class Variables {
 public:
  static constexpr std::size_t kMaxCount = 32;
  /// Bytes for all names and values.
  static constexpr std::size_t kRoom = 2048;

  struct Variable {
    std::string_view name;
    std::string_view value;
  };

  /// Sets a variable, new or old; an error changes nothing. `name` is a name, and
  /// `value` is not the value of one of these variables itself.
  [[nodiscard]] Result<void, VariableError> set(std::string_view name, std::string_view value);
  /// Does nothing where there is no such variable.
  void remove(std::string_view name);
  /// The value, until variables are changed.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;

  [[nodiscard]] std::size_t size() const { return count_; }
  /// The variable at `index`, less than size().
  [[nodiscard]] Variable at(std::size_t index) const;

 private:
  struct Lengths {
    std::uint16_t name = 0;
    std::uint16_t value = 0;
    [[nodiscard]] std::size_t both() const { return std::size_t{name} + value; }
  };

  [[nodiscard]] std::size_t lower_bound(std::string_view name) const;
  [[nodiscard]] bool is_at(std::size_t index, std::string_view name) const {
    return index < count_ && at(index).name == name;
  }
  [[nodiscard]] std::size_t start_of(std::size_t index) const;
  void erase(std::size_t index);
  void insert(std::size_t index, std::string_view name, std::string_view value);

  std::array<Lengths, kMaxCount> lengths_{};
  std::size_t count_ = 0;
  std::size_t used_ = 0;
  std::array<char, kRoom> text_{};  // Each name and then its value, without gaps.
};

}  // namespace heapscope::shell
