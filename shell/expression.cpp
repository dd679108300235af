// A parser by descent that computes as it goes.
#include "shell/expression.hpp"

#include <algorithm>
#include <array>

#include "shell/number.hpp"
#include "shell/variables.hpp"

namespace heapscope::shell {
namespace {

using Kind = ExpressionError::Kind;
using Number = Result<std::int64_t, ExpressionError>;

constexpr int kMaxDepth = 16;

constexpr bool word_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/// Letters, digits and _: a name or a number. Empty where `text` begins otherwise.
std::string_view leading_word(std::string_view text) {
  const auto end = std::ranges::find_if_not(text, word_character);
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

enum class Comparison : std::uint8_t { equal, unequal, at_most, at_least, below, above };

struct Sign {
  std::string_view text;
  Comparison comparison;
};
/// The longer ones first: each begins like a shorter one.
constexpr std::array kSigns{
    Sign{"==", Comparison::equal},   Sign{"!=", Comparison::unequal},
    Sign{"<=", Comparison::at_most}, Sign{">=", Comparison::at_least},
    Sign{"<", Comparison::below},    Sign{">", Comparison::above},
};

bool compare(std::int64_t left, Comparison comparison, std::int64_t right) {
  switch (comparison) {
    case Comparison::equal:
      return left == right;
    case Comparison::unequal:
      return left != right;
    case Comparison::at_most:
      return left <= right;
    case Comparison::at_least:
      return left >= right;
    case Comparison::below:
      return left < right;
    case Comparison::above:
      break;
  }
  return left > right;
}

class Parser {
 public:
  Parser(std::string_view text, const Figures& figures) : rest_(text), figures_(figures) {}

  Result<bool, ExpressionError> comparison() {
    const Number left = sum();
    if (!left) return fail(left.error());
    skip_blanks();
    const auto* const sign = std::ranges::find_if(
        kSigns, [&](const Sign& each) { return rest_.starts_with(each.text); });
    if (sign == kSigns.end()) return error(rest_.empty() ? Kind::no_comparison : Kind::unexpected);
    rest_.remove_prefix(sign->text.size());
    const Number right = sum();
    if (!right) return fail(right.error());
    skip_blanks();
    if (!rest_.empty()) return error(Kind::unexpected);
    return compare(*left, sign->comparison, *right);
  }

 private:
  void skip_blanks() {
    while (rest_.starts_with(' ') || rest_.starts_with('\t')) rest_.remove_prefix(1);
  }
  /// Takes one of two characters; '\0' where neither comes next.
  char take(char a, char b) {
    skip_blanks();
    if (rest_.empty() || (rest_.front() != a && rest_.front() != b)) return '\0';
    const char taken = rest_.front();
    rest_.remove_prefix(1);
    return taken;
  }
  [[nodiscard]] std::unexpected<ExpressionError> error(Kind kind) const {
    return fail(ExpressionError{.kind = kind, .text = rest_});
  }

  Number sum() {
    Number value = product();
    while (value) {
      const char sign = take('+', '-');
      if (sign == '\0') break;
      const Number other = product();
      if (!other) return other;
      const bool wraps = sign == '+' ? __builtin_add_overflow(*value, *other, &*value)
                                     : __builtin_sub_overflow(*value, *other, &*value);
      if (wraps) return error(Kind::out_of_range);
    }
    return value;
  }

  Number product() {
    Number value = factor();
    while (value) {
      const char sign = take('*', '/');
      if (sign == '\0') break;
      const Number other = factor();
      if (!other) return other;
      if (sign == '/') {
        if (*other == 0) return error(Kind::division_by_zero);
        // The one quotient that does not fit.
        if (*other == -1 && *value == INT64_MIN) return error(Kind::out_of_range);
        value = *value / *other;
      } else if (__builtin_mul_overflow(*value, *other, &*value)) {
        return error(Kind::out_of_range);
      }
    }
    return value;
  }

  Number factor() {
    if (depth_ == kMaxDepth) return error(Kind::too_deep);
    ++depth_;
    const Number value = factor_within();
    --depth_;
    return value;
  }

  Number factor_within() {
    const char sign = take('(', '-');
    if (sign == '(') {
      const Number value = sum();
      if (value && take(')', ')') == '\0') return error(Kind::unexpected);
      return value;
    }
    if (sign == '-') {
      Number value = factor();
      if (value && __builtin_sub_overflow(0, *value, &*value)) return error(Kind::out_of_range);
      return value;
    }
    return number();
  }

  Number number() {
    const std::string_view word = leading_word(rest_);
    if (word.empty()) return error(Kind::unexpected);
    const auto figure = leading_name(word).empty() ? std::nullopt : figures_.find(word);
    const auto number = parse_number(word);
    if (!figure && !number) {
      const bool name = !leading_name(word).empty();
      return fail(
          ExpressionError{.kind = name ? Kind::unknown_name : Kind::bad_number, .text = word});
    }
    const std::uint64_t value = figure ? *figure : *number;
    if (value > INT64_MAX) return error(Kind::out_of_range);
    rest_.remove_prefix(word.size());
    return static_cast<std::int64_t>(value);
  }

  std::string_view rest_;
  const Figures& figures_;
  int depth_ = 0;
};

}  // namespace

Result<bool, ExpressionError> holds(std::string_view text, const Figures& figures) {
  return Parser(text, figures).comparison();
}

std::string_view take_name(std::string_view& text) {
  while (!text.empty()) {
    const std::string_view word = leading_word(text);
    text.remove_prefix(std::max<std::size_t>(word.size(), 1));
    if (!leading_name(word).empty()) return word;
  }
  return {};
}

}  // namespace heapscope::shell
