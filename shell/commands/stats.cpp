// `stats`: the heap's figures.
#include <array>

#include "shell/command.hpp"
#include "shell/stat_fields.hpp"

namespace heapscope::shell {
namespace {

int run_stats(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 1> kExamples{"stats"};
constexpr std::array<std::string_view, 3> kRelated{"heapmap", "allocator", "alloc"};
constexpr CommandRecord kRecord{
    .name = "stats",
    .usage = "stats",
    .summary = "show the heap's figures",
    .help =
        "heap_bytes is always used_bytes + free_bytes + metadata_bytes; used_bytes - "
        "requested_bytes is internal fragmentation; fragmentation_permille is 1000 - 1000 * "
        "largest_free / free. The bins are the size classes that hold free memory.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .safe_in_panic = true,
    .run = run_stats,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kColumns{
    Column{.name = "size", .width = 11, .right = true},
    Column{.name = "free_blocks", .width = 11, .right = true},
    Column{.name = "free_bytes", .width = 11, .right = true},
};

void show_bins(Context& context) {
  std::array<alloc::BinStats, 32> bins{};
  context.reply.begin_list("bins", kColumns);
  for (std::size_t first = 0;;) {
    const std::size_t count = context.environment.heap.bins(first, bins);
    if (count == 0) break;
    for (const alloc::BinStats& bin : std::span(bins).first(count)) {
      if (bin.free_blocks == 0) continue;
      context.reply.begin_item();
      context.reply.field("size", Value::bytes(bin.size));
      context.reply.field("free_blocks", Value::count(bin.free_blocks));
      context.reply.field("free_bytes", Value::bytes(bin.free_bytes));
      context.reply.end_item();
    }
    first += count;
  }
  context.reply.end_list();
}

int run_stats(Context& context, const Arguments&) {
  const alloc::Stats stats = context.environment.heap.stats();
  Reply& reply = context.reply;
  reply.field("allocator", Value::text(context.environment.heap.allocator_name()));
  reply.field("hardening",
              Value::text(alloc::hardening_name(context.environment.heap.hardening())));
  for (const StatField& field : kStatFields) reply.field(field.name, field.read(stats));
  show_bins(context);
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
