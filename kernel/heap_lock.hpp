// The lock of the kernel's heaps. bench/measured/ has another one, for the kernel that
// measures how long it is held.
#pragma once

#include "kernel/heap_witness.hpp"
#include "kernel/spin_lock.hpp"

namespace heapscope::kernel {

struct HeapLock : SpinLock {
  using Witness = HeapWitness;
};

}  // namespace heapscope::kernel
