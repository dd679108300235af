// The error of a result, for tests: asking a result that holds a value for its
// error is undefined, and may even give the one that is expected.
#pragma once

#include <optional>

#include "base/result.hpp"

namespace heapscope::shell::test {

/// Nothing where the call succeeded.
template <class T, class E>
[[nodiscard]] std::optional<E> error_of(const Result<T, E>& result) {
  if (result) return std::nullopt;
  return result.error();
}

}  // namespace heapscope::shell::test
