// `poweroff`: stops the machine.
#include <array>

#include "shell/argument_values.hpp"
#include "shell/shell.hpp"

namespace heapscope::shell {
namespace {

int run_poweroff(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 2> kExamples{"poweroff", "poweroff 3"};
constexpr std::array<std::string_view, 1> kRelated{"reboot"};
constexpr CommandRecord kRecord{
    .name = "poweroff",
    .usage = "poweroff [STATUS]",
    .summary = "stop the machine",
    .help = "Ends QEMU with exit status STATUS, 0 to 255 (0 if not given). A real board halts.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .min_arguments = 0,
    .max_arguments = 1,
    .safe_in_panic = true,
    .run = run_poweroff,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

int run_poweroff(Context& context, const Arguments& arguments) {
  std::optional<std::uint64_t> status = 0;
  if (arguments.size() > 0) status = read_number(context, kRecord, arguments[0], "STATUS", 0, 255);
  if (!status) return kWrongUsage;
  context.reply.line("action", "powering off");
  context.shell.stop_after_line({.reboot = false, .status = static_cast<std::uint8_t>(*status)});
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
