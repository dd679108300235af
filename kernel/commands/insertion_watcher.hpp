// Insertions into containers of the standard library that survive when the heap refuses
// a block for them: what was taken for the element is given back.
#pragma once

#include <new>
#include <optional>

#include "base/panic.hpp"
#include "base/static_vector.hpp"
#include "kernel/commands/watched_allocator.hpp"
#include "kernel/recovery.hpp"

namespace heapscope::kernel {

/// Stands between a container and who watches its blocks. For one container at a time,
/// and one that takes all blocks that an element needs before it changes itself: a
/// std::vector, string, map or unordered_set of plain numbers.
class InsertionWatcher final : public BlockWatcher {
 public:
  /// Blocks that one insertion may take.
  static constexpr std::size_t kMostBlocks = 4;

  /// `next` hears of all blocks, and must outlive this.
  explicit InsertionWatcher(BlockWatcher& next) : next_(next) {}

  /// Calls `insert()`. Where a block was refused, the container has the elements it had
  /// before, and the bytes that were asked for are returned.
  template <class Insert>
  [[nodiscard]] std::optional<std::size_t> insert(Insert insert) {
    fresh_.clear();
    const auto refused = run_while_memory_lasts(insert);
    if (refused) give_fresh_back();
    return refused;
  }

  void took(std::uintptr_t address, std::size_t bytes) override {
    if (!fresh_.push_back({.address = address, .bytes = bytes})) {
      panic("one insertion took more than {} blocks", kMostBlocks);
    }
    next_.took(address, bytes);
  }
  void gave_back(std::uintptr_t address, std::size_t bytes) override {
    next_.gave_back(address, bytes);
  }

 private:
  struct Block {
    std::uintptr_t address = 0;
    std::size_t bytes = 0;
  };

  /// The container does not have them yet, such as a node for which there are no buckets.
  void give_fresh_back() {
    for (const Block& block : fresh_) {
      ::operator delete(reinterpret_cast<void*>(block.address), block.bytes);
      next_.gave_back(block.address, block.bytes);
    }
    fresh_.clear();
  }

  BlockWatcher& next_;
  StaticVector<Block, kMostBlocks> fresh_;  // Of the insertion that is under way.
};

}  // namespace heapscope::kernel
