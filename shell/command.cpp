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
  if (name.empty()) return nullptr;
  // Asked while somebody types: most names differ in their length or first letter.
  for (const CommandRecord* const each : commands()) {
    if (each->name.size() != name.size() || each->name.front() != name.front()) continue;
    if (each->name == name) return each;
  }
  return nullptr;
}

bool Context::interrupted() { return shell.interrupted(); }

OptionWord read_option(std::span<const OptionRecord> options, std::string_view word) {
  OptionWord found;
  const bool is_long = word.starts_with("--");
  std::string_view name = word.substr(is_long ? 2 : 1, is_long ? std::string_view::npos : 1);
  if (is_long) {
    const std::size_t equals = name.find('=');
    if (equals != std::string_view::npos) found.value = name.substr(equals + 1);
    name = name.substr(0, equals);
  } else if (word.size() > 2) {
    found.value = word.substr(2);
  }
  for (const OptionRecord& option : options) {
    const bool named = is_long ? !name.empty() && option.word == name : option.letter == name[0];
    if (named) found.option = &option;
  }
  return found;
}

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
  // What stands behind the word that is wrong still says how that is to be told, unless it
  // may be another command's.
  const auto refuse = [&](Error::Kind kind, std::size_t at) {
    const auto rest = words.subspan(at + 1, command_at == 0 ? std::dynamic_extent : 0);
    const auto over = std::ranges::find(rest, "--");
    const bool follows = std::find(rest.begin(), over, kOneLine) != over;
    return fail(Error{kind, words[at], arguments.one_line_ || follows});
  };
  bool options_over = words_as_they_are;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    options_over = options_over || (command_at != 0 && arguments.size() >= command_at);
    if (options_over || !is_option(word)) {
      if (!arguments.positional_.push_back(word)) break;
      continue;
    }
    if (word == "--") {
      options_over = true;
      continue;
    }
    if (word == kOneLine) {
      arguments.one_line_ = true;
      continue;
    }
    auto [option, value] = read_option(options, word);
    if (option == nullptr) return refuse(Error::Kind::unknown_option, i);
    if (arguments.has(option->letter)) return refuse(Error::Kind::repeated_option, i);
    if (option->value_name.empty()) {
      if (value) return refuse(Error::Kind::unknown_option, i);
    } else if (!value) {
      if (i + 1 == words.size()) return refuse(Error::Kind::missing_value, i);
      value = words[++i];
    }
    // A command has fewer options than there is room for, each at most once.
    if (!arguments.given_.push_back({.letter = option->letter, .value = value.value_or("")})) break;
  }
  return result;
}

}  // namespace heapscope::shell
