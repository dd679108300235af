// Recognising a tag list, and the questions that need a walk over all of it.
#include "atags/tag_list.hpp"

namespace heapscope::atags {
namespace {

// The bytes d0 0d fe ed as a little-endian word.
constexpr std::uint32_t kDeviceTreeMagic = 0xedfe'0dd0;

constexpr bool is_core(std::uint32_t words, std::uint32_t id) {
  return static_cast<TagId>(id) == TagId::core &&
         (words == kTagHeaderWords || words >= kFullCoreWords);
}

}  // namespace

std::string_view describe(TagListError error) {
  switch (error) {
    case TagListError::too_small:
      return "no room for a tag";
    case TagListError::device_tree:
      return "a device tree, not a tag list";
    case TagListError::no_core:
      return "no CORE tag at the start";
  }
  return "unknown error";
}

Result<TagList, TagListError> TagList::open(std::span<const std::uint32_t> window) {
  if (!window.empty() && window[0] == kDeviceTreeMagic) return fail(TagListError::device_tree);
  if (window.size() < kTagHeaderWords) return fail(TagListError::too_small);
  if (!is_core(window[0], window[1])) return fail(TagListError::no_core);
  return TagList(window);
}

TagCursor TagList::walked() const {
  TagCursor at = cursor();
  while (at.next()) {
  }
  return at;
}

std::optional<Malformed> TagList::malformed() const { return walked().malformed(); }

std::span<const std::uint32_t> TagList::extent() const {
  return window_.first(walked().covered_words());
}

}  // namespace heapscope::atags
