// The lock of the kernel's heaps. bench/measured/ has another one, for the kernel that
// measures how long it is held.
#pragma once

#include "kernel/spin_lock.hpp"

namespace heapscope::kernel {

using HeapLock = SpinLock;

}  // namespace heapscope::kernel
