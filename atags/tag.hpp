// The boot tags (ATAGS) as types: one struct for each of the ten tags that
// "Booting ARM Linux" (V. Sanders, 2004) defines, and Tag, one tag of a list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

namespace heapscope::atags {

/// Identifiers of the ten tags (linux: arch/arm/include/uapi/asm/setup.h).
/// INITRD2 really is 0x5442…, not 0x5441….
enum class TagId : std::uint32_t {
  none = 0x0000'0000,
  core = 0x5441'0001,
  mem = 0x5441'0002,
  video_text = 0x5441'0003,
  ramdisk = 0x5441'0004,
  initrd2 = 0x5442'0005,
  serial = 0x5441'0006,
  revision = 0x5441'0007,
  video_lfb = 0x5441'0008,
  cmd_line = 0x5441'0009,
};

/// Ends a list; has no fields.
struct None {
  friend constexpr bool operator==(const None&, const None&) = default;
};

/// Begins a list. `present` is false where the tag has a header only: the other
/// fields are then 0.
struct Core {
  bool present = false;
  std::uint32_t flags = 0;      ///< Bit 0: the root device is read-only.
  std::uint32_t page_size = 0;  ///< Bytes.
  std::uint32_t root_dev = 0;
  friend constexpr bool operator==(const Core&, const Core&) = default;
};

/// A bank of memory: `size` bytes from physical address `start`. Their sum needs
/// more than 32 bits for a bank that ends at 4 GiB.
struct Mem {
  std::uint32_t size = 0;
  std::uint32_t start = 0;
  friend constexpr bool operator==(const Mem&, const Mem&) = default;
};

/// A VGA text screen.
struct VideoText {
  std::uint8_t x = 0;  ///< Cursor column.
  std::uint8_t y = 0;  ///< Cursor row.
  std::uint16_t page = 0;
  std::uint8_t mode = 0;
  std::uint8_t columns = 0;
  std::uint16_t ega_bx = 0;
  std::uint8_t lines = 0;
  std::uint8_t is_vga = 0;
  std::uint16_t points = 0;  ///< Height of a character in pixels.
  friend constexpr bool operator==(const VideoText&, const VideoText&) = default;
};

/// How to use a ramdisk.
struct Ramdisk {
  std::uint32_t flags = 0;     ///< Bit 0: load, bit 1: prompt.
  std::uint32_t size_kib = 0;  ///< Decompressed, in KiB.
  std::uint32_t start = 0;     ///< First block on the floppy image.
  friend constexpr bool operator==(const Ramdisk&, const Ramdisk&) = default;
};

/// An initrd: `size` bytes (compressed) from physical address `start`.
struct Initrd2 {
  std::uint32_t start = 0;
  std::uint32_t size = 0;
  friend constexpr bool operator==(const Initrd2&, const Initrd2&) = default;
};

/// The board's serial number.
struct Serial {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  friend constexpr bool operator==(const Serial&, const Serial&) = default;
};

/// The board's revision.
struct Revision {
  std::uint32_t revision = 0;
  friend constexpr bool operator==(const Revision&, const Revision&) = default;
};

/// A linear frame buffer: sizes of the screen in pixels, of a line in bytes, and
/// where each colour's bits are in a pixel.
struct VideoLfb {
  std::uint16_t width = 0;
  std::uint16_t height = 0;
  std::uint16_t depth = 0;        ///< Bits per pixel.
  std::uint16_t line_length = 0;  ///< Bytes.
  std::uint32_t base = 0;         ///< Physical address.
  std::uint32_t size = 0;         ///< Bytes.
  std::uint8_t red_size = 0;
  std::uint8_t red_pos = 0;
  std::uint8_t green_size = 0;
  std::uint8_t green_pos = 0;
  std::uint8_t blue_size = 0;
  std::uint8_t blue_pos = 0;
  std::uint8_t reserved_size = 0;
  std::uint8_t reserved_pos = 0;
  friend constexpr bool operator==(const VideoLfb&, const VideoLfb&) = default;
};

/// The kernel command line, without its NUL. Points into the list.
struct CmdLine {
  std::string_view text{};
  friend constexpr bool operator==(const CmdLine&, const CmdLine&) = default;
};

/// A tag that is none of the ten.
struct Unknown {
  std::uint32_t id = 0;
  friend constexpr bool operator==(const Unknown&, const Unknown&) = default;
};

using TagValue = std::variant<None, Core, Mem, VideoText, Ramdisk, Initrd2, Serial, Revision,
                              VideoLfb, CmdLine, Unknown>;

/// Words in the header of every tag: its size, then its identifier.
inline constexpr std::size_t kTagHeaderWords = 2;

/// Words of a CORE that has its fields; one without has a header only.
inline constexpr std::size_t kFullCoreWords = 5;

/// One tag of a list. `raw` and a CmdLine's text point into the list.
struct Tag {
  std::uint32_t id = 0;
  /// The size as written in the header, which it includes.
  std::uint32_t words = 0;
  /// From the start of the list.
  std::size_t offset_words = 0;
  /// The words of the tag, header included; of a NONE, the header alone.
  std::span<const std::uint32_t> raw{};
  TagValue value{};

  /// The decoded tag, or nullptr where it is another kind.
  template <class T>
  [[nodiscard]] constexpr const T* as() const {
    return std::get_if<T>(&value);
  }
};

/// "CORE", "MEM", …, "NONE"; "UNKNOWN" for any other identifier.
[[nodiscard]] std::string_view tag_name(std::uint32_t id);

}  // namespace heapscope::atags
