// The kernel's heap: the one that people watch, and that `new` takes from.
#pragma once

#include "alloc/heap.hpp"
#include "kernel/ticket_lock.hpp"

namespace heapscope::kernel {

/// Uninitialized until HeapSetup has started an allocator on it; using it before
/// that is a panic.
[[nodiscard]] alloc::Heap& heap();

/// Gives a block back as `delete` does, with a layout that is not rounded: panics where the
/// heap refuses it.
void give_back_exactly(alloc::Address address, alloc::Layout layout);

/// What the heap's lock has counted since the kernel started.
[[nodiscard]] LockCounters heap_lock_counters();

/// From now on how long the heap's lock is held and waited for is measured, or is not
/// any more; what was measured stays. Meanwhile all calls take the heaps' locks, shared
/// or not, and take longer. For core 0.
void measure_heap_lock(bool measured);
[[nodiscard]] bool heap_lock_measured();
/// What was measured. Of calls of other cores in this moment nothing is counted.
[[nodiscard]] HoldRecord heap_lock_holds();
/// Forgets what was measured.
void clear_heap_lock_holds();

/// Whether other cores than this one may use the heaps. As long as they may not, which
/// is how it begins, the heaps' locks need not exclude them. To be called on core 0
/// before another core is given work, and when all have ended.
void share_heaps(bool shared);
[[nodiscard]] bool heaps_shared();

/// A heap that nobody watches, for trying allocators out. Nothing keeps one trial
/// from another.
[[nodiscard]] alloc::Heap& trial_heap();

}  // namespace heapscope::kernel
