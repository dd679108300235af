// Counts of numbers of instructions, exact up to a limit.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace heapscope::kernel {

/// How often each number came. Numbers from the last one on are counted together,
/// for the percentiles; the mean and the worst are exact whatever they are.
class Histogram {
 public:
  static constexpr std::uint32_t kNumbers = 4096;

  void clear() {
    counts_.fill(0);
    count_ = 0;
    sum_ = 0;
    worst_ = 0;
  }

  void add(std::uint32_t number) {
    ++counts_[std::min(number, kNumbers - 1)];
    ++count_;
    sum_ += number;
    worst_ = std::max(worst_, number);
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint32_t worst() const { return worst_; }
  /// The mean in thousandths, rounded to the nearest; 0 where nothing was counted.
  [[nodiscard]] std::uint64_t mean_milli() const {
    return count_ == 0 ? 0 : (sum_ * 1000 + count_ / 2) / count_;
  }
  /// The smallest number that at least `percent` of all are not above.
  [[nodiscard]] std::uint32_t percentile(std::uint32_t percent) const {
    std::uint64_t seen = 0;
    for (std::uint32_t number = 0; number < kNumbers; ++number) {
      seen += counts_[number];
      if (seen * 100 >= count_ * percent) return number;
    }
    return kNumbers - 1;
  }

 private:
  std::array<std::uint32_t, kNumbers> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint32_t worst_ = 0;
};

}  // namespace heapscope::kernel
