// Keys, as people mean them, whatever bytes their terminal sends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace heapscope::shell {

enum class Key : std::uint8_t {
  text,  ///< A character.
  enter,
  tab,
  backspace,
  erase,  ///< Delete.
  left,
  right,
  up,
  down,
  home,
  end,
  page_up,
  page_down,
  word_left,
  word_right,
  erase_word_left,   ///< Alt-Backspace.
  erase_word_right,  ///< Alt-D.
  control,           ///< A control byte with no key of its own, or one that modes take differently.
  alt,               ///< A byte that came with Alt, or behind the Escape key.
  escape,            ///< The Escape key alone.
  paste_begins,
  paste_ends,
  position,  ///< The terminal says where its cursor is, or how large it is.
  status,    ///< The terminal says that it works.
  other,     ///< A key, or an answer, that means nothing here.
  invalid,   ///< Bytes that are no character.
};

/// One key that was pressed.
struct KeyPress {
  Key key = Key::other;
  std::array<char, 4> bytes{};  ///< Of text, control and alt.
  std::uint8_t size = 0;
  bool after_invalid = false;  ///< Bytes before it were no character.
  std::uint16_t row = 0;       ///< Of a position, from 1.
  std::uint16_t column = 0;

  [[nodiscard]] std::string_view text() const { return {bytes.data(), size}; }
  [[nodiscard]] char byte() const { return bytes[0]; }
};

}  // namespace heapscope::shell
