// The live blocks of a generator, from the oldest to the newest, and the numbers
// that are free.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "alloc/workload/operation.hpp"

namespace heapscope::workload {

/// Up to kMost blocks in a ring. Every call but take_id() takes constant time;
/// those that take a block need it to be there.
class LiveBlocks {
 public:
  static constexpr std::size_t kMost = 1024;

  LiveBlocks() {
    for (std::size_t i = 0; i < kMost; ++i) unused_[i] = static_cast<Number>(kMost - 1 - i);
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] bool full() const { return size_ == kMost; }
  /// The block at `index`, where 0 is the oldest.
  [[nodiscard]] BlockId operator[](std::size_t index) const { return ring_[place(index)]; }

  /// A new block; there must be room.
  BlockId add() {
    const Number id = unused_[kMost - 1 - size_];
    ring_[place(size_++)] = id;
    return id;
  }
  /// Takes the block at `index` out; the newest gets its place in the order.
  BlockId take(std::size_t index) {
    const Number id = ring_[place(index)];
    ring_[place(index)] = ring_[place(size_ - 1)];
    return give_back(id);
  }
  /// The same for a block's number. Linear in the blocks.
  BlockId take_id(BlockId id) {
    std::size_t index = 0;
    while ((*this)[index] != id) ++index;
    return take(index);
  }
  BlockId take_newest() { return take(size_ - 1); }
  BlockId take_oldest() {
    const Number id = ring_[first_];
    first_ = (first_ + 1) % kMost;
    return give_back(id);
  }
  /// Lets the second oldest overtake the oldest; there must be two.
  void swap_oldest() { std::swap(ring_[place(0)], ring_[place(1)]); }
  /// Makes the oldest block the newest.
  void rotate() {
    const Number id = ring_[first_];
    first_ = (first_ + 1) % kMost;
    ring_[place(size_ - 1)] = id;
  }

 private:
  using Number = std::uint16_t;

  [[nodiscard]] std::size_t place(std::size_t index) const { return (first_ + index) % kMost; }
  BlockId give_back(Number id) {
    unused_[kMost - size_--] = id;
    return id;
  }

  std::array<Number, kMost> ring_{};
  std::array<Number, kMost> unused_{};  // The first kMost - size_ of them.
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace heapscope::workload
