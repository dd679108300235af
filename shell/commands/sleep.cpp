// `sleep`: waits.
#include <array>

#include "shell/argument_values.hpp"
#include "shell/shell.hpp"

namespace heapscope::shell {
namespace {

int run_sleep(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 1> kExamples{"sleep 100"};
constexpr std::array<std::string_view, 2> kRelated{"repeat", "watch"};
constexpr CommandRecord kRecord{
    .name = "sleep",
    .usage = "sleep MS",
    .summary = "wait so many milliseconds",
    .help = "Up to a day. Ctrl-C ends it.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_sleep,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

int run_sleep(Context& context, const Arguments& arguments) {
  const auto duration = read_number(context, kRecord, arguments[0], "MS", 0, kMillisecondsOfDay);
  if (!duration) return kWrongUsage;
  if (context.shell.pause(*duration * 1000)) return kSuccess;
  return context.reply.fail("interrupted", "interrupted");
}

}  // namespace
}  // namespace heapscope::shell
