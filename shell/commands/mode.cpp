// `mode`: how replies are shown.
#include <array>

#include "shell/shell.hpp"

namespace heapscope::shell {
namespace {

int run_mode(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 2> kExamples{"mode", "mode plain"};
constexpr std::array<std::string_view, 3> kNames{"plain", "terminal", "json"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::values, .values = kNames}};
constexpr std::array<std::string_view, 2> kRelated{"echo", "help"};
constexpr CommandRecord kRecord{
    .name = "mode",
    .usage = "mode [plain|terminal|json]",
    .summary = "show or set how replies are shown",
    .help =
        "plain is for people and echoes what is typed. terminal is for people at a terminal "
        "that obeys escape sequences. json has no echo and no prompt, and answers each command "
        "with one line of JSON.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 0,
    .max_arguments = 1,
    .safe_in_panic = true,
    .run = run_mode,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

int run_mode(Context& context, const Arguments& arguments) {
  if (arguments.size() == 0) {
    context.reply.field("mode", Value::text(mode_name(context.shell.mode())));
    return kSuccess;
  }
  const auto mode = mode_named(arguments[0]);
  if (!mode) return context.reply.refuse(kRecord.usage, "there is no mode '{}'", arguments[0]);
  context.shell.switch_mode(*mode, kRecord.name).field("mode", Value::text(mode_name(*mode)));
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
