// `help`: the commands, or one of them in full, from their records.
#include <algorithm>
#include <array>

#include "shell/help_page.hpp"
#include "shell/shell.hpp"

namespace heapscope::shell {
namespace {

int run_help(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 2> kExamples{"help", "help alloc"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::topic}};
constexpr std::array<std::string_view, 1> kRelated{"version"};
constexpr CommandRecord kRecord{
    .name = "help",
    .usage = "help [NAME]",
    .summary = "list the commands, or explain one",
    .help =
        "Without a name, lists all commands; in the panic shell, those that it runs. With one, "
        "explains it; `NAME --help` does the same. With --one-line, the reply of any command is "
        "one line of name=value.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 0,
    .max_arguments = 1,
    .safe_in_panic = true,
    .run = run_help,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kColumns{
    Column{.name = "name", .width = 10},
    Column{.name = "summary"},
};

/// The command that follows `name` in alphabetical order, or null.
const CommandRecord* next_by_name(std::string_view name) {
  const CommandRecord* next = nullptr;
  for (const CommandRecord* command : commands()) {
    const bool behind = command->name > name;
    if (behind && (next == nullptr || command->name < next->name)) next = command;
  }
  return next;
}

void list_all(Context& context) {
  Reply& reply = context.reply;
  reply.begin_list("commands", kColumns);
  for (const CommandRecord* command = next_by_name({}); command != nullptr;
       command = next_by_name(command->name)) {
    if (!context.shell.runs(*command)) continue;
    reply.begin_item();
    reply.field("name", Value::text(command->name));
    reply.field("summary", Value::text(command->summary));
    reply.end_item();
  }
  reply.end_list();
}

int run_help(Context& context, const Arguments& arguments) {
  if (arguments.size() == 0) {
    list_all(context);
    return kSuccess;
  }
  const CommandRecord* command = find_command(arguments[0]);
  if (command == nullptr) {
    return context.reply.fail("unknown-command", "there is no command {}; try help", arguments[0]);
  }
  show_help_page(context.reply, *command);
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
