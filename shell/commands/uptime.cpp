// `uptime`: how long the kernel has been running.
#include <array>

#include "shell/command.hpp"

namespace heapscope::shell {
namespace {

int run_uptime(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 1> kExamples{"uptime"};
constexpr std::array<std::string_view, 2> kRelated{"time", "version"};
constexpr CommandRecord kRecord{
    .name = "uptime",
    .usage = "uptime",
    .summary = "show the time since the kernel started",
    .help = "In microseconds.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .safe_in_panic = true,
    .run = run_uptime,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

int run_uptime(Context& context, const Arguments&) {
  context.reply.field("microseconds", Value::count(context.environment.platform.uptime_us()));
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
