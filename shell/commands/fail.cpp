// `fail`: allocations that fail on purpose, to see what their callers do then.
#include <array>

#include "shell/argument_values.hpp"
#include "shell/command.hpp"

namespace heapscope::shell {
namespace {

using alloc::FailurePlan;
using alloc::FailureRule;

int run_fail(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 5> kWords{"nth", "every", "above", "probability", "off"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::values, .values = kWords}};
constexpr std::array<std::string_view, 4> kExamples{"fail nth 3", "fail above 4K",
                                                    "fail probability 10 7; fail", "fail off"};
constexpr std::array<std::string_view, 4> kRelated{"alloc", "demo", "selftest", "trace"};
constexpr CommandRecord kRecord{
    .name = "fail",
    .usage = "fail [nth N | every N | above SIZE | probability PERCENT [SEED] | off]",
    .summary = "refuse allocations on purpose",
    .help =
        "From the next call on the heap refuses allocations as if memory had run out: the one "
        "of number N, each one whose number N divides, those of more than SIZE bytes, or "
        "PERCENT of a hundred by chance, the same ones for the same SEED (1 if not given). A "
        "block that grows counts as an allocation, in place or not. Alone, shows the rule, the "
        "allocations seen since it was set, and how many of them were refused; after the one of "
        "nth nothing more is refused. off keeps what was counted.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 0,
    .max_arguments = 3,
    .run = run_fail,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

/// A rule as it is typed: its word, its value, and whether a seed may follow.
struct RuleWords {
  std::string_view word;
  FailureRule::Kind kind;
  std::string_view value_name;
  std::uint64_t low;
  std::uint64_t high = UINT64_MAX;
  std::size_t most_arguments = 2;
};
constexpr std::array kRules{
    RuleWords{.word = kWords[0], .kind = FailureRule::Kind::nth, .value_name = "N", .low = 1},
    RuleWords{.word = kWords[1], .kind = FailureRule::Kind::every, .value_name = "N", .low = 1},
    RuleWords{.word = kWords[2], .kind = FailureRule::Kind::above, .value_name = "SIZE", .low = 0},
    RuleWords{.word = kWords[3],
              .kind = FailureRule::Kind::probability,
              .value_name = "PERCENT",
              .low = 1,
              .high = 100,
              .most_arguments = 3},
};

constexpr std::string_view rule_name(FailureRule::Kind kind) {
  for (const RuleWords& each : kRules) {
    if (each.kind == kind) return each.word;
  }
  return "off";
}

std::string_view state_name(const FailurePlan& plan) {
  if (!plan.on()) return "off";
  return plan.done() ? "done" : "on";
}

int show(Context& context) {
  const FailurePlan plan = context.environment.heap.with_instruments(
      [](alloc::Instruments& all) { return all.failures(); });
  const FailureRule& rule = plan.rule();
  const bool by_chance = rule.kind == FailureRule::Kind::probability;
  Reply& reply = context.reply;
  reply.field("state", Value::text(state_name(plan)));
  reply.field("rule", plan.on() ? Value::text(rule_name(rule.kind)) : Value::none());
  reply.field("value", plan.on() ? Value::count(rule.value) : Value::none());
  reply.field("seed", by_chance ? Value::count(rule.seed) : Value::none());
  reply.field("seen", Value::count(plan.seen()));
  reply.field("refused", Value::count(plan.refused()));
  return kSuccess;
}

/// The rule that was typed; or nothing, and the call has been refused.
std::optional<FailureRule> read_rule(Context& context, const Arguments& arguments,
                                     const RuleWords& words) {
  if (arguments.size() < 2 || arguments.size() > words.most_arguments) {
    context.reply.refuse(kRecord.usage, "{} takes {}", words.word,
                         words.most_arguments > 2 ? "PERCENT and perhaps SEED" : words.value_name);
    return std::nullopt;
  }
  const auto value =
      read_number(context, kRecord, arguments[1], words.value_name, words.low, words.high);
  if (!value) return std::nullopt;
  FailureRule rule{.kind = words.kind, .value = *value, .seed = 1};
  if (arguments.size() > 2) {
    const auto seed = read_number(context, kRecord, arguments[2], "SEED");
    if (!seed) return std::nullopt;
    rule.seed = *seed;
  }
  return rule;
}

int run_fail(Context& context, const Arguments& arguments) {
  if (arguments.size() == 0) return show(context);
  alloc::Heap& heap = context.environment.heap;
  if (arguments[0] == "off") {
    if (arguments.size() > 1) return context.reply.refuse(kRecord.usage, "off takes nothing");
    heap.with_instruments([](alloc::Instruments& all) { all.failures().stop(); });
    return show(context);
  }
  for (const RuleWords& words : kRules) {
    if (words.word != arguments[0]) continue;
    const auto rule = read_rule(context, arguments, words);
    if (!rule) return kWrongUsage;
    heap.with_instruments([&](alloc::Instruments& all) { all.failures().set(*rule); });
    return show(context);
  }
  return context.reply.refuse(kRecord.usage, "fail does not know '{}'", arguments[0]);
}

}  // namespace
}  // namespace heapscope::shell
