// `allocator`: which allocator runs, and starting another one.
#include <algorithm>
#include <array>

#include "shell/argument_values.hpp"
#include "shell/heap_restart.hpp"

namespace heapscope::shell {
namespace {

int run_allocator(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 4> kExamples{"allocator", "allocator bump 64K",
                                                    "allocator first-fit 1M", "allocator bin all"};
constexpr std::array<std::string_view, 3> kNames{"bump", "bin", "first-fit"};
constexpr std::array<std::string_view, 1> kSizes{"all"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::values, .values = kNames},
                                Completes{.kind = Completes::Kind::values, .values = kSizes}};
constexpr std::array<std::string_view, 3> kRelated{"harden", "stats", "compare"};
constexpr CommandRecord kRecord{
    .name = "allocator",
    .usage = "allocator [bump|bin|first-fit] [SIZE|all]",
    .summary = "show the allocator, or start one anew",
    .help =
        "With a name, starts that allocator on a heap of SIZE bytes, of all memory, or of the "
        "size that the heap has now. All blocks are gone; their handles are not used again.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 0,
    .max_arguments = 2,
    .run = run_allocator,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kColumns{Column{.name = "name"}};

void show(Context& context) {
  const Environment& environment = context.environment;
  const alloc::Stats stats = environment.heap.stats();
  context.reply.field("allocator", Value::text(environment.heap.allocator_name()));
  context.reply.field("hardening",
                      Value::text(alloc::hardening_name(environment.heap.hardening())));
  context.reply.field("start", Value::address(stats.start));
  context.reply.field("end", Value::address(stats.end));
  context.reply.field("heap_bytes", Value::bytes(stats.heap_bytes));
  context.reply.begin_list("available", kColumns);
  for (const std::string_view name : environment.heap.allocator_names()) {
    context.reply.begin_item();
    context.reply.field("name", Value::text(name));
    context.reply.end_item();
  }
  context.reply.end_list();
}

int run_allocator(Context& context, const Arguments& arguments) {
  if (arguments.size() == 0) {
    show(context);
    return kSuccess;
  }
  std::optional<std::uint64_t> bytes = context.environment.setup.plan().heap.size();
  if (arguments.size() > 1 && arguments[1] == "all") {
    bytes.reset();
  } else if (arguments.size() > 1) {
    bytes = read_number(context, kRecord, arguments[1], "SIZE");
    if (!bytes) return kWrongUsage;
  }
  const auto names = context.environment.heap.allocator_names();
  if (std::ranges::find(names, arguments[0]) == names.end()) {
    return report_setup_error(context, kRecord, SetupError::no_such_allocator, arguments[0]);
  }
  if (const auto refused = refuse_heap_restart(context)) return *refused;
  const auto started = context.environment.setup.start(arguments[0], bytes);
  if (!started) return report_setup_error(context, kRecord, started.error(), arguments[0]);
  show(context);
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
