// What a caller asks of an allocator: a size and an alignment, and the
// arithmetic on alignments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/panic.hpp"

namespace heapscope::alloc {

/// An address as a number.
using Address = std::uintptr_t;

/// The alignment of a layout that does not name one, in bytes: what C++ `new`
/// promises on AArch64.
inline constexpr std::size_t kDefaultAlign = 16;

/// Whether `value` is 1, 2, 4, …; 0 is not.
[[nodiscard]] constexpr bool is_power_of_two(std::size_t value) {
  // Not std::has_single_bit: without vector registers that is a call.
  return value != 0 && (value & (value - 1)) == 0;
}

/// A size in bytes and an alignment in bytes. Only a power of two is an
/// alignment; allocators refuse any other layout, and they refuse size 0. Aligned to
/// its own size, for only then does the compiler keep it in two registers where
/// unaligned accesses are forbidden (-mstrict-align).
struct alignas(2 * sizeof(std::size_t)) Layout {
  std::size_t size = 0;
  std::size_t align = kDefaultAlign;

  /// True where every allocator can at least consider it.
  [[nodiscard]] constexpr bool valid() const { return size != 0 && is_power_of_two(align); }
  friend constexpr bool operator==(Layout, Layout) = default;
};

/// The last multiple of `align` that is at most `address`. Panics where `align`
/// is not a power of two (0 is not).
[[nodiscard]] constexpr Address align_down(Address address, std::size_t align) {
  if (!is_power_of_two(align)) panic("align_down: {} is not a power of two", align);
  return address & ~(align - 1);
}

/// The first multiple of `align` that is at least `address`. Panics where
/// `align` is not a power of two, and where the result does not fit.
[[nodiscard]] constexpr Address align_up(Address address, std::size_t align) {
  if (!is_power_of_two(align)) panic("align_up: {} is not a power of two", align);
  if (address > std::numeric_limits<Address>::max() - (align - 1)) {
    panic("align_up: {:#x} to {} does not fit in an address", address, align);
  }
  return align_down(address + (align - 1), align);
}

}  // namespace heapscope::alloc
