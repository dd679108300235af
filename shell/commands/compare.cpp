// `compare`: plays a workload on every allocator there is, beside the heap.
#include <array>

#include "alloc/workload/smallest_heap.hpp"
#include "shell/workload_choice.hpp"

namespace heapscope::shell {
namespace {

int run_compare(Context& context, const Arguments& arguments);

constexpr std::array kOptions{kSeedOption, kOperationsOption};
constexpr std::array<std::string_view, 2> kExamples{"compare uniform", "compare initrd"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::workload}};
constexpr std::array<std::string_view, 3> kRelated{"replay", "allocator", "time"};
constexpr CommandRecord kRecord{
    .name = "compare",
    .usage = "compare WORKLOAD|initrd [-s SEED] [-n OPERATIONS]",
    .summary = "play a workload on each allocator",
    .help =
        "Plays it outside the heap that is watched: once for the time, and as often as it "
        "takes to find the smallest heap that it fits in, to 16 bytes. utilisation_permille is "
        "1000 * peak_live_bytes / smallest_heap. `replay` lists the workloads.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_compare,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kColumns{
    Column{.name = "allocator", .width = 12},
    Column{.name = "smallest_heap", .width = 13, .right = true},
    Column{.name = "utilisation_permille", .width = 20, .right = true},
    Column{.name = "ns_per_operation", .width = 16, .right = true},
};

/// One allocator's row.
struct Outcome {
  std::optional<std::uint64_t> smallest_heap;
  std::uint64_t microseconds = 0;
};

class Trial {
 public:
  Trial(Context& context, WorkloadChoice& choice, std::string_view allocator)
      : context_(context), choice_(choice), allocator_(allocator), watch_(context, allocator) {}

  /// Nothing where Ctrl-C ended it.
  std::optional<Outcome> run() {
    Outcome outcome;
    const Range room = choice_.room();
    if (completes(room.size())) {
      outcome.microseconds = microseconds_;
      outcome.smallest_heap =
          workload::smallest_heap(choice_.needs().peak_live_bytes, room.size(),
                                  [this](std::uint64_t size) { return completes(size); });
    }
    if (watch_.stopped()) return std::nullopt;
    return outcome;
  }

 private:
  bool completes(std::uint64_t size) {
    alloc::Heap& heap = context_.environment.trial_heap;
    const Range room = choice_.room();
    // After Ctrl-C, whatever ends the search.
    if (watch_.stopped()) return true;
    if (!heap.reset(allocator_, {.start = room.start, .end = room.start + size})) return false;
    workload::HeapTarget target(heap);
    workload::Player player(target, choice_.slots(), {.stop_at_failure = true});
    Platform& platform = context_.environment.platform;
    const std::uint64_t before = platform.uptime_us();
    const auto played = player.play(choice_.begin(), &watch_);
    microseconds_ = platform.uptime_us() - before;
    return played && *played;
  }

  Context& context_;
  WorkloadChoice& choice_;
  std::string_view allocator_;
  PlayWatch watch_;
  std::uint64_t microseconds_ = 0;
};

void show(Context& context, const WorkloadChoice& choice, std::string_view allocator,
          const Outcome& outcome) {
  const workload::Figures& needs = choice.needs();
  Reply& reply = context.reply;
  const bool fits = outcome.smallest_heap.has_value();
  reply.begin_item();
  reply.field("allocator", Value::text(allocator));
  reply.field("smallest_heap", fits ? Value::bytes(*outcome.smallest_heap) : Value::none());
  reply.field(
      "utilisation_permille",
      fits ? Value::count(needs.peak_live_bytes * 1000 / *outcome.smallest_heap) : Value::none());
  reply.field("ns_per_operation",
              fits ? Value::count(outcome.microseconds * 1000 / needs.operations) : Value::none());
  reply.end_item();
}

int run_compare(Context& context, const Arguments& arguments) {
  int status = kSuccess;
  auto choice = WorkloadChoice::read(context, kRecord, arguments, status);
  if (!choice) return status;
  if (choice->needs().operations == 0) return context.reply.fail("bad-trace", "it is empty");
  const auto seed = choice->seed();
  context.reply.field("workload", Value::text(choice->name()));
  context.reply.field("seed", seed ? Value::count(*seed) : Value::none());
  context.reply.field("operations", Value::count(choice->needs().operations));
  context.reply.field("peak_live_bytes", Value::bytes(choice->needs().peak_live_bytes));
  context.reply.begin_list("allocators", kColumns);
  bool stopped = false;
  for (const std::string_view allocator : context.environment.trial_heap.allocator_names()) {
    const auto outcome = Trial(context, *choice, allocator).run();
    stopped = !outcome;
    if (stopped) break;
    show(context, *choice, allocator, *outcome);
  }
  context.reply.end_list();
  if (!stopped) return kSuccess;
  return context.reply.problem("interrupted", "interrupted: not all allocators were tried");
}

}  // namespace
}  // namespace heapscope::shell
