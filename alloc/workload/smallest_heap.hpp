// The smallest heap that a workload completes in, by bisection.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>

namespace heapscope::workload {

/// Heap sizes are whole multiples of this.
inline constexpr std::uint64_t kHeapUnit = 16;

/// The smallest size up to `most` for which `completes(size)` holds, nothing where
/// `most` is not enough. It is taken for granted that what completes in a heap
/// completes in every larger one; where that is not so, the answer is still a
/// size that completes and whose predecessor does not. `least` is a size below
/// which it need not be tried.
template <std::predicate<std::uint64_t> Completes>
[[nodiscard]] std::optional<std::uint64_t> smallest_heap(std::uint64_t least, std::uint64_t most,
                                                         Completes completes) {
  // From below in doubling steps, since the answer is mostly near what is live.
  std::uint64_t bad = least / kHeapUnit;
  const std::uint64_t last = most / kHeapUnit;
  if (bad > 0) --bad;
  std::uint64_t good = bad;
  for (std::uint64_t step = bad / 16 + 1;; step *= 2) {
    if (good == last) return std::nullopt;
    good = last - good < step ? last : good + step;
    if (completes(good * kHeapUnit)) break;
    bad = good;
  }
  while (good - bad > 1) {
    const std::uint64_t middle = bad + (good - bad) / 2;
    (completes(middle * kHeapUnit) ? good : bad) = middle;
  }
  return good * kHeapUnit;
}

}  // namespace heapscope::workload
