// What the kernel's heaps had to complain of when they panicked, kept for the report.
#pragma once

#include <string_view>

#include "alloc/error.hpp"
#include "alloc/heap_finding.hpp"
#include "base/text_sink.hpp"

namespace heapscope::shell {
struct Environment;
}  // namespace heapscope::shell

namespace heapscope::kernel {

/// What the kernel's hardened heaps do with what they find: they keep it, and panic.
struct KeepFindingAndPanic {
  static void report(const alloc::Finding& finding);
  static void report(const alloc::Damage& damage);
};

/// A block was given back wrongly, about which this core panics next.
void keep_refused_free(alloc::Address address, alloc::HeapError error);

/// For the report of a panic with this message, on the core that panicked: writes whose
/// blocks were misused, where that is what it was about; see shell/suspects.hpp.
void write_kept_suspects(TextSink& out, shell::Environment& environment, std::string_view message);

}  // namespace heapscope::kernel
