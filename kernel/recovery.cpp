// The places to come back to, and whether a fault may.
#include "kernel/recovery.hpp"

#include <cstddef>

#include "kernel/cpu.hpp"

namespace heapscope::kernel {
namespace {

/// As recovery.S fills it.
struct RecoveryPoint {
  std::uint64_t saved[12];  // x19 to x30, which a call preserves.
  std::uint64_t sp;
};
static_assert(offsetof(RecoveryPoint, sp) == 96);

constexpr std::uint64_t kIrqMasked = 1U << 7;  // Of SPSR_EL1.

/// The innermost one; null where nothing is to be come back to.
constinit RecoveryPoint* current = nullptr;
constinit FaultRecord fault;

}  // namespace

extern "C" int call_recoverably(RecoveryPoint* point, void (*work)(void*), void* argument);
extern "C" const char resume_at[];

std::optional<FaultRecord> run_recoverably(void (*work)(void*), void* argument) {
  RecoveryPoint point;
  // Volatile: after a fault, registers are as they were at the call.
  RecoveryPoint* const volatile outer = current;
  current = &point;
  const bool returned = call_recoverably(&point, work, argument) != 0;
  current = outer;
  if (returned) return std::nullopt;
  return fault;
}

bool recover(ExceptionFrame& frame) {
  // Masked interrupts mean a lock that is held or a driver between two states:
  // to leave that would be to leave it broken.
  if (current == nullptr || core_number() != 0 || (frame.spsr & kIrqMasked) != 0) return false;
  fault = FaultRecord(frame);
  frame.elr = reinterpret_cast<std::uintptr_t>(resume_at);
  frame.x[0] = reinterpret_cast<std::uintptr_t>(current);
  return true;
}

}  // namespace heapscope::kernel
