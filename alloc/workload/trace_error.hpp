// What can be wrong with a workload: where, and why.
#pragma once

#include <cstdint>
#include <string_view>

namespace heapscope::workload {

enum class TraceFault : std::uint8_t {
  unknown_operation,  ///< The line begins with something else than a, f or r.
  missing_number,
  malformed_number,  ///< Not decimal digits, or more than 64 bits.
  id_too_large,      ///< kMaxBlocks or more, or more than there are slots for.
  bad_size,          ///< 0, or kMaxSize or more.
  bad_alignment,     ///< No power of two, or above kMaxAlign.
  trailing_text,
  already_live,  ///< It allocates a block that is live.
  not_live,      ///< It frees or reallocates a block that is not.
};

struct TraceError {
  std::uint64_t position = 0;  ///< Source::position() of the operation.
  TraceFault fault = TraceFault::unknown_operation;

  friend constexpr bool operator==(const TraceError&, const TraceError&) = default;
};

/// The rest of a sentence that begins with the line: "frees a block that is not
/// live".
[[nodiscard]] std::string_view fault_text(TraceFault fault);

}  // namespace heapscope::workload
