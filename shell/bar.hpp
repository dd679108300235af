// The bar of a histogram's row, the same in every command that shows one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/text_sink.hpp"

namespace heapscope::shell {

/// A row of signs, as many of kWidth as `permille` is of 1000. What there is of is seen.
class Bar {
 public:
  static constexpr std::size_t kWidth = 30;

  explicit Bar(std::uint64_t permille) {
    const auto length =
        static_cast<std::size_t>(std::min<std::uint64_t>(permille, 1000) * kWidth / 1000);
    for (std::size_t i = 0; i < std::max<std::size_t>(length, 1); ++i) text_.write("#");
  }
  [[nodiscard]] std::string_view view() const { return text_.view(); }

 private:
  FixedText<kWidth> text_;
};

}  // namespace heapscope::shell
