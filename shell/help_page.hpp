// The page that explains one command, made from its record: what `help NAME` and
// `NAME --help` show.
#pragma once

#include "shell/command.hpp"

namespace heapscope::shell {

/// Answers with the whole record of a command: for people, a page under headings.
void show_help_page(Reply& reply, const CommandRecord& command);

}  // namespace heapscope::shell
