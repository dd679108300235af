// The text form of an operation.
#include "alloc/workload/trace_writer.hpp"

#include "base/format.hpp"

namespace heapscope::workload {

void write_operation(TextSink& out, const Operation& operation) {
  switch (operation.kind) {
    case OperationKind::allocate:
      format(out, "a {} {}", operation.id, operation.size);
      if (operation.align != alloc::kDefaultAlign) format(out, " {}", operation.align);
      break;
    case OperationKind::free:
      format(out, "f {}", operation.id);
      break;
    case OperationKind::reallocate:
      format(out, "r {} {}", operation.id, operation.size);
      break;
  }
  out.write("\n");
}

}  // namespace heapscope::workload
