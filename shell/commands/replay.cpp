// `replay`: plays a workload on the heap that is watched.
#include <array>

#include "shell/failures_on_purpose.hpp"
#include "shell/workload_choice.hpp"

namespace heapscope::shell {
namespace {

int run_replay(Context& context, const Arguments& arguments);

constexpr std::array kOptions{
    kSeedOption, kOperationsOption,
    OptionRecord{.letter = 'v', .value_name = {}, .help = "fill the blocks and verify them"}};
constexpr std::array<std::string_view, 3> kExamples{"replay", "replay lognormal -s 7 -n 10000 -v",
                                                    "replay initrd"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::workload}};
constexpr std::array<std::string_view, 3> kRelated{"compare", "stress", "stats"};
constexpr CommandRecord kRecord{
    .name = "replay",
    .usage = "replay [WORKLOAD|initrd] [-s SEED] [-n OPERATIONS] [-v]",
    .summary = "play a workload on the heap",
    .help =
        "Plays a generator, or the trace that is the initrd, frees what is left of it, and shows "
        "what it did. Without arguments, lists what can be played. It fails where some of it "
        "did not fit.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 0,
    .max_arguments = 1,
    .run = run_replay,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kColumns{Column{.name = "workload", .width = 14}, Column{.name = "what"}};

void list_item(Context& context, std::string_view name, std::string_view what) {
  context.reply.begin_item();
  context.reply.field("workload", Value::text(name));
  context.reply.field("what", Value::text(what));
  context.reply.end_item();
}

void list(Context& context) {
  context.reply.begin_list("workloads", kColumns);
  for (const workload::GeneratorRecord& record : workload::generators()) {
    list_item(context, record.name, record.summary);
  }
  if (initrd_trace(context.environment)) list_item(context, "initrd", "the trace that was loaded");
  context.reply.end_list();
}

struct Count {
  std::string_view name;
  std::uint64_t workload::Figures::*member;
};
constexpr std::array kCounts{
    Count{"operations", &workload::Figures::operations},
    Count{"allocations", &workload::Figures::allocations},
    Count{"frees", &workload::Figures::frees},
    Count{"reallocations", &workload::Figures::reallocations},
    Count{"failures", &workload::Figures::failures},
    Count{"skipped", &workload::Figures::skipped},
    Count{"peak_live_blocks", &workload::Figures::peak_live_blocks},
};

void show(Context& context, const WorkloadChoice& choice, const workload::Figures& figures,
          std::uint64_t microseconds) {
  Reply& reply = context.reply;
  reply.field("workload", Value::text(choice.name()));
  const auto seed = choice.seed();
  reply.field("seed", seed ? Value::count(*seed) : Value::none());
  reply.field("allocator", Value::text(context.environment.heap.allocator_name()));
  for (const auto& [name, member] : kCounts) reply.field(name, Value::count(figures.*member));
  reply.field("peak_live_bytes", Value::bytes(figures.peak_live_bytes));
  reply.field("microseconds", Value::count(microseconds));
}

int run_replay(Context& context, const Arguments& arguments) {
  if (arguments.size() == 0) {
    list(context);
    return kSuccess;
  }
  int status = kSuccess;
  auto choice = WorkloadChoice::read(context, kRecord, arguments, status);
  if (!choice) return status;
  workload::HeapTarget target(context.environment.heap);
  workload::Player player(target, choice->slots(), {.verify = arguments.has('v')});
  const FailuresOnPurpose on_purpose(context.environment.heap);
  PlayWatch watch(context, choice->name());
  const std::uint64_t before = context.environment.platform.uptime_us();
  // The survey has read the workload already: nothing is wrong with it.
  (void)player.play(choice->begin(), &watch);
  const std::uint64_t after = context.environment.platform.uptime_us();
  const workload::Figures figures = player.figures();
  player.free_all();
  show(context, *choice, figures, after - before);
  const std::uint64_t damaged = player.figures().damaged;
  if (damaged != 0) {
    return context.reply.problem("damaged", "{} blocks were damaged or not taken back", damaged);
  }
  if (watch.stopped()) return context.reply.problem("interrupted", "interrupted before its end");
  if (figures.failures == 0) return kSuccess;
  if (on_purpose.any()) {
    return context.reply.problem("exhausted",
                                 "{} of its operations did not fit in the heap, {} of them refused "
                                 "on purpose, by fail",
                                 figures.failures, on_purpose.count());
  }
  return context.reply.problem("exhausted", "{} of its operations did not fit in the heap",
                               figures.failures);
}

}  // namespace
}  // namespace heapscope::shell
