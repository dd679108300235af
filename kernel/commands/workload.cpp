// `workload`: a heap that lives by itself, for the commands that look at it.
#include <algorithm>
#include <array>
#include <optional>

#include "kernel/cores.hpp"
#include "kernel/doze.hpp"
#include "kernel/heap.hpp"
#include "kernel/image.hpp"
#include "kernel/pacer.hpp"
#include "kernel/workload_core.hpp"
#include "shell/argument_values.hpp"
#include "shell/workload_choice.hpp"

namespace heapscope::kernel {
namespace {

using shell::Arguments;
using shell::CommandRecord;
using shell::Completes;
using shell::Context;
using shell::OptionRecord;
using shell::Value;

int run(Context& context, const Arguments& arguments);

constexpr std::string_view kStop = "stop";
constexpr std::string_view kMost = "max";
constexpr std::array<std::string_view, 3> kCoreWords{"1", "2", "3"};
constexpr std::array<std::string_view, 1> kRateWords{kMost};
constexpr std::array kOptions{
    OptionRecord{.letter = 's',
                 .word = "seed",
                 .value_name = "SEED",
                 .help = "of a generator, 1 if not given"},
    OptionRecord{.letter = 'n',
                 .word = "operations",
                 .value_name = "OPERATIONS",
                 .help = "end after so many; else it goes on without end"},
    OptionRecord{.letter = 'c',
                 .word = "core",
                 .value_name = "CORE",
                 .help = "core 1, 2 or 3; the first that is idle if not given",
                 .completes = {.kind = Completes::Kind::values, .values = kCoreWords}},
    OptionRecord{.letter = 'r',
                 .word = "rate",
                 .value_name = "RATE",
                 .help = "operations a second, 2000 if not given, or max",
                 .completes = {.kind = Completes::Kind::values, .values = kRateWords}},
    OptionRecord{
        .letter = 'k', .word = "keep", .value_name = {}, .help = "keep its blocks when it ends"},
    OptionRecord{.letter = 'v',
                 .word = "verify",
                 .value_name = {},
                 .help = "fill the blocks and verify them"},
};
constexpr std::array<std::string_view, 4> kExamples{
    "workload", "workload producer && workload stop",
    "workload lifetimes -s 7 -r 500; sleep 20; workload stop",
    "workload initrd -n 1000; workload stop || workload"};
constexpr std::array<std::string_view, 1> kValues{kStop};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::workload, .values = kValues}};
constexpr std::array<std::string_view, 5> kRelated{"replay", "heapmap", "watch", "cores", "stress"};
constexpr CommandRecord kRecord{
    .name = "workload",
    .usage = "workload [NAME|initrd|stop] [-s SEED] [-n OPERATIONS] [-c CORE] [-r RATE] [-k] [-v]",
    .summary = "let a workload run in the background",
    .help =
        "Plays a generator, or the trace that is the initrd, on another core while the shell goes "
        "on: heapmap --live, watch stats, who and all others show a heap that lives. `replay` "
        "lists the names. It begins again at its end; rounds counts that. Alone, shows how it is "
        "going. stop ends it and frees its blocks; with -k they stay until the next stop. There "
        "is one at a time, and meanwhile the heap cannot be started anew.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .max_arguments = 1,
    .run = run,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::uint64_t kDefaultRate = 2000;
constexpr std::uint32_t kDozeMicroseconds = 100;

void show(shell::Reply& reply) {
  WorkloadCore& workload = workload_core();
  const WorkloadState state = workload.state();
  const BackgroundPlan& plan = workload.plan();
  const WorkloadCore::Options& options = workload.options();
  const BackgroundCounts counts = workload.counts();
  const std::uint64_t microseconds = workload.microseconds();
  const bool any = state != WorkloadState::none;
  const auto if_any = [any](const Value& value) { return any ? value : Value::none(); };
  const auto if_so = [any](bool so, std::uint64_t value) {
    return any && so ? Value::count(value) : Value::none();
  };
  reply.field("state", Value::text(state_name(state)));
  const std::string_view why = workload.reason();
  reply.field("why", why.empty() ? Value::none() : Value::text(why));
  reply.field("workload", if_any(Value::text(plan.name)));
  reply.field("seed", if_so(plan.generator != nullptr, plan.seed));
  reply.field("core", if_any(Value::count(options.core)));
  reply.field("rate", if_so(options.rate != 0, options.rate));
  reply.field("operations", if_any(Value::count(counts.operations)));
  reply.field("limit", if_so(plan.limit != UINT64_MAX, plan.limit));
  reply.field("rounds", if_any(Value::count(counts.rounds)));
  reply.field("microseconds", if_any(Value::count(microseconds)));
  const std::uint64_t passed = std::max<std::uint64_t>(microseconds, 1);
  reply.field("operations_per_second",
              if_any(Value::count(counts.operations * 1'000'000 / passed)));
  reply.field("live_blocks", if_any(Value::count(counts.live_blocks)));
  reply.field("live_bytes", if_any(Value::bytes(counts.live_bytes)));
  reply.field("failures", if_any(Value::count(counts.failures)));
  reply.field("damaged", if_any(Value::count(counts.damaged)));
  if (state != WorkloadState::running) workload.drop_notice();
}

bool is_free(std::uint32_t core) {
  const CoreState state = core_report(core).state;
  return !is_working(core) && (state == CoreState::idle || state == CoreState::faulted);
}

/// The core that was asked for, or the first that is free. Nothing, with the command's
/// `status`, where it cannot be had.
std::optional<std::uint32_t> read_core(Context& context, const Arguments& arguments, int& status) {
  (void)await_cores();
  if (const auto word = arguments.value_of('c')) {
    status = shell::kWrongUsage;
    const auto number = shell::read_number(context, kRecord, *word, "CORE", 1, kCores - 1);
    if (!number) return std::nullopt;
    const auto core = static_cast<std::uint32_t>(*number);
    if (is_free(core)) return core;
    status = context.reply.fail("core-missing", "core {} is {}", core,
                                state_name(core_report(core).state));
    return std::nullopt;
  }
  for (std::uint32_t core = 1; core < kCores; ++core) {
    if (is_free(core)) return core;
  }
  status = context.reply.fail("core-missing", "no core is idle");
  return std::nullopt;
}

bool read_rate(Context& context, const Arguments& arguments, std::uint64_t& rate) {
  rate = kDefaultRate;
  const auto word = arguments.value_of('r');
  if (!word) return true;
  if (*word == kMost) {
    rate = 0;
    return true;
  }
  const auto number = shell::read_number(context, kRecord, *word, "RATE", 1, Pacer::kMostRate);
  if (number) rate = *number;
  return number.has_value();
}

/// What it needs to remember its blocks; nothing where the command has failed.
std::optional<std::uint64_t> slots_for(Context& context, const shell::NamedWorkload& named) {
  if (named.generator != nullptr) return workload::LiveBlocks::kMost;
  workload::TraceReader reader(named.trace);
  const auto needs = shell::survey(context, named.name, reader);
  if (!needs) return std::nullopt;
  return std::max<std::uint64_t>(needs->slots, 1);
}

int start(Context& context, const Arguments& arguments) {
  int status = shell::kWrongUsage;
  const auto named = shell::find_workload(context, kRecord, arguments[0], status);
  if (!named) return status;
  BackgroundPlan plan{.name = named->name,
                      .generator = named->generator,
                      .trace = named->trace,
                      .verify = arguments.has('v'),
                      .slots = {}};
  WorkloadCore::Options options{.keep = arguments.has('k')};
  if (const auto word = arguments.value_of('s')) {
    const auto seed = shell::read_number(context, kRecord, *word, "SEED");
    if (!seed) return shell::kWrongUsage;
    plan.seed = *seed;
  }
  if (const auto word = arguments.value_of('n')) {
    const auto limit = shell::read_number(context, kRecord, *word, "OPERATIONS", 1);
    if (!limit) return shell::kWrongUsage;
    plan.limit = *limit;
  }
  if (!read_rate(context, arguments, options.rate)) return shell::kWrongUsage;
  const auto core = read_core(context, arguments, status);
  if (!core) return status;
  options.core = *core;

  WorkloadCore& workload = workload_core();
  if (workload.stays()) {
    return context.reply.fail("in-use", "{} {}: workload stop {}", workload.plan().name,
                              workload.running() ? "runs already" : "still holds its blocks",
                              workload.running() ? "ends it" : "frees them");
  }
  const auto slots = slots_for(context, *named);
  if (!slots) return shell::kFailed;
  const Range room = context.environment.setup.lend(*slots * sizeof(workload::Slot), workload);
  if (room.empty()) {
    return context.reply.fail("exhausted", "there is no memory for the list of its blocks");
  }
  plan.slots = {reinterpret_cast<workload::Slot*>(room.start), static_cast<std::size_t>(*slots)};
  if (!workload.start(plan, options)) {
    return context.reply.fail("core-missing", "core {} does not take work", options.core);
  }
  show(context.reply);
  return shell::kSuccess;
}

int stop(Context& context, const Arguments& arguments) {
  for (const OptionRecord& option : kOptions) {
    if (option.letter != 'k' && arguments.has(option.letter)) {
      return context.reply.refuse(kRecord.usage, "stop takes -k only");
    }
  }
  WorkloadCore& workload = workload_core();
  if (!workload.stays()) return context.reply.fail("not-running", "no workload runs");
  const bool keep = arguments.has('k');
  if (workload.running()) {
    workload.ask_to_stop(keep);
    while (workload.running()) {
      if (context.interrupted()) {
        return context.reply.fail("interrupted", "interrupted; it is about to end");
      }
      doze(kDozeMicroseconds);
    }
    if (workload.state() == WorkloadState::faulted && !keep) workload.release();
  } else if (!keep) {
    workload.release();
  }
  show(context.reply);
  const std::uint64_t damaged = workload.counts().damaged;
  if (damaged == 0) return shell::kSuccess;
  return context.reply.problem("damaged", "{} blocks were damaged or not taken back", damaged);
}

int run(Context& context, const Arguments& arguments) {
  const bool names = arguments.size() > 0;
  if (names && arguments[0] == kStop) return stop(context, arguments);
  if (names) return start(context, arguments);
  for (const OptionRecord& option : kOptions) {
    if (arguments.has(option.letter)) {
      return context.reply.refuse(kRecord.usage, "-{} goes with the NAME of a workload",
                                  std::string_view(&option.letter, 1));
    }
  }
  show(context.reply);
  return shell::kSuccess;
}

}  // namespace
}  // namespace heapscope::kernel
