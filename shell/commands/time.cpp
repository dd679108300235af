// `time`: how long another command takes.
#include <array>

#include "shell/shell.hpp"

namespace heapscope::shell {
namespace {

int run_time(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 2> kExamples{"time stats", "time heapmap"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::command}};
constexpr std::array<std::string_view, 4> kRelated{"uptime", "replay", "repeat", "watch"};
constexpr CommandRecord kRecord{
    .name = "time",
    .usage = "time COMMAND [WORD...]",
    .summary = "show how long a command takes",
    .help =
        "Runs the command and then shows microseconds, cycles of this core and, where the "
        "machine counts them, instructions. What the command prints is part of it.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 1,
    .max_arguments = kMaxWords - 1,
    .run = run_time,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

/// The instruction counter has 32 bits and wraps.
Value instructions_between(const Counts& before, const Counts& after) {
  if (!before.instructions || !after.instructions) return Value::none();
  return Value::count((*after.instructions - *before.instructions) & 0xffff'ffff);
}

int run_time(Context& context, const Arguments& arguments) {
  Platform& platform = context.environment.platform;
  const Counts before = platform.counts();
  const auto [status, reply] = context.shell.run_nested(arguments.positional(), kRecord.name);
  const Counts after = platform.counts();
  if (status != kSuccess) reply.nested_failed(status);
  reply.field("microseconds", Value::count(after.microseconds - before.microseconds));
  reply.field("cycles", Value::count(after.cycles - before.cycles));
  reply.field("instructions", instructions_between(before, after));
  return status;
}

}  // namespace
}  // namespace heapscope::shell
