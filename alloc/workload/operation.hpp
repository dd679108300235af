// One step of a workload, and the interface of whatever yields them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "alloc/layout.hpp"
#include "alloc/workload/trace_error.hpp"
#include "base/result.hpp"

namespace heapscope::workload {

/// A block's number within its workload. A number may be used again once its
/// block has been freed.
using BlockId = std::uint32_t;

/// Block numbers are below this.
inline constexpr BlockId kMaxBlocks = BlockId{1} << 20;
/// Sizes are below this, in bytes.
inline constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 40;
/// Alignments are at most this, in bytes.
inline constexpr std::uint64_t kMaxAlign = std::uint64_t{1} << 30;

enum class OperationKind : std::uint8_t { allocate, free, reallocate };

struct Operation {
  OperationKind kind = OperationKind::allocate;
  BlockId id = 0;
  std::uint64_t size = 0;                      ///< Bytes, at least 1; 0 for a free.
  std::uint64_t align = alloc::kDefaultAlign;  ///< Of an allocation.

  friend constexpr bool operator==(const Operation&, const Operation&) = default;
};

/// Yields operations one at a time.
class Source {
 public:
  /// The next operation, nothing after the last, or what is wrong with it; then
  /// there are no more.
  [[nodiscard]] virtual Result<std::optional<Operation>, TraceError> next() = 0;
  /// Where the operation of the last next() stands: a trace's line, a
  /// generator's count. From 1 on.
  [[nodiscard]] virtual std::uint64_t position() const = 0;

 protected:
  ~Source() = default;
};

}  // namespace heapscope::workload
