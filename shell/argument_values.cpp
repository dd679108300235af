// Reading the values of arguments.
#include "shell/argument_values.hpp"

#include "shell/number.hpp"

namespace heapscope::shell {

std::optional<std::uint64_t> read_number(Context& context, const CommandRecord& command,
                                         std::string_view word, std::string_view what,
                                         std::uint64_t low, std::uint64_t high) {
  const auto number = parse_number(word);
  if (!number && number.error() == NumberError::malformed) {
    context.reply.refuse(command.usage, "{}: '{}' is not a number", what, word);
    return std::nullopt;
  }
  if (!number || *number < low || *number > high) {
    context.reply.refuse(command.usage, "{}: {} is not between {} and {}", what, word, low, high);
    return std::nullopt;
  }
  return *number;
}

std::optional<HandleTable::TagId> read_tag(Context& context, const CommandRecord& command,
                                           std::string_view word, int& status) {
  if (word.empty()) {
    status = context.reply.refuse(command.usage, "TAG is empty");
    return std::nullopt;
  }
  const auto tag = context.environment.handles.tag(word);
  if (tag) return *tag;
  status =
      tag.error() == TagError::too_long
          ? context.reply.refuse(command.usage, "TAG is longer than {} bytes",
                                 HandleTable::kMaxTagLength)
          : context.reply.fail("too-many-tags", "all {} tags are in use", HandleTable::kMaxTags);
  return std::nullopt;
}

std::optional<HandleId> handle_number(std::string_view word) {
  // "a07" is no handle: a handle has one name.
  if (word.size() < 2 || word[0] != 'a' || word[1] == '0') return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : word.substr(1)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
    if (number > UINT32_MAX) return std::nullopt;
  }
  return static_cast<HandleId>(number);
}

}  // namespace heapscope::shell
