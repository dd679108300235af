// What can still be done with a stack: choosing where the last code runs, silencing
// the interrupts and sending the other cores after it (handover.S).
#include "kernel/handover.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "board_constants.hpp"
#include "kernel/core_signals.hpp"
#include "kernel/cores.hpp"
#include "kernel/cpu.hpp"
#include "kernel/image.hpp"
#include "kernel/interrupts.hpp"
#include "kernel/mmu.hpp"
#include "kernel/page_tables.hpp"
#include "kernel/serial.hpp"

namespace heapscope::kernel {
namespace {

/// The head of the page that the code is copied to, as handover.S knows it.
struct Handover {
  std::uint64_t arrived[kCores];  ///< Of each other core: 0 not yet, 1 absent, 2 yes.
  std::uint64_t go;               ///< Whether the spin code is in its place.
  std::uint64_t spin_code;
  std::uint64_t spin_table;
  std::uint64_t source;
  std::uint64_t destination;
  std::uint64_t bytes;  ///< A multiple of 16.
  std::uint64_t x0;
  std::uint64_t unused[5];
};
static_assert(offsetof(Handover, go) == 32);
static_assert(offsetof(Handover, spin_code) == 40);
static_assert(offsetof(Handover, spin_table) == 48);
static_assert(offsetof(Handover, source) == 56);
static_assert(offsetof(Handover, destination) == 64);
static_assert(offsetof(Handover, bytes) == 72);
static_assert(offsetof(Handover, x0) == 80);
static_assert(sizeof(Handover) == 128);

constexpr std::uint64_t kUnit = 16;

constexpr std::uint64_t round_up(std::uint64_t bytes) { return (bytes + kUnit - 1) & ~(kUnit - 1); }

Range destination_of(Range image) {
  const std::uint64_t start = text_range().start;
  return {.start = start, .end = start + round_up(image.size())};
}

/// A free page that the copying neither reads nor writes.
std::optional<Range> page_beside(Range image, const atags::MemoryMap& map) {
  constexpr std::uint64_t kBytes = PageTables::kPageBytes;
  for (const Range& free : map.free) {
    for (const std::uint64_t start :
         {(free.end & ~(kBytes - 1)) - kBytes, (free.start + kBytes - 1) & ~(kBytes - 1)}) {
      const Range page{.start = start, .end = start + kBytes};
      const bool inside = page.intersection(free) == page;
      if (inside && !page.overlaps(image) && !page.overlaps(destination_of(image))) return page;
    }
  }
  return std::nullopt;
}

/// Whether all of it is this kernel's memory or free.
bool is_ours(Range memory, const atags::MemoryMap& map) {
  if (memory.end <= kernel_end()) return true;
  const Range beyond{.start = kernel_end(), .end = memory.end};
  return std::ranges::any_of(
      map.free, [&](const Range& free) { return beyond.intersection(free) == beyond; });
}

bool others_sleep() {
  for (std::uint32_t core = 1; core < kCores; ++core) {
    if (is_working(core) || core_report(core).state == CoreState::stopped) return false;
  }
  return true;
}

}  // namespace

extern "C" {
extern const std::uint32_t handover_code[];
extern const std::uint32_t handover_code_end[];
[[noreturn]] void leave_kernel(void* page);
}

namespace {

[[noreturn]] void leave(void* page) {
  mask_everything();
  CoreSignals::disable(core_number());
  leave_kernel(page);
}

}  // namespace

std::string_view handover_obstacle(Range image, Range memory, const atags::MemoryMap& map) {
  if (image.start % kUnit != 0) return "it is not aligned to 16 bytes";
  if (image.start < memory.start) return "it lies below where it is to run";
  if (!is_ours(memory, map)) return "the memory that it needs is not all free";
  if (!page_beside(image, map)) return "there is no free page beside it";
  if (!others_sleep()) return "another core is at work or does not answer";
  return {};
}

void hand_over(Range image, const atags::MemoryMap& map, std::uint64_t x0) {
  const auto page = page_beside(image, map);
  const Range destination = destination_of(image);
  serial().flush();
  mask_everything();
  stop_interrupts();

  auto* const bytes = reinterpret_cast<std::byte*>(page.value_or(Range{}).start);
  Handover head{.arrived = {},
                .go = 0,
                .spin_code = kBoard.spin_code,
                .spin_table = kBoard.spin_table,
                .source = image.start,
                .destination = destination.start,
                .bytes = destination.size(),
                .x0 = x0,
                .unused = {}};
  std::array<bool, kCores> present{};
  for (std::uint32_t core = 1; core < kCores; ++core) {
    present[core] = core_report(core).state != CoreState::absent;
    head.arrived[core] = present[core] ? 0 : 1;
  }
  std::ranges::copy(std::as_bytes(std::span(&head, 1)), bytes);
  std::ranges::copy(std::as_bytes(std::span(handover_code, handover_code_end)),
                    bytes + sizeof(head));
  // Whoever reads these next reads memory: its caches are off.
  clean_and_invalidate({bytes, PageTables::kPageBytes});
  clean_and_invalidate(
      {reinterpret_cast<const std::byte*>(image.start), static_cast<std::size_t>(image.size())});
  for (std::uint32_t core = 1; core < kCores; ++core) {
    if (present[core]) (void)start_work(core, leave, bytes);
  }
  leave(bytes);
}

}  // namespace heapscope::kernel
