// A page of help: its sections, in the order that manual pages have.
#include "shell/help_page.hpp"

#include <array>

namespace heapscope::shell {
namespace {

constexpr std::array kOptionColumns{
    Column{.name = "option", .width = 18},
    Column{.name = "help"},
};
constexpr std::array kExampleColumns{Column{.name = "example"}};

void list_options(Reply& reply, std::span<const OptionRecord> options) {
  if (options.empty()) return;
  reply.heading("OPTIONS");
  reply.begin_list("options", kOptionColumns);
  for (const OptionRecord& option : options) {
    FixedText<64> shown;
    format(shown, "-{}", option.letter);
    if (!option.word.empty()) format(shown, ", --{}", option.word);
    if (!option.value_name.empty()) format(shown, " {}", option.value_name);
    reply.begin_item();
    reply.field("option", Value::text(shown.view()));
    reply.field("help", Value::text(option.help));
    reply.end_item();
  }
  reply.end_list();
}

/// Items of one text each.
void list_texts(Reply& reply, std::string_view list, std::span<const Column> columns,
                std::string_view field, std::span<const std::string_view> texts) {
  reply.begin_list(list, columns);
  for (const std::string_view text : texts) {
    reply.begin_item();
    reply.field(field, Value::text(text));
    reply.end_item();
  }
  reply.end_list();
}

}  // namespace

void show_help_page(Reply& reply, const CommandRecord& command) {
  reply.heading("NAME", command.name);
  reply.field("summary", Value::text(command.summary));
  reply.heading("SYNOPSIS");
  reply.field("usage", Value::text(command.usage));
  reply.heading("DESCRIPTION");
  reply.field("help", Value::text(command.help));
  list_options(reply, command.options);
  reply.heading("EXAMPLES");
  list_texts(reply, "examples", kExampleColumns, "example", command.examples);
  if (command.related.empty()) return;
  reply.heading("SEE ALSO");
  list_texts(reply, "related", {}, "name", command.related);
}

}  // namespace heapscope::shell
