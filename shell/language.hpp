// The shell's language: a line becomes commands, joined by ; && ||, each a list
// of words with quotes, escapes and variables taken care of.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "shell/variables.hpp"

namespace heapscope::shell {

/// Words of a line, command names included.
inline constexpr std::size_t kMaxWords = 64;

/// The variable that stands for the newest block's handle.
inline constexpr std::string_view kLastHandle = "last";

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

/// What variables stand for when a command is reached.
struct Scope {
  int last_status = 0;             ///< $?
  std::string_view last_handle{};  ///< $last; empty where there is none yet.
  const Variables* variables = nullptr;
};

/// Why the words of a command cannot be had.
struct ExpansionError {
  enum class Kind : std::uint8_t {
    no_variable,  ///< `word` is the name of no variable.
    too_long,     ///< All words together take more than Words::kRoom.
  };
  Kind kind;
  std::string_view word;
};

/// The words of one command, quotes removed and variables replaced. Lives as
/// long as the Words it came from is not filled again.
class Words {
 public:
  /// Bytes of all words of a command.
  static constexpr std::size_t kRoom = 1024;

  [[nodiscard]] std::span<const std::string_view> words() const { return {words_.data(), count_}; }

 private:
  friend class CommandLine;

  void clear() {
    count_ = used_ = 0;
    overflowed_ = false;
  }
  void put(std::string_view text);
  void end_word(std::size_t begin) { words_[count_++] = {text_.data() + begin, used_ - begin}; }

  std::array<char, kRoom> text_{};
  std::array<std::string_view, kMaxWords> words_{};
  std::size_t used_ = 0;
  std::size_t count_ = 0;
  bool overflowed_ = false;
};

/// A line whose syntax was checked as a whole, so that nothing of a line that
/// is wrong further on is run. Points into the text it was made from.
class CommandLine {
 public:
  [[nodiscard]] static Result<CommandLine, SyntaxError> parse(std::string_view text);

  /// Moves to the next command; false after the last.
  [[nodiscard]] bool next();
  /// How this command is joined to the one before.
  [[nodiscard]] Join join() const { return join_; }
  /// Whether && or || follows this command.
  [[nodiscard]] bool decides() const { return next_join_ != Join::always; }
  /// This command's first word as typed, quotes and all.
  [[nodiscard]] std::string_view name() const { return name_; }
  /// The words of this command.
  [[nodiscard]] Result<void, ExpansionError> expand(const Scope& scope, Words& words) const;
  /// Where this command is `source <<NAME`: the name. Else empty.
  [[nodiscard]] std::string_view delimiter() const;

 private:
  explicit CommandLine(std::string_view text) : rest_(text) {}

  static Result<void, ExpansionError> expand(std::string_view raw, const Scope& scope,
                                             Words& words);
  static bool put_value(std::string_view name, const Scope& scope, Words& words);

  std::string_view rest_;
  std::string_view command_;
  std::string_view name_;
  Join join_ = Join::always;
  Join next_join_ = Join::always;
};

/// The name that ends the text of the `source <<NAME` in a line: the text follows
/// the line. Empty where there is none.
[[nodiscard]] std::string_view text_delimiter(std::string_view line);

/// The first word of a line as it was typed, quotes and all; empty where there
/// is none.
[[nodiscard]] std::string_view first_word(std::string_view text);

}  // namespace heapscope::shell
