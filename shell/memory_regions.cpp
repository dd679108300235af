// Regions from what the kernel, the heap's plan and the memory map say.
#include "shell/memory_regions.hpp"

#include <algorithm>

namespace heapscope::shell {
namespace {

/// Adds a region in its place by address.
void add(MemoryRegions& regions, const Region& region) {
  if (region.range.empty()) return;
  const auto* const after = std::ranges::find_if(
      regions, [&](const Region& other) { return other.range.start > region.range.start; });
  (void)regions.insert(static_cast<std::size_t>(after - regions.begin()), region);
}

/// The same but for the part that is lent to somebody.
void add_around(MemoryRegions& regions, std::string_view name, Range range, Range lent) {
  const Range inside = range.intersection(lent);
  if (inside.empty()) return add(regions, {.name = name, .range = range});
  add(regions, {.name = name, .range = {.start = range.start, .end = inside.start}});
  add(regions, {.name = name, .range = {.start = inside.end, .end = range.end}});
}

/// What nobody says anything of: behind the last bank, and before the registers, is the
/// part of memory that is the GPU's.
Region unnamed(const Environment& environment, Range range) {
  const auto& banks = environment.memory.banks;
  const bool behind_banks = !banks.empty() && range.start >= banks[banks.size() - 1].end;
  if (behind_banks) {
    return {.name = "GPU memory", .range = range, .unreadable = "GPU's, unmapped"};
  }
  const bool in_bank =
      std::ranges::any_of(banks, [&](const Range& bank) { return bank.contains(range.start); });
  return {.name = "unnamed", .range = range, .unreadable = in_bank ? "" : "no memory"};
}

}  // namespace

MemoryRegions memory_regions(const Environment& environment) {
  MemoryRegions regions;
  for (const Region& region : environment.regions) add(regions, region);
  const HeapPlan& plan = environment.setup.plan();
  add(regions, {.name = "heap", .range = plan.heap});
  const Range lent = environment.setup.lent();
  add_around(regions, "handles", plan.handles, lent);
  add(regions, {.name = "workload", .range = lent});
  const Range records = environment.setup.records();
  add(regions, {.name = "records", .range = records});
  const auto add_free = [&](Range range) { add_around(regions, "free", range, lent); };
  for (const Range& range : environment.memory.free) {
    if (!range.contains(plan.heap.start)) {
      add_free(range);
      continue;
    }
    add_free({.start = range.start, .end = plan.heap.start});
    add_free({.start = plan.heap.end, .end = plan.handles.start});
    const std::uint64_t end = range.contains(records.start) ? records.start : range.end;
    add_free({.start = plan.handles.end, .end = end});
  }
  return regions;
}

MemoryRegions address_space(const Environment& environment) {
  const MemoryRegions known = memory_regions(environment);
  MemoryRegions all;
  std::uint64_t at = 0;
  for (const Region& region : known) {
    if (region.range.start > at) {
      (void)all.push_back(unnamed(environment, {.start = at, .end = region.range.start}));
    }
    (void)all.push_back(region);
    at = std::max(at, region.range.end);
  }
  return all;
}

}  // namespace heapscope::shell
