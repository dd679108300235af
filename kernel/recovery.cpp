// The places to come back to, and whether a fault may.
#include "kernel/recovery.hpp"

#include <array>
#include <cstddef>

#include "kernel/cpu.hpp"
#include "kernel/image.hpp"

namespace heapscope::kernel {
namespace {

/// As recovery.S fills it.
struct RecoveryPoint {
  std::uint64_t saved[12];  // x19 to x30, which a call preserves.
  std::uint64_t sp;
};
static_assert(offsetof(RecoveryPoint, sp) == 96);

constexpr std::uint64_t kIrqMasked = 1U << 7;  // Of SPSR_EL1.

/// Of each core, touched by nobody else. `point` is the innermost one; null where
/// nothing is to be come back to.
struct Recovery {
  RecoveryPoint* point = nullptr;
  FaultRecord fault;
};
constinit std::array<Recovery, kCores> recoveries;

Recovery& recovery_here() { return recoveries[core_number()]; }

}  // namespace

extern "C" int call_recoverably(RecoveryPoint* point, void (*work)(void*), void* argument);
extern "C" const char resume_at[];

std::optional<FaultRecord> run_recoverably(void (*work)(void*), void* argument) {
  RecoveryPoint point;
  Recovery& here = recovery_here();
  // Volatile: after a fault, registers are as they were at the call.
  RecoveryPoint* const volatile outer = here.point;
  here.point = &point;
  const bool returned = call_recoverably(&point, work, argument) != 0;
  recovery_here().point = outer;
  if (returned) return std::nullopt;
  return recovery_here().fault;
}

bool recover(ExceptionFrame& frame) {
  // Masked interrupts mean a lock that is held or a driver between two states:
  // to leave that would be to leave it broken.
  Recovery& here = recovery_here();
  if (here.point == nullptr || (frame.spsr & kIrqMasked) != 0) return false;
  here.fault = FaultRecord(frame);
  frame.elr = reinterpret_cast<std::uintptr_t>(resume_at);
  frame.x[0] = reinterpret_cast<std::uintptr_t>(here.point);
  return true;
}

}  // namespace heapscope::kernel
