// What the CPU reports when it cannot go on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/static_vector.hpp"
#include "base/text_sink.hpp"

namespace heapscope::kernel {

/// The registers as vectors.S saves them.
struct ExceptionFrame {
  std::uint64_t x[31];
  std::uint64_t sp;
  std::uint64_t elr;
  std::uint64_t spsr;
  std::uint64_t esr;
  std::uint64_t far;
};
static_assert(sizeof(ExceptionFrame) == 288);
static_assert(offsetof(ExceptionFrame, sp) == 248);
static_assert(offsetof(ExceptionFrame, elr) == 256);
static_assert(offsetof(ExceptionFrame, esr) == 272);

/// Of which kind vector 0 to 15 is: "synchronous exception", "IRQ", …
[[nodiscard]] std::string_view vector_kind(std::uint64_t vector);

/// Where it came from, as the rest of a sentence; empty for the kernel itself.
[[nodiscard]] std::string_view vector_origin(std::uint64_t vector);

/// What the exception class of ESR_EL1 says, bits 31 to 26 (Arm ARM, D17.2.37).
[[nodiscard]] std::string_view exception_class_name(std::uint64_t esr);

/// Return addresses, innermost first.
using Callers = StaticVector<std::uint64_t, 16>;

/// Who had called whom: the chain of frame records (AAPCS64, 6.4.6) from the one
/// that x29 holds on. Reads this core's stacks and nothing else.
[[nodiscard]] Callers callers_from(std::uint64_t x29);

/// A line for each, by name.
void write_callers(TextSink& out, const Callers& callers);

/// A fault as it was when it happened: the registers, and who had called whom.
struct FaultRecord {
  FaultRecord() = default;
  /// Of code that ran on this core.
  explicit FaultRecord(const ExceptionFrame& at) : frame(at), callers(callers_from(at.x[29])) {}

  ExceptionFrame frame{};
  Callers callers;
};

/// One line, without its end: what happened, to which address, by which code.
void describe_fault(TextSink& out, const FaultRecord& fault);

/// ESR, ELR, SPSR and FAR, all registers, and the callers by name.
void write_details(TextSink& out, const FaultRecord& fault);

}  // namespace heapscope::kernel
