// What the commands that start an allocator anew have in common: whether they may, and
// why it did not work.
#pragma once

#include <optional>
#include <string_view>

#include "shell/command.hpp"

namespace heapscope::shell {

/// Whether an allocator may be started anew now: nothing where it may, else the status of
/// the failure that was shown.
[[nodiscard]] std::optional<int> refuse_heap_restart(Context& context);

/// Shows why HeapSetup::start() did not start `allocator`; returns the status.
int report_setup_error(Context& context, const CommandRecord& command, SetupError error,
                       std::string_view allocator);

}  // namespace heapscope::shell
