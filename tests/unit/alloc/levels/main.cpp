// A heap at the level that the build was told, and whether it is of that level.
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "alloc/default_allocator.hpp"
#include "base/panic.hpp"

void heapscope::panic_handler(std::string_view message) {
  std::fprintf(stderr, "panic: %.*s\n", static_cast<int>(message.size()), message.data());
  std::abort();
}

namespace {

namespace alloc = heapscope::alloc;

static_assert(alloc::hardening_name(alloc::kBuiltHardening) == LEVEL);
constexpr bool kFull = alloc::kBuiltHardening == alloc::Hardening::full;
static_assert((alloc::hardening_of<alloc::DefaultAllocator>() == alloc::Hardening::full) == kFull);

alignas(64) std::array<std::byte, 64 * 1024> memory;
alloc::DefaultAllocator heap;

bool keeps_a_freed_block_back() {
  const auto start = reinterpret_cast<alloc::Address>(memory.data());
  heap.initialize({.start = start, .end = start + memory.size()});
  const alloc::Layout layout{.size = 64};
  const auto first = heap.allocate(layout);
  if (!first || !heap.allocate(layout) || !heap.deallocate(*first, layout)) std::abort();
  return heap.allocate(layout) != first;
}

}  // namespace

int main() { return keeps_a_freed_block_back() == kFull ? EXIT_SUCCESS : EXIT_FAILURE; }
