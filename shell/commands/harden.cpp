// `harden`: how much the heap does to notice misuse, and changing that as it runs.
#include <array>

#include "shell/heap_restart.hpp"

namespace heapscope::shell {
namespace {

int run_harden(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 3> kLevels{alloc::hardening_name(alloc::Hardening::none),
                                                  alloc::hardening_name(alloc::Hardening::standard),
                                                  alloc::hardening_name(alloc::Hardening::full)};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::values, .values = kLevels}};
constexpr std::array<std::string_view, 3> kExamples{"harden", "harden none || harden",
                                                    "harden default || harden"};
constexpr std::array<std::string_view, 3> kRelated{"check", "allocator", "stats"};
constexpr CommandRecord kRecord{
    .name = "harden",
    .usage = "harden [none|default|full]",
    .summary = "show or change the hardening level",
    .help =
        "none takes a free as it comes; default checks each one; full adds zones around blocks, "
        "fills memory, keeps freed blocks back and checks the whole heap as it runs. Between none "
        "and default all blocks stay. To full and back the heap is started anew, for which none "
        "may be live. An allocator that is started later takes the level too, as far as it has "
        "it: bump is always none, and first-fit always default.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 0,
    .max_arguments = 1,
    .run = run_harden,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kColumns{
    Column{.name = "level", .width = 8},
    Column{.name = "change", .width = 11},
    Column{.name = "possible", .width = 8},
    Column{.name = "obstacle"},
};

constexpr std::string_view change_name(alloc::HardeningChange change) {
  switch (change) {
    case alloc::HardeningChange::none:
      return "none";
    case alloc::HardeningChange::in_place:
      return "in-place";
    case alloc::HardeningChange::restart:
      return "restart";
    case alloc::HardeningChange::unavailable:
      break;
  }
  return "unavailable";
}

std::string_view obstacle(alloc::HardeningChange change, std::uint64_t live_blocks) {
  if (change == alloc::HardeningChange::unavailable) return "the allocator has no such level";
  const bool in_use = change == alloc::HardeningChange::restart && live_blocks != 0;
  return in_use ? "blocks are live" : "";
}

int show(Context& context) {
  Reply& reply = context.reply;
  const alloc::Heap& heap = context.environment.heap;
  const std::uint64_t live_blocks = heap.stats().live_blocks;
  reply.field("hardening", Value::text(alloc::hardening_name(heap.hardening())));
  reply.field("allocator", Value::text(heap.allocator_name()));
  reply.field("live_blocks", Value::count(live_blocks));
  reply.begin_list("levels", kColumns);
  for (const alloc::Hardening level : alloc::kHardenings) {
    const alloc::HardeningChange change = heap.hardening_change(level);
    const std::string_view why_not = obstacle(change, live_blocks);
    reply.begin_item();
    reply.field("level", Value::text(alloc::hardening_name(level)));
    reply.field("change", Value::text(change_name(change)));
    reply.field("possible", Value::boolean(why_not.empty()));
    reply.field("obstacle", why_not.empty() ? Value::none() : Value::text(why_not));
    reply.end_item();
  }
  reply.end_list();
  return kSuccess;
}

/// Starts the allocator that runs anew at another level, on a heap without blocks.
int restart_at(Context& context, alloc::Hardening level) {
  alloc::Heap& heap = context.environment.heap;
  HeapSetup& setup = context.environment.setup;
  if (const auto refused = refuse_heap_restart(context)) return *refused;
  if (const std::uint64_t blocks = heap.stats().live_blocks; blocks != 0) {
    return context.reply.fail("in-use",
                              "{} needs a heap without live blocks ({} now): free all first",
                              alloc::hardening_name(level), blocks);
  }
  const alloc::Hardening before = heap.hardening();
  const std::string_view allocator = heap.allocator_name();
  heap.set_hardening(level);
  const auto started = setup.start(allocator, setup.plan().heap.size());
  if (started) return show(context);
  heap.set_hardening(before);
  return report_setup_error(context, kRecord, started.error(), allocator);
}

int run_harden(Context& context, const Arguments& arguments) {
  if (arguments.size() == 0) return show(context);
  const auto level = alloc::hardening_named(arguments[0]);
  if (!level) {
    return context.reply.refuse(kRecord.usage, "there is no level '{}'", arguments[0]);
  }
  alloc::Heap& heap = context.environment.heap;
  switch (heap.hardening_change(*level)) {
    case alloc::HardeningChange::none:
      // What is started later may have been asked for at another level.
      heap.set_hardening(*level);
      return show(context);
    case alloc::HardeningChange::in_place:
      (void)heap.harden_in_place(*level);
      return show(context);
    case alloc::HardeningChange::restart:
      return restart_at(context, *level);
    case alloc::HardeningChange::unavailable:
      break;
  }
  return context.reply.fail("unsupported", "{} is always {}", heap.allocator_name(),
                            alloc::hardening_name(heap.hardening()));
}

}  // namespace
}  // namespace heapscope::shell
