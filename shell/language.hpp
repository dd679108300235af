// The shell's language: a line becomes commands, joined by ; && ||, each a list
// of words with quotes, escapes and $? taken care of.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.hpp"

namespace heapscope::shell {

/// Words of a line, command names included.
inline constexpr std::size_t kMaxWords = 64;

enum class SyntaxError : std::uint8_t {
  unclosed_quote,
  nothing_escaped,
  missing_command,
  lone_operator,
  too_many_words,
};

/// One line that says what is wrong.
[[nodiscard]] std::string_view describe(SyntaxError error);

/// How a command is joined to the one before it.
enum class Join : std::uint8_t {
  always,      ///< The first one, or after `;`.
  on_success,  ///< After `&&`.
  on_failure,  ///< After `||`.
};

/// The words of one command, quotes removed and variables replaced. Lives as
/// long as the Words it came from is not filled again.
class Words {
 public:
  [[nodiscard]] std::span<const std::string_view> words() const { return {words_.data(), count_}; }

 private:
  friend class CommandLine;
  static constexpr std::size_t kRoom = 1024;

  void clear() { count_ = used_ = 0; }
  void put(char c) {
    if (used_ < kRoom) text_[used_++] = c;
  }

  std::array<char, kRoom> text_{};
  std::array<std::string_view, kMaxWords> words_{};
  std::size_t used_ = 0;
  std::size_t count_ = 0;
};

/// A line whose syntax was checked as a whole, so that nothing of a line that
/// is wrong further on is run. Points into the text it was made from.
class CommandLine {
 public:
  [[nodiscard]] static Result<CommandLine, SyntaxError> parse(std::string_view text);

  /// Moves to the next command; false after the last. `last_status` is what $?
  /// stands for in it.
  [[nodiscard]] bool next(int last_status, Words& words);
  /// How the command that next() gave is joined to the one before.
  [[nodiscard]] Join join() const { return join_; }

 private:
  explicit CommandLine(std::string_view text) : rest_(text) {}

  static void expand(std::string_view raw, int last_status, Words& words);

  std::string_view rest_;
  Join join_ = Join::always;
  Join next_join_ = Join::always;
};

/// The first word of a line as it was typed, quotes and all; empty where there
/// is none.
[[nodiscard]] std::string_view first_word(std::string_view text);

}  // namespace heapscope::shell
