// Coming back from a fault, or from a lack of memory: a piece of work that may be given
// up in the middle.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/text_sink.hpp"
#include "kernel/exceptions.hpp"

namespace heapscope::kernel {

/// Why a piece of work was given up.
struct Breakdown {
  FaultRecord fault;        ///< Counts where `contract` is empty.
  FixedText<200> contract;  ///< What was broken, as the panic said.
};

/// One line, without its end.
void describe_breakdown(TextSink& out, const Breakdown& breakdown);

/// Calls `work(argument)`. Where it faults outside of any critical section, it is
/// given up on the spot, nothing of it is unwound, and the reason is returned. On any
/// core.
///
/// During a panic it also comes back from faults within critical sections and from
/// further panics, on the core that panicked.
[[nodiscard]] std::optional<Breakdown> run_recoverably(void (*work)(void*), void* argument);

/// Calls `work(argument)`. Where the heap refuses `new` a block in it, outside of any
/// critical section, it is given up on the spot, nothing of it is unwound, and the bytes
/// that `new` asked for are returned. What the work has made is the caller's to find:
/// objects that outlive it, and which allocate before they change. A run_recoverably()
/// within it is not left. On any core.
[[nodiscard]] std::optional<std::size_t> run_while_memory_lasts(void (*work)(void*),
                                                                void* argument);

/// The same for anything that can be called.
template <class Work>
[[nodiscard]] std::optional<std::size_t> run_while_memory_lasts(Work work) {
  return run_while_memory_lasts([](void* it) { (*static_cast<Work*>(it))(); }, &work);
}

/// For the exception handler: whether the fault in `frame` can be come back from.
/// If so, the frame has been changed to go on there.
[[nodiscard]] bool recover(ExceptionFrame& frame);

/// For the panic handler, during a panic: gives up the work that runs. Returns
/// where there is none to come back from.
void recover_from_panic(std::string_view message);

/// For `new`, which was refused so many bytes: gives up the work that runs. Returns where
/// there is none to come back from.
void recover_from_refusal(std::size_t bytes);

/// What runs now is not to be come back to any more.
void forget_recovery();

}  // namespace heapscope::kernel
