// What the CPU reports when it cannot go on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

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

}  // namespace heapscope::kernel
