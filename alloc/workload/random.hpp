// Random numbers that are the same on every machine: integers only.
#pragma once

#include <cstdint>

namespace heapscope::workload {

/// SplitMix64 (Steele, Lea, Flood 2014): 64 bits of state, any seed is good.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next();
  /// A number below `limit`, which is not 0.
  std::uint32_t below(std::uint32_t limit) {
    return static_cast<std::uint32_t>((next() >> 32) * limit >> 32);
  }
  /// A number from `first` to `last`, both included.
  std::uint32_t between(std::uint32_t first, std::uint32_t last) {
    return first + below(last - first + 1);
  }
  bool percent(std::uint32_t chance) { return below(100) < chance; }

  /// A number whose logarithm is normally distributed: half are below `median`,
  /// and two thirds within a factor of 2^(spread / 256) of it. At least 1, cut
  /// at `most`. The normal distribution is taken to be the sum of 12 uniform
  /// ones, so nothing lies beyond six times the spread. `median` is below 65,536
  /// and `spread` below 1,024.
  std::uint32_t log_normal(std::uint32_t median, std::uint32_t spread, std::uint32_t most);

 private:
  std::uint64_t state_;
};

}  // namespace heapscope::workload
