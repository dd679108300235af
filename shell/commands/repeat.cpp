// `repeat`: another command, several times.
#include <array>

#include "shell/argument_values.hpp"
#include "shell/shell.hpp"

namespace heapscope::shell {
namespace {

int run_repeat(Context& context, const Arguments& arguments);

constexpr std::array kOptions{
    OptionRecord{
        .letter = 'd', .value_name = "MS", .help = "wait so many milliseconds between rounds"},
};
constexpr std::array<std::string_view, 2> kExamples{"repeat 3 alloc 64",
                                                    "repeat 2 -d 10 assert live_blocks < 100"};
constexpr std::array<std::string_view, 3> kRelated{"watch", "time", "sleep"};
constexpr std::array kArguments{Completes{},
                                Completes{.kind = Completes::Kind::command, .values = {}}};
constexpr CommandRecord kRecord{
    .name = "repeat",
    .usage = "repeat N [-d MS] COMMAND [WORD...]",
    .summary = "run a command several times",
    .help =
        "Runs the command N times, or up to the round in which it fails; its status is then "
        "that of the command. Ctrl-C ends it.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 2,
    .max_arguments = kMaxWords - 1,
    .run = run_repeat,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

int run_repeat(Context& context, const Arguments& arguments) {
  Shell& shell = context.shell;
  const auto rounds = read_number(context, kRecord, arguments[0], "N", 1);
  if (!rounds) return kWrongUsage;
  const auto pause = read_number(context, kRecord, arguments.value_of('d').value_or("0"), "MS", 0,
                                 kMillisecondsOfDay);
  if (!pause) return kWrongUsage;
  for (std::uint64_t round = 1;; ++round) {
    const auto [status, reply] = shell.run_nested(arguments.positional().subspan(1), kRecord.name);
    if (shell.interrupted()) {
      return reply.fail("interrupted", "interrupted in round {} of {}", round, *rounds);
    }
    if (status != kSuccess) {
      FixedText<96> message;
      format(message, "round {} of {} ended with status {}", round, *rounds, status);
      reply.error(status, "round-failed", message.view());
      return status;
    }
    if (round == *rounds || shell.stopping()) {
      reply.field("rounds", Value::count(round));
      return kSuccess;
    }
    if (!shell.pause(*pause * 1000)) {
      return reply.fail("interrupted", "interrupted behind round {} of {}", round, *rounds);
    }
  }
}

}  // namespace
}  // namespace heapscope::shell
