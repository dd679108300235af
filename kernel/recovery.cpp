// The places to come back to, and whether a fault, or want of memory, may.
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

constexpr std::uint64_t kIrqMasked = 1U << 7;  // Of SPSR_EL1 and DAIF.

/// The innermost ones; null: nothing to come back to.
struct Places {
  RecoveryPoint* after_fault = nullptr;
  RecoveryPoint* after_refusal = nullptr;  // Never further out than the other one.
};

/// Of each core, touched by nobody else.
struct Recovery {
  Places places;
  std::optional<Breakdown> breakdown;  // Empty at the start, so that no image holds it.
  std::size_t refused_bytes = 0;
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
  const Places outer = here.places;
  // To leave for want of memory from further in would be to leave this as well.
  here.places = {.after_fault = &point, .after_refusal = nullptr};
  const bool returned = call_recoverably(&point, work, argument) != 0;
  recovery_here().places = outer;
  if (returned) return std::nullopt;
  return recovery_here().breakdown;
}

std::optional<std::size_t> run_while_memory_lasts(void (*work)(void*), void* argument) {
  RecoveryPoint point;
  Recovery& here = recovery_here();
  const Places outer = here.places;
  here.places.after_refusal = &point;
  const bool returned = call_recoverably(&point, work, argument) != 0;
  recovery_here().places = outer;
  if (returned) return std::nullopt;
  return recovery_here().refused_bytes;
}

bool recover(ExceptionFrame& frame) {
  // Masked interrupts mean a lock that is held or a driver between two states:
  // to leave that would be to leave it broken. In a panic it is broken anyway.
  Recovery& here = recovery_here();
  if (here.places.after_fault == nullptr) return false;
  const bool critical = (frame.spsr & kIrqMasked) != 0;
  if (panicking() ? !panicking_here() : critical) return false;
  here.breakdown.emplace().fault = FaultRecord(frame);
  frame.elr = reinterpret_cast<std::uintptr_t>(resume_at);
  frame.x[0] = reinterpret_cast<std::uintptr_t>(here.places.after_fault);
  return true;
}

void recover_from_panic(std::string_view message) {
  // A handler cannot be left without its exception's return.
  Recovery& here = recovery_here();
  if (here.places.after_fault == nullptr || in_exception_handler()) return;
  here.breakdown.emplace().contract.write(message);
  resume_at(here.places.after_fault);
}

void recover_from_refusal(std::size_t bytes) {
  // Masked interrupts mean a handler as well as what they do in recover().
  Recovery& here = recovery_here();
  const bool critical = (read_interrupt_mask() & kIrqMasked) != 0;
  if (here.places.after_refusal == nullptr || critical) return;
  here.refused_bytes = bytes;
  resume_at(here.places.after_refusal);
}

void forget_recovery() { recovery_here().places = {}; }

}  // namespace heapscope::kernel
