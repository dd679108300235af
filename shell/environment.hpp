// Everything that commands can reach, put together once by the kernel or a test.
#pragma once

#include <span>
#include <string_view>

#include "alloc/heap.hpp"
#include "atags/boot_info.hpp"
#include "atags/memory_map.hpp"
#include "base/range.hpp"
#include "shell/handle_table.hpp"
#include "shell/heap_setup.hpp"
#include "shell/history.hpp"
#include "shell/platform.hpp"
#include "shell/script_buffer.hpp"
#include "shell/variables.hpp"

namespace heapscope::shell {

/// A named part of memory.
struct Region {
  std::string_view name;
  Range range;
  /// Why it, or what part of it, cannot be read; empty where all of it can.
  std::string_view unreadable = {};
};

/// References only: whoever makes it keeps the parts alive.
struct Environment {
  alloc::Heap& heap;
  /// Another heap with the same allocators, for commands that try them out. Not
  /// started, and left like that.
  alloc::Heap& trial_heap;
  HandleTable& handles;
  History& history;
  HeapSetup& setup;
  Platform& platform;
  Variables& variables;
  ScriptBuffer& typed_script;
  const atags::BootInfo& boot;
  const atags::MemoryMap& memory;
  /// What lies where apart from the heap, its handles and what is free.
  std::span<const Region> regions;
};

}  // namespace heapscope::shell
