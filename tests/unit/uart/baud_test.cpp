// The divisor: known settings, the nearest of all, and what has none.
#include "uart/baud.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

namespace heapscope::uart {
namespace {

static_assert(find_baud_rate(250'000'000, 115'200)->divisor == 270);

TEST(FindBaudRate, KnowsTheUsualClocks) {
  EXPECT_EQ(find_baud_rate(250'000'000, 115'200),
            (BaudRate{.divisor = 270, .baud = 115'313, .error_basis_points = 10}));
  EXPECT_EQ(find_baud_rate(400'000'000, 115'200),
            (BaudRate{.divisor = 433, .baud = 115'207, .error_basis_points = 1}));
  EXPECT_EQ(find_baud_rate(500'000'000, 115'200),
            (BaudRate{.divisor = 542, .baud = 115'101, .error_basis_points = -9}));
  EXPECT_EQ(find_baud_rate(250'000'000, 9'600),
            (BaudRate{.divisor = 3'254, .baud = 9'600, .error_basis_points = 1}));
  EXPECT_EQ(find_baud_rate(250'000'000, 921'600),
            (BaudRate{.divisor = 33, .baud = 919'117, .error_basis_points = -27}));
}

TEST(FindBaudRate, ReachesBothEndsAndNoFurther) {
  EXPECT_EQ(find_baud_rate(250'000'000, 31'250'000),
            (BaudRate{.divisor = 0, .baud = 31'250'000, .error_basis_points = 0}));
  EXPECT_EQ(find_baud_rate(250'000'000, 31'250'001), fail(BaudError::too_fast));
  EXPECT_EQ(find_baud_rate(250'000'000, 477)->divisor, 65'513);
  EXPECT_EQ(find_baud_rate(250'000'000, 476), fail(BaudError::too_slow));
  EXPECT_EQ(find_baud_rate(8 * 65'536 * 100U, 100),
            (BaudRate{.divisor = 65'535, .baud = 100, .error_basis_points = 0}));
  EXPECT_EQ(find_baud_rate(8 * 65'536 * 100U + 1, 100), fail(BaudError::too_slow));
}

TEST(FindBaudRate, SurvivesEveryExtreme) {
  constexpr std::uint32_t kMax = 0xffff'ffff;
  EXPECT_EQ(find_baud_rate(0, 115'200), fail(BaudError::too_fast));
  EXPECT_EQ(find_baud_rate(0, 0), fail(BaudError::too_fast));
  EXPECT_EQ(find_baud_rate(250'000'000, 0), fail(BaudError::too_slow));
  EXPECT_EQ(find_baud_rate(kMax, kMax), fail(BaudError::too_fast));
  EXPECT_EQ(find_baud_rate(kMax, kMax / 8)->divisor, 0);
  EXPECT_EQ(find_baud_rate(kMax, 1), fail(BaudError::too_slow));
  EXPECT_EQ(find_baud_rate(8, 1), (BaudRate{.divisor = 0, .baud = 1, .error_basis_points = 0}));
}

TEST(FindBaudRate, HasNoNearerNeighbour) {
  const auto rate_at = [](std::uint32_t clock, long long divisor) {
    return static_cast<double>(clock) / (8.0 * static_cast<double>(divisor + 1));
  };
  for (const std::uint32_t clock : {19'200'000U, 250'000'000U, 333'333'333U, 400'000'000U}) {
    for (std::uint32_t baud = 1'000; baud <= clock / 8; baud += 1 + baud / 37) {
      const auto found = find_baud_rate(clock, baud);
      ASSERT_TRUE(found) << clock << ' ' << baud;
      const double rate = rate_at(clock, found->divisor);
      const double distance = std::abs(rate - baud);
      EXPECT_LE(distance, std::abs(rate_at(clock, found->divisor + 1) - baud) + 1e-6)
          << clock << ' ' << baud;
      if (found->divisor > 0) {
        EXPECT_LE(distance, std::abs(rate_at(clock, found->divisor - 1) - baud) + 1e-6)
            << clock << ' ' << baud;
      }
      EXPECT_EQ(found->baud, static_cast<std::uint32_t>(rate + 1e-6));
      EXPECT_NEAR(found->error_basis_points, (rate / baud - 1) * 10'000, 0.5 + 1e-6);
    }
  }
}

}  // namespace
}  // namespace heapscope::uart
