// Numbers as people write them: 64, 0x40, 0b1000000, 1_000_000, 64K.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.hpp"

namespace heapscope::shell {

enum class NumberError : std::uint8_t {
  malformed,     ///< Not a number at all.
  out_of_range,  ///< A number that does not fit in 64 bits.
};

/// Decimal, `0x` or `0b`, `_` between digits, and a suffix K, M or G (either
/// case) for powers of 1024. No sign.
[[nodiscard]] Result<std::uint64_t, NumberError> parse_number(std::string_view text);

}  // namespace heapscope::shell
