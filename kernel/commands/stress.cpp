// `stress`: all cores at once on the one locked heap.
#include "kernel/stress.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>

#include "kernel/clock.hpp"
#include "kernel/cores.hpp"
#include "kernel/doze.hpp"
#include "kernel/heap.hpp"
#include "kernel/image.hpp"
#include "shell/argument_values.hpp"
#include "shell/command.hpp"
#include "shell/heap_restart.hpp"

namespace heapscope::kernel {
namespace {

using shell::Arguments;
using shell::Column;
using shell::CommandRecord;
using shell::Context;
using shell::OptionRecord;
using shell::Value;

int run(Context& context, const Arguments& arguments);

constexpr std::array kOptions{
    OptionRecord{.letter = 'c', .value_name = "CORES", .help = "on so many cores; default: all"},
    OptionRecord{.letter = 'n',
                 .value_name = "OPERATIONS",
                 .help = "so many of all cores together; default: 100000"},
    OptionRecord{
        .letter = 's', .value_name = "SEED", .help = "repeat a run; default: another each time"},
};
constexpr std::array<std::string_view, 3> kExamples{"stress", "stress -c 2 -n 10000",
                                                    "stress -n 20_000 -s 1"};
constexpr std::array<std::string_view, 4> kRelated{"cores", "lock", "replay", "selftest"};
constexpr CommandRecord kRecord{
    .name = "stress",
    .usage = "stress [-c CORES] [-n OPERATIONS] [-s SEED]",
    .summary = "let all cores use the heap at once",
    .help =
        "Each core allocates, writes, checks, resizes and frees blocks by chance, then the heap is "
        "checked as a whole. exhausted counts what did not fit, which is no failure. failures: "
        "calls that were refused, blocks at wrong places. corrupted_bytes: bytes of a block that "
        "somebody else wrote. lock: how often the heap's lock was taken, how often somebody had to "
        "wait for it, and how long it was held at most; `lock` tells more. All blocks are freed at "
        "the end, also "
        "after Ctrl-C; the bump allocator does not get their memory back.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .run = run,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::uint64_t kDefaultOperations = 100'000;
/// Operations between two looks at the time, at Ctrl-C and at whether to stop.
constexpr std::uint64_t kAtOnce = 64;
constexpr std::uint64_t kProgressMicroseconds = 1'000'000;
/// How long cores that are to stop may take.
constexpr std::uint64_t kStopMicroseconds = 5'000'000;
constexpr std::uint32_t kDozeMicroseconds = 100;
constexpr std::size_t kExtentsAtOnce = 4;

constinit std::array<StressWorker, kCores> workers;
constinit std::atomic<bool> stopping{false};

struct Request {
  std::uint32_t cores = 0;
  std::uint64_t operations = kDefaultOperations;
  std::uint64_t seed = 0;
};

std::optional<Request> read_request(Context& context, const Arguments& arguments) {
  Request request{.cores = await_cores(), .seed = read_counter()};
  if (const auto word = arguments.value_of('c')) {
    const auto cores =
        shell::read_number(context, kRecord, *word, "the number of cores", 1, kCores);
    if (!cores) return std::nullopt;
    request.cores = static_cast<std::uint32_t>(*cores);
  }
  if (const auto word = arguments.value_of('n')) {
    const auto operations =
        shell::read_number(context, kRecord, *word, "the number of operations", 1);
    if (!operations) return std::nullopt;
    request.operations = *operations;
  }
  if (const auto word = arguments.value_of('s')) {
    const auto seed = shell::read_number(context, kRecord, *word, "the seed");
    if (!seed) return std::nullopt;
    request.seed = *seed;
  }
  return request;
}

/// What a core beside core 0 does.
void work_to_the_end(void* it) {
  auto& worker = *static_cast<StressWorker*>(it);
  while (!stopping.load(std::memory_order_relaxed) && worker.work(kAtOnce)) {
  }
  worker.release_all();
}

/// One run: all that is compared with how it was before.
class Run {
 public:
  Run(Context& context, const Request& request) : context_(context), request_(request) {}

  /// The first core that cannot be had; nothing where all have begun.
  std::optional<std::uint32_t> start() {
    for (std::uint32_t i = 1; i < request_.cores; ++i) {
      const CoreState state = core_report(i).state;
      if (is_working(i) || state == CoreState::absent || state == CoreState::stopped) return i;
    }
    // For one core as well, so that the lock is what is tried.
    share_heaps(true);
    lock_was_measured_ = heap_lock_measured();
    clear_heap_lock_holds();
    measure_heap_lock(true);
    stopping.store(false, std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < request_.cores; ++i) {
      const std::uint64_t share = request_.operations / request_.cores;
      const std::uint64_t rest = i < request_.operations % request_.cores ? 1 : 0;
      workers[i].start(heap(), i, request_.seed, share + rest);
    }
    for (std::uint32_t i = 1; i < request_.cores; ++i) {
      if (!start_work(i, work_to_the_end, &workers[i])) return i;
    }
    return std::nullopt;
  }

  /// Core 0's share, and then waiting for the others. False where Ctrl-C ended it.
  bool work() {
    while (workers[0].work(kAtOnce)) {
      if (!go_on()) return false;
    }
    while (others_work()) {
      if (!go_on()) return false;
      doze(kDozeMicroseconds);
    }
    return true;
  }

  /// Ends what still works and frees what is left; false where a core does not end.
  bool end() {
    stopping.store(true, std::memory_order_relaxed);
    const Stopwatch waited;
    while (others_work()) {
      if (waited.microseconds() > kStopMicroseconds) return false;
      doze(kDozeMicroseconds);
    }
    microseconds_ = clock_.microseconds();
    measure_heap_lock(lock_was_measured_);
    end_work();
    // Those of a core that faulted are not freed yet.
    for (std::uint32_t i = 0; i < request_.cores; ++i) workers[i].release_all();
    collect();
    return true;
  }

  void show() {
    shell::Reply& reply = context_.reply;
    const LockCounters lock = heap_lock_counters();
    struct Field {
      std::string_view name;
      std::uint64_t value;
    };
    const std::array fields{
        Field{.name = "seed", .value = request_.seed},
        Field{.name = "cores", .value = request_.cores},
        Field{.name = "operations", .value = done()},
        Field{.name = "exhausted", .value = found_.exhausted},
        Field{.name = "failures", .value = found_.failures},
        Field{.name = "corrupted_bytes", .value = found_.corrupted_bytes},
        Field{.name = "blocks_left", .value = blocks_left_},
        Field{.name = "lock_acquisitions", .value = lock.acquisitions - lock_before_.acquisitions},
        Field{.name = "lock_contended", .value = lock.contended - lock_before_.contended},
        Field{.name = "lock_longest_hold_ns",
              .value = nanoseconds(heap_lock_holds().longest.ticks)},
        Field{.name = "microseconds", .value = microseconds_},
    };
    for (const Field& each : fields) reply.field(each.name, Value::count(each.value));
    show_cores();
  }

  /// What is wrong, if anything, and the command's status.
  int conclude(bool finished) {
    FixedText<160> what;
    const std::string_view kind = find_problem(what, finished);
    if (kind.empty()) return shell::kSuccess;
    return context_.reply.problem(kind, "{}", what.view());
  }

 private:
  [[nodiscard]] std::uint64_t done() const {
    std::uint64_t total = 0;
    for (std::uint32_t i = 0; i < request_.cores; ++i) total += workers[i].done();
    return total;
  }

  /// Adds up what the workers found.
  void collect() {
    for (std::uint32_t i = 0; i < request_.cores; ++i) {
      const StressFindings& findings = workers[i].findings();
      found_.exhausted += findings.exhausted;
      found_.failures += findings.failures;
      found_.corrupted_bytes += findings.corrupted_bytes;
      if (found_.first_failure.empty()) found_.first_failure = findings.first_failure;
    }
    blocks_left_ = heap().stats().live_blocks - live_before_;
  }

  /// The kind of what went wrong and, in words, what; empty where nothing did.
  std::string_view find_problem(TextSink& what, bool finished) const {
    for (std::uint32_t i = 1; i < request_.cores; ++i) {
      const auto fault = core_fault(i);
      if (!fault) continue;
      format(what, "core {}: ", i);
      describe_fault(what, *fault);
      return "fault";
    }
    if (const auto damage = find_damage()) {
      format(what, "the heap is damaged at {:#x}: {}", damage->address, damage->what);
      return "damaged";
    }
    if (found_.failures != 0) {
      what.write(found_.first_failure);
      return "failed";
    }
    if (found_.corrupted_bytes != 0) {
      what.write("blocks were written by others");
      return "corrupted";
    }
    if (blocks_left_ != 0) {
      what.write("the heap has not as many blocks as before");
      return "blocks-left";
    }
    if (finished) return {};
    what.write("interrupted; all blocks are freed");
    return "interrupted";
  }

  [[nodiscard]] bool others_work() const {
    for (std::uint32_t i = 1; i < request_.cores; ++i) {
      if (is_working(i)) return true;
    }
    return false;
  }

  /// Looks at Ctrl-C and shows progress.
  bool go_on() {
    if (clock_.microseconds() >= next_progress_) {
      next_progress_ += kProgressMicroseconds;
      FixedText<80> line;
      format(line, "{} of {} operations", done(), request_.operations);
      context_.reply.progress(line.view());
    }
    return !context_.interrupted();
  }

  /// Bounded by the extents of the heap, which are few when all is freed.
  [[nodiscard]] std::optional<alloc::Damage> find_damage() const {
    const alloc::Stats stats = heap().stats();
    alloc::Address at = stats.start;
    while (at < stats.end) {
      const auto next = heap().check(at, kExtentsAtOnce);
      if (!next) return next.error();
      at = *next;
    }
    return std::nullopt;
  }

  void show_cores() {
    static constexpr std::array kColumns{
        Column{.name = "core", .width = 4, .right = true},
        Column{.name = "operations", .width = 20, .right = true},
        Column{.name = "exhausted", .width = 20, .right = true},
    };
    context_.reply.begin_list("workers", kColumns);
    for (std::uint32_t i = 0; i < request_.cores; ++i) {
      context_.reply.begin_item();
      context_.reply.field("core", Value::count(i));
      context_.reply.field("operations", Value::count(workers[i].done()));
      context_.reply.field("exhausted", Value::count(workers[i].findings().exhausted));
      context_.reply.end_item();
    }
    context_.reply.end_list();
  }

  Context& context_;
  Request request_;
  std::uint64_t live_before_ = heap().stats().live_blocks;
  LockCounters lock_before_ = heap_lock_counters();
  bool lock_was_measured_ = false;
  Stopwatch clock_;
  std::uint64_t microseconds_ = 0;
  std::uint64_t blocks_left_ = 0;  // A wrapped count where blocks are missing.
  StressFindings found_;
  std::uint64_t next_progress_ = kProgressMicroseconds;
};

int run(Context& context, const Arguments& arguments) {
  const auto request = read_request(context, arguments);
  if (!request) return shell::kWrongUsage;
  if (!shell::has_heap_to_itself(context)) return shell::kFailed;
  Run run(context, *request);
  if (const auto missing = run.start()) {
    return context.reply.fail("core-missing", "core {} is {}", *missing,
                              state_name(core_report(*missing).state));
  }
  const bool finished = run.work();
  if (!run.end()) return context.reply.fail("core-lost", "a core does not end its work");
  run.show();
  return run.conclude(finished);
}

}  // namespace
}  // namespace heapscope::kernel
