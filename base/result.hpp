// The result type of calls that can fail: a value or an error value, never an
// exception.
#pragma once

#include <concepts>
#include <cstdint>
#include <expected>
#include <type_traits>
#include <utility>

#include "base/panic.hpp"

namespace heapscope {

/// A number or nothing, or an error. What std::expected is for them, but always
/// returned in two registers, or one: compilers build a std::expected in memory,
/// which costs ten instructions a call, and a structure of two numbers too, unless
/// it is aligned to its size. The value comes second, because the first register
/// often holds an object to the end.
template <class T, class E>
class alignas(16) RegisterResult {
 public:
  constexpr RegisterResult(T value = {}) : value_(value) {}  // NOLINT
  template <class G>
  requires std::convertible_to<G, E>
  constexpr RegisterResult(const std::unexpected<G>& unexpected)  // NOLINT
      : failure_(1 + static_cast<std::uint64_t>(unexpected.error())) {}

  [[nodiscard]] constexpr bool has_value() const { return failure_ == 0; }
  [[nodiscard]] constexpr explicit operator bool() const { return has_value(); }
  /// Only where there is a value.
  [[nodiscard]] constexpr const T& operator*() const { return value_; }
  /// Panics where there is none.
  [[nodiscard]] constexpr T value() const {
    if (!has_value()) panic("a result without a value was taken for one");
    return value_;
  }
  [[nodiscard]] constexpr T value_or(T otherwise) const { return has_value() ? value_ : otherwise; }
  /// Only where there is none.
  [[nodiscard]] constexpr E error() const { return static_cast<E>(failure_ - 1); }

  friend constexpr bool operator==(const RegisterResult& a, const RegisterResult& b) {
    return a.failure_ == b.failure_ && (!a.has_value() || a.value_ == b.value_);
  }
  friend constexpr bool operator==(const RegisterResult& a, const T& value) {
    return a.has_value() && a.value_ == value;
  }
  friend constexpr bool operator==(const RegisterResult& a, const std::unexpected<E>& error) {
    return !a.has_value() && a.error() == error.error();
  }

 private:
  std::uint64_t failure_ = 0;  // The error's number and 1, or 0.
  T value_{};
};

/// Nothing, or an error.
template <class E>
class RegisterResult<void, E> {
 public:
  constexpr RegisterResult() = default;
  template <class G>
  requires std::convertible_to<G, E>
  constexpr RegisterResult(const std::unexpected<G>& unexpected)  // NOLINT
      : failure_(1 + static_cast<std::uint32_t>(unexpected.error())) {}

  [[nodiscard]] constexpr bool has_value() const { return failure_ == 0; }
  [[nodiscard]] constexpr explicit operator bool() const { return has_value(); }
  /// Only where there is one.
  [[nodiscard]] constexpr E error() const { return static_cast<E>(failure_ - 1); }

  friend constexpr bool operator==(const RegisterResult&, const RegisterResult&) = default;
  friend constexpr bool operator==(const RegisterResult& a, const std::unexpected<E>& error) {
    return !a.has_value() && a.error() == error.error();
  }

 private:
  std::uint32_t failure_ = 0;
};

template <class T, class E>
inline constexpr bool kFitsRegisters = std::is_enum_v<E> &&
                                       (std::is_void_v<T> || std::is_integral_v<T>);

/// A `T`, or the reason why there is none.
template <class T, class E>
using Result = std::conditional_t<kFitsRegisters<T, E>, RegisterResult<T, E>, std::expected<T, E>>;

/// Makes the failing half of a Result: `return fail(AllocError::exhausted);`
template <class E>
[[nodiscard]] constexpr std::unexpected<E> fail(E error) {
  return std::unexpected<E>(error);
}

}  // namespace heapscope
