// `holds`: for how many instructions the heaps' lock was held, in the kernel whose lock
// counts them.
#include <array>
#include <utility>

#include "kernel/heap_lock.hpp"
#include "shell/command.hpp"

namespace heapscope::kernel {
namespace {

int run(shell::Context& context, const shell::Arguments& arguments);

constexpr std::array<std::string_view, 1> kExamples{"holds"};
constexpr shell::CommandRecord kRecord{
    .name = "holds",
    .usage = "holds",
    .summary = "show how long the heap's lock was held",
    .help = "The longest hold in instructions, and how many there were, since it was last asked.",
    .options = {},
    .examples = kExamples,
    .run = run,
};
[[gnu::used, gnu::section("heapscope_commands")]] const shell::CommandRecord* const kRegistered =
    &kRecord;

int run(shell::Context& context, const shell::Arguments&) {
  const HoldFigures figures = std::exchange(hold_figures, {});
  context.reply.field("longest", shell::Value::count(figures.longest));
  context.reply.field("holds", shell::Value::count(figures.holds));
  context.reply.field("instructions", shell::Value::count(figures.instructions));
  return shell::kSuccess;
}

}  // namespace
}  // namespace heapscope::kernel
