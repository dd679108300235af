// Looking for a block's record, and putting it into words.
#include "shell/block_origin.hpp"

#include <array>

namespace heapscope::shell {
namespace {

/// The start of the names of its functions.
constexpr std::string_view kShell = "shell::Shell::";

/// Takes what of `found` was freed later than `latest`, and had `address` in it.
void take_latest(std::span<const alloc::Origin> found, alloc::Address address,
                 std::optional<alloc::Origin>& latest) {
  for (const alloc::Origin& each : found) {
    if (each.live || address < each.address || address >= each.end()) continue;
    if (!latest || each.freed.ticks() > latest->freed.ticks()) latest = each;
  }
}

}  // namespace

std::optional<alloc::Origin> origin_of(alloc::Heap& heap, alloc::Address address) {
  std::optional<alloc::Origin> found;
  std::size_t capacity = 0;
  heap.with_instruments([&](alloc::Instruments& all) {
    if (!all.recording()) return;
    found = all.origins().find(address);
    capacity = all.origins().capacity();
  });
  if (found) return found;
  std::array<alloc::Origin, 8> read;
  for (std::size_t next = 1; next <= capacity;) {
    const std::size_t count = heap.with_instruments([&](alloc::Instruments& all) {
      if (all.recording()) return all.origins().read(next, read);
      next = capacity + 1;
      return std::size_t{0};
    });
    take_latest(std::span(read).first(count), address, found);
  }
  return found;
}

CallersText::CallersText(const Platform& platform, alloc::CallPath path) {
  for (std::size_t i = 0;; ++i) {
    FixedText<100> caller;
    if (!platform.write_caller(caller, path, i)) break;
    if (i > 0 && caller.view().starts_with(kShell)) break;
    format(text_, "{}{}", i == 0 ? "" : " < ", caller.view());
  }
  if (text_.view().empty()) text_.write("unknown");
}

}  // namespace heapscope::shell
