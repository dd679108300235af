// What a command that failed must have left as it was, to compare before and
// after.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "shell_rig.hpp"

namespace heapscope::shell::test {

/// All of a heap and its handles but the counters of calls.
struct HeapState {
  std::vector<alloc::Extent> extents;
  std::vector<HandleId> handles;
  HandleId next_id = 0;
  std::uint64_t requested_bytes = 0;
  std::uint64_t live_blocks = 0;

  friend bool operator==(const HeapState&, const HeapState&) = default;
};

inline void PrintTo(const HeapState& state, std::ostream* stream) {
  *stream << state.handles.size() << " handles, next a" << state.next_id << ", "
          << state.live_blocks << " live, " << state.requested_bytes << " requested, extents:";
  for (const alloc::Extent& extent : state.extents) {
    *stream << ' ' << extent.size << ' ' << alloc::state_name(extent.state);
  }
}

inline std::vector<alloc::Extent> extents_of(const alloc::Heap& heap) {
  const alloc::Stats stats = heap.stats();
  std::vector<alloc::Extent> extents;
  for (alloc::Address at = stats.start; at < stats.end;) {
    alloc::Extent extent;
    if (heap.walk(at, {&extent, 1}).count == 0) break;
    extents.push_back(extent);
    at = extent.end();
  }
  return extents;
}

inline HeapState state_of(const ShellRig& rig) {
  const alloc::Stats stats = rig.heap.stats();
  HeapState state{.extents = extents_of(rig.heap),
                  .handles = {},
                  .next_id = rig.handles.next_id(),
                  .requested_bytes = stats.requested_bytes,
                  .live_blocks = stats.live_blocks};
  for (auto handle = rig.handles.oldest(); handle; handle = rig.handles.after(handle->id)) {
    state.handles.push_back(handle->id);
  }
  return state;
}

}  // namespace heapscope::shell::test
