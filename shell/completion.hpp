// What a word that is being typed may become, and what else its command takes. All of
// it comes from the commands' records and from what is alive.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "shell/command.hpp"

namespace heapscope::shell {

/// Receives what a word may become.
class Candidates {
 public:
  /// A whole word, and a few words about it, perhaps none. Neither is valid after the
  /// call. False: no more are wanted.
  virtual bool candidate(std::string_view word, std::string_view note) = 0;

 protected:
  ~Candidates() = default;
};

/// Looks at lines and changes nothing.
class Completion {
 public:
  Completion(const Environment& environment, const Shell& shell)
      : environment_(environment), shell_(shell) {}

  /// The word at the end of a line.
  struct Point {
    std::string_view typed;                  ///< What there is of it.
    const CommandRecord* command = nullptr;  ///< Whose argument it is, if any.
    std::size_t argument = 0;                ///< Which of the positional ones.
    Completes completes = {};
    bool option = false;                     ///< It begins with "-" and is an option.
    const OptionRecord* value_of = nullptr;  ///< The option whose value it is, if any.
  };
  /// `line` is what stands before the cursor.
  [[nodiscard]] Point at_end_of(std::string_view line) const;

  /// Lists what the word may become, in alphabetical order or that of numbers. Linear
  /// in the live blocks where these are candidates.
  void list(const Point& point, Candidates& candidates) const;

  /// What the command at the end of the line still takes, of its usage; empty where
  /// that cannot be told.
  [[nodiscard]] std::string_view hint(std::string_view line) const;

 private:
  [[nodiscard]] Point argument_point(std::span<const std::string_view> words,
                                     std::string_view typed) const;
  void list_commands(std::string_view typed, Candidates& candidates) const;
  void list_options(const Point& point, Candidates& candidates) const;
  void list_blocks(std::string_view typed, Candidates& candidates) const;
  void list_tags(std::string_view typed, Candidates& candidates) const;
  void list_workloads(std::string_view typed, Candidates& candidates) const;
  static void list_marks(std::string_view typed, Candidates& candidates);

  const Environment& environment_;
  const Shell& shell_;
};

}  // namespace heapscope::shell
