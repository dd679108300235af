// `cores`: the four cores as they are.
#include "kernel/cores.hpp"

#include <array>

#include "kernel/heap.hpp"
#include "kernel/image.hpp"
#include "shell/command.hpp"

namespace heapscope::kernel {
namespace {

using shell::Arguments;
using shell::Column;
using shell::CommandRecord;
using shell::Context;
using shell::Value;

int run(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 1> kExamples{"cores"};
constexpr std::array<std::string_view, 2> kRelated{"stress", "crash"};
constexpr CommandRecord kRecord{
    .name = "cores",
    .usage = "cores",
    .summary = "show the four cores",
    .help =
        "state: idle cores sleep until there is work, running ones work, as core 0 always does, "
        "faulted ones sleep after work that ended in a fault and take new work, absent ones have "
        "never come, stopped ones were stopped when another one panicked. used_bytes is the most "
        "that the core has ever used of its stack, works how "
        "many pieces of work it has done. lock: of the heap, since the kernel started.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .safe_in_panic = true,
    .run = run,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kColumns{
    Column{.name = "core", .width = 4, .right = true},
    Column{.name = "state", .width = 7},
    Column{.name = "el", .width = 2, .right = true},
    Column{.name = "mmu", .width = 3},
    Column{.name = "mpidr", .width = 10},
    Column{.name = "stack_top", .width = 10},
    Column{.name = "stack_bytes", .width = 11, .right = true},
    Column{.name = "used_bytes", .width = 10, .right = true},
    Column{.name = "works", .width = 5, .right = true},
};

void show(shell::Reply& reply, std::uint32_t number) {
  const CoreReport core = core_report(number);
  const bool here = core.state != CoreState::absent;
  const auto if_here = [here](const Value& value) { return here ? value : Value::none(); };
  reply.begin_item();
  reply.field("core", Value::count(number));
  reply.field("state", Value::text(state_name(core.state)));
  reply.field("el", if_here(Value::count(core.exception_level)));
  reply.field("mmu", if_here(Value::boolean(core.mmu)));
  reply.field("mpidr", if_here(Value::address(core.affinity)));
  reply.field("stack_top", if_here(Value::address(core.stack_top)));
  reply.field("stack_bytes", if_here(Value::bytes(core.stack_bytes)));
  reply.field("used_bytes", if_here(Value::bytes(core.stack_used_bytes)));
  reply.field("works", if_here(Value::count(core.works)));
  reply.end_item();
}

constexpr std::array kFaultColumns{
    Column{.name = "core", .width = 4, .right = true},
    Column{.name = "fault"},
};

void show_faults(shell::Reply& reply) {
  reply.begin_list("faults", kFaultColumns);
  for (std::uint32_t i = 0; i < kCores; ++i) {
    const auto fault = core_fault(i);
    if (!fault) continue;
    FixedText<160> what;
    describe_fault(what, *fault);
    reply.begin_item();
    reply.field("core", Value::count(i));
    reply.field("fault", Value::text(what.view()));
    reply.end_item();
  }
  reply.end_list();
}

int run(Context& context, const Arguments&) {
  (void)await_cores();
  context.reply.begin_list("cores", kColumns);
  for (std::uint32_t i = 0; i < kCores; ++i) show(context.reply, i);
  context.reply.end_list();
  show_faults(context.reply);
  const LockCounters lock = heap_lock_counters();
  context.reply.field("lock_acquisitions", Value::count(lock.acquisitions));
  context.reply.field("lock_contended", Value::count(lock.contended));
  return shell::kSuccess;
}

}  // namespace
}  // namespace heapscope::kernel
