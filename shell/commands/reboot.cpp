// `reboot`: starts the machine anew.
#include <array>

#include "shell/shell.hpp"

namespace heapscope::shell {
namespace {

int run_reboot(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 1> kExamples{"reboot"};
constexpr std::array<std::string_view, 1> kRelated{"poweroff"};
constexpr CommandRecord kRecord{
    .name = "reboot",
    .usage = "reboot",
    .summary = "start the machine anew",
    .help = "Resets the board by its watchdog; the firmware loads the kernel again.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .safe_in_panic = true,
    .run = run_reboot,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

int run_reboot(Context& context, const Arguments&) {
  context.reply.line("action", "rebooting");
  context.shell.stop_after_line({.reboot = true});
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
