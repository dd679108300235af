// The board's interrupt controller, as far as the serial line needs it.
#pragma once

namespace heapscope::kernel {

/// Lets the serial line interrupt core 0, and unmasks interrupts on this core,
/// which must be core 0.
void start_interrupts();

/// Keeps the serial line from interrupting anybody, for whoever comes after this kernel.
void stop_interrupts();

/// Serves what is pending on this core. Called with interrupts masked; O(1).
void handle_interrupts();

}  // namespace heapscope::kernel
