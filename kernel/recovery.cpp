// The places to come back to, and whether a fault may.
#include "kernel/recovery.hpp"

#include <array>
#include <cstddef>

#include "kernel/cpu.hpp"
#include "kernel/image.hpp"
#include "kernel/panic.hpp"

namespace heapscope::kernel {
namespace {

/// As recovery.S fills it.
struct RecoveryPoint {
  std::uint64_t saved[12];  // x19 to x30, which a call preserves.
  std::uint64_t sp;
};
static_assert(offsetof(RecoveryPoint, sp) == 96);

constexpr std::uint64_t kIrqMasked = 1U << 7;  // Of SPSR_EL1.

/// Of each core, touched by nobody else.
struct Recovery {
  RecoveryPoint* point = nullptr;      // The innermost; null: nothing to come back to.
  std::optional<Breakdown> breakdown;  // Empty at the start, so that no image holds it.
};
constinit std::array<Recovery, kCores> recoveries;

Recovery& recovery_here() { return recoveries[core_number()]; }

}  // namespace

extern "C" int call_recoverably(RecoveryPoint* point, void (*work)(void*), void* argument);
extern "C" [[noreturn]] void resume_at(RecoveryPoint* point);

void describe_breakdown(TextSink& out, const Breakdown& happened) {
  if (happened.contract.view().empty()) {
    describe_fault(out, happened.fault);
  } else {
    out.write(happened.contract.view());
  }
}

std::optional<Breakdown> run_recoverably(void (*work)(void*), void* argument) {
  RecoveryPoint point;
  Recovery& here = recovery_here();
  // Volatile: after a fault, registers are as they were at the call.
  RecoveryPoint* const volatile outer = here.point;
  here.point = &point;
  const bool returned = call_recoverably(&point, work, argument) != 0;
  recovery_here().point = outer;
  if (returned) return std::nullopt;
  return recovery_here().breakdown;
}

bool recover(ExceptionFrame& frame) {
  // Masked interrupts mean a lock that is held or a driver between two states:
  // to leave that would be to leave it broken. In a panic it is broken anyway.
  Recovery& here = recovery_here();
  if (here.point == nullptr) return false;
  const bool critical = (frame.spsr & kIrqMasked) != 0;
  if (panicking() ? !panicking_here() : critical) return false;
  here.breakdown.emplace().fault = FaultRecord(frame);
  frame.elr = reinterpret_cast<std::uintptr_t>(resume_at);
  frame.x[0] = reinterpret_cast<std::uintptr_t>(here.point);
  return true;
}

void recover_from_panic(std::string_view message) {
  // A handler cannot be left without its exception's return.
  Recovery& here = recovery_here();
  if (here.point == nullptr || in_exception_handler()) return;
  here.breakdown.emplace().contract.write(message);
  resume_at(here.point);
}

void forget_recovery() { recovery_here().point = nullptr; }

}  // namespace heapscope::kernel
