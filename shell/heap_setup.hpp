// Dividing free memory between the heap that is watched and the table that
// names its blocks, and starting an allocator on it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "alloc/heap.hpp"
#include "base/range.hpp"
#include "base/result.hpp"
#include "shell/handle_table.hpp"

namespace heapscope::shell {

/// Where the heap and its handle table lie.
struct HeapPlan {
  Range heap;
  Range handles;
};

enum class SetupError : std::uint8_t {
  too_large,  ///< The heap and its handles do not fit in the free memory.
  too_small,  ///< No allocator can work in so little.
  no_such_allocator,
  blocks_in_use,  ///< The program itself has blocks in the heap.
};

/// Divides `free`. A heap gets a handle for every 64 bytes, as long as that is
/// at most a million; above that a million and whatever memory remains beside
/// the heap. Without `heap_bytes`, the largest heap that leaves room for them.
[[nodiscard]] Result<HeapPlan, SetupError> plan_heap(Range free,
                                                     std::optional<std::uint64_t> heap_bytes);

/// Takes the end of `free` for the records of a heap's instruments: `bytes`, but at most
/// half of it.
[[nodiscard]] Range take_records(Range& free, std::uint64_t bytes);
/// As much as is taken unless somebody asks for another size: for some 50,000 blocks.
inline constexpr std::uint64_t kRecordBytes = std::uint64_t{4} << 20;

/// Somebody who has blocks in the heap for longer than a command runs, and works in memory
/// that was lent to it.
class HeapTenant {
 public:
  /// Whether it still has blocks, or may still write to what it was lent.
  [[nodiscard]] virtual bool stays() const = 0;

 protected:
  ~HeapTenant() = default;
};

/// Starts allocators on the free memory, and knows which range they got.
class HeapSetup {
 public:
  /// `records`, aligned to 64, is for the heap's instruments.
  HeapSetup(alloc::Heap& heap, HandleTable& handles, Range free, Range records = {});

  /// Starts `allocator` on a heap of that size; all blocks and handles are gone.
  /// An error changes nothing. While a tenant stays, it is blocks_in_use.
  [[nodiscard]] Result<void, SetupError> start(std::string_view allocator,
                                               std::optional<std::uint64_t> heap_bytes);

  [[nodiscard]] const HeapPlan& plan() const { return plan_; }
  /// Where the instruments keep their records; empty where they have no room.
  [[nodiscard]] Range records() const { return records_; }
  /// The memory that heap and handles are taken from.
  [[nodiscard]] Range free() const { return free_; }
  /// Memory for a command to work in, outside the heap and aligned to 16: what
  /// lies free beside the heap or, where that is more, what the handles have not
  /// needed yet, but for what is lent. Good until the next handle is added.
  [[nodiscard]] Range workspace();

  /// Takes the end of the workspace, aligned to 16, for `tenant`, as long as it stays.
  /// Empty where there is not so much, or where another one stays.
  [[nodiscard]] Range lend(std::uint64_t bytes, const HeapTenant& tenant);
  [[nodiscard]] bool has_tenant();
  /// What is lent; empty where nothing is.
  [[nodiscard]] Range lent();
  /// The size of the largest heap that start() would accept.
  [[nodiscard]] std::uint64_t largest_heap() const;

 private:
  alloc::Heap& heap_;
  HandleTable& handles_;
  Range free_;
  Range records_;
  HeapPlan plan_;
  bool started_ = false;
  const HeapTenant* tenant_ = nullptr;  // Null where nobody stays, as far as is known.
  Range lent_;
};

}  // namespace heapscope::shell
