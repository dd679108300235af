// A walk over a tag list, one tag at a time. It looks at nothing outside its
// window, and stops for good at NONE or at the first tag it cannot trust.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "atags/malformed.hpp"
#include "atags/tag.hpp"

namespace heapscope::atags {

/// Yields the tags of a window in order. The window must outlive the cursor and
/// the tags it gave, and must hold little-endian words.
class TagCursor {
 public:
  /// A cursor at the start of `window`, the first word of which is the size of
  /// the first tag.
  explicit constexpr TagCursor(std::span<const std::uint32_t> window) : window_(window) {}

  /// The next tag; nothing at the end, and then for good. A NONE (identifier 0,
  /// whatever its size) is given, once, and is the last. A tag of unknown
  /// identifier may have any size from 2 words. Takes constant time, but for a
  /// CMDLINE time in proportion to its length.
  [[nodiscard]] std::optional<Tag> next();

  /// After the end: the fault at which the walk stopped; nothing while the walk
  /// goes on, and nothing if it reached NONE.
  [[nodiscard]] constexpr const std::optional<Malformed>& malformed() const { return malformed_; }

  /// Words of the window that the walk has covered. After the end they include
  /// NONE, or as much of the faulty tag as shows the fault.
  [[nodiscard]] constexpr std::size_t covered_words() const { return covered_words_; }

 private:
  [[nodiscard]] std::optional<Malformed::Kind> fault_at_cursor() const;
  void stop(Malformed::Kind kind);

  std::span<const std::uint32_t> window_;
  std::optional<Malformed> malformed_;
  std::size_t covered_words_ = 0;
  bool ended_ = false;
};

}  // namespace heapscope::atags
