// `echo`: prints its arguments.
#include <array>

#include "shell/command.hpp"

namespace heapscope::shell {
namespace {

int run_echo(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 2> kExamples{"echo hello", "echo $?"};
constexpr std::array<std::string_view, 1> kRelated{"mode"};
constexpr CommandRecord kRecord{
    .name = "echo",
    .usage = "echo [WORD...]",
    .summary = "print words",
    .help =
        "Prints its words with one blank between them. $? is the status of the last command: "
        "0 success, 1 failed, 2 wrong usage, 127 unknown command.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .min_arguments = 0,
    .max_arguments = kMaxWords - 1,
    .takes_words_as_they_are = true,
    .safe_in_panic = true,
    .run = run_echo,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

int run_echo(Context& context, const Arguments& arguments) {
  FixedText<1200> text;  // More than the words of a line can come to.
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (i > 0) text.write(" ");
    text.write(arguments[i]);
  }
  context.reply.line("text", text.view());
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
