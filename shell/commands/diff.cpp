// `diff`: what was allocated since a mark and is still live, the leak finder.
#include <algorithm>
#include <array>

#include "shell/argument_values.hpp"
#include "shell/block_fields.hpp"
#include "shell/block_origin.hpp"
#include "shell/marks.hpp"
#include "shell/origin_walker.hpp"

namespace heapscope::shell {
namespace {

int run_diff(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 2> kGroupings{"tag", "caller"};
constexpr std::array kOptions{
    OptionRecord{.letter = 'g',
                 .word = "group",
                 .value_name = "BY",
                 .help = "by tag, or caller where there is none; or by caller",
                 .completes = {.kind = Completes::Kind::values, .values = kGroupings}},
    OptionRecord{.letter = 'b', .word = "blocks", .value_name = {}, .help = "list the blocks"},
};
constexpr std::array<std::string_view, 3> kExamples{"diff boot", "diff boot --blocks",
                                                    "diff boot --group caller"};
constexpr std::array<std::string_view, 4> kRelated{"mark", "who", "origins", "blocks"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::mark}};
constexpr CommandRecord kRecord{
    .name = "diff",
    .usage = "diff NAME [NAME] [-g BY] [-b]",
    .summary = "show what lives since a mark",
    .help =
        "Blocks that were allocated after the first mark, and before the second if there is "
        "one, and are still live: grouped, the group with the most bytes first. oldest_us is "
        "when the first of a group was allocated. The mark boot is before all blocks.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 1,
    .max_arguments = 2,
    .run = run_diff,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kBlockColumns{
    Column{.name = "address", .width = 10},
    Column{.name = "size", .width = 11, .right = true},
    Column{.name = "sequence", .width = 10, .right = true},
    Column{.name = "id", .width = 8},
    Column{.name = "tag"},
};

struct Group {
  std::string_view tag;
  alloc::CallPath path = 0;
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
  std::uint64_t oldest = UINT64_MAX;  // In ticks.
};

/// Those that are told apart, and one for all others.
class Groups {
 public:
  void clear() { *this = {}; }
  void add(const alloc::Origin& origin, std::string_view tag) {
    const alloc::CallPath path = tag.empty() ? origin.allocated.path : 0;
    auto* group = std::ranges::find_if(
        groups_, [&](const Group& each) { return each.tag == tag && each.path == path; });
    if (group == groups_.end()) {
      if (!groups_.push_back({.tag = tag, .path = path})) return count(others_, origin);
      group = &groups_.back();
    }
    count(*group, origin);
  }
  void sort() { std::ranges::sort(groups_, std::ranges::greater{}, &Group::bytes); }
  [[nodiscard]] const Group* begin() const { return groups_.begin(); }
  [[nodiscard]] const Group* end() const { return groups_.end(); }
  [[nodiscard]] const Group& others() const { return others_; }

 private:
  static void count(Group& group, const alloc::Origin& origin) {
    ++group.blocks;
    group.bytes += origin.layout.size;
    group.oldest = std::min(group.oldest, origin.allocated.ticks());
  }
  StaticVector<Group, 64> groups_;
  Group others_;
};
/// Too much for the stack.
constinit std::optional<Groups> the_groups;

struct Period {
  std::uint64_t after = 0;
  std::uint64_t until = UINT64_MAX;

  [[nodiscard]] bool has(const alloc::Origin& origin) const {
    return origin.live && origin.sequence > after && origin.sequence <= until;
  }
};

/// Gives `take` every origin of the period; false on Ctrl-C.
template <class Take>
bool for_each_origin(Context& context, const Period& period, Take take) {
  OriginWalker walker(context);
  while (const auto origin = walker.next()) {
    if (period.has(*origin)) take(*origin);
  }
  return !walker.stopped();
}

std::string_view tag_of(const Environment& environment, const alloc::Origin& origin) {
  const auto handle = environment.handles.find_address(origin.address);
  return handle ? handle->tag : std::string_view();
}

const Mark* read_mark(Context& context, std::string_view name) {
  const Mark* const mark = marks().find(name);
  if (mark == nullptr) (void)context.reply.fail("no-mark", "there is no mark {}", name);
  return mark;
}

std::optional<Period> read_period(Context& context, const Arguments& arguments) {
  const auto now = context.environment.heap.with_instruments(
      [](const alloc::Instruments& all) { return all.recording() ? all.recordings() : 0; });
  if (now == 0) {
    (void)context.reply.fail("not-recorded", "origins are off: nothing is known of the blocks");
    return std::nullopt;
  }
  Period period;
  if (arguments[0] != kBootMark) {
    const Mark* const first = read_mark(context, arguments[0]);
    if (first == nullptr) return std::nullopt;
    if (first->recordings != now) {
      (void)context.reply.fail("not-recorded", "origins were off since {}: set another mark",
                               arguments[0]);
      return std::nullopt;
    }
    period.after = first->sequence;
  }
  if (arguments.size() > 1) {
    const Mark* const second = read_mark(context, arguments[1]);
    if (second == nullptr) return std::nullopt;
    period.until = second->sequence;
  }
  return period;
}

void show_group(Context& context, const Group& group, std::string_view by) {
  Reply& reply = context.reply;
  // Lines, for callers fit into no column.
  reply.begin_item();
  reply.field("blocks", Value::count(group.blocks));
  reply.field("bytes", Value::bytes(group.bytes));
  reply.field("oldest_us",
              Value::count(context.environment.platform.microseconds_at(group.oldest)));
  reply.field("tag", group.tag.empty() ? Value::none() : Value::text(group.tag));
  reply.field("by", by.empty() ? Value::none() : Value::text(by));
  reply.end_item();
}

void show_groups(Context& context, const Groups& groups) {
  context.reply.begin_list("groups", {});
  for (const Group& group : groups) {
    const CallersText callers(context.environment.platform, group.path);
    show_group(context, group, group.tag.empty() ? callers.view() : std::string_view());
  }
  if (groups.others().blocks > 0) show_group(context, groups.others(), "further callers");
  context.reply.end_list();
}

void show_block(Context& context, const alloc::Origin& origin) {
  Reply& reply = context.reply;
  const auto handle = context.environment.handles.find_address(origin.address);
  reply.begin_item();
  reply.field("address", Value::address(origin.address));
  reply.field("size", Value::bytes(origin.layout.size));
  reply.field("sequence", Value::count(origin.sequence));
  show_name(reply, handle);
  reply.end_item();
}

int run_diff(Context& context, const Arguments& arguments) {
  const std::string_view by = arguments.value_of('g').value_or(kGroupings[0]);
  if (by != kGroupings[0] && by != kGroupings[1]) {
    return context.reply.refuse(kRecord.usage, "BY must be tag or caller, not '{}'", by);
  }
  const auto period = read_period(context, arguments);
  if (!period) return kFailed;
  Reply& reply = context.reply;
  if (!the_groups) the_groups.emplace();
  Groups& groups = *the_groups;
  groups.clear();
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
  bool complete = for_each_origin(context, *period, [&](const alloc::Origin& origin) {
    ++blocks;
    bytes += origin.layout.size;
    groups.add(origin, by == kGroupings[0] ? tag_of(context.environment, origin) : "");
  });
  groups.sort();
  reply.field("blocks", Value::count(blocks));
  reply.field("bytes", Value::bytes(bytes));
  const auto unrecorded = context.environment.heap.with_instruments(
      [](const alloc::Instruments& all) { return all.origins().unrecorded(); });
  reply.field("unrecorded", Value::count(unrecorded));
  show_groups(context, groups);
  if (arguments.has('b') && complete) {
    reply.begin_list("live", kBlockColumns);
    complete = for_each_origin(context, *period,
                               [&](const alloc::Origin& origin) { show_block(context, origin); });
    reply.end_list();
  }
  if (complete) return kSuccess;
  return reply.problem("interrupted", "interrupted: not all blocks were looked at");
}

}  // namespace
}  // namespace heapscope::shell
