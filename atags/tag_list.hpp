// A tag list that was recognised as one: the way in to the boot tags.
//   const auto list = TagList::open(window);
//   if (list) for (const Tag& tag : *list) …
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

#include "atags/tag_cursor.hpp"
#include "base/result.hpp"

namespace heapscope::atags {

/// Why a window does not begin with a tag list.
enum class TagListError : std::uint8_t {
  too_small,    ///< The window has no room for one header.
  device_tree,  ///< The window begins with the magic number of a device tree.
  no_core,      ///< The first tag is no CORE of 2 words, or of 5 and more.
};

/// The error in words: static text, lower case, without a full stop.
[[nodiscard]] std::string_view describe(TagListError error);

/// A window that begins with a CORE tag. Copies nothing: the window must outlive
/// the list and the tags that it gave.
class TagList {
 public:
  /// Input iterator over the tags, NONE included.
  class Iterator {
   public:
    using value_type = Tag;
    using difference_type = std::ptrdiff_t;

    explicit Iterator(TagCursor cursor) : cursor_(cursor), tag_(cursor_.next()) {}
    [[nodiscard]] const Tag& operator*() const { return *tag_; }
    [[nodiscard]] const Tag* operator->() const { return &*tag_; }
    Iterator& operator++() {
      tag_ = cursor_.next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& at, std::default_sentinel_t) { return !at.tag_; }

   private:
    TagCursor cursor_;
    std::optional<Tag> tag_;
  };

  /// Recognises the list that starts at the first word of `window`. Only its
  /// first tag is looked at; the walk finds what is wrong further on.
  [[nodiscard]] static Result<TagList, TagListError> open(std::span<const std::uint32_t> window);

  [[nodiscard]] constexpr TagCursor cursor() const { return TagCursor(window_); }
  [[nodiscard]] Iterator begin() const { return Iterator(cursor()); }
  [[nodiscard]] static constexpr std::default_sentinel_t end() { return {}; }

  /// The fault at which a walk over the whole list stops, if any. Walks the list.
  [[nodiscard]] std::optional<Malformed> malformed() const;

  /// The part of the window that the list takes, NONE included. Where the list
  /// has a fault, the part up to the fault: a list opened over it gives the same
  /// tags and the same fault. Walks the list.
  [[nodiscard]] std::span<const std::uint32_t> extent() const;

 private:
  explicit constexpr TagList(std::span<const std::uint32_t> window) : window_(window) {}
  [[nodiscard]] TagCursor walked() const;

  std::span<const std::uint32_t> window_;
};

}  // namespace heapscope::atags
