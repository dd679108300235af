// The board's name from its revision code.
// Source: raspberrypi.com documentation, "New-style revision codes".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace heapscope::kernel {

/// A name for people; "a Raspberry Pi" where the code says nothing.
[[nodiscard]] constexpr std::string_view board_model(std::optional<std::uint32_t> revision) {
  constexpr std::uint32_t kNewStyle = 1U << 23;
  if (!revision || (*revision & kNewStyle) == 0) return "a Raspberry Pi";
  const std::uint32_t type = *revision >> 4 & 0xff;
  if (type == 0x08) return "Raspberry Pi 3 Model B";
  if (type == 0x0d) return "Raspberry Pi 3 Model B+";
  if (type == 0x0e) return "Raspberry Pi 3 Model A+";
  if (type == 0x0a) return "Raspberry Pi Compute Module 3";
  if (type == 0x12) return "Raspberry Pi Zero 2 W";
  return "a Raspberry Pi";
}

}  // namespace heapscope::kernel
