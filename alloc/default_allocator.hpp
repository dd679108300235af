// The allocator for programs that do not choose one: bin, at the hardening level
// that the library was built with (HEAPSCOPE_HARDENING of CMake).
#pragma once

#include <type_traits>

#include "alloc/bin_allocator.hpp"
#include "alloc/built_hardening.hpp"
#include "alloc/hardened_allocator.hpp"

namespace heapscope::alloc {

/// Bin at a level.
template <Hardening level>
using BinAllocatorAt = std::conditional_t<
    level == Hardening::full, Hardened<BinAllocator>,
    std::conditional_t<level == Hardening::none, UncheckedBinAllocator, BinAllocator>>;

using DefaultAllocator = BinAllocatorAt<kBuiltHardening>;

}  // namespace heapscope::alloc
