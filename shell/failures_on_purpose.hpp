// Telling the allocations that `fail` refused from those for which there was no room.
#pragma once

#include <cstdint>

#include "alloc/heap.hpp"

namespace heapscope::shell {

/// What a heap refuses on purpose from here on. The heap must outlive it.
class FailuresOnPurpose {
 public:
  explicit FailuresOnPurpose(alloc::Heap& heap) : heap_(heap) {}

  [[nodiscard]] std::uint64_t count() const { return refused() - before_; }
  [[nodiscard]] bool any() const { return count() != 0; }

 private:
  [[nodiscard]] std::uint64_t refused() const {
    return heap_.with_instruments([](alloc::Instruments& all) { return all.failures().refused(); });
  }

  alloc::Heap& heap_;
  std::uint64_t before_ = refused();
};

}  // namespace heapscope::shell
