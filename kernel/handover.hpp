// Handing the machine over to another kernel, as the firmware handed it over to this
// one: caches off, the other cores where a spin table calls them from.
#pragma once

#include <cstdint>
#include <string_view>

#include "atags/memory_map.hpp"
#include "base/range.hpp"

namespace heapscope::kernel {

/// Why the image there cannot be started, as a kernel that takes `memory` once it runs;
/// empty where it can. For core 0.
[[nodiscard]] std::string_view handover_obstacle(Range image, Range memory,
                                                 const atags::MemoryMap& map);

/// Puts the image where this kernel is and starts it, at the exception level of this
/// one, with `x0`. For core 0, where nothing stands in the way. What this kernel keeps
/// outside of `map`'s free memory, the boot tags above all, stays as it is.
[[noreturn]] void hand_over(Range image, const atags::MemoryMap& map, std::uint64_t x0);

}  // namespace heapscope::kernel
