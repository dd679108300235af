// `set` and `unset`: variables, and whether scripts stop at a failure.
#include <array>

#include "shell/shell.hpp"

namespace heapscope::shell {
namespace {

int run_set(Context& context, const Arguments& arguments);
int run_unset(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 4> kSetExamples{"set size 4K; alloc $size", "set",
                                                       "set title 'one word'", "set -e"};
constexpr std::array<std::string_view, 2> kSetRelated{"unset", "source"};
constexpr CommandRecord kSetRecord{
    .name = "set",
    .usage = "set [NAME VALUE | -e | +e]",
    .summary = "set or list variables",
    .help =
        "$NAME and ${NAME} stand for the value in the lines that follow, also within \"...\", "
        "and are one word whatever is in them. $last is the handle of the newest block, $? the "
        "last status. set -e makes scripts stop at their first failure, set +e has them go on; "
        "set in a script, it holds to that script's end.",
    .options = {},
    .examples = kSetExamples,
    .related = kSetRelated,
    .min_arguments = 0,
    .max_arguments = 2,
    .takes_words_as_they_are = true,
    .run = run_set,
};
constexpr std::array<std::string_view, 1> kUnsetExamples{"unset size"};
constexpr std::array<std::string_view, 1> kUnsetRelated{"set"};
constexpr CommandRecord kUnsetRecord{
    .name = "unset",
    .usage = "unset NAME",
    .summary = "forget a variable",
    .help = "$NAME is an error afterwards; to forget what is not there is none.",
    .options = {},
    .examples = kUnsetExamples,
    .related = kUnsetRelated,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_unset,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kSet = &kSetRecord;
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kUnset = &kUnsetRecord;

constexpr std::array kColumns{
    Column{.name = "name", .width = 16},
    Column{.name = "value"},
};

void list(Context& context) {
  const Variables& variables = context.environment.variables;
  context.reply.begin_list("variables", kColumns);
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Variables::Variable variable = variables.at(i);
    context.reply.begin_item();
    context.reply.field("name", Value::text(variable.name));
    context.reply.field("value", Value::text(variable.value));
    context.reply.end_item();
  }
  context.reply.end_list();
}

int assign(Context& context, std::string_view name, std::string_view value) {
  Reply& reply = context.reply;
  if (name.empty() || leading_name(name) != name) {
    return reply.refuse(kSetRecord.usage, "'{}' is no name: letters, digits and _, no digit first",
                        name);
  }
  if (name == kLastHandle) {
    return reply.refuse(kSetRecord.usage, "{} is always the newest block's handle", name);
  }
  const auto set = context.environment.variables.set(name, value);
  if (set) return kSuccess;
  if (set.error() == VariableError::too_many) {
    return reply.fail("no-room", "there are {} variables, which is the most", Variables::kMaxCount);
  }
  return reply.fail("no-room", "names and values of variables are {} bytes at most",
                    Variables::kRoom);
}

int run_set(Context& context, const Arguments& arguments) {
  if (arguments.size() == 2) return assign(context, arguments[0], arguments[1]);
  if (arguments.size() == 0) {
    list(context);
    return kSuccess;
  }
  const bool strict = arguments[0] == "-e";
  if (!strict && arguments[0] != "+e") {
    return context.reply.refuse(kSetRecord.usage, "set {} needs a value", arguments[0]);
  }
  context.shell.set_strict(strict);
  return kSuccess;
}

int run_unset(Context& context, const Arguments& arguments) {
  context.environment.variables.remove(arguments[0]);
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
