// A block that a command allocated, as the fields that scripts know it by.
#pragma once

#include <optional>

#include "shell/command.hpp"

namespace heapscope::shell {

/// The fields id, address, size, align, usable and tag.
void show_block(Context& context, const Handle& handle);

/// The fields id and tag, each none where there is none.
void show_name(Reply& reply, const std::optional<Handle>& handle);

}  // namespace heapscope::shell
