// `version`: which build runs on which board.
#include <array>

#include "shell/command.hpp"

namespace heapscope::shell {
namespace {

int run(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 1> kExamples{"version"};
constexpr CommandRecord kRecord{
    .name = "version",
    .usage = "version",
    .summary = "show which build this is",
    .help = "Shows the version, the revision of the source, the compiler and the board.",
    .options = {},
    .examples = kExamples,
    .run = run,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

int run(Context& context, const Arguments&) {
  const BuildInfo build = context.environment.platform.build();
  context.reply.field("name", Value::text("heapscope"));
  context.reply.field("version", Value::text(build.version));
  context.reply.field("revision", Value::text(build.revision));
  context.reply.field("compiler", Value::text(build.compiler));
  context.reply.field("board", Value::text(context.environment.platform.board()));
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
