// What is wrong with a tag that cannot be followed, and where it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace heapscope::atags {

/// The fault that ended a walk over a tag list.
struct Malformed {
  enum class Kind : std::uint8_t {
    size_zero,          ///< Size 0 on a tag that is not NONE.
    size_one,           ///< Size 1: less than a header.
    beyond_window,      ///< The tag runs past the end of the window.
    too_small,          ///< The tag is smaller than the fields it must have.
    unterminated_text,  ///< A CMDLINE without a NUL inside its tag.
    no_end,             ///< The window ends where a header should be: no NONE.
  };

  Kind kind = Kind::no_end;
  std::size_t offset_words = 0;  ///< Where the tag starts, from the start of the list.
  std::uint32_t id = 0;          ///< As written in the header; 0 for `no_end`.
  std::uint32_t words = 0;       ///< The size as written in the header; 0 for `no_end`.

  /// The fault in words: static text, lower case, without a full stop.
  [[nodiscard]] constexpr std::string_view describe() const {
    switch (kind) {
      case Kind::size_zero:
        return "a tag other than NONE has size 0";
      case Kind::size_one:
        return "a tag has size 1, less than its header";
      case Kind::beyond_window:
        return "a tag runs past the end of the tag area";
      case Kind::too_small:
        return "a tag is too small for its fields";
      case Kind::unterminated_text:
        return "the command line has no NUL inside its tag";
      case Kind::no_end:
        return "the tag area ends without a NONE tag";
    }
    return "unknown fault";
  }

  friend constexpr bool operator==(const Malformed&, const Malformed&) = default;
};

}  // namespace heapscope::atags
