// An allocator from elsewhere behind heapscope's concept: this file is all that
// it takes, and a test sees to it that it is no longer than 50 lines.
#pragma once

#include "alloc/allocator.hpp"
#include "alloc/figures.hpp"
#include "tests/unit/alloc/outside/tiny_malloc.hpp"

namespace heapscope::alloc {

/// Alignments above 16 are not the outside allocator's: `unsupported`.
class TinyAdapter {
 public:
  static constexpr std::string_view kName = "tiny";

  static bool can_manage(Range range) { return range.size() >= 64; }
  void initialize(Range range) {
    const Address start = align_up(range.start, kDefaultAlign);
    room_ = align_down(range.end, kDefaultAlign) - start;
    outside::tiny_init(&pool_, reinterpret_cast<void*>(start), room_);
    room_ = outside::tiny_largest(&pool_);
    figures_.begin(range, range.size() - outside::tiny_cost(room_));
  }

  Result<Address, HeapError> allocate(Layout layout) {
    if (!layout.valid() || layout.align > kDefaultAlign || layout.size > room_) {
      return fail(figures_.refused(HeapError::unsupported));
    }
    void* const block = outside::tiny_malloc(&pool_, layout.size);
    if (block == nullptr) return fail(figures_.refused(HeapError::exhausted));
    figures_.allocated(outside::tiny_cost(layout.size), layout.size);
    return reinterpret_cast<Address>(block);
  }

  Result<void, HeapError> deallocate(Address address, Layout layout) {
    outside::tiny_free(&pool_, reinterpret_cast<void*>(address));
    figures_.freed(outside::tiny_cost(layout.size), layout.size);
    return {};
  }

  std::size_t usable_size(Layout layout) const { return layout.size; }
  Stats stats() const { return figures_.stats(outside::tiny_largest(&pool_)); }

 private:
  outside::TinyPool pool_{};
  Figures figures_;
  std::size_t room_ = 0;
};

}  // namespace heapscope::alloc
