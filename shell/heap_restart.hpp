// Whether a command may do with the heap what nobody else may be in the middle of: start
// it anew, or count on it to change by what the command itself does.
#pragma once

#include <optional>
#include <string_view>

#include "shell/command.hpp"

namespace heapscope::shell {

/// Whether nobody stays in the heap for longer than a command. Where somebody does, the
/// command has failed with the reason.
[[nodiscard]] bool has_heap_to_itself(Context& context);

/// Whether an allocator may be started anew now: nothing where it may, else the status of
/// the failure that was shown.
[[nodiscard]] std::optional<int> refuse_heap_restart(Context& context);

/// Shows why HeapSetup::start() did not start `allocator`; returns the status.
int report_setup_error(Context& context, const CommandRecord& command, SetupError error,
                       std::string_view allocator);

}  // namespace heapscope::shell
