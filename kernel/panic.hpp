// What becomes of a kernel that cannot go on: it says why, and then lets itself be
// looked at through the panic shell.
#pragma once

#include <atomic>
#include <cstdint>

#include "kernel/cpu.hpp"
#include "kernel/exceptions.hpp"

namespace heapscope::shell {
struct Environment;
class Shell;
}  // namespace heapscope::shell

namespace heapscope::kernel {

namespace detail {
/// One more than the number of the core that panicked; 0 where none has.
inline constinit std::atomic<std::uint32_t> panicking_core{0};
}  // namespace detail

/// Whether the kernel has panicked. Then one core runs, all its interrupts are
/// masked, and locks are passed by.
[[nodiscard]] inline bool panicking() {
  return detail::panicking_core.load(std::memory_order_relaxed) != 0;
}
/// Whether it was this core.
[[nodiscard]] inline bool panicking_here() {
  return detail::panicking_core.load(std::memory_order_relaxed) == core_number() + 1;
}

/// Makes a panic end in a shell, and ends what `usual` is answering first. Both
/// must stay.
void enable_panic_shell(shell::Environment& environment, shell::Shell& usual);

/// Reports an exception that cannot be come back from, and opens the panic shell;
/// before one is enabled, halts. A broken contract (base/panic.hpp) goes the same
/// way. Where either happens again, outside of what the panic shell recovers from,
/// one line is printed and the core halts.
[[noreturn]] void panic_by_exception(std::uint64_t vector, const ExceptionFrame& frame);

}  // namespace heapscope::kernel
