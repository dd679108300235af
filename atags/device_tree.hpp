// What booting needs from a flattened device tree: where the memory is, what of
// it is taken, the command line and the initrd. Not a general device-tree library.
// Format: Devicetree Specification v0.4, chapters 2, 3 and 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "atags/memory_map.hpp"
#include "base/range.hpp"
#include "base/result.hpp"
#include "base/static_vector.hpp"

namespace heapscope::atags {

/// Why a blob is no device tree, or none that can be trusted.
enum class DeviceTreeError : std::uint8_t {
  too_small,            ///< The window has no room for a header.
  no_magic,             ///< The window does not begin with d0 0d fe ed.
  unsupported_version,  ///< Older than 16, or not readable as version 17.
  beyond_window,        ///< The total size is more than the window.
  bad_layout,           ///< A block of the tree is not inside it, or not aligned.
  bad_reservations,     ///< The reservation block does not end.
  bad_structure,        ///< An unknown token, wrong nesting, or no end.
  too_deep,             ///< Nodes nest deeper than kMaxDeviceTreeDepth.
  bad_string,           ///< A name without an end, or outside its block.
  unsupported_cells,    ///< #address-cells or #size-cells is neither 1 nor 2.
  bad_memory,           ///< A `reg` that is not whole pairs of address and size.
  bad_initrd,           ///< An initrd address that is neither 4 nor 8 bytes.
};

/// The error in words: static text, lower case, without a full stop.
[[nodiscard]] std::string_view describe(DeviceTreeError error);

/// How deep nodes may nest; the root is at depth 1.
inline constexpr std::size_t kMaxDeviceTreeDepth = 64;

/// What was read. `command_line` points into the blob.
struct DeviceTreeFacts {
  std::uint32_t version = 0;
  /// Bytes of the blob; at most the window.
  std::uint32_t total_size = 0;
  /// As found: in any order; empty ones are left out.
  StaticVector<Range, kMaxBanks> banks{};
  /// There were more banks than fit; they were left out.
  bool banks_truncated = false;
  /// The reservation block and the fixed ranges of /reserved-memory. Nothing is
  /// left out: see add_reserved().
  StaticVector<Range, kMaxReserved> reserved{};
  /// bootargs of /chosen, without its NUL; empty where there is none.
  std::string_view command_line{};
  /// From linux,initrd-start to linux,initrd-end of /chosen; empty unless both are there.
  Range initrd{};
};

/// Reads the device tree at the start of `window`, which needs no alignment. Every
/// offset is checked before it is followed and nothing outside `window` is read.
/// Linear in the size of the blob.
[[nodiscard]] Result<DeviceTreeFacts, DeviceTreeError> read_device_tree(
    std::span<const std::byte> window);

}  // namespace heapscope::atags
