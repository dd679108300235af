// Names and texts of the heap's errors.
#include "alloc/error.hpp"

namespace heapscope::alloc {

std::string_view error_name(HeapError error) {
  switch (error) {
    case HeapError::exhausted:
      return "exhausted";
    case HeapError::unsupported:
      return "unsupported";
    case HeapError::outside_heap:
      return "outside-heap";
    case HeapError::inside_block:
      return "inside-block";
    case HeapError::not_allocated:
      return "not-allocated";
    case HeapError::wrong_layout:
      return "wrong-layout";
  }
  return "unknown";
}

std::string_view error_text(HeapError error) {
  switch (error) {
    case HeapError::exhausted:
      return "does not fit in what is free now";
    case HeapError::unsupported:
      return "can never be served by this heap";
    case HeapError::outside_heap:
      return "is outside the heap";
    case HeapError::inside_block:
      return "is inside a block, not at its start";
    case HeapError::not_allocated:
      return "is not allocated";
    case HeapError::wrong_layout:
      return "was allocated with another size or alignment";
  }
  return "failed";
}

}  // namespace heapscope::alloc
