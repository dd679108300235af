// Walking and decoding tags. Everything is checked before it is decoded, so the
// decoders read their words without further tests.
#include "atags/tag_cursor.hpp"

#include <algorithm>
#include <bit>
#include <string_view>

namespace heapscope::atags {
namespace {

using Words = std::span<const std::uint32_t>;

static_assert(std::endian::native == std::endian::little,
              "the fields of a tag are taken out of little-endian words");

constexpr std::uint8_t byte_of(std::uint32_t word, unsigned index) {
  return static_cast<std::uint8_t>(word >> (8 * index));
}

constexpr std::uint16_t half_of(std::uint32_t word, unsigned index) {
  return static_cast<std::uint16_t>(word >> (16 * index));
}

// The smallest size, header included, at which a tag has all its fields.
constexpr std::size_t minimum_words(TagId id) {
  switch (id) {
    case TagId::revision:
      return 3;
    case TagId::mem:
    case TagId::initrd2:
    case TagId::serial:
      return 4;
    case TagId::video_text:
    case TagId::ramdisk:
      return 5;
    case TagId::video_lfb:
      return 8;
    case TagId::none:
    case TagId::core:
    case TagId::cmd_line:
      break;
  }
  return kTagHeaderWords;
}

constexpr bool is_too_small(TagId id, std::size_t words) {
  if (id == TagId::core) return words != kTagHeaderWords && words < kFullCoreWords;
  return words < minimum_words(id);
}

// All bytes after the header; the text ends at the first NUL in them, if any.
std::string_view text_area(Words raw) {
  const Words fields = raw.subspan(kTagHeaderWords);
  return {reinterpret_cast<const char*>(fields.data()), fields.size_bytes()};
}

Core decode_core(Words raw) {
  if (raw.size() < kFullCoreWords) return {};
  return {.present = true, .flags = raw[2], .page_size = raw[3], .root_dev = raw[4]};
}

VideoText decode_video_text(Words raw) {
  return {.x = byte_of(raw[2], 0),
          .y = byte_of(raw[2], 1),
          .page = half_of(raw[2], 1),
          .mode = byte_of(raw[3], 0),
          .columns = byte_of(raw[3], 1),
          .ega_bx = half_of(raw[3], 1),
          .lines = byte_of(raw[4], 0),
          .is_vga = byte_of(raw[4], 1),
          .points = half_of(raw[4], 1)};
}

VideoLfb decode_video_lfb(Words raw) {
  return {.width = half_of(raw[2], 0),
          .height = half_of(raw[2], 1),
          .depth = half_of(raw[3], 0),
          .line_length = half_of(raw[3], 1),
          .base = raw[4],
          .size = raw[5],
          .red_size = byte_of(raw[6], 0),
          .red_pos = byte_of(raw[6], 1),
          .green_size = byte_of(raw[6], 2),
          .green_pos = byte_of(raw[6], 3),
          .blue_size = byte_of(raw[7], 0),
          .blue_pos = byte_of(raw[7], 1),
          .reserved_size = byte_of(raw[7], 2),
          .reserved_pos = byte_of(raw[7], 3)};
}

CmdLine decode_cmd_line(Words raw) {
  const std::string_view area = text_area(raw);
  return {.text = area.substr(0, area.find('\0'))};
}

TagValue decode(std::uint32_t id, Words raw) {
  switch (static_cast<TagId>(id)) {
    case TagId::none:
      return None{};
    case TagId::core:
      return decode_core(raw);
    case TagId::mem:
      return Mem{.size = raw[2], .start = raw[3]};
    case TagId::video_text:
      return decode_video_text(raw);
    case TagId::ramdisk:
      return Ramdisk{.flags = raw[2], .size_kib = raw[3], .start = raw[4]};
    case TagId::initrd2:
      return Initrd2{.start = raw[2], .size = raw[3]};
    case TagId::serial:
      return Serial{.low = raw[2], .high = raw[3]};
    case TagId::revision:
      return Revision{.revision = raw[2]};
    case TagId::video_lfb:
      return decode_video_lfb(raw);
    case TagId::cmd_line:
      return decode_cmd_line(raw);
  }
  return Unknown{.id = id};
}

// How much of a faulty tag to keep so that walking the kept words meets the same
// fault again.
constexpr std::size_t words_that_show(Malformed::Kind kind, std::size_t tag_words) {
  switch (kind) {
    case Malformed::Kind::too_small:
    case Malformed::Kind::unterminated_text:
      return tag_words;
    case Malformed::Kind::size_zero:
    case Malformed::Kind::size_one:
    case Malformed::Kind::beyond_window:
    case Malformed::Kind::no_end:
      break;
  }
  return kTagHeaderWords;
}

}  // namespace

std::optional<Malformed::Kind> TagCursor::fault_at_cursor() const {
  const Words rest = window_.subspan(covered_words_);
  const std::size_t words = rest[0];
  const TagId id = static_cast<TagId>(rest[1]);
  if (words == 0) return Malformed::Kind::size_zero;
  if (words < kTagHeaderWords) return Malformed::Kind::size_one;
  if (words > rest.size()) return Malformed::Kind::beyond_window;
  if (is_too_small(id, words)) return Malformed::Kind::too_small;
  if (id == TagId::cmd_line && !text_area(rest.first(words)).contains('\0')) {
    return Malformed::Kind::unterminated_text;
  }
  return std::nullopt;
}

void TagCursor::stop(Malformed::Kind kind) {
  const Words rest = window_.subspan(covered_words_);
  const bool has_header = rest.size() >= kTagHeaderWords;
  malformed_ = Malformed{.kind = kind,
                         .offset_words = covered_words_,
                         .id = has_header ? rest[1] : 0,
                         .words = has_header ? rest[0] : 0};
  covered_words_ += std::min(rest.size(), words_that_show(kind, malformed_->words));
  ended_ = true;
}

std::optional<Tag> TagCursor::next() {
  if (ended_) return std::nullopt;
  const Words rest = window_.subspan(covered_words_);
  if (rest.size() < kTagHeaderWords) {
    stop(Malformed::Kind::no_end);
    return std::nullopt;
  }
  const std::uint32_t id = rest[1];
  ended_ = static_cast<TagId>(id) == TagId::none;
  if (!ended_) {
    if (const auto fault = fault_at_cursor()) {
      stop(*fault);
      return std::nullopt;
    }
  }
  const Words raw = rest.first(ended_ ? kTagHeaderWords : rest[0]);
  const Tag tag{.id = id,
                .words = rest[0],
                .offset_words = covered_words_,
                .raw = raw,
                .value = decode(id, raw)};
  covered_words_ += raw.size();
  return tag;
}

}  // namespace heapscope::atags
