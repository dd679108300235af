// Characters of more than one byte: where they begin and end, and how many columns
// of a screen they take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace heapscope::shell {

/// The length in bytes of the valid UTF-8 sequence at the start of `text`, which is
/// not empty; 0 where there is none.
[[nodiscard]] std::size_t utf8_length(std::string_view text);

/// How many bytes a sequence that begins with `lead` has, 1 to 4; 0 where none does.
[[nodiscard]] constexpr std::size_t utf8_length_by_lead(std::uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead >= 0xf5) return 0;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/// The length in bytes of the character at the start of `text`, which is not empty; 0
/// where there is none, or one that terminals obey instead of showing it: U+0000 to
/// U+001F and U+007F to U+009F.
[[nodiscard]] std::size_t shown_length(std::string_view text);

/// A character of a text.
struct Character {
  std::size_t bytes = 0;
  std::size_t columns = 0;  ///< 0 for what joins the character before it, 2 for wide ones.
};

/// The character at the start of `text`, which is not empty. A byte that is none
/// counts as one, of one column.
[[nodiscard]] Character first_character(std::string_view text);

/// The columns that a text takes on a line that never ends.
[[nodiscard]] std::size_t columns_of(std::string_view text);

/// Where the character before byte `at` begins, with whatever joins it; `at` is not 0.
[[nodiscard]] std::size_t character_before(std::string_view text, std::size_t at);
/// Where the character at byte `at` ends, with whatever joins it; `at` is inside.
[[nodiscard]] std::size_t character_after(std::string_view text, std::size_t at);

}  // namespace heapscope::shell
