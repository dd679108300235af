// `source`: runs a text as a script, from the lines that follow, the initrd or a
// block.
#include <array>

#include "shell/block_argument.hpp"
#include "shell/shell.hpp"

namespace heapscope::shell {
namespace {

int run_source(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 1> kExamples{"source <<END"};
constexpr std::array<std::string_view, 2> kRelated{"set", "repeat"};
constexpr std::array<std::string_view, 2> kValues{"<<END", "initrd"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::values, .values = kValues}};
constexpr CommandRecord kRecord{
    .name = "source",
    .usage = "source <<NAME | initrd | BLOCK",
    .summary = "run a script",
    .help =
        "With <<NAME, the lines that follow are the script, up to one that is NAME; nothing of "
        "it is run before that, and Ctrl-C drops it. initrd is the one that the kernel was "
        "started with, BLOCK one that holds a text, a handle or its address. Its status is that "
        "of the last command. After set -e, it ends at the first command that fails, but for "
        "one that && or || follows.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_source,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

/// What a transfer or a filled block has behind its text.
constexpr std::string_view kPadding("\0\x1a", 2);

/// The script, or the status of the error that was shown.
using Script = Result<Shell::Script, int>;

Script attached_script(Context& context, std::string_view name) {
  const Shell::Attached& attached = context.shell.attached();
  Reply& reply = context.reply;
  if (attached.name == name) {
    switch (attached.kind) {
      case Shell::Attached::Kind::whole:
        return Shell::Script{
            .source = kRecord.name, .text = attached.text, .block = context.shell.script_block()};
      case Shell::Attached::Kind::too_long:
        return fail(reply.fail("too-long", "the script has more than {} bytes; none of it was run",
                               ScriptBuffer::kRoom));
      case Shell::Attached::Kind::unfinished:
        return fail(
            reply.fail("unfinished", "no line {} ends the script; none of it was run", name));
      case Shell::Attached::Kind::none:
        break;
    }
  }
  return fail(reply.refuse(kRecord.usage, "no script follows for <<{}", name));
}

Script initrd_script(Context& context) {
  const Range initrd = context.environment.boot.initrd;
  const std::string_view text(reinterpret_cast<const char*>(initrd.start), initrd.size());
  if (initrd.empty()) return fail(context.reply.fail("not-a-script", "there is no initrd"));
  if (is_script(text)) return Shell::Script{.source = "initrd", .text = text};
  return fail(context.reply.fail("not-a-script", "{}", Shell::kNoScript));
}

Script block_script(Context& context, std::string_view word) {
  const auto block = read_block(context, kRecord, word);
  if (!block) return fail(block.error());
  std::string_view text(reinterpret_cast<const char*>(block->address), block->size);
  text = text.substr(0, text.find_last_not_of(kPadding) + 1);
  return Shell::Script{.source = word, .text = text, .block = block->id};
}

Script find_script(Context& context, std::string_view word) {
  if (word.starts_with("<<")) return attached_script(context, word.substr(2));
  return word == "initrd" ? initrd_script(context) : block_script(context, word);
}

int run_source(Context& context, const Arguments& arguments) {
  if (!context.shell.script_allowed()) {
    return context.reply.fail("too-deep", "{} scripts within one another are the most",
                              Shell::kMaxScripts);
  }
  const Script script = find_script(context, arguments[0]);
  if (!script) return script.error();
  const auto [end, reply] = context.shell.run_nested_script(*script, kRecord.name);
  switch (end.kind) {
    case Shell::ScriptEnd::Kind::interrupted:
      return reply.fail("interrupted", "{}: interrupted behind line {}", script->source, end.line);
    case Shell::ScriptEnd::Kind::freed:
      return reply.fail("not-allocated", "{}: freed in line {}, where the script ends",
                        script->source, end.line);
    case Shell::ScriptEnd::Kind::stopped:
      reply.error(end.status, "stopped", Shell::StopMessage(script->source, end).view());
      return end.status;
    case Shell::ScriptEnd::Kind::reached:
      break;
  }
  if (end.status != kSuccess) reply.nested_failed(end.status);
  reply.field("lines", Value::count(end.line));
  reply.field("status", Value::count(static_cast<std::uint64_t>(end.status)));
  return end.status;
}

}  // namespace
}  // namespace heapscope::shell
