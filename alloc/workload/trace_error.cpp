// The faults of a trace in words.
#include "alloc/workload/trace_error.hpp"

namespace heapscope::workload {

std::string_view fault_text(TraceFault fault) {
  switch (fault) {
    case TraceFault::unknown_operation:
      return "is none of: a ID SIZE [ALIGN], f ID, r ID SIZE";
    case TraceFault::missing_number:
      return "lacks a number";
    case TraceFault::malformed_number:
      return "has something else where a number belongs";
    case TraceFault::id_too_large:
      return "has a block number that is too large";
    case TraceFault::bad_size:
      return "has a size that is 0 or too large";
    case TraceFault::bad_alignment:
      return "has an alignment that is no power of two or too large";
    case TraceFault::trailing_text:
      return "goes on behind its end";
    case TraceFault::already_live:
      return "allocates a block that is live";
    case TraceFault::not_live:
      return "frees or reallocates a block that is not live";
  }
  return "is wrong";
}

}  // namespace heapscope::workload
