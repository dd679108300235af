// The kernel's heap: the one that people watch, and that `new` takes from.
#pragma once

#include "alloc/heap.hpp"
#include "kernel/ticket_lock.hpp"

namespace heapscope::kernel {

/// Uninitialized until HeapSetup has started an allocator on it; using it before
/// that is a panic.
[[nodiscard]] alloc::Heap& heap();

/// What the heap's lock has counted since the kernel started.
[[nodiscard]] LockCounters heap_lock_counters();
/// From now on how long the lock is held is measured, anew, or is not any more; each
/// use of it takes longer then.
void measure_heap_lock(bool measured);

/// A heap that nobody watches, for trying allocators out. Nothing keeps one trial
/// from another.
[[nodiscard]] alloc::Heap& trial_heap();

}  // namespace heapscope::kernel
