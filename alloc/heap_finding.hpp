// What a fully hardened heap finds out about its callers, and what is done then.
#pragma once

#include <optional>
#include <string_view>

#include "alloc/guarded_block.hpp"
#include "alloc/inspection.hpp"

namespace heapscope::alloc {

enum class FindingKind : std::uint8_t {
  overflow,        ///< Something wrote past the end of `block`.
  underflow,       ///< Something wrote before the start of `block`.
  use_after_free,  ///< Something wrote to `block` after it was freed.
  between_blocks,  ///< An overflow of `block` or an underflow of `other`: the bytes do not tell.
  zones_lost,      ///< The zones of the block around `at` are gone: which it was is not known.
  records,         ///< The heap's own records, or its links in free memory, were overwritten.
};

/// How every panic of an allocator that finds its heap damaged begins.
inline constexpr std::string_view kDamagePanic = "heap damaged";

/// What was done: "a block was written past its end".
[[nodiscard]] std::string_view finding_text(FindingKind kind);

struct Finding {
  FindingKind kind = FindingKind::overflow;
  Address at = 0;                     ///< The first overwritten byte.
  GuardedBlock block;                 ///< Whose pointer was used wrongly, as far as can be seen.
  std::optional<GuardedBlock> other;  ///< The nearest block that was reached as well.
  /// Where memory begins of a block that is still nearer, but lost its zones; 0 for none.
  Address lost = 0;

  /// Whether `block` says anything.
  [[nodiscard]] constexpr bool names_block() const {
    return kind != FindingKind::zones_lost && kind != FindingKind::records;
  }
};

/// The same as any check tells it.
[[nodiscard]] Damage damage_of(const Finding& finding);

/// What Hardened does unless told otherwise: a panic of one line that names both
/// parties.
struct PanicOnFinding {
  static void report(const Finding& finding);
  static void report(const Damage& damage);
};

}  // namespace heapscope::alloc
