// Finding commands, and sorting the words they are called with.
#include "shell/command.hpp"

#include <algorithm>

#include "shell/shell.hpp"

// The linker defines these around the section that commands register in.
extern "C" {
extern const heapscope::shell::CommandRecord* const __start_heapscope_commands[];
extern const heapscope::shell::CommandRecord* const __stop_heapscope_commands[];
}

namespace heapscope::shell {

std::span<const CommandRecord* const> commands() {
  return {__start_heapscope_commands, __stop_heapscope_commands};
}

const CommandRecord* find_command(std::string_view name) {
  const auto all = commands();
  const auto found = std::ranges::find(all, name, &CommandRecord::name);
  return found == all.end() ? nullptr : *found;
}

bool Context::interrupted() { return shell.interrupted(); }

std::optional<std::string_view> Arguments::value_of(char letter) const {
  for (const Given& given : given_) {
    if (given.letter == letter) return given.value;
  }
  return std::nullopt;
}

Result<Arguments, Arguments::Error> Arguments::parse(std::span<const std::string_view> words,
                                                     std::span<const OptionRecord> options,
                                                     std::size_t command_at,
                                                     bool words_as_they_are) {
  Result<Arguments, Error> result;
  Arguments& arguments = *result;
  bool options_over = words_as_they_are;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    options_over = options_over || (command_at != 0 && arguments.size() >= command_at);
    const bool option =
        !options_over && word.size() > 1 && word[0] == '-' && !(word[1] >= '0' && word[1] <= '9');
    if (!option) {
      if (!arguments.positional_.push_back(word)) break;
      continue;
    }
    if (word == "--") {
      options_over = true;
      continue;
    }
    const auto known = std::ranges::find(options, word[1], &OptionRecord::letter);
    if (known == options.end()) return fail(Error{Error::Kind::unknown_option, word});
    if (arguments.has(word[1])) return fail(Error{Error::Kind::repeated_option, word});
    std::string_view value = word.substr(2);
    if (known->value_name.empty()) {
      if (!value.empty()) return fail(Error{Error::Kind::unknown_option, word});
    } else if (value.empty()) {
      if (i + 1 == words.size()) return fail(Error{Error::Kind::missing_value, word});
      value = words[++i];
    }
    // A command has fewer options than there is room for, each at most once.
    if (!arguments.given_.push_back({.letter = word[1], .value = value})) break;
  }
  return result;
}

}  // namespace heapscope::shell
