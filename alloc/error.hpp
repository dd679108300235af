// Why a heap refused a call. A refused call changes nothing but the count of
// failures.
#pragma once

#include <cstdint>
#include <string_view>

namespace heapscope::alloc {

enum class HeapError : std::uint8_t {
  exhausted,      ///< It does not fit now; it may when something is freed.
  unsupported,    ///< Size 0, an alignment that is no power of two, or more than the heap can hold.
  outside_heap,   ///< The address does not belong to memory that the heap hands out.
  inside_block,   ///< The address lies inside a live block, not at its start.
  not_allocated,  ///< The address lies in free memory: freed already, or never handed out.
  wrong_layout,   ///< A live block starts there, but of another size or alignment.
};

/// The error's name in scripts and JSON, for example "not-allocated".
[[nodiscard]] std::string_view error_name(HeapError error);

/// The rest of a sentence that begins with what was asked: "is not allocated".
[[nodiscard]] std::string_view error_text(HeapError error);

}  // namespace heapscope::alloc
