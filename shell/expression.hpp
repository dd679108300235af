// Comparisons of sums over named figures: used_bytes + 64 <= heap_bytes / 2.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.hpp"

namespace heapscope::shell {

/// What names in an expression stand for.
class Figures {
 public:
  /// The figure of that name; nothing where there is none.
  [[nodiscard]] virtual std::optional<std::uint64_t> find(std::string_view name) const = 0;

 protected:
  ~Figures() = default;
};

struct ExpressionError {
  enum class Kind : std::uint8_t {
    no_comparison,  ///< There is none of == != < <= > >=.
    unexpected,     ///< `text` begins where something else should.
    unknown_name,   ///< `text` is no figure's name.
    bad_number,     ///< `text` is not a number, or too large a one.
    out_of_range,   ///< A result does not fit in 64 bits with a sign.
    division_by_zero,
    too_deep,  ///< Too many parentheses or signs within one another.
  };
  Kind kind;
  std::string_view text;
};

/// Whether the one comparison that `text` is holds. On both sides stand numbers as
/// parse_number() takes them and names, joined by + - * / and parentheses; all is
/// computed with a sign in 64 bits. At least one figure or number on each side.
[[nodiscard]] Result<bool, ExpressionError> holds(std::string_view text, const Figures& figures);

/// Takes the next name off `text`, which may be wrong anywhere; empty at its end.
[[nodiscard]] std::string_view take_name(std::string_view& text);

}  // namespace heapscope::shell
