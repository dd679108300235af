// std::unordered_set behind functions that integer-only code can call.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernel/commands/watched_allocator.hpp"

namespace heapscope::kernel {

/// A std::unordered_set of numbers on the watched heap.
class NumberSet {
 public:
  /// `watcher` must outlive the set.
  explicit NumberSet(BlockWatcher& watcher);
  ~NumberSet();
  NumberSet(const NumberSet&) = delete;
  NumberSet& operator=(const NumberSet&) = delete;

  /// As `new` where the heap is exhausted. Where that gives the insertion up, the set has
  /// the elements it had, and none is to be added any more: it may take itself for larger
  /// than it is.
  void add(std::uint64_t number);
  [[nodiscard]] bool contains(std::uint64_t number) const;
  [[nodiscard]] std::uint64_t elements() const;
  /// The number of buckets.
  [[nodiscard]] std::uint64_t capacity() const;

 private:
  /// Its type is known only where floating point is.
  alignas(std::uint64_t) std::array<std::byte, 64> storage_;
};

}  // namespace heapscope::kernel
