// The generator, and powers of two in fixed point.
#include "alloc/workload/random.hpp"

#include <algorithm>

namespace heapscope::workload {
namespace {

/// 2^(x / 2^16) in units of 2^-16, for 0 <= x < 2^16: a quadratic between the
/// two ends, at most 0.3 % off.
constexpr std::uint64_t power_of_fraction(std::uint64_t x) {
  constexpr std::uint64_t kOne = 1U << 16;
  constexpr std::uint64_t kCurve = 22'544;  // 0.344
  return kOne + x * (kOne - kCurve + (kCurve * x >> 16)) / kOne;
}

}  // namespace

std::uint64_t Random::next() {
  state_ += 0x9e37'79b9'7f4a'7c15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11ebULL;
  return z ^ (z >> 31);
}

std::uint32_t Random::log_normal(std::uint32_t median, std::uint32_t spread, std::uint32_t most) {
  std::int64_t sum = 0;  // In units of 2^-16.
  for (int i = 0; i < 12; ++i) sum += static_cast<std::int64_t>(next() >> 48);
  const std::int64_t normal = sum - 6 * 65'536;
  const std::int64_t exponent = normal * static_cast<std::int64_t>(spread) / 256;
  const auto whole = exponent >> 16;  // Towards minus infinity, so that the rest is positive.
  const std::uint64_t scaled =
      median * power_of_fraction(static_cast<std::uint64_t>(exponent - whole * 65'536));
  if (whole > 15) return most;
  const std::uint64_t value = whole >= 0 ? scaled << whole >> 16 : scaled >> (16 - whole);
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(value, 1, most));
}

}  // namespace heapscope::workload
