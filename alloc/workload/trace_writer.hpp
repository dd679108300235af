// Writes operations in the form that TraceReader reads.
#pragma once

#include "alloc/workload/operation.hpp"
#include "base/text_sink.hpp"

namespace heapscope::workload {

/// One line. The alignment is written only where it is not the default one.
void write_operation(TextSink& out, const Operation& operation);

}  // namespace heapscope::workload
