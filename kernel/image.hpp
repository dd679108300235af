// Where the linker put the kernel's parts (kernel.ld).
#pragma once

#include "base/range.hpp"

extern "C" {
extern const char __link_address[];
extern const char __rodata_start[];
extern const char __data_start[];
extern const char __bss_start[];
extern const char __bss_end[];
extern const char __stack_start[];
extern const char __stack_end[];
extern const char __kernel_end[];
}

namespace heapscope::kernel {

inline std::uint64_t address_of(const char* symbol) {
  return reinterpret_cast<std::uintptr_t>(symbol);
}

inline Range text_range() { return {address_of(__link_address), address_of(__rodata_start)}; }
inline Range rodata_range() { return {address_of(__rodata_start), address_of(__data_start)}; }
inline Range data_range() { return {address_of(__data_start), address_of(__bss_end)}; }
inline Range stack_range() { return {address_of(__stack_start), address_of(__stack_end)}; }
inline std::uint64_t kernel_end() { return address_of(__kernel_end); }

}  // namespace heapscope::kernel
