// How long the calls of a heap take: histograms, and the call that took longest.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "alloc/origin.hpp"

namespace heapscope::alloc {

/// Counts of values, exact up to 15 and from there on eight to a doubling, so that a
/// percentile is at most an eighth above the truth.
class LatencyHistogram {
 public:
  static constexpr std::size_t kBuckets = 16 + 28 * 8;

  [[gnu::cold]] void add(std::uint32_t value);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t total() const { return total_; }
  /// The largest value.
  [[nodiscard]] std::uint32_t most() const { return most_; }
  /// The largest value of the bucket that the value of that rank falls into, or the largest
  /// of all where that is less: of so many thousandths of all values, none is larger. 0
  /// where there are no values.
  [[nodiscard, gnu::cold]] std::uint32_t percentile(std::uint32_t permille) const;
  /// Values in a bucket, and the largest value that belongs there.
  [[nodiscard]] std::uint32_t in_bucket(std::size_t bucket) const { return counts_[bucket]; }
  [[nodiscard, gnu::cold]] static std::uint32_t last_of_bucket(std::size_t bucket);

 private:
  std::uint64_t count_ = 0;
  std::uint64_t total_ = 0;
  std::uint32_t most_ = 0;
  std::array<std::uint32_t, kBuckets> counts_{};
};

/// What one call took.
struct Latency {
  std::uint32_t instructions = 0;  ///< 0 where they are not counted.
  std::uint32_t cycles = 0;
  std::uint32_t ticks = 0;
};

/// The calls of one kind.
class LatencyLog {
 public:
  struct Worst {
    Latency latency;
    Layout layout;
    Address address = 0;  ///< 0 of an allocation that was refused.
    CallStamp stamp;
  };

  [[gnu::cold]] void clear() { *this = {}; }
  [[gnu::cold]] void add(const Latency& latency, Layout layout, Address address,
                         const CallStamp& stamp);

  [[nodiscard]] const LatencyHistogram& instructions() const { return instructions_; }
  [[nodiscard]] const LatencyHistogram& cycles() const { return cycles_; }
  [[nodiscard]] const LatencyHistogram& ticks() const { return ticks_; }
  /// The call of the most instructions, or of the most cycles where these are not counted.
  [[nodiscard]] const Worst& worst() const { return worst_; }

 private:
  LatencyHistogram instructions_;
  LatencyHistogram cycles_;
  LatencyHistogram ticks_;
  Worst worst_;
};

/// Of a heap's allocations and frees.
struct LatencyLogs {
  LatencyLog allocate;
  LatencyLog free;
};

}  // namespace heapscope::alloc
