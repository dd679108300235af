// Reading the kernel command line.
#include "shell/boot_options.hpp"

#include "shell/number.hpp"

namespace heapscope::shell {
namespace {

struct Word {
  std::string_view whole;
  std::string_view key;
  std::string_view value;
  bool closed = true;  // The quote that the value begins with ends.
};

constexpr bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// The word at the start of `text`, which has no blank there. Its value may be
/// quoted, or the whole word: key="a b" and "key=a b" are both in use.
Word take_word(std::string_view& text) {
  char quote = '\0';
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    const char c = text[end];
    if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (blank(c)) {
      break;
    }
  }
  Word word{.whole = text.substr(0, end), .key = {}, .value = {}, .closed = quote == '\0'};
  text.remove_prefix(end);
  const auto unquoted = [](std::string_view part) {
    const bool quoted = part.size() >= 2 && (part.front() == '"' || part.front() == '\'') &&
                        part.back() == part.front();
    return quoted ? part.substr(1, part.size() - 2) : part;
  };
  const std::string_view bare = unquoted(word.whole);
  const std::size_t equals = bare.find('=');
  word.key = bare.substr(0, equals);
  if (equals != std::string_view::npos) word.value = unquoted(bare.substr(equals + 1));
  return word;
}

/// Puts what a word asks for into `options`; returns what is wrong with it.
std::string_view apply(const Word& word, BootOptions& options) {
  if (!word.closed) return "its quote does not end";
  if (word.key == "heap.allocator") {
    options.allocator = word.value;
    return {};
  }
  if (word.key == "heap.hardening") {
    const auto level = alloc::hardening_named(word.value);
    if (!level) return "there is no such level; they are none, default and full";
    options.hardening = level;
    return {};
  }
  if (word.key == "heap.origins") {
    if (word.value != "on" && word.value != "off") return "its value is neither on nor off";
    options.origins = word.value == "on";
    return {};
  }
  if (word.key == "heap.size" || word.key == "heap.records") {
    const auto bytes = parse_number(word.value);
    if (!bytes) return "its value is not a size";
    (word.key == "heap.size" ? options.heap_bytes : options.record_bytes) = *bytes;
    return {};
  }
  if (word.key == "shell.mode") {
    const auto mode = mode_named(word.value);
    if (!mode) return "there is no such mode";
    options.mode = mode;
    return {};
  }
  if (word.key == "shell.run") {
    options.run = word.value;
    return {};
  }
  const bool ours = word.key.starts_with("heap.") || word.key.starts_with("shell.");
  return ours ? "there is no such key" : "";
}

}  // namespace

BootOptions read_boot_options(std::string_view command_line) {
  BootOptions options;
  for (;;) {
    while (!command_line.empty() && blank(command_line.front())) command_line.remove_prefix(1);
    if (command_line.empty()) return options;
    const Word word = take_word(command_line);
    const std::string_view reason = apply(word, options);
    // More problems than there is room for are not worth listing.
    if (!reason.empty()) (void)options.problems.push_back({.word = word.whole, .reason = reason});
  }
}

}  // namespace heapscope::shell
