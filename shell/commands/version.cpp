// `version`: which build runs on which board.
#include <array>

#include "shell/command.hpp"

namespace heapscope::shell {
namespace {

int run_version(Context& context, const Arguments& arguments);

constexpr std::array kOptions{
    OptionRecord{.letter = 'v', .value_name = {}, .help = "show what the boot took as well"},
};
constexpr std::array<std::string_view, 2> kExamples{"version", "version -v"};
constexpr std::array<std::string_view, 2> kRelated{"board", "uptime"};
constexpr CommandRecord kRecord{
    .name = "version",
    .usage = "version [-v]",
    .summary = "show which build this is",
    .help = "Shows the version, the revision of the source, the compiler and the board.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .safe_in_panic = true,
    .run = run_version,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

void show_boot(Context& context) {
  const Counts boot = context.environment.platform.boot_counts();
  const Value none = Value::none();
  context.reply.field("boot_microseconds", Value::count(boot.microseconds));
  context.reply.field("boot_instructions",
                      boot.instructions ? Value::count(*boot.instructions) : none);
}

int run_version(Context& context, const Arguments& arguments) {
  const BuildInfo build = context.environment.platform.build();
  context.reply.field("name", Value::text("heapscope"));
  context.reply.field("version", Value::text(build.version));
  context.reply.field("revision", Value::text(build.revision));
  context.reply.field("compiler", Value::text(build.compiler));
  context.reply.field("board", Value::text(context.environment.platform.board()));
  if (arguments.has('v')) show_boot(context);
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
