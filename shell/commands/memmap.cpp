// `memmap`: what lies where in memory.
#include <array>

#include "shell/command.hpp"
#include "shell/memory_regions.hpp"

namespace heapscope::shell {
namespace {

int run_memmap(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 1> kExamples{"memmap"};
constexpr std::array<std::string_view, 2> kRelated{"atags", "heapmap"};
constexpr CommandRecord kRecord{
    .name = "memmap",
    .usage = "memmap",
    .summary = "show what lies where in memory",
    .help =
        "Lists the memory banks that the board reported and all that is known to lie in them, "
        "by address: the kernel, the heap, the handles that name its blocks, and what is free.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .safe_in_panic = true,
    .run = run_memmap,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kBankColumns{
    Column{.name = "start", .width = 10},
    Column{.name = "end", .width = 10},
    Column{.name = "bytes", .width = 11, .right = true},
};
constexpr std::array kRegionColumns{
    Column{.name = "start", .width = 10},
    Column{.name = "end", .width = 10},
    Column{.name = "bytes", .width = 11, .right = true},
    Column{.name = "what"},
};

void show_range(Reply& reply, Range range) {
  reply.field("start", Value::address(range.start));
  reply.field("end", Value::address(range.end));
  reply.field("bytes", Value::bytes(range.size()));
}

int run_memmap(Context& context, const Arguments&) {
  Reply& reply = context.reply;
  reply.begin_list("banks", kBankColumns);
  for (const Range& bank : context.environment.memory.banks) {
    reply.begin_item();
    show_range(reply, bank);
    reply.end_item();
  }
  reply.end_list();
  reply.begin_list("regions", kRegionColumns);
  for (const Region& region : memory_regions(context.environment)) {
    reply.begin_item();
    show_range(reply, region.range);
    reply.field("what", Value::text(region.name));
    reply.end_item();
  }
  reply.end_list();
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
