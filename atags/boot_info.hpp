// What the firmware left for the kernel, from whichever source answers: a tag
// list, a device tree, or else the mailbox. Also what was wrong with the others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "atags/malformed.hpp"
#include "atags/memory_map.hpp"
#include "base/range.hpp"
#include "base/result.hpp"
#include "base/static_vector.hpp"

namespace heapscope::atags {

/// Where the firmware puts a tag list, and sometimes a device tree
/// (raspberrypi/tools: armstubs/armstub8.S; raspberrypi/firmware#1618).
inline constexpr std::uint64_t kFirmwareTagsAddress = 0x100;

/// How many reserved ranges a BootInfo holds: a caller has room in kMaxReserved
/// for some of its own.
inline constexpr std::size_t kMaxBootReserved = 24;

/// How many rejections are kept: more than there are sources and places to try.
inline constexpr std::size_t kMaxRejections = 8;

enum class BootSource : std::uint8_t { atags, device_tree, mailbox };

/// "atags", "device-tree" or "mailbox".
[[nodiscard]] std::string_view boot_source_name(BootSource source);

/// A source that was tried and not used.
struct Rejection {
  BootSource source = BootSource::atags;
  std::uint64_t address = 0;  ///< Where it was looked for; 0 for the mailbox.
  std::string_view reason{};  ///< Static text, lower case, without a full stop.
};

using Rejections = StaticVector<Rejection, kMaxRejections>;

/// Where to look. The bytes must be readable as ordinary memory.
struct BootCandidates {
  /// The memory from `x0` on; empty where x0 holds no usable address.
  std::span<const std::byte> at_x0{};
  /// What the firmware left in x0. Where it is 0x100, that is not tried twice.
  std::uint64_t x0 = 0;
  /// The memory from kFirmwareTagsAddress on.
  std::span<const std::byte> at_0x100{};
  /// What the mailbox says; nothing where it did not answer.
  std::optional<Range> mailbox_memory{};
};

/// The answer. `tags` and `command_line` are views into the candidates' memory,
/// which must stay as it is for as long as they are used; `reserved` covers it.
struct BootInfo {
  BootSource source = BootSource::atags;
  /// Of the list or the tree; 0 for the mailbox.
  std::uint64_t address = 0;
  /// The list up to its NONE or its fault (see TagList::extent()); empty unless
  /// the source is atags.
  std::span<const std::uint32_t> tags{};
  /// As found: in any order, not clamped. There is at least one; none is empty.
  StaticVector<Range, kMaxBanks> banks{};
  /// There were more banks than fit; they were left out.
  bool banks_truncated = false;
  /// The last one given; empty where there is none.
  std::string_view command_line{};
  /// The last one given; empty where there is none. Not part of `reserved`.
  Range initrd{};
  /// The list or the tree itself, and what the tree reserves. Nothing is left
  /// out: see add_reserved().
  StaticVector<Range, kMaxBootReserved> reserved{};
  /// What was tried before, in that order.
  Rejections rejected{};
  /// The fault that ends a tag list which gave memory before it.
  std::optional<Malformed> malformed{};
};

/// That no source answered.
struct NoBootSource {
  Rejections rejected{};  ///< All that was tried, in that order.
};

/// Finds the source to use: a tag list at 0x100, then at x0; a device tree at x0,
/// then at 0x100; then the mailbox. A source without memory is not used, and
/// neither is a tag list whose fault comes before its memory. Linear in the size
/// of the candidates.
[[nodiscard]] Result<BootInfo, NoBootSource> discover(const BootCandidates& candidates);

}  // namespace heapscope::atags
