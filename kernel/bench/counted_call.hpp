// Counting the instructions of one call, exactly.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernel/cpu.hpp"

extern "C" void heapscope_empty_call();  // One instruction: ret.

namespace heapscope::kernel {

/// The five first arguments of a call; what it returned, in the first two.
struct CallRegisters {
  std::uint64_t x0 = 0;
  std::uint64_t x1 = 0;
  std::uint64_t x2 = 0;
  std::uint64_t x3 = 0;
  std::uint64_t x4 = 0;
};

/// Calls `function` with interrupts masked. Returns what the instruction counter
/// (kernel/performance.hpp) advanced by from before the call to after the return.
/// The compiler cannot move anything in between, whatever the function is.
inline std::uint32_t count_call(std::uintptr_t function, CallRegisters& registers) {
  const std::uint64_t mask = read_interrupt_mask();
  mask_interrupts();
  register std::uint64_t x0 asm("x0") = registers.x0;
  register std::uint64_t x1 asm("x1") = registers.x1;
  register std::uint64_t x2 asm("x2") = registers.x2;
  register std::uint64_t x3 asm("x3") = registers.x3;
  register std::uint64_t x4 asm("x4") = registers.x4;
  register std::uint64_t before asm("x19");
  register std::uint64_t after asm("x20");
  register std::uintptr_t called asm("x21") = function;
  asm volatile(
      "isb\n"
      "mrs %[before], pmevcntr0_el0\n"
      "blr %[called]\n"
      "isb\n"
      "mrs %[after], pmevcntr0_el0\n"
      : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3),
        "+r"(x4), [before] "=&r"(before), [after] "=&r"(after)
      : [called] "r"(called)
      : "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18",
        "x30", "cc", "memory");
  registers = {.x0 = x0, .x1 = x1, .x2 = x2, .x3 = x3, .x4 = x4};
  write_interrupt_mask(mask);
  return static_cast<std::uint32_t>(after - before);
}

/// What of a count is not the call: found out with a call of nothing, which is
/// two instructions, the call and the return.
inline std::uint32_t count_overhead() {
  CallRegisters registers;
  return count_call(std::bit_cast<std::uintptr_t>(&heapscope_empty_call), registers) - 2;
}

/// Where a member function that is not virtual lies. Source: the C++ ABI for the
/// Arm 64-bit architecture, 3.2.1.
template <class Member>
std::uintptr_t address_of_member(Member member) {
  struct Parts {
    std::uintptr_t function;
    std::uintptr_t adjustment;
  };
  static_assert(sizeof(Member) == sizeof(Parts));
  return std::bit_cast<Parts>(member).function;
}

/// A returned value from the registers that hold it.
template <class T>
T returned(const CallRegisters& registers) {
  static_assert(sizeof(T) <= 16, "it would be returned in memory");
  static_assert(std::is_trivially_copy_constructible_v<T> && std::is_trivially_destructible_v<T>);
  T value{};
  std::memcpy(static_cast<void*>(&value), &registers, sizeof(T));
  return value;
}

}  // namespace heapscope::kernel
