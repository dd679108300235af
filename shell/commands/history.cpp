// `history`: the lines that were typed before.
#include <array>

#include "shell/command.hpp"

namespace heapscope::shell {
namespace {

int run_history(Context& context, const Arguments& arguments);

constexpr std::array kOptions{OptionRecord{.letter = 'c', .value_name = {}, .help = "forget them"}};
constexpr std::array<std::string_view, 2> kExamples{"history", "history -c"};
constexpr std::array<std::string_view, 1> kRelated{"mode"};
constexpr CommandRecord kRecord{
    .name = "history",
    .usage = "history [-c]",
    .summary = "list the lines that were typed",
    .help =
        "Lists them, the newest last, each once. In terminal mode the Up key brings those back "
        "that begin like the line before the cursor, and Ctrl-R searches them.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .run = run_history,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kColumns{
    Column{.name = "number", .width = 6, .right = true},
    Column{.name = "line"},
};

int run_history(Context& context, const Arguments& arguments) {
  History& history = context.environment.history;
  if (arguments.has('c')) {
    history.clear();
    return kSuccess;
  }
  const std::size_t count = history.size();
  context.reply.begin_list("lines", kColumns);
  for (std::size_t number = 1; number <= count && !context.interrupted(); ++number) {
    context.reply.begin_item();
    context.reply.field("number", Value::count(number));
    context.reply.field("line", Value::text(history.line(count - number)));
    context.reply.end_item();
  }
  context.reply.end_list();
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
