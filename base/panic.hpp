// Stopping for good when a contract was broken. Errors that a caller can act on
// are values (base/result.hpp), not panics.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/format.hpp"

namespace heapscope {

/// The hook: the program that links this code defines it, once. It reports the
/// message and never returns. It may be called in any state, so it must not
/// allocate and must not take a lock.
[[noreturn]] void panic_handler(std::string_view message);

/// Reports a broken contract and stops. The text is cut at 200 bytes.
template <class... Args>
[[noreturn]] void panic(FormatText<std::type_identity_t<Args>...> text, const Args&... args) {
  FixedText<200> message;
  format(message, text, args...);
  panic_handler(message.view());
}

}  // namespace heapscope
