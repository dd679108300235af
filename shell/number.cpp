// Reading numbers, every step checked for overflow.
#include "shell/number.hpp"

#include <limits>

namespace heapscope::shell {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

/// The value of a digit; 16 or more where it is none in any base used here.
constexpr unsigned digit_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return 16;
}

constexpr unsigned suffix_shift(char c) {
  switch (c) {
    case 'K':
    case 'k':
      return 10;
    case 'M':
    case 'm':
      return 20;
    case 'G':
    case 'g':
      return 30;
    default:
      return 0;
  }
}

unsigned take_base(std::string_view& text) {
  if (text.starts_with("0x") || text.starts_with("0X")) {
    text.remove_prefix(2);
    return 16;
  }
  if (text.starts_with("0b") || text.starts_with("0B")) {
    text.remove_prefix(2);
    return 2;
  }
  return 10;
}

unsigned take_suffix(std::string_view& text) {
  const unsigned shift = text.empty() ? 0 : suffix_shift(text.back());
  if (shift != 0) text.remove_suffix(1);
  return shift;
}

}  // namespace

Result<std::uint64_t, NumberError> parse_number(std::string_view text) {
  const unsigned base = take_base(text);
  const unsigned shift = take_suffix(text);
  std::uint64_t value = 0;
  bool too_large = false;
  bool digit_before = false;
  for (const char c : text) {
    if (c == '_' && digit_before) {
      digit_before = false;
      continue;
    }
    const unsigned digit = digit_value(c);
    if (digit >= base) return fail(NumberError::malformed);
    digit_before = true;
    too_large = too_large || value > (kMax - digit) / base;
    value = value * base + digit;
  }
  // No digits at all, or a "_" that no digit follows.
  if (!digit_before) return fail(NumberError::malformed);
  if (too_large || value > (kMax >> shift)) return fail(NumberError::out_of_range);
  return value << shift;
}

}  // namespace heapscope::shell
