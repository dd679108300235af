// `origins`: whether the heap records where its blocks come from.
#include <array>

#include "shell/command.hpp"

namespace heapscope::shell {
namespace {

int run_origins(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 2> kWords{"on", "off"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::values, .values = kWords}};
constexpr std::array<std::string_view, 2> kExamples{"origins", "origins off; origins on"};
constexpr std::array<std::string_view, 4> kRelated{"who", "diff", "trace", "blocks"};
constexpr CommandRecord kRecord{
    .name = "origins",
    .usage = "origins [on|off]",
    .summary = "record where blocks come from",
    .help =
        "Of each block the call that allocated it is recorded: its number, time, core and "
        "callers; of freed blocks also who freed them, as long as records last. That costs 44 "
        "instructions an allocation and 45 a free where a block comes from a slab (57 at most, "
        "with the trace as well); off, nothing. off forgets all. heap.origins=off on the kernel "
        "command line boots without, heap.records=SIZE gives the records more memory.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 0,
    .max_arguments = 1,
    .run = run_origins,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

struct Figures {
  bool recording = false;
  std::uint64_t calls = 0;
  std::size_t capacity = 0;
  std::uint64_t unrecorded = 0;
};

int show(Context& context) {
  const auto figures = context.environment.heap.with_instruments([](const alloc::Instruments& all) {
    return Figures{.recording = all.recording(),
                   .calls = all.sequence(),
                   .capacity = all.origins().capacity(),
                   .unrecorded = all.origins().unrecorded()};
  });
  Reply& reply = context.reply;
  const Range records = context.environment.setup.records();
  reply.field("recording", Value::boolean(figures.recording));
  reply.field("calls", Value::count(figures.calls));
  reply.field("capacity", Value::count(figures.capacity));
  reply.field("unrecorded", Value::count(figures.unrecorded));
  reply.field("record_bytes", Value::bytes(records.size()));
  return kSuccess;
}

int run_origins(Context& context, const Arguments& arguments) {
  if (arguments.size() == 0) return show(context);
  const bool on = arguments[0] == kWords[0];
  if (!on && arguments[0] != kWords[1]) {
    return context.reply.refuse(kRecord.usage, "'{}' is neither on nor off", arguments[0]);
  }
  if (on && context.environment.setup.records().empty()) {
    return context.reply.fail("no-records", "there is no memory for records: heap.records=SIZE");
  }
  alloc::record_origins(context.environment.heap, on);
  return show(context);
}

}  // namespace
}  // namespace heapscope::shell
