// Planning a heap with its handles, and starting it.
#include "shell/heap_setup.hpp"

#include <algorithm>

namespace heapscope::shell {
namespace {

constexpr std::uint64_t kBytesPerNamedBlock = 64;
constexpr std::uint64_t kEnoughHandles = 1'000'000;
constexpr std::uint64_t kUnit = 16;

constexpr std::uint64_t round_up(std::uint64_t bytes) {
  return (bytes + kUnit - 1) / kUnit * kUnit;
}

constexpr std::uint64_t handle_bytes(std::uint64_t handles) {
  return round_up(handles * HandleTable::kBytesPerHandle);
}

/// The handles that a heap of that size must have.
constexpr std::uint64_t needed_handles(std::uint64_t heap_bytes) {
  return std::clamp<std::uint64_t>(heap_bytes / kBytesPerNamedBlock, 1, kEnoughHandles);
}

constexpr bool fits(std::uint64_t heap_bytes, std::uint64_t room) {
  if (heap_bytes > room || round_up(heap_bytes) > room) return false;
  return handle_bytes(needed_handles(heap_bytes)) <= room - round_up(heap_bytes);
}

/// The largest heap, in whole units, that leaves room for its handles.
constexpr std::uint64_t largest_in(std::uint64_t room) {
  std::uint64_t good = 0;
  std::uint64_t bad = room / kUnit + 1;
  while (bad - good > 1) {
    const std::uint64_t middle = good + (bad - good) / 2;
    (fits(middle * kUnit, room) ? good : bad) = middle;
  }
  return good * kUnit;
}

Range aligned(Range range) {
  // The last few addresses of all have no multiple of the unit above them.
  if (range.start > UINT64_MAX - (kUnit - 1)) return {};
  const Range inner{.start = round_up(range.start), .end = range.end / kUnit * kUnit};
  return inner.empty() ? Range{} : inner;
}

}  // namespace

Result<HeapPlan, SetupError> plan_heap(Range free, std::optional<std::uint64_t> heap_bytes) {
  const Range usable = aligned(free);
  const std::uint64_t size = heap_bytes.value_or(largest_in(usable.size()));
  if (size == 0) return fail(SetupError::too_small);
  if (!fits(size, usable.size())) return fail(SetupError::too_large);
  const Range heap{.start = usable.start, .end = usable.start + size};
  const std::uint64_t table = round_up(heap.end);
  const std::uint64_t wanted = handle_bytes(size / kBytesPerNamedBlock + 1);
  return HeapPlan{.heap = heap,
                  .handles = {.start = table, .end = table + std::min(wanted, usable.end - table)}};
}

Range take_records(Range& free, std::uint64_t bytes) {
  constexpr std::uint64_t kAlign = 64;
  const std::uint64_t size = std::min(bytes, free.size() / 2) / kAlign * kAlign;
  const std::uint64_t end = free.end / kAlign * kAlign;
  if (size == 0 || end < free.start + size) return {};
  free.end = end - size;
  return {.start = free.end, .end = end};
}

HeapSetup::HeapSetup(alloc::Heap& heap, HandleTable& handles, Range free, Range records)
    : heap_(heap), handles_(handles), free_(free), records_(records) {
  if (records.empty()) return;
  const std::span storage(reinterpret_cast<std::byte*>(records.start),
                          static_cast<std::size_t>(records.size()));
  heap.with_instruments([&](alloc::Instruments& all) { all.give_storage(storage); });
}

Result<void, SetupError> HeapSetup::start(std::string_view allocator,
                                          std::optional<std::uint64_t> heap_bytes) {
  const auto names = heap_.allocator_names();
  if (std::ranges::find(names, allocator) == names.end()) {
    return fail(SetupError::no_such_allocator);
  }
  const auto plan = plan_heap(free_, heap_bytes);
  if (!plan) return fail(plan.error());
  if (!heap_.can_reset(allocator, plan->heap)) return fail(SetupError::too_small);
  if (started_ && (has_tenant() || heap_.stats().live_blocks != handles_.size())) {
    return fail(SetupError::blocks_in_use);
  }
  if (!heap_.reset(allocator, plan->heap)) return fail(SetupError::too_small);
  plan_ = *plan;
  started_ = true;
  handles_.initialize({reinterpret_cast<std::byte*>(plan->handles.start), plan->handles.size()});
  return {};
}

Range HeapSetup::workspace() {
  const Range lent = this->lent();
  const std::uint64_t end = lent.start >= plan_.handles.end ? lent.start : free_.end;
  const Range beside = aligned({.start = plan_.handles.end, .end = end});
  const Range unused = aligned(handles_.never_used());
  return beside.size() > unused.size() ? beside : unused;
}

Range HeapSetup::lend(std::uint64_t bytes, const HeapTenant& tenant) {
  if (has_tenant()) return {};
  const Range room = workspace();
  const std::uint64_t size = round_up(bytes);
  if (size == 0 || size > room.size()) return {};
  tenant_ = &tenant;
  lent_ = {.start = room.end - size, .end = room.end};
  if (lent_.start < plan_.handles.end) handles_.lend_from(lent_.start);
  return lent_;
}

bool HeapSetup::has_tenant() {
  if (tenant_ == nullptr || tenant_->stays()) return tenant_ != nullptr;
  tenant_ = nullptr;
  lent_ = {};
  handles_.take_back();
  return false;
}

Range HeapSetup::lent() { return has_tenant() ? lent_ : Range{}; }

std::uint64_t HeapSetup::largest_heap() const { return largest_in(aligned(free_).size()); }

}  // namespace heapscope::shell
