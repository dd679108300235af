// Buckets and percentiles.
#include "alloc/latency_log.hpp"

#include <algorithm>
#include <bit>
#include <tuple>

namespace heapscope::alloc {
namespace {

constexpr std::uint32_t kExact = 16;

constexpr std::size_t bucket_of(std::uint32_t value) {
  if (value < kExact) return value;
  const auto doubling = static_cast<std::uint32_t>(std::bit_width(value / kExact)) - 1;
  const std::uint32_t eighth = value >> (doubling + 1) & 7;
  return kExact + doubling * 8 + eighth;
}
static_assert(bucket_of(0xffff'ffff) == LatencyHistogram::kBuckets - 1);
static_assert(bucket_of(15) == 15 && bucket_of(16) == 16 && bucket_of(18) == 17);

}  // namespace

std::uint32_t LatencyHistogram::last_of_bucket(std::size_t bucket) {
  if (bucket < kExact) return static_cast<std::uint32_t>(bucket);
  const std::size_t doubling = (bucket - kExact) / 8;
  const std::uint64_t eighth = (bucket - kExact) % 8;
  return static_cast<std::uint32_t>(((8 + eighth + 1) << (doubling + 1)) - 1);
}

void LatencyHistogram::add(std::uint32_t value) {
  ++count_;
  total_ += value;
  most_ = std::max(most_, value);
  ++counts_[bucket_of(value)];
}

std::uint32_t LatencyHistogram::percentile(std::uint32_t permille) const {
  const std::uint64_t rank = (count_ * permille + 999) / 1000;
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    below += counts_[i];
    if (below >= rank && below > 0) return std::min(last_of_bucket(i), most_);
  }
  return 0;
}

void LatencyLog::add(const Latency& latency, Layout layout, Address address,
                     const CallStamp& stamp) {
  instructions_.add(latency.instructions);
  cycles_.add(latency.cycles);
  ticks_.add(latency.ticks);
  const auto order = [](const Latency& each) {
    return std::tuple(each.instructions, each.cycles, each.ticks);
  };
  if (instructions_.count() > 1 && order(latency) <= order(worst_.latency)) return;
  worst_ = {.latency = latency, .layout = layout, .address = address, .stamp = stamp};
}

}  // namespace heapscope::alloc
