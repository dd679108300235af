// Memory in hexadecimal and as text, as rows of a reply.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/range.hpp"
#include "shell/command.hpp"

namespace heapscope::shell {

/// The list `name` of rows of 16 bytes with the fields address, bytes and text. Memory is
/// read byte by byte, once, and must be readable. Returns where Ctrl-C stopped it; the
/// range's end, if nothing did.
std::uint64_t show_hex_rows(Context& context, std::string_view name, Range range);

}  // namespace heapscope::shell
