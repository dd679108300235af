// Builds flattened device trees for tests, piece by piece, so that any piece can
// be wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace heapscope::atags::test {

using Bytes = std::vector<std::byte>;

inline void append_big_endian(Bytes& bytes, std::uint64_t value, unsigned count) {
  for (unsigned i = count; i > 0; --i) {
    bytes.push_back(static_cast<std::byte>(value >> (8 * (i - 1))));
  }
}

inline void append_text(Bytes& bytes, std::string_view text) {
  for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
}

inline void put_word(Bytes& bytes, std::size_t offset, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) {
    bytes[offset + i] = static_cast<std::byte>(value >> (8 * (3 - i)));
  }
}

inline std::uint32_t get_word(const Bytes& bytes, std::size_t offset) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) {
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[offset + i]);
  }
  return value;
}

/// Offsets of the fields in the header.
inline constexpr std::size_t kTotalSizeField = 4;
inline constexpr std::size_t kStructureField = 8;
inline constexpr std::size_t kStringsField = 12;
inline constexpr std::size_t kReservationsField = 16;
inline constexpr std::size_t kVersionField = 20;
inline constexpr std::size_t kLastCompatibleField = 24;
inline constexpr std::size_t kStringsSizeField = 32;
inline constexpr std::size_t kStructureSizeField = 36;

class DeviceTreeBuilder {
 public:
  DeviceTreeBuilder& begin(std::string_view name) {
    token(1);
    append_text(structure_, name);
    structure_.push_back(std::byte{0});
    pad();
    return *this;
  }
  DeviceTreeBuilder& end() { return token(2); }
  DeviceTreeBuilder& nop() { return token(4); }
  DeviceTreeBuilder& token(std::uint32_t value) {
    append_big_endian(structure_, value, 4);
    return *this;
  }
  DeviceTreeBuilder& property(std::string_view name, const Bytes& value) {
    token(3).token(static_cast<std::uint32_t>(value.size())).token(string_offset(name));
    structure_.insert(structure_.end(), value.begin(), value.end());
    pad();
    return *this;
  }
  DeviceTreeBuilder& cells(std::string_view name, std::initializer_list<std::uint32_t> values) {
    Bytes bytes;
    for (const std::uint32_t value : values) append_big_endian(bytes, value, 4);
    return property(name, bytes);
  }
  DeviceTreeBuilder& text(std::string_view name, std::string_view value) {
    Bytes bytes;
    append_text(bytes, value);
    bytes.push_back(std::byte{0});
    return property(name, bytes);
  }
  DeviceTreeBuilder& reserve(std::uint64_t address, std::uint64_t size) {
    append_big_endian(reservations_, address, 8);
    append_big_endian(reservations_, size, 8);
    return *this;
  }

  /// Which of the two blocks is the last: a read past its end is then a read past
  /// the end of the blob.
  enum class Last { strings, structure };

  /// The blob: header, reservations, then the strings and the structure, to which
  /// an END is added.
  [[nodiscard]] Bytes blob(Last last = Last::strings) const {
    constexpr std::size_t kHeader = 40;
    Bytes reservations = reservations_;
    reservations.resize(reservations.size() + 16);
    Bytes structure = structure_;
    append_big_endian(structure, 9, 4);
    Bytes strings = strings_;
    const bool strings_first = last == Last::structure;
    if (strings_first) strings.resize((strings.size() + 3) / 4 * 4);
    const std::size_t blocks = kHeader + reservations.size();
    const std::size_t structure_at = blocks + (strings_first ? strings.size() : 0);
    const std::size_t strings_at = blocks + (strings_first ? 0 : structure.size());

    Bytes all;
    for (const std::size_t field :
         {std::size_t{0xd00dfeed}, blocks + structure.size() + strings.size(), structure_at,
          strings_at, kHeader, std::size_t{17}, std::size_t{16}, std::size_t{0}, strings.size(),
          structure.size()}) {
      append_big_endian(all, field, 4);
    }
    all.insert(all.end(), reservations.begin(), reservations.end());
    if (strings_first) all.insert(all.end(), strings.begin(), strings.end());
    all.insert(all.end(), structure.begin(), structure.end());
    if (!strings_first) all.insert(all.end(), strings.begin(), strings.end());
    return all;
  }

 private:
  void pad() { structure_.resize((structure_.size() + 3) / 4 * 4); }

  std::uint32_t string_offset(std::string_view name) {
    const std::string_view all(reinterpret_cast<const char*>(strings_.data()), strings_.size());
    for (std::size_t at = 0; at < all.size(); at = all.find('\0', at) + 1) {
      if (all.substr(at, all.find('\0', at) - at) == name) return static_cast<std::uint32_t>(at);
    }
    const auto offset = static_cast<std::uint32_t>(strings_.size());
    append_text(strings_, name);
    strings_.push_back(std::byte{0});
    return offset;
  }

  Bytes reservations_;
  Bytes structure_;
  Bytes strings_;
};

/// A tree like a Pi 3's: 948 MiB, a command line, an initrd, a reservation.
inline DeviceTreeBuilder pi3_tree() {
  DeviceTreeBuilder tree;
  tree.reserve(0, 0x1000);
  tree.begin("").cells("#address-cells", {1}).cells("#size-cells", {1});
  tree.text("compatible", "raspberrypi,3-model-b").text("serial-number", "00000000e5da193c");
  tree.begin("chosen").text("bootargs", "console=ttyS0,115200  rootwait");
  tree.cells("linux,initrd-start", {0x08000000}).cells("linux,initrd-end", {0x08001234}).end();
  tree.begin("soc").cells("#address-cells", {1}).cells("ranges", {0x7e000000, 0x3f000000, 1});
  tree.begin("serial@7e215040").cells("reg", {0x7e215040, 0x40}).end().end();
  tree.begin("memory@0").text("device_type", "memory").cells("reg", {0, 0x3b400000}).end();
  return tree.end();
}

}  // namespace heapscope::atags::test
