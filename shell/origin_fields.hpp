// The origin of a block as fields of a reply.
#pragma once

#include "alloc/origin.hpp"
#include "shell/command.hpp"

namespace heapscope::shell {

/// The fields sequence, allocated_us, allocated_core and allocated_by and, where it was
/// freed, freed_us, freed_core and freed_by. Times are microseconds since the kernel
/// started.
void show_origin(Context& context, const alloc::Origin& origin);

/// The field `origin`, which says why there is none.
void show_no_origin(Context& context);

}  // namespace heapscope::shell
