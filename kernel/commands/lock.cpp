// `lock`: the lock of the heap, who uses it and for how long.
#include <algorithm>
#include <array>

#include "kernel/clock.hpp"
#include "kernel/cores.hpp"
#include "kernel/heap.hpp"
#include "kernel/performance.hpp"
#include "kernel/symbols.hpp"
#include "shell/command.hpp"

namespace heapscope::kernel {
namespace {

using shell::Arguments;
using shell::Column;
using shell::CommandRecord;
using shell::Completes;
using shell::Context;
using shell::Value;

int run(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 2> kActions{"measure", "clear"};
constexpr std::array<std::string_view, 2> kSwitches{"on", "off"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::values, .values = kActions},
                                Completes{.kind = Completes::Kind::values, .values = kSwitches}};
constexpr std::array<std::string_view, 4> kExamples{"lock", "lock measure on", "lock clear",
                                                    "lock measure off"};
constexpr std::array<std::string_view, 2> kRelated{"cores", "stress"};
constexpr CommandRecord kRecord{
    .name = "lock",
    .usage = "lock [measure on|off | clear]",
    .summary = "show who uses the heap's lock, and how long",
    .help =
        "shared: other cores work, and every call takes the lock; else allocations and frees "
        "only mask interrupts, and are not counted. contended are the acquisitions that had to "
        "wait. After `lock measure on` all calls take the lock in any case, and holds and waits "
        "are measured, which makes each call longer; longest_core and callers are who had it "
        "longest. lengths: how many holds took less than so many nanoseconds, and at least half "
        "of that. `lock clear` begins anew, and so does `stress`.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .max_arguments = 2,
    .run = run,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kCallerColumns{Column{.name = "caller"}};
constexpr std::array kLengthColumns{Column{.name = "below_ns", .width = 15, .right = true},
                                    Column{.name = "holds", .width = 15, .right = true}};

/// The innermost; those of the shell itself say nothing.
constexpr std::size_t kShownCallers = 8;

/// As they were when they were cleared.
constinit LockCounters cleared;

void show_longest(shell::Reply& reply, const HoldRecord& record) {
  const Hold& longest = record.longest;
  const bool any = record.holds != 0;
  const auto if_any = [any](std::uint64_t value) {
    return any ? Value::count(value) : Value::none();
  };
  reply.field("longest_ns", if_any(nanoseconds(longest.ticks)));
  reply.field("longest_cycles", if_any(longest.cycles));
  const bool counted = any && read_instructions().has_value();
  reply.field("longest_instructions", counted ? Value::count(longest.instructions) : Value::none());
  reply.field("longest_core", if_any(longest.core));
}

void show_callers(shell::Reply& reply, const Callers& callers) {
  reply.begin_list("callers", kCallerColumns);
  for (std::size_t i = 0; i < std::min(callers.size(), kShownCallers); ++i) {
    FixedText<160> name;
    // A return address is that of the instruction behind the call.
    write_symbol(name, callers[i] - 4);
    reply.begin_item();
    reply.field("caller", Value::text(name.view()));
    reply.end_item();
  }
  reply.end_list();
}

void show_lengths(shell::Reply& reply, const HoldRecord& record) {
  reply.begin_list("lengths", kLengthColumns);
  for (std::size_t i = 0; i < HoldRecord::kLengths; ++i) {
    if (record.lengths[i] == 0) continue;
    // Nobody knows how long those are that the last one takes.
    const bool last = i == HoldRecord::kLengths - 1;
    reply.begin_item();
    reply.field("below_ns",
                last ? Value::none() : Value::count(nanoseconds(std::uint64_t{1} << i)));
    reply.field("holds", Value::count(record.lengths[i]));
    reply.end_item();
  }
  reply.end_list();
}

void show(shell::Reply& reply) {
  const HoldRecord record = heap_lock_holds();
  const LockCounters counters = heap_lock_counters();
  reply.field("shared", Value::boolean(heaps_shared()));
  reply.field("measured", Value::boolean(heap_lock_measured()));
  reply.field("acquisitions", Value::count(counters.acquisitions - cleared.acquisitions));
  reply.field("contended", Value::count(counters.contended - cleared.contended));
  reply.field("holds", Value::count(record.holds));
  show_longest(reply, record);
  reply.field("waits", Value::count(record.waits));
  const bool waited = record.waits != 0;
  reply.field("mean_wait_ns", waited ? Value::count(nanoseconds(record.waited_ticks) / record.waits)
                                     : Value::none());
  show_callers(reply, record.longest.callers);
  show_lengths(reply, record);
}

int run(Context& context, const Arguments& arguments) {
  const std::string_view action = arguments.size() > 0 ? arguments[0] : "";
  const bool measure = action == "measure" && arguments.size() == 2;
  const bool on = measure && arguments[1] == "on";
  if (measure && !on && arguments[1] != "off") {
    return context.reply.refuse(kRecord.usage, "measure is on or off, not '{}'", arguments[1]);
  }
  const bool clear = action == "clear" && arguments.size() == 1;
  if (arguments.size() > 0 && !measure && !clear) {
    return context.reply.refuse(kRecord.usage, "there is nothing like that to do");
  }
  // A core may have ended its work since somebody looked.
  end_work();
  if (measure) measure_heap_lock(on);
  if (clear) {
    clear_heap_lock_holds();
    cleared = heap_lock_counters();
  }
  show(context.reply);
  return shell::kSuccess;
}

}  // namespace
}  // namespace heapscope::kernel
