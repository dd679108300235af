// The names of the kernel's functions, for reports of faults.
#pragma once

#include <cstdint>

#include "base/text_sink.hpp"

namespace heapscope::kernel {

/// Writes "name+0x12 (0x8e894)", or the bare address where no function of the
/// kernel is. Works in any state: the table is constant. O(log n).
void write_symbol(TextSink& out, std::uint64_t address);
/// The same without the address behind a name.
void write_symbol_name(TextSink& out, std::uint64_t address);

}  // namespace heapscope::kernel
