// `mark`: gives a moment a name, for `diff`.
#include <array>

#include "shell/command.hpp"
#include "shell/marks.hpp"

namespace heapscope::shell {
namespace {

int run_mark(Context& context, const Arguments& arguments);

constexpr std::array kOptions{
    OptionRecord{.letter = 'd', .word = "delete", .value_name = {}, .help = "forget the mark"},
};
constexpr std::array<std::string_view, 2> kExamples{"mark before", "mark before --delete"};
constexpr std::array<std::string_view, 2> kRelated{"diff", "origins"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::mark}};
constexpr CommandRecord kRecord{
    .name = "mark",
    .usage = "mark [NAME] [-d]",
    .summary = "name this moment, for diff",
    .help =
        "A name that is used again stands for the new moment. Without a name, lists the marks; "
        "16 are the most. boot is there always, and before all blocks.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 0,
    .max_arguments = 1,
    .run = run_mark,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kColumns{
    Column{.name = "name", .width = 16},
    Column{.name = "us", .width = 12, .right = true},
    Column{.name = "sequence", .width = 10, .right = true},
    Column{.name = "live_blocks", .width = 11, .right = true},
    Column{.name = "used_bytes", .width = 11, .right = true},
};

void list(Context& context) {
  Reply& reply = context.reply;
  reply.begin_list("marks", kColumns);
  for (const Mark& mark : marks()) {
    reply.begin_item();
    reply.field("name", Value::text(mark.name.view()));
    reply.field("us", Value::count(mark.us));
    reply.field("sequence", Value::count(mark.sequence));
    reply.field("live_blocks", Value::count(mark.live_blocks));
    reply.field("used_bytes", Value::bytes(mark.used_bytes));
    reply.end_item();
  }
  reply.end_list();
}

int run_mark(Context& context, const Arguments& arguments) {
  if (arguments.size() == 0) {
    if (arguments.has('d')) return context.reply.refuse(kRecord.usage, "-d needs a NAME");
    list(context);
    return kSuccess;
  }
  const std::string_view name = arguments[0];
  if (name.empty() || name.size() > Mark::kMaxName) {
    return context.reply.refuse(kRecord.usage, "NAME must have 1 to {} bytes", Mark::kMaxName);
  }
  if (name == kBootMark) {
    return context.reply.refuse(kRecord.usage, "the mark {} stays what it is", name);
  }
  if (arguments.has('d')) {
    if (!marks().remove(name)) return context.reply.fail("no-mark", "there is no mark {}", name);
    list(context);
    return kSuccess;
  }
  Environment& environment = context.environment;
  Mark mark;
  mark.name.write(name);
  mark.us = environment.platform.uptime_us();
  const alloc::Stats stats = environment.heap.stats();
  mark.live_blocks = stats.live_blocks;
  mark.used_bytes = stats.used_bytes;
  environment.heap.with_instruments([&](const alloc::Instruments& all) {
    mark.sequence = all.sequence();
    mark.recordings = all.recordings();
  });
  if (!marks().set(mark)) {
    return context.reply.fail("too-many-marks", "{} marks are the most: mark NAME -d forgets one",
                              Marks::kMost);
  }
  list(context);
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
