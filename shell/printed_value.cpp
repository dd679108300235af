// Values and cells as text.
#include "shell/printed_value.hpp"

#include <algorithm>

#include "shell/utf8.hpp"

namespace heapscope::shell {
namespace {

/// From empty to full; the ends stand for exactly empty and exactly full.
constexpr std::string_view kShades = ".:-=+*%#";

}  // namespace

void write_safely(TextSink& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = shown_length(text);
    if (length == 0) {
      format(out, "\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else {
      out.write(text.substr(0, length));
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
}

void write_value(TextSink& out, const Value& value) {
  switch (value.kind()) {
    case Value::Kind::none:
      out.write("-");
      return;
    case Value::Kind::boolean:
      out.write(value.number() != 0 ? "yes" : "no");
      return;
    case Value::Kind::count:
    case Value::Kind::bytes:
      format(out, "{}", value.number());
      return;
    case Value::Kind::signed_count:
      format(out, "{}", value.signed_number());
      return;
    case Value::Kind::address:
      format(out, "{:#010x}", value.number());
      return;
    case Value::Kind::text:
      write_safely(out, value.text());
      return;
    case Value::Kind::words:
      return;
  }
}

char shade_of(const Cell& cell) {
  if (cell.mark != '\0') return cell.mark;
  if (cell.permille == 0) return kShades.front();
  if (cell.permille >= 1000) return kShades.back();
  const std::size_t between = kShades.size() - 2;
  return kShades[1 + cell.permille * between / 1000];
}

}  // namespace heapscope::shell
