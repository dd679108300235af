// `watch`: another command, again and again.
#include <algorithm>
#include <array>

#include "shell/argument_values.hpp"
#include "shell/shell.hpp"

namespace heapscope::shell {
namespace {

int run_watch(Context& context, const Arguments& arguments);

constexpr std::array kOptions{
    OptionRecord{.letter = 'n',
                 .value_name = "SECONDS",
                 .help = "wait so long between rounds; 2 if not given"},
    OptionRecord{.letter = 'c', .value_name = "COUNT", .help = "end after so many rounds"},
};
constexpr std::array<std::string_view, 2> kExamples{"watch -c 2 -n 1 stats",
                                                    "watch -n 0 -c 3 heapmap -r 4"};
constexpr std::array<std::string_view, 2> kRelated{"repeat", "sleep"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::command, .values = {}}};
constexpr CommandRecord kRecord{
    .name = "watch",
    .usage = "watch [-n SECONDS] [-c COUNT] COMMAND [WORD...]",
    .summary = "run a command until Ctrl-C",
    .help =
        "Runs the command again and again, whether it fails or not. In terminal mode each "
        "round is drawn over the one before; in plain mode a line --- stands between two. With "
        "--one-line, of this command or of the other, each round is one line, for a log.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 1,
    .max_arguments = kMaxWords - 1,
    .run = run_watch,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

int run_watch(Context& context, const Arguments& arguments) {
  Shell& shell = context.shell;
  const auto words = arguments.positional();
  const bool as_lines =
      arguments.one_line() || std::ranges::find(words, Arguments::kOneLine) != words.end();
  const auto pause = read_number(context, kRecord, arguments.value_of('n').value_or("2"), "SECONDS",
                                 0, kMillisecondsOfDay / 1000);
  if (!pause) return kWrongUsage;
  std::uint64_t count = UINT64_MAX;
  if (const auto word = arguments.value_of('c')) {
    const auto given = read_number(context, kRecord, *word, "COUNT", 1);
    if (!given) return kWrongUsage;
    count = *given;
  }
  for (std::uint64_t round = 1;; ++round) {
    shell.begin_round(round == 1, as_lines);
    const auto [status, reply] = shell.run_nested(arguments.positional(), kRecord.name);
    shell.end_round();
    if (round == count || shell.stopping() || !shell.pause(*pause * 1'000'000)) {
      reply.field("rounds", Value::count(round));
      return kSuccess;
    }
  }
}

}  // namespace
}  // namespace heapscope::shell
