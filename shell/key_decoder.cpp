// The tables and states of the key decoder.
#include "shell/key_decoder.hpp"

#include <algorithm>

#include "shell/utf8.hpp"

namespace heapscope::shell {
namespace {

constexpr std::uint8_t kEscape = 0x1b;
constexpr std::uint8_t kDelete = 0x7f;
constexpr std::uint16_t kLargestParameter = 9999;

constexpr KeyPress with_byte(Key key, std::uint8_t byte) {
  return {.key = key, .bytes = {static_cast<char>(byte)}, .size = 1};
}

constexpr bool is_control(std::uint8_t byte) { return byte < 0x20; }

constexpr Key control_key(std::uint8_t byte) {
  switch (byte) {
    case '\r':
    case '\n':
      return Key::enter;
    case '\t':
      return Key::tab;
    case 0x08:
    case kDelete:
      return Key::backspace;
    default:
      return Key::control;
  }
}

/// The keys whose sequences end alike in CSI and SS3.
constexpr Key letter_key(std::uint8_t final, bool modified) {
  switch (final) {
    case 'A':
      return Key::up;
    case 'B':
      return Key::down;
    case 'C':
      return modified ? Key::word_right : Key::right;
    case 'D':
      return modified ? Key::word_left : Key::left;
    case 'H':
      return Key::home;
    case 'F':
      return Key::end;
    default:
      return Key::other;
  }
}

}  // namespace

std::optional<KeyPress> KeyDecoder::feed(std::uint8_t byte) {
  const bool pair = after_cr_ && byte == '\n';
  after_cr_ = byte == '\r';
  return pair ? std::nullopt : decode(byte);
}

std::optional<KeyPress> KeyDecoder::decode(std::uint8_t byte) {
  switch (state_) {
    case State::ground:
      return begin(byte);
    case State::escape:
      return follow_escape(byte);
    case State::csi:
    case State::ss3:
      return follow_sequence(byte);
    case State::linux_key:
      state_ = State::ground;
      return KeyPress{};
    case State::utf8:
      return follow_utf8(byte);
  }
  return std::nullopt;
}

std::optional<KeyPress> KeyDecoder::begin(std::uint8_t byte) {
  state_ = State::ground;
  if (byte == kEscape) {
    state_ = State::escape;
    alt_ = false;
    return std::nullopt;
  }
  if (is_control(byte) || byte == kDelete) return with_byte(control_key(byte), byte);
  const std::size_t length = utf8_length_by_lead(byte);
  if (length == 0) return KeyPress{.key = Key::invalid};
  character_ = with_byte(Key::text, byte);
  if (length == 1) return character_;
  missing_ = length - 1;
  state_ = State::utf8;
  return std::nullopt;
}

std::optional<KeyPress> KeyDecoder::follow_utf8(std::uint8_t byte) {
  if ((byte & 0xc0) != 0x80) {
    auto key = begin(byte);
    if (key) key->after_invalid = true;
    return key;
  }
  character_.bytes[character_.size++] = static_cast<char>(byte);
  if (--missing_ != 0) return std::nullopt;
  state_ = State::ground;
  if (shown_length(character_.text()) == 0) return KeyPress{.key = Key::invalid};
  return character_;
}

std::optional<KeyPress> KeyDecoder::follow_escape(std::uint8_t byte) {
  switch (byte) {
    case kEscape:
      alt_ = true;
      return std::nullopt;
    case '[':
      begin_sequence(State::csi);
      return std::nullopt;
    case 'O':
      begin_sequence(State::ss3);
      return std::nullopt;
    default:
      break;
  }
  state_ = State::ground;
  switch (byte) {
    case 'b':
    case 'B':
      return with_byte(Key::word_left, byte);
    case 'f':
    case 'F':
      return with_byte(Key::word_right, byte);
    case 'd':
    case 'D':
      return with_byte(Key::erase_word_right, byte);
    case 0x08:
    case kDelete:
      return with_byte(Key::erase_word_left, byte);
    default:
      break;
  }
  // Enter and control keys are what they are, with Alt or without.
  if (is_control(byte) || byte > kDelete) return begin(byte);
  return with_byte(Key::alt, byte);
}

void KeyDecoder::begin_sequence(State state) {
  state_ = state;
  private_ = false;
  parameters_ = {};
  parameter_ = 0;
}

/// Whether the byte is part of the sequence's parameters.
bool KeyDecoder::add_parameter_byte(std::uint8_t byte) {
  if (byte < 0x20 || byte >= 0x40) return false;
  if (byte == ';' || byte == ':') {
    ++parameter_;
  } else if (byte < '0' || byte > '9') {
    private_ = true;
  } else if (parameter_ < kMaxParameters) {
    std::uint16_t& value = parameters_[parameter_];
    value = static_cast<std::uint16_t>(
        std::min<std::uint32_t>(value * 10U + (byte - '0'), kLargestParameter));
  }
  return true;
}

std::optional<KeyPress> KeyDecoder::follow_sequence(std::uint8_t byte) {
  if (add_parameter_byte(byte)) return std::nullopt;
  if (is_control(byte) || byte > 0x7e) return begin(byte);
  const bool first = parameter_ == 0 && parameters_[0] == 0 && !private_;
  if (state_ == State::csi && byte == '[' && first) {
    // F1 to F5 of the Linux console have a second bracket and one more byte.
    state_ = State::linux_key;
    return std::nullopt;
  }
  const State kind = state_;
  state_ = State::ground;
  return kind == State::csi ? end_csi(byte) : end_ss3(byte);
}

/// Ctrl, Alt or both were held: xterm sends 1 + Shift + 2 Alt + 4 Ctrl.
bool KeyDecoder::modified() const {
  const std::uint16_t last = parameters_[1] != 0 ? parameters_[1] : parameters_[0];
  return alt_ || (last > 1 && ((last - 1U) & 6U) != 0);
}

Key KeyDecoder::tilde_key(bool control) const {
  switch (parameters_[0]) {
    case 1:
    case 7:
      return Key::home;
    case 4:
    case 8:
      return Key::end;
    case 3:
      return control ? Key::erase_word_right : Key::erase;
    case 5:
      return Key::page_up;
    case 6:
      return Key::page_down;
    case 200:
      return Key::paste_begins;
    case 201:
      return Key::paste_ends;
    default:
      return Key::other;
  }
}

KeyPress KeyDecoder::end_csi(std::uint8_t final) const {
  if (private_) return {};
  switch (final) {
    case '~':
      return {.key = tilde_key(parameters_[1] > 1 && ((parameters_[1] - 1U) & 4U) != 0)};
    case '^':  // rxvt's Ctrl.
      return {.key = tilde_key(true)};
    case 'n':
      return {.key = parameters_[0] == 0 ? Key::status : Key::other};
    case 'R':
      if (parameter_ != 1 || parameters_[0] == 0 || parameters_[1] == 0) return {};
      return {.key = Key::position, .row = parameters_[0], .column = parameters_[1]};
    case 't':
      if (parameter_ != 2 || parameters_[0] != 8) return {};
      return {.key = Key::position, .row = parameters_[1], .column = parameters_[2]};
    default:
      return {.key = letter_key(final, modified())};
  }
}

KeyPress KeyDecoder::end_ss3(std::uint8_t final) const {
  if (private_) return {};
  // The numeric keypad in application mode sends the letter 64 above its character.
  if (final >= 'j' && final <= 'y') return with_byte(Key::text, final - 0x40);
  switch (final) {
    case 'M':
      return with_byte(Key::enter, '\r');
    case 'c':  // rxvt's Ctrl with the arrows.
      return {.key = Key::word_right};
    case 'd':
      return {.key = Key::word_left};
    default:
      return {.key = letter_key(final, modified())};
  }
}

}  // namespace heapscope::shell
