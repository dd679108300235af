// What lies where in memory, in the order of addresses.
#pragma once

#include "base/static_vector.hpp"
#include "shell/environment.hpp"

namespace heapscope::shell {

using MemoryRegions = StaticVector<Region, 128>;

/// All that is known to lie in the memory of the cores, and their peripherals. What does
/// not fit is left out.
[[nodiscard]] MemoryRegions memory_regions(const Environment& environment);

/// The same without gaps: the memory that the firmware kept for the GPU, and what nobody
/// says anything of, are regions as well.
[[nodiscard]] MemoryRegions address_space(const Environment& environment);

}  // namespace heapscope::shell
