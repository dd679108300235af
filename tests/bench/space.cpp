// Prints, for each workload and allocator, the smallest heap that the workload
// completes in: its records included, to 16 bytes. The same on every run. Without
// workloads, prints the names of the generators.
#include <sys/mman.h>

#include <cstdio>

#include "alloc/bin_allocator.hpp"
#include "alloc/bump_allocator.hpp"
#include "alloc/first_fit_allocator.hpp"
#include "alloc/workload/generator.hpp"
#include "alloc/workload/smallest_heap.hpp"
#include "tests/bench/workloads.hpp"

namespace heapscope::bench {
namespace {

/// Heaps begin at a multiple of this, so that alignments fall the same each time.
constexpr std::uint64_t kAnchor = std::uint64_t{4} << 20;
constexpr std::uint64_t kLargestHeap = std::uint64_t{4} << 30;

constexpr std::uint64_t kMostForFirstFit = 40'000;

/// Address space; memory is taken where it is touched.
alloc::Address reserve() {
  void* const memory = mmap(nullptr, kLargestHeap + kAnchor, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) panic("there is no address space for the heap");
  return alloc::align_up(reinterpret_cast<alloc::Address>(memory), kAnchor);
}

template <alloc::Allocator A>
bool completes(const Workload& workload, Range range, std::span<workload::Slot> slots) {
  if (!A::can_manage(range)) return false;
  A allocator;
  allocator.initialize(range);
  workload::AllocatorTarget<A> target(allocator, workload::Contents::dropped);
  workload::Player player(target, slots, {.stop_at_failure = true});
  WorkloadSource source(workload);
  const auto played = player.play(source);
  return played && *played;
}

template <alloc::Allocator A>
void print(const Workload& workload, alloc::Address start) {
  std::vector<workload::Slot> slots(workload.needs.slots);
  const auto smallest = workload::smallest_heap(
      workload.needs.peak_live_bytes, kLargestHeap, [&](std::uint64_t size) {
        return completes<A>(workload, {.start = start, .end = start + size}, slots);
      });
  std::printf(
      R"({"workload":"%s","allocator":"%s","operations":%llu,"peak_live_bytes":%llu,"smallest_heap":)",
      workload.name.c_str(), std::string(A::kName).c_str(),
      static_cast<unsigned long long>(workload.needs.operations),
      static_cast<unsigned long long>(workload.needs.peak_live_bytes));
  if (smallest) std::printf("%llu}\n", static_cast<unsigned long long>(*smallest));
  if (!smallest) std::printf("null}\n");
  std::fflush(stdout);
}

}  // namespace
}  // namespace heapscope::bench

int main(int count, char** words) {
  using namespace heapscope;
  if (count == 1) {
    for (const workload::GeneratorRecord& record : workload::generators()) {
      std::printf("%s\n", std::string(record.name).c_str());
    }
  }
  const alloc::Address start = bench::reserve();
  for (int i = 1; i < count; ++i) {
    const bench::Workload workload = bench::read_workload(words[i]);
    bench::print<alloc::BumpAllocator>(workload, start);
    bench::print<alloc::BinAllocator>(workload, start);
    // It walks its list in each call: the longer ones would take it an hour.
    if (workload.needs.operations <= bench::kMostForFirstFit) {
      bench::print<alloc::FirstFitAllocator>(workload, start);
    }
  }
}
