// A program with a heap in a static buffer: what somebody writes first who takes
// alloc/ into a kernel of their own.
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "alloc/bin_allocator.hpp"
#include "alloc/bump_allocator.hpp"
#include "alloc/locked_heap.hpp"
#include "alloc/no_lock.hpp"
#include "base/panic.hpp"

void heapscope::panic_handler(std::string_view message) {
  std::fprintf(stderr, "panic: %.*s\n", static_cast<int>(message.size()), message.data());
  std::abort();
}

namespace {

namespace alloc = heapscope::alloc;

alignas(64) std::array<std::byte, 64 * 1024> memory;
constinit alloc::LockedHeap<alloc::NoLock, alloc::BinAllocator, alloc::BumpAllocator> heap;

bool allocates_and_frees() {
  const auto start = reinterpret_cast<alloc::Address>(memory.data());
  if (!heap.reset("bin", {.start = start, .end = start + memory.size()})) return false;
  const alloc::Layout layout{.size = 1000, .align = 256};
  const auto block = heap.allocate(layout);
  if (!block || *block % layout.align != 0) return false;
  const auto moved = heap.reallocate(*block, layout, 2000);
  if (!moved || heap.stats().live_blocks != 1) return false;
  if (!heap.deallocate(*moved, {.size = 2000, .align = 256})) return false;
  return heap.stats().used_bytes == 0 && !heap.deallocate(*moved, layout);
}

}  // namespace

int main() { return allocates_and_frees() ? EXIT_SUCCESS : EXIT_FAILURE; }
