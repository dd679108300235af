// The blocks and places that people name in commands, by handle or by address, and what
// they are told where there is none.
#pragma once

#include <string_view>

#include "base/range.hpp"
#include "base/result.hpp"
#include "shell/command.hpp"

namespace heapscope::shell {

/// The live block that a word names by its handle or its address; or the status of the
/// error that was shown, which says what is there instead.
[[nodiscard]] Result<Handle, int> read_block(Context& context, const CommandRecord& command,
                                             std::string_view word);

/// The place that a word names: a live block from start to end by its handle, or all of
/// memory from any address on; or the status of the error that was shown.
[[nodiscard]] Result<Range, int> read_place(Context& context, const CommandRecord& command,
                                            std::string_view word);

}  // namespace heapscope::shell
