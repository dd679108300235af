// The result type of calls that can fail: a value or an error value, never an
// exception.
#pragma once

#include <expected>

namespace heapscope {

/// A `T`, or the reason why there is none.
template <class T, class E>
using Result = std::expected<T, E>;

/// Makes the failing half of a Result: `return fail(AllocError::exhausted);`
template <class E>
[[nodiscard]] constexpr std::unexpected<E> fail(E error) {
  return std::unexpected<E>(error);
}

}  // namespace heapscope
