// The names of exceptions and what is known of one. Nothing is handled but
// interrupts and the semihosting call that nobody answered.
#include "kernel/exceptions.hpp"

#include <array>

#include "base/format.hpp"
#include "kernel/cores.hpp"
#include "kernel/cpu.hpp"
#include "kernel/image.hpp"
#include "kernel/interrupts.hpp"
#include "kernel/panic.hpp"
#include "kernel/recovery.hpp"
#include "kernel/symbols.hpp"

extern "C" const char semihosting_trap[];

namespace heapscope::kernel {
namespace {

/// The vector of a fault of the kernel itself.
constexpr std::uint64_t kFault = 0;
/// The vector of an IRQ that interrupts the kernel itself.
constexpr std::uint64_t kInterrupt = 1;
/// That of an FIQ, by which another core stops this one.
constexpr std::uint64_t kStopSignal = 2;

constexpr std::uint64_t exception_class(std::uint64_t esr) { return esr >> 26 & 0x3f; }

/// FAR holds an address only for aborts and misaligned program counters, and
/// watchpoints.
constexpr bool has_fault_address(std::uint64_t esr) {
  const std::uint64_t type = exception_class(esr);
  return type == 0x20 || type == 0x21 || type == 0x22 || type == 0x24 || type == 0x25 ||
         type == 0x34 || type == 0x35;
}

}  // namespace

std::string_view vector_kind(std::uint64_t vector) {
  static constexpr std::array<std::string_view, 4> kKinds{"synchronous exception", "IRQ", "FIQ",
                                                          "SError"};
  return kKinds[vector % 4];
}

std::string_view vector_origin(std::uint64_t vector) {
  static constexpr std::array<std::string_view, 4> kOrigins{"", " in a handler", " in EL0",
                                                            " in 32 bits"};
  return kOrigins[vector / 4 % 4];
}

std::string_view exception_class_name(std::uint64_t esr) {
  switch (exception_class(esr)) {
    case 0x00:
      return "undefined instruction";
    case 0x07:
      return "floating point is trapped";
    case 0x0e:
      return "illegal execution state";
    case 0x15:
      return "system call";
    case 0x20:
    case 0x21:
      return "instruction abort";
    case 0x22:
      return "misaligned program counter";
    case 0x24:
    case 0x25:
      return "data abort";
    case 0x26:
      return "misaligned stack pointer";
    case 0x2f:
      return "SError";
    case 0x3c:
      return "breakpoint instruction";
    default:
      return "exception";
  }
}

Callers callers_from(std::uint64_t x29) {
  const std::uint64_t core = core_number();
  // A handler's callers lead to those of what it interrupted, on another stack.
  const std::array stacks{panic_stack_of(core), exception_stack_of(core), stack_of(core)};
  Callers callers;
  std::uint64_t record = x29;
  for (const Range& stack : stacks) {
    // A stack grows downwards, so that its records lead upwards.
    std::uint64_t last = 0;
    while (record > last && record % 16 == 0 && record >= stack.start && record + 16 <= stack.end) {
      const auto* words = reinterpret_cast<const std::uint64_t*>(record);
      if (words[1] == 0 || !callers.push_back(words[1])) return callers;
      last = record;
      record = words[0];
    }
  }
  return callers;
}

void write_callers(TextSink& out, const Callers& callers) {
  for (const std::uint64_t caller : callers) {
    out.write("called from ");
    // A return address is that of the instruction behind the call.
    write_symbol(out, caller - 4);
    out.write("\n");
  }
}

void describe_fault(TextSink& out, const FaultRecord& fault) {
  const ExceptionFrame& frame = fault.frame;
  out.write(exception_class_name(frame.esr));
  if (has_fault_address(frame.esr)) format(out, " at {:#x}", frame.far);
  out.write(" by ");
  write_symbol(out, frame.elr);
}

void write_details(TextSink& out, const FaultRecord& fault) {
  const ExceptionFrame& frame = fault.frame;
  format(out, "ESR {:#010x}  ELR {:#018x}  SPSR {:#010x}\n", frame.esr, frame.elr, frame.spsr);
  if (has_fault_address(frame.esr)) format(out, "FAR {:#018x}\n", frame.far);
  for (std::size_t i = 0; i < 31; ++i) {
    format(out, "x{:<2} {:#018x}{}", i, frame.x[i], i % 3 == 2 ? "\n" : "  ");
  }
  format(out, "sp  {:#018x}\n", frame.sp);
  // A function that calls no other has its return address here and nowhere else.
  out.write("x30 is in ");
  write_symbol(out, frame.x[30] - 4);
  out.write("\n");
  write_callers(out, fault.callers);
}

extern "C" void handle_exception(std::uint64_t vector, ExceptionFrame* frame) {
  if (vector == kInterrupt) {
    handle_interrupts();
    return;
  }
  if (vector == kStopSignal) obey_stop();
  const bool undefined = exception_class(frame->esr) == 0;
  if (vector == kFault && undefined &&
      frame->elr == reinterpret_cast<std::uintptr_t>(semihosting_trap)) {
    frame->elr += 4;
    frame->x[0] = ~std::uint64_t{0};
    return;
  }
  if (vector == kFault && recover(*frame)) return;
  panic_by_exception(vector, *frame);
}

}  // namespace heapscope::kernel
