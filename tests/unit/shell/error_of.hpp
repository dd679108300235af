// The error of a result, for tests: asking a result that holds a value for its
// error is undefined, and may even give the one that is expected.
#pragma once

#include <optional>
#include <type_traits>

#include "base/result.hpp"

namespace heapscope::shell::test {

/// Nothing where the call succeeded.
template <class Result>
[[nodiscard]] auto error_of(const Result& result)
    -> std::optional<std::remove_cvref_t<decltype(result.error())>> {
  if (result) return std::nullopt;
  return result.error();
}

}  // namespace heapscope::shell::test
