// `bins`: which sizes are free, and which live.
#include <array>
#include <bit>

#include "shell/bar.hpp"
#include "shell/heap_walker.hpp"

namespace heapscope::shell {
namespace {

int run_bins(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 1> kExamples{"bins"};
constexpr std::array<std::string_view, 3> kRelated{"stats", "blocks", "heapmap"};
constexpr CommandRecord kRecord{
    .name = "bins",
    .usage = "bins",
    .summary = "show histograms of what is free and live",
    .help =
        "free: each size class that has free memory, by the smallest block that it holds. "
        "live: blocks by size, from a power of two to below the next. The bars show bytes.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .safe_in_panic = true,
    .run = run_bins,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kColumns{
    Column{.name = "size", .width = 10, .right = true},
    Column{.name = "blocks", .width = 10, .right = true},
    Column{.name = "bytes", .width = 11, .right = true},
    Column{.name = "permille", .width = 8, .right = true},
    Column{.name = "bar"},
};

using Bins = std::array<alloc::BinStats, 64>;

/// Gives `take` each size class.
template <class Take>
void for_each_class(const alloc::Heap& heap, Take take) {
  std::array<alloc::BinStats, 8> some;
  for (std::size_t first = 0; const std::size_t count = heap.bins(first, some); first += count) {
    for (const alloc::BinStats& each : std::span(some).first(count)) take(each);
  }
}

void show(Context& context, const alloc::BinStats& bin, std::uint64_t all_bytes) {
  if (bin.free_blocks == 0) return;
  const std::uint64_t permille = all_bytes == 0 ? 0 : bin.free_bytes * 1000 / all_bytes;
  const Bar bar(permille);
  context.reply.begin_item();
  context.reply.field("size", Value::bytes(bin.size));
  context.reply.field("blocks", Value::count(bin.free_blocks));
  context.reply.field("bytes", Value::bytes(bin.free_bytes));
  context.reply.field("permille", Value::count(permille));
  context.reply.field("bar", Value::text(bar.view()));
  context.reply.end_item();
}

int run_bins(Context& context, const Arguments&) {
  Reply& reply = context.reply;
  Bins live{};
  std::uint64_t live_bytes = 0;
  HeapWalker walker(context, context.environment.setup.plan().heap);
  while (const auto extent = walker.next()) {
    if (extent->state != alloc::ExtentState::live) continue;
    alloc::BinStats& bin = live[static_cast<std::size_t>(std::bit_width(extent->size) - 1)];
    bin.size = std::bit_floor(extent->size);
    ++bin.free_blocks;
    bin.free_bytes += extent->size;
    live_bytes += extent->size;
  }
  if (walker.stopped()) return reply.fail("interrupted", "interrupted: not all was counted");
  std::uint64_t free_bytes = 0;
  for_each_class(context.environment.heap,
                 [&](const alloc::BinStats& bin) { free_bytes += bin.free_bytes; });
  reply.field("free_bytes", Value::bytes(free_bytes));
  reply.field("live_bytes", Value::bytes(live_bytes));
  reply.begin_list("free", kColumns);
  for_each_class(context.environment.heap,
                 [&](const alloc::BinStats& bin) { show(context, bin, free_bytes); });
  reply.end_list();
  reply.begin_list("live", kColumns);
  for (const alloc::BinStats& bin : live) show(context, bin, live_bytes);
  reply.end_list();
  if (walker.changed()) reply.field("changed_meanwhile", Value::boolean(true));
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
