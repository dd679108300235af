// An allocator that runs on memory of its own, for tests that need no more.
#pragma once

#include <cstddef>
#include <vector>

#include "alloc/allocator.hpp"
#include "tests/unit/alloc/region.hpp"
#include "tests/unit/alloc/soundness.hpp"

namespace heapscope::alloc {

template <Allocator A>
struct TestHeap {
  explicit TestHeap(std::size_t size, std::size_t offset = 0) : region(size, offset) {
    allocator.initialize(region.range());
  }
  // The allocator may hold pointers into itself.
  TestHeap(const TestHeap&) = delete;
  TestHeap& operator=(const TestHeap&) = delete;

  Region region;
  A allocator;
};

/// Takes all that is free, in as few blocks as there are free runs.
template <Allocator A>
std::vector<Address> take_all_free(A& allocator) {
  std::vector<Address> blocks;
  settle(allocator);
  while (const std::size_t largest = allocator.stats().largest_free_bytes) {
    const auto block = allocator.allocate({.size = largest, .align = 1});
    if (!block) break;
    blocks.push_back(*block);
  }
  return blocks;
}

}  // namespace heapscope::alloc
