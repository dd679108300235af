// One core's part of a stress test: allocate, write, check, resize and free, all
// by chance. Pure computation over a heap; several at once are several workers.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "alloc/heap.hpp"

namespace heapscope::kernel {

/// What a worker found. All but `exhausted` are 0 where the heap is sound.
struct StressFindings {
  std::uint64_t exhausted = 0;        ///< Blocks that did not fit: no failure.
  std::uint64_t failures = 0;         ///< Calls that went wrong.
  std::uint64_t corrupted_bytes = 0;  ///< Bytes that were not as they had been written.
  std::string_view first_failure;     ///< What the first of the failures was.
};

/// Every block is filled with a pattern that is this block's alone, and is checked
/// before it is freed and around a change of its size.
class StressWorker {
 public:
  static constexpr std::size_t kSlots = 128;  ///< Blocks that it holds at once, at most.
  static constexpr std::size_t kMaxSize = std::size_t{16} * 1024;
  static constexpr std::size_t kMaxAlign = 1024;

  constexpr StressWorker() = default;

  /// Begins anew. Worker `number` makes of each seed another sequence of
  /// operations, and the same each time as long as the heap does not run out.
  void start(alloc::Heap& heap, std::uint32_t number, std::uint64_t seed, std::uint64_t operations);

  /// Does up to `most` of the operations that are left; false where none are then.
  bool work(std::uint64_t most);

  /// Checks and frees all that it holds. Repeated, it does nothing.
  void release_all();

  /// Operations done; may be asked by others while it works.
  [[nodiscard]] std::uint64_t done() const { return done_.load(std::memory_order_relaxed); }
  /// To be asked when it does not work.
  [[nodiscard]] const StressFindings& findings() const { return findings_; }

 private:
  struct Block {
    alloc::Address address = 0;  // 0: an empty slot.
    std::size_t size = 0;        // No Layout, which is not all zero: no image holds the workers.
    std::size_t align = 0;
    std::uint64_t pattern = 0;

    [[nodiscard]] alloc::Layout layout() const { return {.size = size, .align = align}; }
  };

  std::uint64_t random();
  [[nodiscard]] std::size_t random_size();
  [[nodiscard]] std::size_t random_align();
  void operate();
  void allocate(Block& block);
  void resize(Block& block);
  void release(Block& block);
  void place(Block& block, alloc::Address address, alloc::Layout layout);
  void check(const Block& block, std::size_t bytes);
  void fail(std::string_view what);

  alloc::Heap* heap_ = nullptr;
  Range range_;  // Of the heap.
  std::uint64_t random_ = 0;
  std::uint64_t patterns_ = 0;
  std::uint64_t planned_ = 0;
  std::atomic<std::uint64_t> done_{0};
  StressFindings findings_;
  std::array<Block, kSlots> blocks_{};
};

}  // namespace heapscope::kernel
