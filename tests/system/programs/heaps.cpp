// A program of the host with a heap of each allocator, which says what its heaps hold and
// dies. test_gdb_core.py looks at what is left of it.
//
// What is said comes from a twin of each heap, that has gone through the same calls: the
// allocator's own functions settle a heap before they show it, and the one that GDB looks at
// shall be as calls leave it.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include "alloc/bin_allocator.hpp"
#include "alloc/bump_allocator.hpp"
#include "alloc/first_fit_allocator.hpp"
#include "alloc/hardened_allocator.hpp"
#include "alloc/locked_heap.hpp"
#include "base/ring_buffer.hpp"
#include "base/static_vector.hpp"

namespace heapscope {
void panic_handler(std::string_view message) {
  std::fprintf(stderr, "panic: %.*s\n", static_cast<int>(message.size()), message.data());
  std::exit(3);
}
}  // namespace heapscope

using namespace heapscope;
using namespace heapscope::alloc;

namespace {

constexpr std::size_t kHeapBytes = std::size_t{320} * 1024;
constexpr std::size_t kAnchor = std::size_t{1} << 20;

Range memory() {
  const auto start = reinterpret_cast<std::uint64_t>(std::aligned_alloc(kAnchor, kAnchor));
  return {.start = start, .end = start + kHeapBytes};
}

class Random {
 public:
  std::size_t below(std::size_t limit) {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::size_t>(state_ >> 33) % limit;
  }

 private:
  std::uint64_t state_ = 1;
};

struct Block {
  Address address;
  Layout layout;
};

/// Blocks of all sizes; most are given back, so that slabs become empty.
template <class H>
void exercise(H& heap) {
  constexpr std::size_t kSizes[]{1, 16, 40, 64, 100, 250, 257, 700, 1024, 3000, 9000};
  Random random;
  std::vector<Block> blocks;
  for (int i = 0; i < 2000; ++i) {
    if (!blocks.empty() && random.below(100) < (i < 1400 ? 42 : 54)) {
      const std::size_t chosen = random.below(blocks.size());
      (void)heap.deallocate(blocks[chosen].address, blocks[chosen].layout);
      blocks[chosen] = blocks.back();
      blocks.pop_back();
      continue;
    }
    const Layout layout{.size = kSizes[random.below(11)],
                        .align = random.below(8) == 0 ? std::size_t{128} : kDefaultAlign};
    if (const auto address = heap.allocate(layout)) blocks.push_back({*address, layout});
  }
}

void show(const char* name, Address start, const Stats& stats) {
  std::printf("heap %s\n", name);
  std::printf("stats %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu\n", stats.heap_bytes,
              stats.used_bytes, stats.requested_bytes, stats.free_bytes, stats.metadata_bytes,
              stats.peak_used_bytes, stats.largest_free_bytes, stats.live_blocks, stats.allocations,
              stats.frees, stats.failures);
  if (stats.start != start) std::abort();
}

void show(const Extent& extent, Address start) {
  std::printf("extent %lu %lu %s\n", extent.start - start, extent.size,
              state_name(extent.state).data());
}

void show(const BinStats& bin) {
  if (bin.free_blocks == 0) return;
  std::printf("bin %lu %lu %lu\n", bin.size, bin.free_blocks, bin.free_bytes);
}

template <class A>
void show_twin(const char* name) {
  A& twin = *new A;
  const Range range = memory();
  twin.initialize(range);
  exercise(twin);
  settle(twin);
  show(name, range.start, twin.stats());
  for (Address at = range.start; at < range.end;) {
    const Extent extent = extent_at(twin, at);
    show(extent, range.start);
    at = extent.end();
  }
  // Hardened has those of what it is around.
  if constexpr (!std::is_same_v<A, Hardened<FirstFitAllocator>>) {
    BinStats found[16];
    for (std::size_t first = 0; const std::size_t count = bins(twin, first, found);
         first += count) {
      for (std::size_t i = 0; i < count; ++i) show(found[i]);
    }
  }
}

template <class A>
void run(const char* name, A& allocator) {
  allocator.initialize(memory());
  exercise(allocator);
  show_twin<A>(name);
}

}  // namespace

BinAllocator bin;
CoalescingAllocator coalescing;
UncheckedBinAllocator unchecked;
BumpAllocator bump;
FirstFitAllocator first_fit;
Hardened<BinAllocator> full;
Hardened<FirstFitAllocator> full_first_fit;
Hardened<BumpAllocator> full_bump;

using HostHeap =
    LockedHeap<std::mutex, BinAllocator, BumpAllocator, FirstFitAllocator, Hardened<BinAllocator>>;
HostHeap locked;
HostHeap unused;
Heap* abstract_heap = &locked;
std::unique_ptr<FirstFitAllocator> owned;
std::unique_ptr<FirstFitAllocator> nobodys;
std::optional<BumpAllocator> perhaps;
std::optional<BumpAllocator> never;
int number = 5;

Layout layout{.size = 100, .align = 32};
Range a_range{.start = 0x1000, .end = 0x3000};
Extent extent{.start = 0x1000, .size = 64, .state = ExtentState::live};
Result<Address, HeapError> granted = Address{0x1230};
Result<Address, HeapError> refused = fail(HeapError::exhausted);
Result<void, HeapError> done;
Result<void, HeapError> not_done = fail(HeapError::wrong_layout);
StaticVector<int, 4> few;
RingBuffer<8> ring;
CallStamp stamp = CallStamp::made(1234, 3, 0);
Origin origin{.address = 0x1000, .layout = {.size = 48}, .live = true, .sequence = 7};
GuardedBlock guarded{.address = 0x2000, .layout = {.size = 10}, .freed = true};

int main() {
  run("bin", bin);
  run("coalescing", coalescing);
  run("unchecked", unchecked);
  run("bump", bump);
  run("first_fit", first_fit);
  run("full", full);
  run("full_first_fit", full_first_fit);
  run("full_bump", full_bump);
  locked.set_hardening(Hardening::full);
  if (!locked.reset("bin", memory())) return 1;
  exercise(locked);
  show_twin<Hardened<BinAllocator>>("locked");
  owned = std::make_unique<FirstFitAllocator>();
  owned->initialize(memory());
  perhaps.emplace().initialize(memory());
  (void)few.push_back(11);
  (void)few.push_back(22);
  for (const char c : std::string_view("heap")) (void)ring.push(static_cast<std::uint8_t>(c));
  std::fflush(stdout);
  std::abort();
}
