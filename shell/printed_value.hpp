// How values and cells look in text, whichever printer shows them.
#pragma once

#include <string_view>

#include "base/text_sink.hpp"
#include "shell/reply.hpp"

namespace heapscope::shell {

/// Writes a text from outside, which may hold bytes that a terminal would obey, as \\xNN
/// where it does.
void write_safely(TextSink& out, std::string_view text);

/// Writes a value; words not at all.
void write_value(TextSink& out, const Value& value);

/// The character of a cell: its mark or, from empty to full, one of .:-=+*%#.
[[nodiscard]] char shade_of(const Cell& cell);

}  // namespace heapscope::shell
