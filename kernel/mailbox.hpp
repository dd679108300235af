// The property interface of the firmware: facts about the board, by mailbox.
// Source: github.com/raspberrypi/firmware/wiki/Mailbox-property-interface.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/range.hpp"

namespace heapscope::kernel {

/// Clocks of the firmware.
enum class ClockId : std::uint32_t { core = 4 };

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
  /// The board's revision code.
  [[nodiscard]] static std::optional<std::uint32_t> board_revision();

 private:
  /// The values of a tag: what is asked, and what is answered in its place.
  using Values = std::array<std::uint32_t, 2>;
  [[nodiscard]] static std::optional<Values> ask(std::uint32_t tag, Values values,
                                                 std::uint32_t answer_words);
};

}  // namespace heapscope::kernel
