// Type-safe text formatting without a heap: format(sink, "{} of {:#x}", n, a).
// The number of arguments is checked when the program is compiled.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/text_sink.hpp"

namespace heapscope {

/// One argument of format(), its type erased: an integer, text or a character.
class FormatArgument {
 public:
  enum class Kind : std::uint8_t { unsigned_integer, signed_integer, character, text };

  constexpr FormatArgument(char c) : kind_(Kind::character), bits_(static_cast<unsigned char>(c)) {}
  constexpr FormatArgument(bool b) : FormatArgument(std::string_view(b ? "true" : "false")) {}
  constexpr FormatArgument(std::string_view text) : kind_(Kind::text), text_(text) {}
  constexpr FormatArgument(const char* text) : FormatArgument(std::string_view(text)) {}
  template <std::unsigned_integral T>
  constexpr FormatArgument(T value) : kind_(Kind::unsigned_integer), bits_(value) {}
  template <std::signed_integral T>
  constexpr FormatArgument(T value)
      : kind_(Kind::signed_integer), bits_(static_cast<std::uint64_t>(std::int64_t{value})) {}

  [[nodiscard]] constexpr Kind kind() const { return kind_; }
  [[nodiscard]] constexpr std::uint64_t bits() const { return bits_; }
  [[nodiscard]] constexpr std::string_view text() const { return text_; }

 private:
  Kind kind_;
  std::uint64_t bits_ = 0;
  std::string_view text_;
};

namespace detail {
/// Counts the `{…}` of a format text; a negative number where it is malformed.
consteval int count_fields(std::string_view text) {
  int fields = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool doubled = i + 1 < text.size() && text[i + 1] == text[i];
    if (text[i] == '{' && !doubled) {
      i = text.find('}', i);
      if (i == std::string_view::npos) return -1;
      ++fields;
    } else if (text[i] == '}' && !doubled) {
      return -1;
    } else if ((text[i] == '{' || text[i] == '}') && doubled) {
      ++i;
    }
  }
  return fields;
}
}  // namespace detail

/// A format text whose fields were counted against `Args` by the compiler.
/// A field is `{}` or `{:[<|>][#][0][width][x]}`; `#` puts `0x` in front; `{{` and
/// `}}` stand for themselves. Text is cut by nothing and padded on the right
/// unless `>` is given; numbers are padded on the left unless `<` is.
template <class... Args>
class FormatText {
 public:
  template <std::size_t N>
  consteval FormatText(const char (&text)[N]) : text_(text, N - 1) {
    if (detail::count_fields(text_) != static_cast<int>(sizeof...(Args))) {
      arguments_do_not_match_the_fields();
    }
  }
  [[nodiscard]] constexpr std::string_view text() const { return text_; }

 private:
  static void arguments_do_not_match_the_fields();  // Never defined: calling it stops the build.
  std::string_view text_;
};

/// Formats with arguments whose types are erased; format() is the checked way in.
void format_erased(TextSink& sink, std::string_view text,
                   std::span<const FormatArgument> arguments);

/// Writes `text` to `sink`, each field replaced by its argument.
template <class... Args>
void format(TextSink& sink, FormatText<std::type_identity_t<Args>...> text, const Args&... args) {
  if constexpr (sizeof...(Args) == 0) {
    format_erased(sink, text.text(), {});
  } else {
    const FormatArgument erased[] = {FormatArgument(args)...};
    format_erased(sink, text.text(), erased);
  }
}

}  // namespace heapscope
