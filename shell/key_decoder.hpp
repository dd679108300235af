// From the bytes that terminals send to keys: control bytes, UTF-8, and the escape
// sequences of a dozen kinds of terminals, whole or in pieces.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "shell/key.hpp"

namespace heapscope::shell {

/// Takes bytes one at a time, a few steps each. CR, LF and CRLF are one Enter each. A sequence that
/// means nothing here is swallowed to its final byte; a control byte in the middle of one ends it
/// and counts (ECMA-48, section 5.4).
class KeyDecoder {
 public:
  /// What pressing Escape and then a key leaves between the two, at least; the bytes of
  /// one key come closer together.
  static constexpr std::uint64_t kEscapeAloneUs = 100'000;

  /// The key that this byte completes, if any.
  [[nodiscard]] std::optional<KeyPress> feed(std::uint8_t byte);

  /// Whether an Escape has arrived, and nothing behind it.
  [[nodiscard]] bool after_escape() const { return state_ == State::escape; }
  /// That Escape was the key alone: what comes next does not belong to it.
  KeyPress end_escape() {
    state_ = State::ground;
    return {.key = Key::escape};
  }
  void reset() { state_ = State::ground; }

 private:
  enum class State : std::uint8_t { ground, escape, csi, ss3, linux_key, utf8 };
  static constexpr std::size_t kMaxParameters = 3;

  [[nodiscard]] std::optional<KeyPress> decode(std::uint8_t byte);
  [[nodiscard]] std::optional<KeyPress> begin(std::uint8_t byte);
  [[nodiscard]] std::optional<KeyPress> follow_escape(std::uint8_t byte);
  [[nodiscard]] std::optional<KeyPress> follow_sequence(std::uint8_t byte);
  [[nodiscard]] std::optional<KeyPress> follow_utf8(std::uint8_t byte);
  [[nodiscard]] KeyPress end_csi(std::uint8_t final) const;
  [[nodiscard]] KeyPress end_ss3(std::uint8_t final) const;
  [[nodiscard]] Key tilde_key(bool control) const;
  void begin_sequence(State state);
  [[nodiscard]] bool add_parameter_byte(std::uint8_t byte);
  [[nodiscard]] bool modified() const;

  State state_ = State::ground;
  bool after_cr_ = false;
  bool alt_ = false;      // A second Escape came before the sequence.
  bool private_ = false;  // The sequence is of a kind that no key sends.
  std::array<std::uint16_t, kMaxParameters> parameters_{};
  std::size_t parameter_ = 0;
  KeyPress character_;
  std::size_t missing_ = 0;  // Bytes of the character.
};

}  // namespace heapscope::shell
