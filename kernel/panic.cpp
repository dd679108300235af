// A panic from its cause to its shell. It leaves the stacks that it finds, so that
// it works where they are full, and comes back from its own faults step by step.
#include "kernel/panic.hpp"

#include <optional>

#include "base/format.hpp"
#include "base/panic.hpp"
#include "kernel/cores.hpp"
#include "kernel/cpu.hpp"
#include "kernel/image.hpp"
#include "kernel/mmu.hpp"
#include "kernel/recovery.hpp"
#include "kernel/serial.hpp"
#include "kernel/suspects.hpp"
#include "shell/shell.hpp"

extern "C" [[noreturn]] void run_on_stacks(void (*work)(), std::uint64_t exception_stack_end,
                                           std::uint64_t stack_end);

namespace heapscope::kernel {
namespace {

struct Cause {
  Breakdown breakdown;
  std::uint64_t vector = 0;  // Of a fault.
  Callers callers;           // Of the code that broke a contract.
};

/// How often the panic shell is started anew when it is itself at fault.
constexpr int kShellStarts = 3;

/// What happened, kept apart from all stacks.
constinit std::optional<Cause> cause;
constinit shell::Environment* environment = nullptr;
constinit shell::Shell* usual_shell = nullptr;
constinit bool alone = false;  // Whether all other cores have stopped.
constinit bool given_up = false;

/// Whether this core is the first that panics. Before the MMU is on there is no
/// other, and no exclusive access.
bool claim_panic() {
  const std::uint32_t mine = core_number() + 1;
  if (usual_state()) {
    std::uint32_t nobody = 0;
    return detail::panicking_core.compare_exchange_strong(nobody, mine, std::memory_order_relaxed);
  }
  detail::panicking_core.store(mine, std::memory_order_relaxed);
  return true;
}

/// The first thing of every panic. Whatever else could disturb it is to be stopped
/// here: from here on this core is alone with the machine. Stops where another core
/// panicked before.
void begin_panic() {
  mask_everything();
  if (!claim_panic()) stop_this_core();
  forget_recovery();
  alone = stop_other_cores();
  leave_usual_state();
}

/// A panic within a panic, where there is nothing left to come back to; one within
/// this just ends.
[[noreturn]] void give_up(const Breakdown& breakdown) {
  if (given_up) halt();
  given_up = true;
  LastWords out;
  out.write("\nfatal: the panic failed: ");
  describe_breakdown(out, breakdown);
  out.write("\nhalted\n");
  halt();
}

void take_over_line() {
  serial().stop_interrupts();
  serial().set_raw(false);
}

void break_usual_shell_off() {
  if (usual_shell == nullptr) return;
  FixedText<240> message;
  describe_breakdown(message, cause->breakdown);
  usual_shell->break_off(message.view());
}

void report() {
  const bool fault = cause->breakdown.contract.view().empty();
  LastWords out;
  out.write(fault ? "\nfatal: " : "\npanic: ");
  describe_breakdown(out, cause->breakdown);
  format(out, "\ncore: {}\n", core_number());
  if (!alone) out.write("not all other cores have stopped\n");
  if (fault) {
    format(out, "vector: {}{}\n", vector_kind(cause->vector), vector_origin(cause->vector));
    write_details(out, cause->breakdown.fault);
  } else {
    write_callers(out, cause->callers);
  }
}

void report_suspects() {
  if (environment == nullptr) return;
  LastWords out;
  write_kept_suspects(out, *environment, cause->breakdown.contract.view());
}

void run_panic_shell() {
  // Without escape sequences there is less that can go wrong.
  const bool json = usual_shell->mode() == shell::Mode::json;
  shell::Shell shell(*environment, serial(), json ? shell::Mode::json : shell::Mode::plain,
                     shell::Purpose::panic);
  shell.prompt();
  for (;;) {
    if (!shell.poll()) yield();
  }
}

/// Where a step fails, the next one may still work.
void attempt(void (*step)()) {
  const auto breakdown =
      run_recoverably([](void* it) { (*static_cast<void (**)()>(it))(); }, &step);
  if (!breakdown) return;
  LastWords out;
  out.write("\nand within the panic: ");
  describe_breakdown(out, *breakdown);
  out.write("\n");
}

/// On the panic stack.
[[noreturn]] void serve() {
  attempt(take_over_line);
  attempt(break_usual_shell_off);
  attempt(report);
  attempt(report_suspects);
  if (environment == nullptr) {
    write_last_words("halted: there is no shell yet\n");
    halt();
  }
  write_last_words("The panic shell: help lists what works in it, reboot leaves it.\n");
  for (int i = 0; i < kShellStarts; ++i) attempt(run_panic_shell);
  write_last_words("halted: the panic shell does not work\n");
  halt();
}

[[noreturn]] void serve_on_panic_stack() {
  const std::uint64_t core = core_number();
  run_on_stacks(serve, exception_stack_of(core).end, panic_stack_of(core).end);
}

}  // namespace

void enable_panic_shell(shell::Environment& the_environment, shell::Shell& usual) {
  environment = &the_environment;
  usual_shell = &usual;
}

void panic_by_exception(std::uint64_t vector, const ExceptionFrame& frame) {
  if (panicking_here()) {
    // Without the callers: to look for them may be what failed.
    Breakdown breakdown;
    breakdown.fault.frame = frame;
    give_up(breakdown);
  }
  begin_panic();
  cause.emplace().vector = vector;
  cause->breakdown.fault = FaultRecord(frame);
  serve_on_panic_stack();
}

}  // namespace heapscope::kernel

namespace heapscope {

void panic_handler(std::string_view message) {
  if (kernel::panicking_here()) {
    kernel::recover_from_panic(message);
    kernel::Breakdown breakdown;
    breakdown.contract.write(message);
    kernel::give_up(breakdown);
  }
  kernel::begin_panic();
  kernel::cause.emplace().breakdown.contract.write(message);
  kernel::cause->callers =
      kernel::callers_from(reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)));
  kernel::serve_on_panic_stack();
}

}  // namespace heapscope
