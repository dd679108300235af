// How many operations are due, where so many are to be done in a second. Pure
// computation over a counter's ticks.
#pragma once

#include <algorithm>
#include <cstdint>

namespace heapscope::kernel {

/// Begins when it is made. What is late is made up for, but at most an eighth of a second
/// of it: a core that was kept from its work does not do all of it at once.
class Pacer {
 public:
  /// The largest number of operations in a second.
  static constexpr std::uint64_t kMostRate = 1'000'000;
  /// What is due at once where there is no rate.
  static constexpr std::uint64_t kUnlimited = 64;

  /// `rate` operations in a second of `frequency` ticks; 0: as many as possible.
  constexpr Pacer(std::uint64_t rate, std::uint64_t frequency, std::uint64_t now)
      : rate_(rate), frequency_(frequency), origin_(now) {}

  /// How many operations are due at `now`, which does not go back.
  constexpr std::uint64_t due(std::uint64_t now) {
    if (rate_ == 0) return kUnlimited;
    const std::uint64_t seconds = (now - origin_) / frequency_;
    origin_ += seconds * frequency_;
    // Below 0 where it is late.
    done_ -= static_cast<std::int64_t>(std::min(seconds, kMostSeconds) * rate_);
    const std::int64_t due = at(now) - done_;
    const auto most = static_cast<std::int64_t>(std::max<std::uint64_t>(rate_ / kMostLate, 1));
    done_ += std::max<std::int64_t>(due - most, 0);
    return static_cast<std::uint64_t>(std::min(due, most));
  }

  /// So many of those that were due have been done.
  constexpr void did(std::uint64_t operations) { done_ += static_cast<std::int64_t>(operations); }

  /// Ticks from `now`, when none was due, until one is.
  [[nodiscard]] constexpr std::uint64_t until_next(std::uint64_t now) const {
    const auto next = static_cast<std::uint64_t>(done_ + 1);
    const std::uint64_t at = (next * frequency_ + rate_ - 1) / rate_;
    return at > now - origin_ ? at - (now - origin_) : 0;
  }

 private:
  static constexpr std::uint64_t kMostLate = 8;  // Parts of a second.
  // After which all but what may be late is given up in any case.
  static constexpr std::uint64_t kMostSeconds = 1000;

  /// How many belong before `now`, which is less than a second behind the origin.
  [[nodiscard]] constexpr std::int64_t at(std::uint64_t now) const {
    return static_cast<std::int64_t>((now - origin_) * rate_ / frequency_);
  }

  std::uint64_t rate_;
  std::uint64_t frequency_;
  std::uint64_t origin_;
  std::int64_t done_ = 0;  // Since the origin.
};

}  // namespace heapscope::kernel
