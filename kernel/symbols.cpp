// Looking names up in the table that the build makes from the linked kernel
// (make_symbols.py) and links into it.
#include "kernel/symbols.hpp"

#include <algorithm>
#include <span>

#include "base/format.hpp"
#include "kernel/image.hpp"

namespace heapscope::kernel {
namespace {

/// One function, in order of address.
struct Symbol {
  std::uint32_t place;  // 17 bits: how many instructions of the kernel's text are before it.

  [[nodiscard]] std::uint64_t instruction() const { return place & 0x1'ffff; }
  /// From the start of the names, which end with a NUL each.
  [[nodiscard]] std::size_t name() const { return place >> 17; }
};
static_assert(sizeof(Symbol) == 4);

constexpr std::uint64_t kInstructionBytes = 4;
/// A byte of a name from here on stands for two bytes.
constexpr unsigned char kFirstPair = 0x80;

}  // namespace

extern "C" {
extern const Symbol symbol_table[];
extern const Symbol symbol_table_end[];
extern const unsigned char symbol_pairs[][2];
extern const unsigned char symbol_names[];
}

namespace {

/// The two bytes may stand for others in turn, but only for those of pairs before.
void write_byte(TextSink& out, unsigned char byte) {
  if (byte < kFirstPair) {
    const char character = static_cast<char>(byte);
    out.write({&character, 1});
    return;
  }
  for (const unsigned char part : symbol_pairs[byte - kFirstPair]) write_byte(out, part);
}

void write_name(TextSink& out, const Symbol& symbol) {
  for (const unsigned char* at = symbol_names + symbol.name(); *at != 0; ++at) write_byte(out, *at);
}

/// False where there is none: then the bare address is written.
bool write_place(TextSink& out, std::uint64_t address) {
  const Range text = text_range();
  const std::span<const Symbol> all(symbol_table, symbol_table_end);
  const std::uint64_t offset = address - text.start;
  const auto after =
      std::ranges::upper_bound(all, offset / kInstructionBytes, {}, &Symbol::instruction);
  if (!text.contains(address) || after == all.begin()) {
    format(out, "{:#x}", address);
    return false;
  }
  const Symbol& symbol = *(after - 1);
  write_name(out, symbol);
  format(out, "+{:#x}", offset - symbol.instruction() * kInstructionBytes);
  return true;
}

}  // namespace

void write_symbol(TextSink& out, std::uint64_t address) {
  if (write_place(out, address)) format(out, " ({:#x})", address);
}

void write_symbol_name(TextSink& out, std::uint64_t address) { (void)write_place(out, address); }

}  // namespace heapscope::kernel
