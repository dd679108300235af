// Sizes as people read them: "913.2 MiB".
#pragma once

#include <cstdint>

#include "base/text_sink.hpp"

namespace heapscope::shell {

/// Writes `bytes` in the largest unit of which there is at least one, KiB to
/// TiB, cut to a tenth; below 1024 as "N bytes".
void write_human_size(TextSink& out, std::uint64_t bytes);

}  // namespace heapscope::shell
