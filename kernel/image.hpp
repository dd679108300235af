// Where the linker put the kernel's parts (kernel.ld).
#pragma once

#include "base/range.hpp"

extern "C" {
extern const char __link_address[];
extern const char __rodata_start[];
extern const char __data_start[];
extern const char __stacks_start[];
extern const char __stacks_end[];
extern const char __core_stack_stride[];
extern const char __stack_top_offset[];
extern const char __exception_stack_top_offset[];
extern const char __guard_bytes[];
extern const char __kernel_end[];
}

namespace heapscope::kernel {

inline std::uint64_t address_of(const char* symbol) {
  return reinterpret_cast<std::uintptr_t>(symbol);
}

/// Cores that have stacks.
inline constexpr std::uint64_t kCores = 4;

/// The image's parts, from page to page.
inline Range text_range() { return {address_of(__link_address), address_of(__rodata_start)}; }
inline Range rodata_range() { return {address_of(__rodata_start), address_of(__data_start)}; }
inline Range data_range() { return {address_of(__data_start), address_of(__stacks_start)}; }
inline std::uint64_t kernel_end() { return address_of(__kernel_end); }

/// All cores' stacks with their guard pages.
inline Range stacks_range() { return {address_of(__stacks_start), address_of(__stacks_end)}; }

/// The stack that a core runs on.
inline Range stack_of(std::uint64_t core) {
  const std::uint64_t part = stacks_range().start + core * address_of(__core_stack_stride);
  return {part + address_of(__guard_bytes), part + address_of(__stack_top_offset)};
}
/// The stack that a core handles exceptions on.
inline Range exception_stack_of(std::uint64_t core) {
  const std::uint64_t part = stacks_range().start + core * address_of(__core_stack_stride);
  return {part + address_of(__stack_top_offset) + address_of(__guard_bytes),
          part + address_of(__exception_stack_top_offset)};
}
/// The stack that a core goes to when it panics, whatever became of the others.
inline Range panic_stack_of(std::uint64_t core) {
  const std::uint64_t part = stacks_range().start + core * address_of(__core_stack_stride);
  return {part + address_of(__exception_stack_top_offset) + address_of(__guard_bytes),
          part + address_of(__core_stack_stride)};
}

}  // namespace heapscope::kernel
