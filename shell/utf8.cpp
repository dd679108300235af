// UTF-8, and the widths that terminals give to characters.
#include "shell/utf8.hpp"

#include <algorithm>
#include <array>

namespace heapscope::shell {
namespace {

struct Widths {
  std::uint32_t first;
  std::uint32_t last;
  std::uint8_t columns;
};

/// What does not take one column, by the blocks of the Unicode Standard: marks that
/// combine and formats without width, East Asian Wide and Fullwidth, emoji. In order.
constexpr std::array kWidths{
    Widths{0x0300, 0x036f, 0},   Widths{0x0483, 0x0489, 0},   Widths{0x0591, 0x05bd, 0},
    Widths{0x0610, 0x061a, 0},   Widths{0x064b, 0x065f, 0},   Widths{0x1100, 0x115f, 2},
    Widths{0x1ab0, 0x1aff, 0},   Widths{0x1dc0, 0x1dff, 0},   Widths{0x200b, 0x200f, 0},
    Widths{0x20d0, 0x20ff, 0},   Widths{0x2e80, 0x303e, 2},   Widths{0x3041, 0xa4cf, 2},
    Widths{0xac00, 0xd7a3, 2},   Widths{0xf900, 0xfaff, 2},   Widths{0xfe00, 0xfe0f, 0},
    Widths{0xfe20, 0xfe2f, 0},   Widths{0xfe30, 0xfe6f, 2},   Widths{0xff00, 0xff60, 2},
    Widths{0xffe0, 0xffe6, 2},   Widths{0x1f300, 0x1f64f, 2}, Widths{0x1f680, 0x1f6ff, 2},
    Widths{0x1f900, 0x1f9ff, 2}, Widths{0x20000, 0x3fffd, 2}, Widths{0xe0100, 0xe01ef, 0},
};

std::uint8_t byte_at(std::string_view text, std::size_t i) {
  return static_cast<std::uint8_t>(text[i]);
}

constexpr bool continues(std::uint8_t byte) { return (byte & 0xc0) == 0x80; }

std::uint32_t code_point(std::string_view sequence) {
  if (sequence.size() == 1) return byte_at(sequence, 0);
  std::uint32_t code = byte_at(sequence, 0) & (0xffU >> (sequence.size() + 1));
  for (std::size_t i = 1; i < sequence.size(); ++i) {
    code = code << 6 | (byte_at(sequence, i) & 0x3fU);
  }
  return code;
}

std::size_t columns_of_code(std::uint32_t code) {
  const auto* const found = std::ranges::lower_bound(kWidths, code, {}, &Widths::last);
  return found != kWidths.end() && code >= found->first ? found->columns : 1;
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  const std::uint8_t lead = byte_at(text, 0);
  const std::size_t length = utf8_length_by_lead(lead);
  if (length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!continues(byte_at(text, i))) return 0;
  }
  if (length < 3) return length;
  // Overlong forms, surrogates and what lies beyond U+10FFFF.
  const std::uint8_t second = byte_at(text, 1);
  const bool wrong = (lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
                     (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f);
  return wrong ? 0 : length;
}

std::size_t shown_length(std::string_view text) {
  const std::size_t length = utf8_length(text);
  if (length == 0 || length > 2) return length;
  const std::uint32_t code = code_point(text.substr(0, length));
  return code < 0x20 || (code >= 0x7f && code < 0xa0) ? 0 : length;
}

Character first_character(std::string_view text) {
  const std::size_t length = utf8_length(text);
  if (length <= 1) return {.bytes = 1, .columns = 1};
  return {.bytes = length, .columns = columns_of_code(code_point(text.substr(0, length)))};
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const Character character = first_character(text);
    columns += character.columns;
    text.remove_prefix(character.bytes);
  }
  return columns;
}

std::size_t character_before(std::string_view text, std::size_t at) {
  while (at > 0) {
    std::size_t start = at - 1;
    while (start > 0 && at - start < 4 && continues(byte_at(text, start))) --start;
    if (utf8_length(text.substr(start)) != at - start) start = at - 1;
    at = start;
    if (first_character(text.substr(at)).columns != 0) break;
  }
  return at;
}

std::size_t character_after(std::string_view text, std::size_t at) {
  at += first_character(text.substr(at)).bytes;
  while (at < text.size()) {
    const Character next = first_character(text.substr(at));
    if (next.columns != 0) break;
    at += next.bytes;
  }
  return at;
}

}  // namespace heapscope::shell
