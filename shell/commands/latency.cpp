// `latency`: how long the heap's calls take, and which one took longest.
#include <algorithm>
#include <array>

#include "shell/bar.hpp"
#include "shell/origin_fields.hpp"

namespace heapscope::shell {
namespace {

int run_latency(Context& context, const Arguments& arguments);

enum class Unit : std::uint8_t { instructions, cycles, nanoseconds };
constexpr std::array<std::string_view, 3> kUnits{"instructions", "cycles", "ns"};

constexpr std::array kOptions{
    OptionRecord{.letter = 'u',
                 .word = "unit",
                 .value_name = "UNIT",
                 .help = "of the histograms: instructions, cycles or ns",
                 .completes = {.kind = Completes::Kind::values, .values = kUnits}},
};
constexpr std::array<std::string_view, 3> kWords{"on", "off", "clear"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::values, .values = kWords}};
constexpr std::array<std::string_view, 4> kExamples{"latency on", "latency --unit cycles",
                                                    "latency clear", "latency off"};
constexpr std::array<std::string_view, 4> kRelated{"lock", "time", "trace", "stats"};
constexpr CommandRecord kRecord{
    .name = "latency",
    .usage = "latency [on|off|clear] [--unit UNIT]",
    .summary = "show how long the heap's calls take",
    .help =
        "After on, each allocation and free is measured within the heap's lock, without waiting "
        "for it: instructions where the machine counts them, cycles, and time. Of so many "
        "hundredths of all calls none took longer than p50, p90, p99 and p99.9 say, which are at "
        "most an eighth above the truth; worst and mean are exact. The histograms show the calls "
        "that took from so much to so much, with bars of their share. worst_calls: what was asked "
        "for, when and by whom. off keeps what there is, clear forgets it. While it is on, calls "
        "take the heap's lock and longer.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 0,
    .max_arguments = 1,
    .run = run_latency,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kFigureColumns{
    Column{.name = "call", .width = 8},
    Column{.name = "unit", .width = 12},
    Column{.name = "p50", .width = 7, .right = true},
    Column{.name = "p90", .width = 7, .right = true},
    Column{.name = "p99", .width = 7, .right = true},
    Column{.name = "p99.9", .width = 7, .right = true},
    Column{.name = "worst", .width = 8, .right = true},
    Column{.name = "mean", .width = 7, .right = true},
};
constexpr std::array kBucketColumns{
    Column{.name = "from", .width = 9, .right = true},
    Column{.name = "to", .width = 9, .right = true},
    Column{.name = "calls", .width = 10, .right = true},
    Column{.name = "permille", .width = 8, .right = true},
    Column{.name = "bar"},
};

using alloc::LatencyHistogram;
using alloc::LatencyLog;
using alloc::LatencyLogs;

/// One of the two kinds of calls.
struct Call {
  std::string_view name;
  LatencyLog LatencyLogs::*log;
};
constexpr std::array kCalls{Call{.name = "allocate", .log = &LatencyLogs::allocate},
                            Call{.name = "free", .log = &LatencyLogs::free}};

const LatencyHistogram& of(const LatencyLog& log, Unit unit) {
  switch (unit) {
    case Unit::instructions:
      return log.instructions();
    case Unit::cycles:
      return log.cycles();
    case Unit::nanoseconds:
      break;
  }
  return log.ticks();
}

/// A copy, made with one hold of the heap's lock: all of a log would be too much for one.
class Histogram {
 public:
  Histogram(Context& context, const Call& call, Unit unit)
      : platform_(context.environment.platform), unit_(unit) {
    context.environment.heap.with_instruments(
        [&](alloc::Instruments& all) { copy_ = of(all.latency().*call.log, unit); });
  }

  [[nodiscard]] std::uint64_t calls() const { return copy_.count(); }
  [[nodiscard]] Value percentile(std::uint32_t permille) const {
    return in_unit(copy_.percentile(permille));
  }
  [[nodiscard]] Value worst() const { return in_unit(copy_.most()); }
  [[nodiscard]] Value mean() const {
    if (copy_.count() == 0) return Value::none();
    const std::uint64_t total = copy_.total();
    const bool timed = unit_ == Unit::nanoseconds;
    return Value::count((timed ? platform_.nanoseconds_of(total) : total) / copy_.count());
  }
  [[nodiscard]] std::uint32_t in_bucket(std::size_t bucket) const {
    return copy_.in_bucket(bucket);
  }
  [[nodiscard]] Value first_of(std::size_t bucket) const {
    return in_unit(bucket == 0 ? 0 : LatencyHistogram::last_of_bucket(bucket - 1) + 1);
  }
  [[nodiscard]] Value last_of(std::size_t bucket) const {
    return in_unit(LatencyHistogram::last_of_bucket(bucket));
  }

 private:
  /// Nothing where there is no call yet.
  [[nodiscard]] Value in_unit(std::uint32_t value) const {
    if (copy_.count() == 0) return Value::none();
    return Value::count(unit_ == Unit::nanoseconds ? platform_.nanoseconds_of(value) : value);
  }

  const Platform& platform_;
  Unit unit_;
  LatencyHistogram copy_;
};

/// Where no instructions are counted, all would be 0.
bool is_counted(Context& context, Unit unit) {
  return unit != Unit::instructions ||
         context.environment.platform.counts().instructions.has_value();
}

void show_figures(Context& context) {
  Reply& reply = context.reply;
  reply.begin_list("figures", kFigureColumns);
  for (const Call& call : kCalls) {
    for (std::size_t i = 0; i < kUnits.size(); ++i) {
      const auto unit = static_cast<Unit>(i);
      if (!is_counted(context, unit)) continue;
      const Histogram histogram(context, call, unit);
      reply.begin_item();
      reply.field("call", Value::text(call.name));
      reply.field("unit", Value::text(kUnits[i]));
      reply.field("p50", histogram.percentile(500));
      reply.field("p90", histogram.percentile(900));
      reply.field("p99", histogram.percentile(990));
      reply.field("p999", histogram.percentile(999));
      reply.field("worst", histogram.worst());
      reply.field("mean", histogram.mean());
      reply.end_item();
    }
  }
  reply.end_list();
}

void show_buckets(Context& context, const Call& call, Unit unit) {
  Reply& reply = context.reply;
  const Histogram histogram(context, call, unit);
  reply.begin_list(call.name, kBucketColumns);
  for (std::size_t i = 0; i < LatencyHistogram::kBuckets; ++i) {
    const std::uint64_t calls = histogram.in_bucket(i);
    if (calls == 0) continue;
    const std::uint64_t permille = calls * 1000 / histogram.calls();
    const Bar bar(permille);
    reply.begin_item();
    reply.field("from", histogram.first_of(i));
    reply.field("to", histogram.last_of(i));
    reply.field("calls", Value::count(calls));
    reply.field("permille", Value::count(permille));
    reply.field("bar", Value::text(bar.view()));
    reply.end_item();
  }
  reply.end_list();
}

void show_worst(Context& context) {
  Reply& reply = context.reply;
  const Platform& platform = context.environment.platform;
  reply.begin_list("worst_calls", {});
  for (const Call& call : kCalls) {
    LatencyLog::Worst worst;
    std::uint64_t calls = 0;
    context.environment.heap.with_instruments([&](alloc::Instruments& all) {
      const LatencyLog& log = all.latency().*call.log;
      worst = log.worst();
      calls = log.ticks().count();
    });
    if (calls == 0) continue;
    const bool counted = is_counted(context, Unit::instructions);
    reply.begin_item();
    reply.field("call", Value::text(call.name));
    reply.field("size", Value::bytes(worst.layout.size));
    reply.field("align", Value::bytes(worst.layout.align));
    reply.field("address", worst.address == 0 ? Value::none() : Value::address(worst.address));
    reply.field("instructions", counted ? Value::count(worst.latency.instructions) : Value::none());
    reply.field("cycles", Value::count(worst.latency.cycles));
    reply.field("ns", Value::count(platform.nanoseconds_of(worst.latency.ticks)));
    show_call(context, worst.stamp, {.us = "us", .core = "core", .by = "by"});
    reply.end_item();
  }
  reply.end_list();
}

int show(Context& context, Unit unit) {
  Reply& reply = context.reply;
  bool measured = false;
  std::uint64_t allocations = 0;
  std::uint64_t frees = 0;
  context.environment.heap.with_instruments([&](alloc::Instruments& all) {
    measured = all.measuring_latency();
    allocations = all.latency().allocate.ticks().count();
    frees = all.latency().free.ticks().count();
  });
  reply.field("measured", Value::boolean(measured));
  reply.field("allocations", Value::count(allocations));
  reply.field("frees", Value::count(frees));
  show_figures(context);
  show_worst(context);
  if (reply.in_one_line()) return kSuccess;
  reply.field("unit", Value::text(kUnits[static_cast<std::size_t>(unit)]));
  for (const Call& call : kCalls) show_buckets(context, call, unit);
  return kSuccess;
}

void clear(alloc::Heap& heap) {
  for (const Call& call : kCalls) {
    heap.with_instruments([&](alloc::Instruments& all) { (all.latency().*call.log).clear(); });
  }
}

/// The unit of the histograms that is asked for, or that says most; nothing, and the call
/// was refused or has failed with `status`, where that cannot be had.
std::optional<Unit> read_unit(Context& context, const Arguments& arguments, int& status) {
  const auto word = arguments.value_of('u');
  if (!word) return is_counted(context, Unit::instructions) ? Unit::instructions : Unit::cycles;
  const auto* const found = std::ranges::find(kUnits, *word);
  if (found == kUnits.end()) {
    status =
        context.reply.refuse(kRecord.usage, "UNIT is instructions, cycles or ns, not '{}'", *word);
    return std::nullopt;
  }
  const auto unit = static_cast<Unit>(found - kUnits.begin());
  if (is_counted(context, unit)) return unit;
  status = context.reply.fail("not-counted", "this machine counts no instructions");
  return std::nullopt;
}

int run_latency(Context& context, const Arguments& arguments) {
  int status = kSuccess;
  const auto unit = read_unit(context, arguments, status);
  if (!unit) return status;
  const std::string_view word = arguments.size() == 0 ? "" : arguments[0];
  alloc::Heap& heap = context.environment.heap;
  if (word == "clear") {
    clear(heap);
  } else if (word == "on" || word == "off") {
    heap.with_instruments([&](alloc::Instruments& all) { all.measure_latency(word == "on"); });
  } else if (!word.empty()) {
    return context.reply.refuse(kRecord.usage, "latency does not know '{}'", word);
  }
  return show(context, *unit);
}

}  // namespace
}  // namespace heapscope::shell
