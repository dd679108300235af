// The return addresses of a call in one word.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace heapscope::kernel {

/// Return addresses that a path holds, innermost first.
inline constexpr std::size_t kPathCallers = 3;
/// Bits of each. The kernel's text lies below 2 MiB, which kernel.ld asserts.
inline constexpr unsigned kCallerBits = 21;

/// Who called the function with the frame record at `frame` (AAPCS64, 6.4.6), and so on.
/// There are always as many records behind it: those that start.S puts at the end of
/// every chain hold no return address.
[[gnu::always_inline]] inline std::uint64_t call_path(const void* frame) {
  struct Record {
    const Record* next;
    std::uint64_t return_address;
  };
  const auto* const first = static_cast<const Record*>(frame);
  const Record* const second = first->next;
  const Record* const third = second->next;
  // Nothing is cut off: return addresses are short.
  std::uint64_t path = first->return_address;
  asm("bfi %0, %1, #21, #21" : "+r"(path) : "r"(second->return_address));
  asm("bfi %0, %1, #42, #21" : "+r"(path) : "r"(third->return_address));
  return path;
}

/// The return addresses of a path, 0 where it has no more.
[[nodiscard]] constexpr std::array<std::uint64_t, kPathCallers> callers_of(std::uint64_t path) {
  std::array<std::uint64_t, kPathCallers> callers{};
  for (std::uint64_t& caller : callers) {
    caller = path & ((std::uint64_t{1} << kCallerBits) - 1);
    path >>= kCallerBits;
  }
  return callers;
}

}  // namespace heapscope::kernel
