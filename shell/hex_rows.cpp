// Rows of bytes.
#include "shell/hex_rows.hpp"

#include <algorithm>
#include <array>

namespace heapscope::shell {
namespace {

constexpr std::size_t kBytesInRow = 16;

constexpr std::array kColumns{
    Column{.name = "address", .width = 10},
    Column{.name = "bytes", .width = kBytesInRow * 3 - 1},
    Column{.name = "text"},
};

/// Volatile: it may be a device's register.
std::uint8_t byte_at(std::uint64_t address) {
  return *reinterpret_cast<const volatile std::uint8_t*>(static_cast<std::uintptr_t>(address));
}

void show_row(Reply& reply, Range row) {
  FixedText<kBytesInRow * 3> bytes;
  FixedText<kBytesInRow> text;
  for (std::uint64_t address = row.start; address < row.end; ++address) {
    const std::uint8_t byte = byte_at(address);
    format(bytes, "{}{:02x}", address == row.start ? "" : " ", byte);
    format(text, "{}", byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.');
  }
  reply.begin_item();
  reply.field("address", Value::address(row.start));
  reply.field("bytes", Value::text(bytes.view()));
  reply.field("text", Value::text(text.view()));
  reply.end_item();
}

}  // namespace

std::uint64_t show_hex_rows(Context& context, std::string_view name, Range range) {
  context.reply.begin_list(name, kColumns);
  std::uint64_t at = range.start;
  while (at < range.end && !context.interrupted()) {
    const std::uint64_t end = at + std::min<std::uint64_t>(kBytesInRow, range.end - at);
    show_row(context.reply, {.start = at, .end = end});
    at = end;
  }
  context.reply.end_list();
  return at;
}

}  // namespace heapscope::shell
