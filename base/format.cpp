// The run-time half of format(): reads the fields and prints the arguments.
#include "base/format.hpp"

#include <array>
#include <charconv>

namespace heapscope {
namespace {

struct Field {
  char justify = '\0';
  char pad = ' ';
  std::size_t width = 0;
  bool hexadecimal = false;
  bool prefixed = false;
};

Field parse_field(std::string_view text) {
  Field field;
  if (text.starts_with(':')) text.remove_prefix(1);
  const auto take = [&text](char c) {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
  };
  if (take('<')) field.justify = '<';
  if (take('>')) field.justify = '>';
  field.prefixed = take('#');
  if (take('0')) field.pad = '0';
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    field.width = field.width * 10 + static_cast<std::size_t>(text.front() - '0');
    text.remove_prefix(1);
  }
  field.hexadecimal = take('x');
  return field;
}

void pad(TextSink& sink, char with, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) sink.write({&with, 1});
}

void write_padded(TextSink& sink, const Field& field, std::string_view prefix,
                  std::string_view body, char default_justify) {
  const std::size_t length = prefix.size() + body.size();
  const std::size_t missing = field.width > length ? field.width - length : 0;
  const bool right = (field.justify == '\0' ? default_justify : field.justify) == '>';
  if (right && field.pad == ' ') pad(sink, ' ', missing);
  sink.write(prefix);
  if (right && field.pad != ' ') pad(sink, field.pad, missing);
  sink.write(body);
  if (!right) pad(sink, ' ', missing);
}

void write_integer(TextSink& sink, const Field& field, bool negative, std::uint64_t magnitude) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), magnitude,
                                 field.hexadecimal ? 16 : 10);
  const std::string_view body(digits.data(), static_cast<std::size_t>(end.ptr - digits.data()));
  const std::string_view prefix = field.prefixed ? "0x" : negative ? "-" : "";
  write_padded(sink, field, prefix, body, '>');
}

void write_argument(TextSink& sink, const Field& field, const FormatArgument& argument) {
  switch (argument.kind()) {
    case FormatArgument::Kind::text:
      write_padded(sink, field, "", argument.text(), '<');
      return;
    case FormatArgument::Kind::character: {
      const char c = static_cast<char>(argument.bits());
      write_padded(sink, field, "", {&c, 1}, '<');
      return;
    }
    case FormatArgument::Kind::signed_integer: {
      const bool negative = static_cast<std::int64_t>(argument.bits()) < 0 && !field.hexadecimal;
      write_integer(sink, field, negative, negative ? 0 - argument.bits() : argument.bits());
      return;
    }
    case FormatArgument::Kind::unsigned_integer:
      write_integer(sink, field, false, argument.bits());
      return;
  }
}

}  // namespace

void format_erased(TextSink& sink, std::string_view text,
                   std::span<const FormatArgument> arguments) {
  std::size_t next = 0;
  while (!text.empty()) {
    const std::size_t brace = text.find_first_of("{}");
    sink.write(text.substr(0, brace));
    if (brace == std::string_view::npos) return;
    const char kind = text[brace];
    text.remove_prefix(brace + 1);
    if (text.starts_with(kind)) {
      sink.write({&kind, 1});
      text.remove_prefix(1);
      continue;
    }
    const std::size_t close = text.find('}');
    if (close == std::string_view::npos || next == arguments.size()) return;
    write_argument(sink, parse_field(text.substr(0, close)), arguments[next++]);
    text.remove_prefix(close + 1);
  }
}

}  // namespace heapscope
