// Coming back from a fault: a piece of work that may be given up in the middle.
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/exceptions.hpp"

namespace heapscope::kernel {

/// Calls `work(argument)`. Where it faults outside of any critical section, it is
/// given up on the spot, nothing of it is unwound, and the fault is returned. On any
/// core.
[[nodiscard]] std::optional<FaultRecord> run_recoverably(void (*work)(void*), void* argument);

/// For the exception handler: whether the fault in `frame` can be come back from.
/// If so, the frame has been changed to go on there.
[[nodiscard]] bool recover(ExceptionFrame& frame);

}  // namespace heapscope::kernel
