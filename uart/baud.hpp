// The mini UART's clock divisor. The UART runs from the core clock, which differs
// between boards and firmwares, so the divisor is computed and never assumed.
#pragma once

#include <cstdint>

#include "base/result.hpp"

namespace heapscope::uart {

/// Why no divisor gives the baud rate.
enum class BaudError : std::uint8_t {
  too_fast,  ///< Above core clock / 8, the fastest there is; also for a clock of 0.
  too_slow,  ///< Below core clock / (8 * 65536), the slowest there is; also for 0 baud.
};

/// A baud rate that the chip can make.
struct BaudRate {
  std::uint16_t divisor;            ///< The value of AUX_MU_BAUD_REG.
  std::uint32_t baud;               ///< What it gives, rounded down.
  std::int32_t error_basis_points;  ///< How far off the wanted rate, in 0.01 %; positive: faster.

  friend constexpr bool operator==(const BaudRate&, const BaudRate&) = default;
};

/// The setting whose rate, core clock / (8 * (divisor + 1)), is nearest to
/// `wanted_baud`; of two equally near the faster. Source: "BCM2835 ARM
/// Peripherals", p. 11. A receiver stands an error of about 2 % (200). O(1).
[[nodiscard]] constexpr Result<BaudRate, BaudError> find_baud_rate(std::uint32_t core_clock_hz,
                                                                   std::uint32_t wanted_baud) {
  constexpr std::uint64_t kSlowest = 0x1'0000;
  const std::uint64_t clock = core_clock_hz;
  const std::uint64_t samples = std::uint64_t{8} * wanted_baud;  // Per second.
  if (samples > clock || clock == 0) return fail(BaudError::too_fast);
  if (samples * kSlowest < clock) return fail(BaudError::too_slow);

  // clock / faster >= samples > clock / (faster + 1); compared without fractions.
  const std::uint64_t faster = clock / samples;
  const bool faster_is_nearer = clock * (2 * faster + 1) <= 2 * samples * faster * (faster + 1);
  const std::uint64_t steps = faster_is_nearer ? faster : faster + 1;

  const auto wanted = static_cast<std::int64_t>(samples * steps);
  const std::int64_t excess = (static_cast<std::int64_t>(clock) - wanted) * 10'000;
  const std::int64_t half = excess < 0 ? -wanted / 2 : wanted / 2;
  return BaudRate{.divisor = static_cast<std::uint16_t>(steps - 1),
                  .baud = static_cast<std::uint32_t>(clock / (8 * steps)),
                  .error_basis_points = static_cast<std::int32_t>((excess + half) / wanted)};
}

}  // namespace heapscope::uart
