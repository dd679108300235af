// Walking over the heap for commands, without keeping others from it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "shell/command.hpp"

namespace heapscope::shell {

/// Goes over the extents of a part of the heap in address order, a few at a
/// time, so that the heap's lock is never held for long.
class HeapWalker {
 public:
  HeapWalker(Context& context, Range range)
      : context_(context), range_(range), next_(range.start) {}

  /// The next extent, cut to the range; nothing after the last, or on Ctrl-C.
  std::optional<alloc::Extent> next() {
    if (next_ >= range_.end || (taken_ == count_ && !fetch())) return std::nullopt;
    alloc::Extent extent = extents_[taken_++];
    // Where blocks were freed meanwhile, the extent at hand may have merged with
    // some that were given already.
    const Range left{.start = next_, .end = range_.end};
    const Range cut = Range{.start = extent.start, .end = extent.end()}.intersection(left);
    next_ = extent.end();
    extent.start = cut.start;
    extent.size = cut.size();
    return extent;
  }
  /// Begins again at the range's start; what has changed since the first time is noted.
  void restart() {
    next_ = range_.start;
    count_ = taken_ = 0;
  }
  /// Whether the heap was changed while it was walked.
  [[nodiscard]] bool changed() const { return changed_; }
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  bool fetch() {
    stopped_ = context_.interrupted();
    if (stopped_) return false;
    const alloc::WalkStep step = context_.environment.heap.walk(next_, extents_);
    changed_ = changed_ || (generation_ && *generation_ != step.generation);
    generation_ = step.generation;
    count_ = step.count;
    taken_ = 0;
    return count_ > 0;
  }

  Context& context_;
  Range range_;
  alloc::Address next_;
  std::array<alloc::Extent, 8> extents_{};
  std::size_t count_ = 0;
  std::size_t taken_ = 0;
  std::optional<std::uint64_t> generation_;
  bool changed_ = false;
  bool stopped_ = false;
};

/// Gives `take` each extent of the range until it returns false. Returns where the next
/// one would begin: the range's end, if all were read and taken.
template <class Take>
alloc::Address for_each_extent(HeapWalker& walker, Range range, Take take) {
  alloc::Address at = range.start;
  while (at < range.end) {
    const auto extent = walker.next();
    // A damaged heap may tell of extents that do not follow one another.
    if (!extent || extent->size == 0 || extent->start != at || !take(*extent)) break;
    at = extent->end();
  }
  return at;
}

}  // namespace heapscope::shell
