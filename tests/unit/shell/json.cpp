// The reader: one function for each production of the grammar in RFC 8259.
#include "json.hpp"

#include <algorithm>
#include <charconv>

namespace heapscope::shell::test {

class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  Json read_all() {
    Json value = read_value();
    if (at_ != text_.size()) stop("something follows the value");
    return value;
  }

 private:
  [[noreturn]] void stop(const std::string& what) const {
    const std::size_t from = at_ < 40 ? 0 : at_ - 40;
    throw JsonError(what + " at byte " + std::to_string(at_) + ", behind '" +
                    std::string(text_.substr(from, at_ - from)) + "'");
  }
  [[nodiscard]] char peek() const {
    if (at_ == text_.size()) stop("the text ends");
    return text_[at_];
  }
  char take() {
    const char c = peek();
    ++at_;
    return c;
  }
  bool take_if(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void take_word(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) stop("no value");
    at_ += word.size();
  }

  Json read_value() {
    Json value;
    switch (peek()) {
      case 'n':
        take_word("null");
        return value;
      case 't':
      case 'f':
        value.kind_ = Json::Kind::boolean;
        value.number_ = peek() == 't' ? 1 : 0;
        take_word(value.number_ != 0 ? "true" : "false");
        return value;
      case '"':
        value.kind_ = Json::Kind::text;
        value.text_ = read_text();
        return value;
      case '[':
        return read_array();
      case '{':
        return read_object();
      default:
        return read_number();
    }
  }

  Json read_number() {
    Json value;
    value.kind_ = Json::Kind::number;
    const char* const first = text_.data() + at_;
    const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), value.number_);
    if (error != std::errc()) stop("no value, or a number out of range");
    const auto digits = static_cast<std::size_t>(end - first);
    if (digits > 1 && *first == '0') stop("a number with a leading zero");
    at_ += digits;
    if (at_ < text_.size() && std::string_view(".eE").contains(text_[at_])) stop("no integer");
    return value;
  }

  Json read_array() {
    Json value;
    value.kind_ = Json::Kind::array;
    take();
    if (take_if(']')) return value;
    do {
      value.items_.push_back(read_value());
    } while (take_if(','));
    if (!take_if(']')) stop("no comma and no ]");
    return value;
  }

  Json read_object() {
    Json value;
    value.kind_ = Json::Kind::object;
    take();
    if (take_if('}')) return value;
    do {
      std::string name = read_text();
      if (value.has(name)) stop("the name " + name + " occurs twice");
      value.names_.push_back(std::move(name));
      if (!take_if(':')) stop("no colon");
      value.items_.push_back(read_value());
    } while (take_if(','));
    if (!take_if('}')) stop("no comma and no }");
    return value;
  }

  std::string read_text() {
    if (!take_if('"')) stop("no text");
    std::string text;
    while (peek() != '"') {
      if (take_if('\\')) {
        append(text, read_escape());
      } else if (static_cast<unsigned char>(peek()) < 0x20) {
        stop("a control byte in a text");
      } else {
        take_character(text);
      }
    }
    take();
    return text;
  }

  std::uint32_t read_escape() {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char letter = take();
    if (const std::size_t i = kLetters.find(letter); i != std::string_view::npos) {
      return static_cast<unsigned char>(kMeanings[i]);
    }
    if (letter != 'u') stop("no such escape");
    const std::string_view digits = text_.substr(at_, 4);
    std::uint32_t code = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (error != std::errc() || end != digits.data() + 4) stop("not four digits behind \\u");
    if (code >= 0xd800 && code < 0xe000) stop("a surrogate");
    at_ += 4;
    return code;
  }

  /// One character of UTF-8, as it stands.
  void take_character(std::string& text) {
    const std::size_t start = at_;
    const auto lead = static_cast<unsigned char>(take());
    std::uint32_t code = lead;
    std::size_t more = 0;
    if (lead >= 0xf0) {
      more = 3;
      code = lead & 0x07U;
    } else if (lead >= 0xe0) {
      more = 2;
      code = lead & 0x0fU;
    } else if (lead >= 0xc0) {
      more = 1;
      code = lead & 0x1fU;
    } else if (lead >= 0x80) {
      stop("no UTF-8");
    }
    for (std::size_t i = 0; i < more; ++i) {
      const auto next = static_cast<unsigned char>(take());
      if (next < 0x80 || next >= 0xc0) stop("no UTF-8");
      code = code << 6 | (next & 0x3fU);
    }
    // Only the one shortest form of a character is UTF-8.
    std::string shortest;
    append(shortest, code);
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    if (surrogate || code > 0x10ffff || shortest != text_.substr(start, at_ - start)) {
      stop("no UTF-8");
    }
    text += shortest;
  }

  static void append(std::string& text, std::uint32_t code) {
    const auto continuation = [&](unsigned shift) {
      text.push_back(static_cast<char>(0x80 | (code >> shift & 0x3f)));
    };
    if (code < 0x80) {
      text.push_back(static_cast<char>(code));
    } else if (code < 0x800) {
      text.push_back(static_cast<char>(0xc0 | code >> 6));
      continuation(0);
    } else if (code < 0x10000) {
      text.push_back(static_cast<char>(0xe0 | code >> 12));
      continuation(6);
      continuation(0);
    } else {
      text.push_back(static_cast<char>(0xf0 | code >> 18));
      continuation(12);
      continuation(6);
      continuation(0);
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

Json Json::parse(std::string_view text) { return JsonReader(text).read_all(); }

bool Json::boolean() const {
  expect(Kind::boolean, "a boolean");
  return number_ != 0;
}

std::uint64_t Json::number() const {
  expect(Kind::number, "a number");
  return number_;
}

const std::string& Json::text() const& {
  expect(Kind::text, "a text");
  return text_;
}

std::uint64_t Json::address() const {
  const std::string& written = text();
  std::uint64_t value = 0;
  const char* const end = written.data() + written.size();
  if (!written.starts_with("0x") || written.size() < 3) throw JsonError("no address: " + written);
  const auto [stopped, error] = std::from_chars(written.data() + 2, end, value, 16);
  if (error != std::errc() || stopped != end) throw JsonError("no address: " + written);
  return value;
}

const std::vector<Json>& Json::items() const& {
  if (kind_ != Kind::array && kind_ != Kind::object) throw JsonError("no array and no object");
  return items_;
}

const Json& Json::operator[](std::size_t i) const& {
  expect(Kind::array, "an array");
  if (i >= items_.size()) throw JsonError("no item " + std::to_string(i));
  return items_[i];
}

const std::vector<std::string>& Json::names() const& {
  expect(Kind::object, "an object");
  return names_;
}

bool Json::has(std::string_view name) const {
  expect(Kind::object, "an object");
  return std::ranges::find(names_, name) != names_.end();
}

const Json& Json::operator[](std::string_view name) const& {
  expect(Kind::object, "an object");
  const auto found = std::ranges::find(names_, name);
  if (found == names_.end()) throw JsonError("no member " + std::string(name));
  return items_[static_cast<std::size_t>(found - names_.begin())];
}

}  // namespace heapscope::shell::test
