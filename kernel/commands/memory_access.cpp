// Places, widths and accesses.
#include "kernel/commands/memory_access.hpp"

#include "shell/number.hpp"

namespace heapscope::kernel {
namespace {

template <class T>
volatile T& at(std::uint64_t address) {
  return *reinterpret_cast<volatile T*>(static_cast<std::uintptr_t>(address));
}

}  // namespace

std::optional<Access> read_access(shell::Context& context, const shell::CommandRecord& command,
                                  const shell::Arguments& arguments, int& status) {
  const auto place = shell::read_place(context, command, arguments[0]);
  if (!place) {
    status = place.error();
    return std::nullopt;
  }
  const auto word = arguments.value_of('w');
  if (!word) return Access{.address = place->start};
  const auto width = shell::parse_number(*word);
  if (width && (*width == 1 || *width == 2 || *width == 4 || *width == 8)) {
    return Access{.address = place->start, .width = *width};
  }
  status = context.reply.refuse(command.usage, "BYTES: {} is not 1, 2, 4 or 8", *word);
  return std::nullopt;
}

std::uint64_t load(std::uint64_t address, std::uint64_t width) {
  switch (width) {
    case 1:
      return at<std::uint8_t>(address);
    case 2:
      return at<std::uint16_t>(address);
    case 4:
      return at<std::uint32_t>(address);
    default:
      return at<std::uint64_t>(address);
  }
}

void store(std::uint64_t address, std::uint64_t width, std::uint64_t value) {
  switch (width) {
    case 1:
      at<std::uint8_t>(address) = static_cast<std::uint8_t>(value);
      return;
    case 2:
      at<std::uint16_t>(address) = static_cast<std::uint16_t>(value);
      return;
    case 4:
      at<std::uint32_t>(address) = static_cast<std::uint32_t>(value);
      return;
    default:
      at<std::uint64_t>(address) = value;
  }
}

}  // namespace heapscope::kernel
