// The example of the Allocator concept, as its comment and docs/allocators.md
// show it: smallest_allocator_test.cpp compares them.
#pragma once

#include "alloc/allocator.hpp"
#include "alloc/figures.hpp"

namespace heapscope::alloc {

class SmallestAllocator {
 public:
  static constexpr std::string_view kName = "smallest";
  static bool can_manage(Range range) { return !range.empty(); }
  void initialize(Range range) {
    figures_.begin(range, 0);
    next_ = range.start;
    end_ = range.end;
  }
  Result<Address, HeapError> allocate(Layout layout) {
    const std::size_t padding = (0 - next_) & (layout.align - 1);
    const std::size_t room = end_ - next_;
    if (!layout.valid()) return fail(figures_.refused(HeapError::unsupported));
    if (padding > room || layout.size > room - padding) {
      return fail(figures_.refused(HeapError::exhausted));
    }
    next_ += padding + layout.size;
    figures_.allocated(padding + layout.size, layout.size);
    return next_ - layout.size;
  }
  Result<void, HeapError> deallocate(Address, Layout) {
    figures_.freed(0, 0);
    return {};
  }
  std::size_t usable_size(Layout layout) const { return layout.size; }
  Stats stats() const { return figures_.stats(end_ - next_); }

 private:
  Figures figures_;
  Address next_ = 0;
  Address end_ = 0;
};

}  // namespace heapscope::alloc
