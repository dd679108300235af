// Sizes as people read them.
#include "shell/human_size.hpp"

#include <array>
#include <string_view>

#include "base/format.hpp"

namespace heapscope::shell {

void write_human_size(TextSink& out, std::uint64_t bytes) {
  constexpr std::array<std::string_view, 4> kUnits{"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) {
    format(out, "{} bytes", bytes);
    return;
  }
  std::size_t unit = 0;
  std::uint64_t scale = 1024;
  while (unit + 1 < kUnits.size() && bytes / scale >= 1024) {
    scale *= 1024;
    ++unit;
  }
  // The remainder is below 2^40, so that ten times it fits.
  const std::uint64_t tenths = bytes % scale * 10 / scale;
  format(out, "{}.{} {}", bytes / scale, tenths, kUnits[unit]);
}

}  // namespace heapscope::shell
