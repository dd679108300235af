// Who was it: the blocks behind what a heap found of its misuse, with those who allocated
// and freed them, as text for the report of a panic.
#pragma once

#include <optional>

#include "alloc/error.hpp"
#include "alloc/heap_finding.hpp"
#include "base/text_sink.hpp"
#include "shell/environment.hpp"

namespace heapscope::shell {

/// A free that the heap refused.
struct RefusedFree {
  alloc::Address address = 0;
  alloc::HeapError error = alloc::HeapError::not_allocated;
};

/// Write a line for each block, of at most 80 columns, and indented ones below it for the
/// calls that allocated and freed it, as far as these are recorded. They take nothing from
/// the heap and wait for nobody, and so work in a panic.
///
/// "culprit" is the block whose pointer was misused, "hit" one that was overwritten by
/// that; where either of two may be the culprit, both are "suspect". "last there" is what
/// lay last where free memory was overwritten.
void write_suspects(TextSink& out, Environment& environment, const alloc::Finding& finding);
void write_suspects(TextSink& out, Environment& environment, const RefusedFree& refused);

/// Looks through the heap for what was overwritten, at kMostSearched extents at most; a
/// finding that names a block is preferred to others.
[[nodiscard]] std::optional<alloc::Finding> search_for_misuse(Environment& environment);
inline constexpr std::size_t kMostSearched = 100'000;

}  // namespace heapscope::shell
