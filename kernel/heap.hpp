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

/// Whether other cores than this one may use the heaps. As long as they may not, which
/// is how it begins, the heaps' locks need not exclude them. To be called on core 0
/// before another core is given work, and when all have ended.
void share_heaps(bool shared);

/// A heap that nobody watches, for trying allocators out. Nothing keeps one trial
/// from another.
[[nodiscard]] alloc::Heap& trial_heap();

}  // namespace heapscope::kernel
