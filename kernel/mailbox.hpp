// The property interface of the firmware: facts about the board, by mailbox.
// Source: github.com/raspberrypi/firmware/wiki/Mailbox-property-interface.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/range.hpp"

namespace heapscope::kernel {

/// Clocks of the firmware.
enum class ClockId : std::uint32_t { arm = 3, core = 4 };

/// Asks the firmware. Every question gives nothing where the firmware does not
/// answer within half a second or does not know the tag: frequencies may switch
/// meanwhile (raspberrypi/firmware#1376), but nobody should wait for ever.
/// Core 0 only.
class Mailbox {
 public:
  /// The clock's rate in Hz, as the firmware measures it now.
  [[nodiscard]] static std::optional<std::uint32_t> measured_clock(ClockId clock);
  /// The clock's rate in Hz, as it was set.
  [[nodiscard]] static std::optional<std::uint32_t> nominal_clock(ClockId clock);
  /// The memory that belongs to the ARM cores.
  [[nodiscard]] static std::optional<Range> arm_memory();
  /// The memory that the GPU keeps for itself.
  [[nodiscard]] static std::optional<Range> gpu_memory();
  /// The board's revision code.
  [[nodiscard]] static std::optional<std::uint32_t> board_revision();
  /// The board's serial number.
  [[nodiscard]] static std::optional<std::uint64_t> board_serial();
  /// The firmware's own revision: the time of its build, in seconds since 1970.
  [[nodiscard]] static std::optional<std::uint32_t> firmware_revision();
  /// The chip's temperature in thousandths of a degree Celsius.
  [[nodiscard]] static std::optional<std::uint32_t> temperature();
  /// Bits 0 to 3: under-voltage, capped, throttled, at the soft temperature
  /// limit; bits 16 to 19: the same, at any time since the board was reset.
  [[nodiscard]] static std::optional<std::uint32_t> throttled();

 private:
  /// The values of a tag: what is asked, and what is answered in its place.
  using Values = std::array<std::uint32_t, 2>;
  [[nodiscard]] static std::optional<Values> ask(std::uint32_t tag, Values values,
                                                 std::uint32_t answer_words);
  /// Answers that are one word.
  [[nodiscard]] static std::optional<std::uint32_t> ask_word(std::uint32_t tag);
  /// Answers that repeat what was asked for and give its value.
  [[nodiscard]] static std::optional<std::uint32_t> ask_about(std::uint32_t tag, std::uint32_t id);
  /// Answers that are an address and a size.
  [[nodiscard]] static std::optional<Range> ask_range(std::uint32_t tag);
};

}  // namespace heapscope::kernel
