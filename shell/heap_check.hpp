// A check of the whole heap for commands, in steps that keep nobody from it.
#pragma once

#include <optional>

#include "shell/command.hpp"

namespace heapscope::shell {

/// What came of a check. It ends at the first damage.
struct HeapCheck {
  std::uint64_t extents = 0;  ///< That are right,
  std::uint64_t live_blocks = 0;
  std::optional<alloc::Damage> damage;
  alloc::Extent damaged;                ///< The extent that the damage was found in,
  std::optional<alloc::Extent> before;  ///< and the last live block before it.
  bool changed = false;                 ///< The heap was changed meanwhile.
  bool stopped = false;                 ///< By Ctrl-C, before the end.
};

/// Checks all of the heap, and tells people how far it has come where that takes long.
[[nodiscard]] HeapCheck check_heap(Context& context);

}  // namespace heapscope::shell
