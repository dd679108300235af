// The kernel's heap: the one that people watch, and that `new` takes from.
#pragma once

#include "alloc/heap.hpp"

namespace heapscope::kernel {

/// Uninitialized until HeapSetup has started an allocator on it; using it before
/// that is a panic.
[[nodiscard]] alloc::Heap& heap();

}  // namespace heapscope::kernel
