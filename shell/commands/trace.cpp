// `trace`: the last calls of the heap, as a workload that can be played again.
#include <algorithm>
#include <array>

#include "alloc/workload/trace_reader.hpp"
#include "alloc/workload/trace_writer.hpp"
#include "shell/argument_values.hpp"
#include "shell/block_origin.hpp"
#include "shell/shell.hpp"

namespace heapscope::shell {
namespace {

int run_trace(Context& context, const Arguments& arguments);

constexpr std::array kOptions{
    OptionRecord{.letter = 'n',
                 .word = "calls",
                 .value_name = "CALLS",
                 .help = "of dump: the last so many, all if not given"},
};
constexpr std::array<std::string_view, 6> kWords{"on", "off", "frees", "dump", "clear", "status"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::values, .values = kWords}};
constexpr std::array<std::string_view, 5> kExamples{"trace on", "trace dump", "trace dump -n 20",
                                                    "trace", "trace off"};
constexpr std::array<std::string_view, 4> kRelated{"replay", "origins", "diff", "who"};
constexpr CommandRecord kRecord{
    .name = "trace",
    .usage = "trace [on|off|frees|dump|clear|status] [-n CALLS]",
    .summary = "record the heap's calls",
    .help =
        "on keeps the last calls with time, core and callers; frees goes on with frees only, so "
        "that what was allocated before is seen to go; off keeps what there is. dump writes a "
        "trace that replay, ./heapscope bench and ./heapscope view read; what the device knows "
        "beside that stands behind #. A free whose allocation is not in the dump is left out "
        "and counted, and so is what newer calls overwrote. It costs 54 instructions an "
        "allocation and 57 a free, with the origins, which it needs.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 0,
    .max_arguments = 1,
    .run = run_trace,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::string_view tracing_name(alloc::Tracing tracing) {
  switch (tracing) {
    case alloc::Tracing::off:
      return "off";
    case alloc::Tracing::frees:
      return "frees";
    case alloc::Tracing::on:
      return "on";
  }
  return "off";
}

/// Where the ring is at a moment.
struct State {
  alloc::Tracing tracing = alloc::Tracing::off;
  std::uint64_t first = 1;
  std::uint64_t last = 0;
  std::uint64_t overwritten = 0;
  std::size_t capacity = 0;
};

State state_of(alloc::Heap& heap) {
  return heap.with_instruments([](const alloc::Instruments& all) {
    const std::uint64_t last = all.traced_to();
    return State{.tracing = all.tracing(),
                 .first = all.trace().first(last),
                 .last = last,
                 .overwritten = all.trace().overwritten(last),
                 .capacity = all.trace().capacity()};
  });
}

/// Goes over the calls that were there when it began, a few with each look.
class EventReader {
 public:
  EventReader(Context& context, const State& state)
      : context_(context), next_(state.first), last_(state.last) {}

  /// Nothing after the last, or on Ctrl-C.
  std::optional<alloc::TraceEvent> next() {
    while (taken_ == events_.size()) {
      if (next_ > last_ || context_.interrupted()) return std::nullopt;
      fetch();
    }
    return events_[taken_++];
  }
  [[nodiscard]] bool stopped() const { return next_ <= last_ || taken_ < events_.size(); }
  /// Calls that were overwritten before they could be read.
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  void fetch() {
    events_.clear();
    taken_ = 0;
    context_.environment.heap.with_instruments([&](const alloc::Instruments& all) {
      const std::uint64_t first = all.trace().first(all.traced_to());
      if (first > next_) lost_ += std::min(first, last_ + 1) - next_;
      next_ = std::max(next_, first);
      for (std::size_t i = 0; i < kLookedAt && next_ <= last_; ++i) {
        if (const auto event = all.trace().event(next_++)) (void)events_.push_back(*event);
      }
    });
  }

  static constexpr std::size_t kLookedAt = 16;
  Context& context_;
  std::uint64_t next_;
  std::uint64_t last_;
  std::uint64_t lost_ = 0;
  StaticVector<alloc::TraceEvent, kLookedAt> events_;
  std::size_t taken_ = 0;
};

/// Decides what of the calls a player can follow: what concerns blocks whose allocation
/// came before.
class Followed {
 public:
  bool follows(const alloc::TraceEvent& event) {
    using Kind = alloc::TraceEvent::Kind;
    if (event.kind == Kind::refuse || event.block == 0) return false;
    if (event.kind == Kind::allocate && first_ == 0) first_ = event.sequence;
    return first_ != 0 && event.allocation >= first_;
  }

 private:
  std::uint64_t first_ = 0;  // The first allocation's.
};

constexpr std::string_view kind_name(alloc::TraceEvent::Kind kind) {
  constexpr std::array<std::string_view, 4> kNames{"allocate", "free", "reallocate", "refused"};
  return kNames[static_cast<std::size_t>(kind)];
}

workload::Operation operation_of(const alloc::TraceEvent& event) {
  using Kind = alloc::TraceEvent::Kind;
  workload::Operation operation{.kind = workload::OperationKind::allocate, .id = event.block};
  if (event.kind == Kind::free) {
    operation.kind = workload::OperationKind::free;
    return operation;
  }
  if (event.kind == Kind::resize) operation.kind = workload::OperationKind::reallocate;
  operation.size = event.layout.size;
  if (event.kind == Kind::allocate) operation.align = event.layout.align;
  return operation;
}

std::string_view tag_of(const Environment& environment, const alloc::TraceEvent& event) {
  if (event.kind != alloc::TraceEvent::Kind::allocate) return {};
  const auto handle = environment.handles.find_address(event.address);
  return handle ? handle->tag : std::string_view();
}

void write_line(Context& context, const alloc::TraceEvent& event, bool followed) {
  const Environment& environment = context.environment;
  FixedText<400> line;
  FixedText<64> operation;
  if (event.kind == alloc::TraceEvent::Kind::refuse) {
    format(operation, "refused {} {}", event.layout.size, event.layout.align);
  } else {
    workload::write_operation(operation, operation_of(event));
  }
  std::string_view shown = operation.view();
  if (shown.ends_with('\n')) shown.remove_suffix(1);
  format(line, "{}{} # t={} at={:#x} core={}", followed ? "" : "# ", shown,
         environment.platform.microseconds_at(event.stamp.ticks()), event.address,
         event.stamp.core());
  const std::string_view tag = tag_of(environment, event);
  if (!tag.empty()) format(line, " tag={}", tag);
  FixedText<100> caller;
  if (environment.platform.write_caller(caller, event.stamp.path, 0)) {
    format(line, " by={}", caller.view());
  }
  context.reply.line("trace", line.view());
}

void show_event(Context& context, const alloc::TraceEvent& event, bool followed) {
  const Environment& environment = context.environment;
  Reply& reply = context.reply;
  reply.begin_item();
  reply.field("kind", Value::text(kind_name(event.kind)));
  reply.field("id", event.block == 0 ? Value::none() : Value::count(event.block));
  reply.field("size", Value::bytes(event.layout.size));
  reply.field("align", Value::bytes(event.layout.align));
  reply.field("us", Value::count(environment.platform.microseconds_at(event.stamp.ticks())));
  reply.field("address", Value::address(event.address));
  reply.field("core", Value::count(event.stamp.core()));
  const std::string_view tag = tag_of(environment, event);
  reply.field("tag", tag.empty() ? Value::none() : Value::text(tag));
  FixedText<100> caller;
  const bool known = environment.platform.write_caller(caller, event.stamp.path, 0);
  reply.field("by", known ? Value::text(caller.view()) : Value::none());
  reply.field("followed", Value::boolean(followed));
  reply.end_item();
}

struct Survey {
  std::uint64_t events = 0;
  std::uint64_t left_out = 0;
};

Survey survey(Context& context, const State& state) {
  Survey found;
  Followed followed;
  EventReader reader(context, state);
  while (const auto event = reader.next()) {
    ++found.events;
    if (!followed.follows(*event)) ++found.left_out;
  }
  return found;
}

/// `most`: of the last calls.
int dump(Context& context, std::uint64_t most) {
  Environment& environment = context.environment;
  Reply& reply = context.reply;
  State state = state_of(environment.heap);
  if (state.last > most) state.first = std::max(state.first, state.last - most + 1);
  const Range heap = environment.setup.plan().heap;
  const Survey found = survey(context, state);
  const bool as_fields = context.shell.mode() == Mode::json;
  if (as_fields) {
    reply.field("heap_start", Value::address(heap.start));
    reply.field("heap_end", Value::address(heap.end));
    reply.field("allocator", Value::text(environment.heap.allocator_name()));
    reply.field("overwritten", Value::count(state.overwritten));
    reply.field("left_out", Value::count(found.left_out));
    reply.begin_list("events", {});
  } else {
    FixedText<120> line;
    reply.line("trace", workload::kTraceMark);
    format(line, "# heap {:#x} {:#x} allocator {}", heap.start, heap.end,
           environment.heap.allocator_name());
    reply.line("trace", line.view());
    FixedText<120> counts;
    format(counts, "# events {}, overwritten {}, left out {}", found.events, state.overwritten,
           found.left_out);
    reply.line("trace", counts.view());
  }
  Followed followed;
  EventReader reader(context, state);
  while (const auto event = reader.next()) {
    const bool follows = followed.follows(*event);
    if (as_fields) {
      show_event(context, *event, follows);
    } else {
      write_line(context, *event, follows);
    }
  }
  if (as_fields) reply.end_list();
  if (reader.stopped()) return reply.problem("interrupted", "interrupted: the trace goes on");
  if (reader.lost() == 0) return kSuccess;
  return reply.problem("overwritten", "{} calls were overwritten while the trace was shown",
                       reader.lost());
}

int show(Context& context) {
  const State state = state_of(context.environment.heap);
  Reply& reply = context.reply;
  reply.field("tracing", Value::text(tracing_name(state.tracing)));
  reply.field("calls", Value::count(state.last + 1 - std::min(state.first, state.last + 1)));
  reply.field("overwritten", Value::count(state.overwritten));
  reply.field("capacity", Value::count(state.capacity));
  return kSuccess;
}

int set(Context& context, alloc::Tracing tracing) {
  if (tracing != alloc::Tracing::off && state_of(context.environment.heap).capacity == 0) {
    return context.reply.fail("no-records", "there is no memory for a trace: heap.records=SIZE");
  }
  alloc::set_tracing(context.environment.heap, tracing);
  return show(context);
}

int run_trace(Context& context, const Arguments& arguments) {
  const std::string_view word = arguments.size() == 0 ? "status" : arguments[0];
  std::uint64_t most = UINT64_MAX;
  if (const auto given = arguments.value_of('n')) {
    if (word != "dump") return context.reply.refuse(kRecord.usage, "-n is for dump");
    const auto calls = read_number(context, kRecord, *given, "CALLS", 1);
    if (!calls) return kWrongUsage;
    most = *calls;
  }
  if (word == "status") return show(context);
  if (word == "on") return set(context, alloc::Tracing::on);
  if (word == "off") return set(context, alloc::Tracing::off);
  if (word == "frees") return set(context, alloc::Tracing::frees);
  if (word == "dump") return dump(context, most);
  if (word != "clear") {
    return context.reply.refuse(kRecord.usage, "trace does not know '{}'", word);
  }
  context.environment.heap.with_instruments([](alloc::Instruments& all) { all.clear_trace(); });
  return show(context);
}

}  // namespace
}  // namespace heapscope::shell
