// How much an allocator distrusts its callers and the memory it manages.
#pragma once

#include <cstdint>

namespace heapscope::alloc {

enum class Hardening : std::uint8_t {
  none,      ///< A free and the links in free memory are taken as they come.
  standard,  ///< Both are checked against records that lie outside the blocks. "default".
};

}  // namespace heapscope::alloc
