// Freed blocks that are kept for a while before their memory is used again, so
// that a write to one of them is noticed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "alloc/guarded_block.hpp"

namespace heapscope::alloc {

/// First in, first out; bounded in count and in bytes (of outer blocks).
class Quarantine {
 public:
  static constexpr std::size_t kMostBlocks = 64;

  explicit Quarantine(std::size_t most_bytes = 0) : most_bytes_(most_bytes) {}

  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// Whether a block of so many bytes can be held at all, and beside the others.
  [[nodiscard]] bool admits(std::size_t bytes) const { return bytes <= most_bytes_; }
  [[nodiscard]] bool has_room(std::size_t bytes) const {
    return count_ < kMostBlocks && bytes <= most_bytes_ - bytes_;
  }
  /// Takes in a block that there is room for.
  void push(const GuardedBlock& block);
  /// The one that goes next; there is one.
  [[nodiscard]] const GuardedBlock& oldest() const { return blocks_[first_]; }
  /// Lets the oldest go; there is one.
  GuardedBlock pop();
  /// Whether the outer block of one that is held contains `address`.
  [[nodiscard]] bool holds(Address address) const;

 private:
  std::array<GuardedBlock, kMostBlocks> blocks_{};
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  std::size_t most_bytes_;
};

}  // namespace heapscope::alloc
