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
  std::uint32_t offset;  // From the start of the kernel's text.
  std::uint32_t name;    // From the start of the names, which end with a NUL each.
};
static_assert(sizeof(Symbol) == 8);

}  // namespace

extern "C" {
extern const Symbol symbol_table[];
extern const Symbol symbol_table_end[];
extern const char symbol_names[];
}

void write_symbol(TextSink& out, std::uint64_t address) {
  const Range text = text_range();
  const std::span<const Symbol> all(symbol_table, symbol_table_end);
  const auto after = std::ranges::upper_bound(all, address - text.start, {}, &Symbol::offset);
  if (!text.contains(address) || after == all.begin()) {
    format(out, "{:#x}", address);
    return;
  }
  const Symbol& symbol = *(after - 1);
  format(out, "{}+{:#x} ({:#x})", std::string_view(symbol_names + symbol.name),
         address - text.start - symbol.offset, address);
}

}  // namespace heapscope::kernel
