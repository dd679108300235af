// `clear`: an empty screen.
#include <array>

#include "shell/shell.hpp"

namespace heapscope::shell {
namespace {

int run_clear(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 1> kExamples{"clear"};
constexpr std::array<std::string_view, 1> kRelated{"mode"};
constexpr CommandRecord kRecord{
    .name = "clear",
    .usage = "clear",
    .summary = "empty the screen",
    .help =
        "Empties the screen of a terminal. Other modes send no escape sequences, and nothing "
        "happens there.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .run = run_clear,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

int run_clear(Context& context, const Arguments&) {
  context.shell.control_screen("\x1b[H\x1b[2J");
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
