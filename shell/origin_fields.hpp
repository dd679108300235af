// The origin of a block as fields of a reply.
#pragma once

#include "alloc/origin.hpp"
#include "shell/command.hpp"

namespace heapscope::shell {

/// What the fields of a call are called.
struct CallNames {
  std::string_view us;
  std::string_view core;
  std::string_view by;
};

/// Fields that tell when a call was made, in microseconds since the kernel started, on which
/// core and by whom.
void show_call(Context& context, const alloc::CallStamp& call, const CallNames& names);

/// The fields sequence, allocated_us, allocated_core and allocated_by and, where it was
/// freed, freed_us, freed_core and freed_by. Times are microseconds since the kernel
/// started.
void show_origin(Context& context, const alloc::Origin& origin);

/// The field `origin`, which says why there is none.
void show_no_origin(Context& context);

}  // namespace heapscope::shell
