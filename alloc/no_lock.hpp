// The lock for a heap that only one thread uses: none.
#pragma once

namespace heapscope::alloc {

struct NoLock {
  constexpr void lock() {}
  constexpr void unlock() {}
};

}  // namespace heapscope::alloc
