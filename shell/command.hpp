// What a command is to the shell: one record with its name, usage, help and
// code. Help, argument checks and completion are all made from the record.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "base/static_vector.hpp"
#include "shell/environment.hpp"
#include "shell/language.hpp"
#include "shell/reply.hpp"

namespace heapscope::shell {

class Shell;

/// What a word of a command stands for, so that it can be completed.
struct Completes {
  enum class Kind : std::uint8_t {
    nothing,   ///< A number or a text of one's own.
    values,    ///< One of `values`.
    command,   ///< A command's name; what follows are that command's words.
    topic,     ///< A command's name, and no words of it.
    block,     ///< A live block's handle.
    tag,       ///< A tag that live blocks have.
    workload,  ///< A workload that can be played, or one of `values`.
    mark,      ///< A mark that was set.
  };
  Kind kind = Kind::nothing;
  std::span<const std::string_view> values = {};
};

/// An option, "-t TAG" or "--tag TAG", with a value where `value_name` is not empty.
struct OptionRecord {
  char letter = '\0';
  std::string_view word = {};  ///< The long name, without dashes; empty where it has none.
  std::string_view value_name;
  std::string_view help;
  Completes completes = {};  ///< What the value stands for.
};

/// Whether a word is an option and no number, as -1 is.
[[nodiscard]] constexpr bool is_option(std::string_view word) {
  return word.size() > 1 && word[0] == '-' && !(word[1] >= '0' && word[1] <= '9');
}

/// The option that a word is, and the value where it stands in the same word: "-tTAG" or
/// "--tag=TAG".
struct OptionWord {
  const OptionRecord* option = nullptr;  ///< Null where there is none of that name.
  std::optional<std::string_view> value = std::nullopt;
};
[[nodiscard]] OptionWord read_option(std::span<const OptionRecord> options, std::string_view word);

/// The words of a command, sorted into options and positional arguments.
/// `--` ends the options; a `-` before a digit is no option.
class Arguments {
 public:
  /// What is wrong with the words.
  struct Error {
    enum class Kind : std::uint8_t { unknown_option, missing_value, repeated_option };
    Kind kind;
    std::string_view word;
    bool one_line = false;  ///< Whether the reply is to be one line all the same.
  };

  static constexpr std::size_t kMaxOptions = 12;

  /// `words` without the command's name. They must outlive the arguments. From the
  /// positional argument of number `command_at` on, if that is not 0, all words are
  /// taken as they are.
  [[nodiscard]] static Result<Arguments, Error> parse(std::span<const std::string_view> words,
                                                      std::span<const OptionRecord> options,
                                                      std::size_t command_at = 0,
                                                      bool words_as_they_are = false);

  [[nodiscard]] std::size_t size() const { return positional_.size(); }
  [[nodiscard]] std::string_view operator[](std::size_t i) const { return positional_[i]; }
  [[nodiscard]] std::span<const std::string_view> positional() const { return positional_; }

  [[nodiscard]] bool has(char letter) const { return value_of(letter).has_value(); }
  /// Whether the reply is to be one line of text, which every command can be asked for.
  [[nodiscard]] bool one_line() const { return one_line_; }
  static constexpr std::string_view kOneLine = "--one-line";
  /// The option's value, empty for one that takes none; nothing if not given.
  [[nodiscard]] std::optional<std::string_view> value_of(char letter) const;

 private:
  struct Given {
    char letter = '\0';
    std::string_view value;
  };
  StaticVector<std::string_view, kMaxWords> positional_;
  StaticVector<Given, kMaxOptions> given_;
  bool one_line_ = false;
};

/// What a command works with while it runs.
struct Context {
  Environment& environment;
  Reply& reply;
  Shell& shell;

  /// Whether Ctrl-C asked this command to stop. Long work asks every so often.
  [[nodiscard]] bool interrupted();
};

/// A command's file registers its record by putting a pointer to it where
/// commands() finds it. The linker collects the pointers of all files; there is
/// no list of commands anywhere else:
///     [[gnu::used, gnu::section("heapscope_commands")]]
///     const CommandRecord* const kRegistered = &kRecord;
struct CommandRecord {
  std::string_view name;
  std::string_view usage;    ///< "alloc SIZE [ALIGN]"; the form that errors show.
  std::string_view summary;  ///< A few words, for the list of commands.
  std::string_view help;     ///< Sentences, for `help NAME`.
  std::span<const OptionRecord> options;
  std::span<const std::string_view> examples;
  std::span<const std::string_view> related = {};  ///< Names of other commands.
  /// What the positional arguments stand for; the last of these holds for all that
  /// follow.
  std::span<const Completes> arguments = {};
  std::uint8_t min_arguments = 0;  ///< Positional ones.
  std::uint8_t max_arguments = 0;
  bool takes_words_as_they_are = false;  ///< No options: every word is an argument.
  /// Takes no lock, allocates nothing, needs no interrupt and changes nothing that
  /// is to be looked at: the panic shell runs it.
  bool safe_in_panic = false;
  int (*run)(Context&, const Arguments&) = nullptr;

  /// Which positional argument, counted from 1, is the name of another command, whose
  /// words follow; 0 for none. Options stand before it.
  [[nodiscard]] constexpr std::size_t command_at() const {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (arguments[i].kind == Completes::Kind::command) return i + 1;
    }
    return 0;
  }
};

/// All commands, in no particular order.
[[nodiscard]] std::span<const CommandRecord* const> commands();

/// The command of that name, or null.
[[nodiscard]] const CommandRecord* find_command(std::string_view name);

}  // namespace heapscope::shell
