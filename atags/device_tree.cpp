// The reader: the header, then the reservation block, then one pass over the
// structure block that keeps a depth and the kind of node it is in.
#include "atags/device_tree.hpp"

#include <algorithm>
#include <limits>

#include "atags/reserved_list.hpp"

namespace heapscope::atags {
namespace {

using Bytes = std::span<const std::byte>;
using Status = Result<void, DeviceTreeError>;

constexpr std::uint32_t kMagic = 0xd00d'feed;
constexpr std::uint32_t kOldestVersion = 16;
constexpr std::uint32_t kNewestVersion = 17;
constexpr std::size_t kHeaderBytes16 = 36;
constexpr std::size_t kHeaderBytes17 = 40;
constexpr std::size_t kTokenBytes = 4;
constexpr std::size_t kReservationBytes = 16;

enum class Token : std::uint32_t { begin_node = 1, end_node = 2, property = 3, nop = 4, end = 9 };

constexpr std::uint64_t big_endian(Bytes bytes) {
  std::uint64_t value = 0;
  for (const std::byte byte : bytes) value = value << 8 | std::to_integer<std::uint64_t>(byte);
  return value;
}

std::uint32_t word_at(Bytes bytes, std::size_t offset) {
  return static_cast<std::uint32_t>(big_endian(bytes.subspan(offset, 4)));
}

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The text up to its NUL, or all of it where it has none.
std::string_view up_to_nul(std::string_view text) { return text.substr(0, text.find('\0')); }

constexpr std::size_t align_to_token(std::size_t offset) {
  return (offset + kTokenBytes - 1) / kTokenBytes * kTokenBytes;
}

struct Header {
  std::uint32_t total_size = 0;
  std::uint32_t structure = 0;
  std::uint32_t strings = 0;
  std::uint32_t reservations = 0;
  std::uint32_t version = 0;
  std::uint32_t last_compatible = 0;
  std::uint32_t strings_size = 0;
  std::uint32_t structure_size = 0;
};

Header parse_header(Bytes window) {
  Header header{.total_size = word_at(window, 4),
                .structure = word_at(window, 8),
                .strings = word_at(window, 12),
                .reservations = word_at(window, 16),
                .version = word_at(window, 20),
                .last_compatible = word_at(window, 24),
                .strings_size = word_at(window, 32)};
  if (header.version >= kNewestVersion && window.size() >= kHeaderBytes17) {
    header.structure_size = word_at(window, 36);
  } else if (header.total_size > header.structure) {
    header.structure_size = header.total_size - header.structure;
  }
  return header;
}

bool lies_inside(const Header& header, std::uint32_t offset, std::uint32_t size) {
  const std::size_t header_bytes =
      header.version >= kNewestVersion ? kHeaderBytes17 : kHeaderBytes16;
  return offset >= header_bytes && offset <= header.total_size &&
         size <= header.total_size - offset;
}

Result<Header, DeviceTreeError> read_header(Bytes window) {
  if (window.size() < kTokenBytes) return fail(DeviceTreeError::too_small);
  if (word_at(window, 0) != kMagic) return fail(DeviceTreeError::no_magic);
  if (window.size() < kHeaderBytes16) return fail(DeviceTreeError::too_small);
  const Header header = parse_header(window);
  if (header.version < kOldestVersion || header.last_compatible > kNewestVersion) {
    return fail(DeviceTreeError::unsupported_version);
  }
  if (header.total_size > window.size()) return fail(DeviceTreeError::beyond_window);
  const bool whole = lies_inside(header, header.structure, header.structure_size) &&
                     lies_inside(header, header.strings, header.strings_size) &&
                     lies_inside(header, header.reservations, kReservationBytes);
  if (!whole || header.structure % kTokenBytes != 0) return fail(DeviceTreeError::bad_layout);
  return header;
}

Status read_reservations(Bytes blob, const Header& header, DeviceTreeFacts& facts) {
  Bytes rest = blob.subspan(header.reservations);
  while (rest.size() >= kReservationBytes) {
    const std::uint64_t address = big_endian(rest.first(8));
    const std::uint64_t size = big_endian(rest.subspan(8, 8));
    if (address == 0 && size == 0) return {};
    add_reserved(facts.reserved, range_from_size(address, size));
    rest = rest.subspan(kReservationBytes);
  }
  return fail(DeviceTreeError::bad_reservations);
}

// One pass over the structure block. Depth counts the open nodes: 1 inside the
// root, 2 inside a node like /memory or /chosen.
class StructureReader {
 public:
  StructureReader(Bytes structure, Bytes strings, DeviceTreeFacts& facts)
      : rest_(structure), strings_(terminated(strings)), facts_(facts) {}

  [[nodiscard]] Status read() {
    for (;;) {
      if (rest_.size() < kTokenBytes) return fail(DeviceTreeError::bad_structure);
      const Token token{word_at(take(kTokenBytes), 0)};
      if (token == Token::end) return finish();
      if (const Status status = read_one(token); !status) return status;
    }
  }

 private:
  // Makes the initrd empty for as long as only its end is known.
  static constexpr std::uint64_t kUnknownStart = std::numeric_limits<std::uint64_t>::max();

  enum class Section : std::uint8_t { other, memory, chosen, reserved_memory };

  // Up to the last NUL: a string that starts in here also ends in here.
  static Bytes terminated(Bytes strings) {
    return strings.first(text_of(strings).find_last_of('\0') + 1);
  }

  static Section section_named(std::string_view node_name) {
    const std::string_view name = node_name.substr(0, node_name.find('@'));
    if (name == "memory") return Section::memory;
    if (name == "chosen") return Section::chosen;
    if (name == "reserved-memory") return Section::reserved_memory;
    return Section::other;
  }

  [[nodiscard]] Status read_one(Token token) {
    switch (token) {
      case Token::begin_node:
        return begin_node();
      case Token::end_node:
        return end_node();
      case Token::property:
        return property();
      case Token::nop:
        return {};
      case Token::end:
        break;
    }
    return fail(DeviceTreeError::bad_structure);
  }

  // Takes `size` bytes, which must be there, and the padding behind them.
  Bytes take(std::size_t size) {
    const Bytes taken = rest_.first(size);
    rest_ = rest_.subspan(std::min(rest_.size(), align_to_token(size)));
    return taken;
  }

  [[nodiscard]] Status begin_node() {
    if (depth_ == 0 && root_seen_) return fail(DeviceTreeError::bad_structure);
    if (depth_ == kMaxDeviceTreeDepth) return fail(DeviceTreeError::too_deep);
    const std::size_t length = text_of(rest_).find('\0');
    if (length == std::string_view::npos) return fail(DeviceTreeError::bad_string);
    const std::string_view name = text_of(take(length + 1)).substr(0, length);
    root_seen_ = true;
    child_seen_ = false;
    ++depth_;
    if (depth_ == 2) {
      section_ = section_named(name);
      reg_ = {};
    }
    return {};
  }

  [[nodiscard]] Status end_node() {
    if (depth_ == 0) return fail(DeviceTreeError::bad_structure);
    --depth_;
    child_seen_ = true;
    if (depth_ != 1) return {};
    return section_ == Section::memory ? add_banks() : Status{};
  }

  [[nodiscard]] Status finish() {
    if (!root_seen_ || depth_ != 0) return fail(DeviceTreeError::bad_structure);
    if (!initrd_.empty()) facts_.initrd = initrd_;
    return {};
  }

  [[nodiscard]] Status property() {
    if (depth_ == 0 || child_seen_) return fail(DeviceTreeError::bad_structure);
    if (rest_.size() < 2 * kTokenBytes) return fail(DeviceTreeError::bad_structure);
    const std::size_t size = word_at(take(kTokenBytes), 0);
    const std::size_t name = word_at(take(kTokenBytes), 0);
    if (size > rest_.size()) return fail(DeviceTreeError::bad_structure);
    if (name >= strings_.size()) return fail(DeviceTreeError::bad_string);
    return keep(text_of(strings_.subspan(name)), take(size));
  }

  // `names` begins with the name of the property and goes on with others.
  [[nodiscard]] Status keep(std::string_view names, Bytes value) {
    const auto is = [names](std::string_view name) {
      return names.starts_with(name) && names[name.size()] == '\0';
    };
    if (depth_ == 1 && is("#address-cells")) return keep_cells(address_cells_, value);
    if (depth_ == 1 && is("#size-cells")) return keep_cells(size_cells_, value);
    if (depth_ == 2 && is("reg")) reg_ = value;
    if (depth_ == 2 && is("device_type") && up_to_nul(text_of(value)) == "memory") {
      section_ = Section::memory;
    }
    if (depth_ == 3 && section_ == Section::reserved_memory && is("reg")) {
      return for_each_range(value,
                            [this](const Range& range) { add_reserved(facts_.reserved, range); });
    }
    if (depth_ != 2 || section_ != Section::chosen) return {};
    if (is("bootargs")) facts_.command_line = up_to_nul(text_of(value));
    if (is("linux,initrd-start")) return keep_address(initrd_.start, value);
    if (is("linux,initrd-end")) return keep_address(initrd_.end, value);
    return {};
  }

  [[nodiscard]] static Status keep_cells(std::size_t& cells, Bytes value) {
    if (value.size() != kTokenBytes) return fail(DeviceTreeError::unsupported_cells);
    cells = word_at(value, 0);
    if (cells != 1 && cells != 2) return fail(DeviceTreeError::unsupported_cells);
    return {};
  }

  [[nodiscard]] static Status keep_address(std::uint64_t& address, Bytes value) {
    if (value.size() != 4 && value.size() != 8) return fail(DeviceTreeError::bad_initrd);
    address = big_endian(value);
    return {};
  }

  // Calls `visit` for each pair of address and size in the value of a `reg`.
  template <class Visit>
  [[nodiscard]] Status for_each_range(Bytes reg, Visit visit) const {
    const std::size_t address_bytes = address_cells_ * kTokenBytes;
    const std::size_t size_bytes = size_cells_ * kTokenBytes;
    const std::size_t pair_bytes = address_bytes + size_bytes;
    if (reg.size() % pair_bytes != 0) return fail(DeviceTreeError::bad_memory);
    for (; !reg.empty(); reg = reg.subspan(pair_bytes)) {
      visit(range_from_size(big_endian(reg.first(address_bytes)),
                            big_endian(reg.subspan(address_bytes, size_bytes))));
    }
    return {};
  }

  [[nodiscard]] Status add_banks() {
    return for_each_range(reg_, [this](const Range& bank) {
      if (!bank.empty() && !facts_.banks.push_back(bank)) facts_.banks_truncated = true;
    });
  }

  Bytes rest_;
  Bytes strings_;
  DeviceTreeFacts& facts_;
  std::size_t depth_ = 0;
  bool root_seen_ = false;
  bool child_seen_ = false;  // In the open node: its properties must come before its children.
  Section section_ = Section::other;
  Bytes reg_;
  Range initrd_{.start = kUnknownStart, .end = 0};
  std::size_t address_cells_ = 2;
  std::size_t size_cells_ = 1;
};

}  // namespace

std::string_view describe(DeviceTreeError error) {
  switch (error) {
    case DeviceTreeError::too_small:
      return "no room for a device tree";
    case DeviceTreeError::no_magic:
      return "no device tree magic";
    case DeviceTreeError::unsupported_version:
      return "a device tree of an unsupported version";
    case DeviceTreeError::beyond_window:
      return "a device tree larger than its area";
    case DeviceTreeError::bad_layout:
      return "a device tree with a block outside it";
    case DeviceTreeError::bad_reservations:
      return "a device tree whose reservation block does not end";
    case DeviceTreeError::bad_structure:
      return "a device tree with a broken structure";
    case DeviceTreeError::too_deep:
      return "a device tree nested too deep";
    case DeviceTreeError::bad_string:
      return "a device tree with a broken name";
    case DeviceTreeError::unsupported_cells:
      return "a device tree whose cell counts are neither 1 nor 2";
    case DeviceTreeError::bad_memory:
      return "a device tree with a broken memory range";
    case DeviceTreeError::bad_initrd:
      return "a device tree with a broken initrd address";
  }
  return "unknown error";
}

Result<DeviceTreeFacts, DeviceTreeError> read_device_tree(std::span<const std::byte> window) {
  const auto header = read_header(window);
  if (!header) return fail(header.error());
  DeviceTreeFacts facts;
  facts.version = header->version;
  facts.total_size = header->total_size;
  const Bytes blob = window.first(header->total_size);
  if (const Status status = read_reservations(blob, *header, facts); !status) {
    return fail(status.error());
  }
  StructureReader reader(blob.subspan(header->structure, header->structure_size),
                         blob.subspan(header->strings, header->strings_size), facts);
  if (const Status status = reader.read(); !status) return fail(status.error());
  return facts;
}

}  // namespace heapscope::atags
