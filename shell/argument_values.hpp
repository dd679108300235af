// Reading the values of arguments, with the same clear refusal in every command.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "shell/command.hpp"

namespace heapscope::shell {

/// A number from `low` to `high`; or nothing, and the call is refused with a
/// line that calls the value `what`.
[[nodiscard]] std::optional<std::uint64_t> read_number(Context& context,
                                                       const CommandRecord& command,
                                                       std::string_view word, std::string_view what,
                                                       std::uint64_t low = 0,
                                                       std::uint64_t high = UINT64_MAX);

/// The longest wait that commands take.
inline constexpr std::uint64_t kMillisecondsOfDay = 86'400'000;

/// The number of the tag of that name, which is made where there is none yet; or nothing,
/// with the command's `status`, where the call has been refused or has failed.
[[nodiscard]] std::optional<HandleTable::TagId> read_tag(Context& context,
                                                         const CommandRecord& command,
                                                         std::string_view word, int& status);

/// The number of a handle written as "a7"; nothing where it is not so written.
[[nodiscard]] std::optional<HandleId> handle_number(std::string_view word);

/// A handle's number and the letter before it, as text.
class HandleName {
 public:
  explicit HandleName(HandleId id) { format(text_, "a{}", id); }
  [[nodiscard]] std::string_view view() const { return text_.view(); }

 private:
  FixedText<12> text_;
};

}  // namespace heapscope::shell
