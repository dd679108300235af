// What the commands that read and write memory have in common: widths
// and accesses of exactly that width.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "shell/argument_values.hpp"
#include "shell/block_argument.hpp"
#include "shell/command.hpp"

namespace heapscope::kernel {

/// The option that gives the width of an access, and what it is without it.
inline constexpr std::array<std::string_view, 4> kWidths{"1", "2", "4", "8"};
inline constexpr shell::OptionRecord kWidthOption{
    .letter = 'w',
    .value_name = "BYTES",
    .help = "the width of each access: 1, 2, 4 or 8",
    .completes = {.kind = shell::Completes::Kind::values, .values = kWidths}};
inline constexpr std::uint64_t kDefaultWidth = 4;

/// Where to access memory, and how many bytes at a time.
struct Access {
  std::uint64_t address = 0;
  std::uint64_t width = kDefaultWidth;
};

/// The access that the first argument and the width option ask for; nothing where
/// they are wrong, and then the call has been refused or has failed with `status`.
[[nodiscard]] std::optional<Access> read_access(shell::Context& context,
                                                const shell::CommandRecord& command,
                                                const shell::Arguments& arguments, int& status);

/// One access of `width` bytes: 1, 2, 4 or 8. Faults where the memory is not mapped.
[[nodiscard]] std::uint64_t load(std::uint64_t address, std::uint64_t width);
void store(std::uint64_t address, std::uint64_t width, std::uint64_t value);

/// The largest value that fits in `width` bytes.
[[nodiscard]] constexpr std::uint64_t largest_in(std::uint64_t width) {
  return width == 8 ? UINT64_MAX : (std::uint64_t{1} << (width * 8)) - 1;
}

}  // namespace heapscope::kernel
