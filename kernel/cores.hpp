// The four cores: waking those beside core 0, giving them work, and stopping them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "kernel/exceptions.hpp"

namespace heapscope::kernel {

enum class CoreState : std::uint8_t {
  absent,   ///< It has never come.
  idle,     ///< It sleeps until there is work.
  running,  ///< It works; core 0 always does.
  faulted,  ///< Its last work ended in a fault; it sleeps and takes new work.
  stopped,  ///< Stopped for good, for a panic.
};

/// The state's name in scripts and JSON.
[[nodiscard]] std::string_view state_name(CoreState state);

/// A core as it is now.
struct CoreReport {
  CoreState state = CoreState::absent;
  std::uint32_t exception_level = 0;  ///< All others are 0 as well where it is absent.
  bool mmu = false;
  std::uint64_t affinity = 0;   ///< MPIDR_EL1.
  std::uint64_t stack_top = 0;  ///< Of the stack that it works on.
  std::size_t stack_bytes = 0;
  std::size_t stack_used_bytes = 0;  ///< At most, so far.
  std::uint64_t works = 0;           ///< Pieces of work that it was given.
};

/// Has the firmware's stub send its cores to the kernel, where they wait. Before
/// the MMU is on: the spin table lies in page 0, which is not mapped later.
void call_cores();

/// Lets them go, and begins to keep account of core 0, which calls this with its
/// MMU on. Waits for nobody.
void release_cores();

/// How many cores there are. Those that have not come half a second after they
/// were let go are absent; waits for them until then.
[[nodiscard]] std::uint32_t await_cores();

[[nodiscard]] CoreReport core_report(std::uint32_t core);

/// The fault that the core's last work ended in, if it did.
[[nodiscard]] std::optional<FaultRecord> core_fault(std::uint32_t core);

/// Has a core beside core 0 call `work(argument)`, with interrupts unmasked; for
/// core 0. The heaps are shared from then on. False where that core is absent, stopped or working.
/// What was written before is seen by the work.
[[nodiscard]] bool start_work(std::uint32_t core, void (*work)(void*), void* argument);

/// Whether the core's work has not ended. What it wrote is seen once it has.
[[nodiscard]] bool is_working(std::uint32_t core);

/// The same for this work alone, whatever its argument.
[[nodiscard]] bool is_working_on(std::uint32_t core, void (*work)(void*));

/// To be called on core 0 when it knows of no work that goes on: where that is so, the
/// heaps need not be locked against other cores any more (share_heaps()).
void end_work();

/// Stops all other cores for good, for a panic: first outside of critical sections,
/// then, where that takes too long, wherever they are. False where one does not
/// stop within a fifth of a second. For one core alone, in any state of the machine;
/// repeated, it does nothing.
[[nodiscard]] bool stop_other_cores();

/// Stops this one for good, for the panic of another.
[[noreturn]] void stop_this_core();

/// For the handlers of IRQ and FIQ: does not return where this core is to stop.
void handle_core_signal();
void obey_stop();

}  // namespace heapscope::kernel
