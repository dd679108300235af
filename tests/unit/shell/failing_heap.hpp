// A heap whose records cannot be read, or tell nonsense, from some address on.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "tests/unit/support/forwarding_heap.hpp"

namespace heapscope::shell::test {

/// Everything but walks and owners is the other heap's.
class FailingHeap final : public heapscope::test::ForwardingHeap {
 public:
  /// What a walk says of an extent that reaches beyond the readable part; nothing ends it.
  using Nonsense = std::function<std::optional<alloc::Extent>(const alloc::Extent&)>;

  FailingHeap(alloc::Heap& heap, Address readable_to, Nonsense nonsense)
      : ForwardingHeap(heap), readable_to_(readable_to), nonsense_(std::move(nonsense)) {}

  alloc::WalkStep walk(Address from, std::span<alloc::Extent> out) const override {
    alloc::WalkStep step = heap_.walk(from, out);
    for (std::size_t i = 0; i < step.count; ++i) {
      if (out[i].end() <= readable_to_) continue;
      const auto said = nonsense_(out[i]);
      step.count = i + (said ? 1 : 0);
      if (said) out[i] = *said;
    }
    return step;
  }
  Result<alloc::Extent, alloc::HeapError> owner(Address address) const override {
    if (address >= readable_to_) return fail(alloc::HeapError::not_allocated);
    return heap_.owner(address);
  }

 private:
  Address readable_to_;
  Nonsense nonsense_;
};

}  // namespace heapscope::shell::test
