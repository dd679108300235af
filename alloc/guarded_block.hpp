// A block of a fully hardened heap: where its red zones lie, what is in them, and
// whether that is still there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "alloc/layout.hpp"
#include "base/range.hpp"

namespace heapscope::alloc {

/// A caller's block inside the larger one, the outer block, that was taken for it:
///
///     padding | record | the caller's bytes | gap | record
///
/// A record is 16 bytes: size and alignment, and a seal over them, their place and
/// whether the block is freed. Nothing else looks like one, so that a record proves
/// its block, and a size or an alignment that was not the block's is noticed. The
/// gap is 1 to 16 bytes; its bytes are neither zero nor text. Padding is there for
/// alignments above 16 and is not checked.
struct GuardedBlock {
  static constexpr std::size_t kRecordBytes = 16;
  static constexpr std::size_t kMaxSize = std::size_t{1} << 48;
  static constexpr std::size_t kMaxAlign = std::size_t{1} << 40;
  /// The most bytes of a block that are filled at once, so that no call takes long.
  static constexpr std::size_t kMostFilled = std::size_t{64} * 1024;
  /// What fresh and freed memory is filled with.
  static constexpr unsigned char kFreshFill = 0xce;
  static constexpr unsigned char kFreedFill = 0xdf;

  Address address = 0;
  Layout layout;
  bool freed = false;  ///< Given back by its caller, and in quarantine.

  /// Whether a block can have that layout.
  [[nodiscard]] static constexpr bool possible(Layout layout) {
    return layout.valid() && layout.size <= kMaxSize && layout.align <= kMaxAlign;
  }

  /// The block, live or freed, whose record lies before `address`, which can be
  /// any; nothing where none does. Only memory in `heap` is read.
  [[nodiscard]] static std::optional<GuardedBlock> at(Address address, Range heap);
  /// The block whose outer block is `outer`, by whichever record is intact.
  [[nodiscard]] static std::optional<GuardedBlock> in(Range outer);

  [[nodiscard]] constexpr std::size_t front_bytes() const {
    return std::max(layout.align, kRecordBytes);
  }
  [[nodiscard]] constexpr Layout outer_layout() const {
    return {.size = front_bytes() + tail_offset() + kRecordBytes,
            .align = std::max(layout.align, kRecordBytes)};
  }
  [[nodiscard]] constexpr Address outer_start() const { return address - front_bytes(); }
  [[nodiscard]] constexpr Address outer_end() const {
    return address + tail_offset() + kRecordBytes;
  }
  [[nodiscard]] constexpr Address end() const { return address + layout.size; }

  /// Fills a fresh block and writes its zones.
  void prepare() const;
  /// Writes the zones of a block that had `old_size`, and fills what was added.
  void prepare_resized(std::size_t old_size) const;
  /// Fills a live block as freed and marks it so.
  void poison();
  /// Fills the block as freed; no record is left of it.
  void wipe() const;

  /// The first overwritten byte of the record in front, of the zone behind, and of
  /// a freed block; 0 where all are as they were left.
  [[nodiscard]] Address damage_before() const;
  [[nodiscard]] Address damage_behind() const;
  [[nodiscard]] Address damage_inside() const;
  /// Whether the zone behind was overwritten from its first bytes on, and the record in
  /// front up to its last ones. Of these, two: a byte may be what was there before.
  [[nodiscard]] bool overwritten_from_end() const;
  [[nodiscard]] bool overwritten_up_to_start() const;
  /// The same of the far ends of both zones: whether more was overwritten behind the zone
  /// behind, or before the record in front.
  [[nodiscard]] bool overwritten_through_tail() const;
  [[nodiscard]] bool overwritten_through_front() const;
  [[nodiscard]] constexpr std::size_t tail_bytes() const { return outer_end() - end(); }

 private:
  [[nodiscard]] constexpr std::size_t tail_offset() const {
    return layout.size / kRecordBytes * kRecordBytes + kRecordBytes;
  }
  void write_zones() const;
};

}  // namespace heapscope::alloc
