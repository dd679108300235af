// `boot`: starts a kernel that was received, in this one's place.
#include <algorithm>
#include <array>

#include "shell/block_argument.hpp"
#include "shell/file_receiver.hpp"
#include "shell/kernel_image.hpp"
#include "shell/shell.hpp"

namespace heapscope::shell {
namespace {

int run_boot(Context& context, const Arguments& arguments);

constexpr std::array kOptions{
    OptionRecord{.letter = 'f', .value_name = {}, .help = "start it whatever its header says"},
};
constexpr std::array<std::string_view, 2> kExamples{"boot", "boot a1"};
constexpr std::array<std::string_view, 2> kRelated{"receive", "reboot"};
constexpr std::array kArguments{Completes{.kind = Completes::Kind::block, .values = {}}};
constexpr CommandRecord kRecord{
    .name = "boot",
    .usage = "boot [BLOCK] [-f]",
    .summary = "start another kernel",
    .help =
        "Starts the kernel image that BLOCK holds, a handle or its address, in this one's place; "
        "without BLOCK, receives one by XMODEM first. It must have the header of an arm64 kernel "
        "image for this board. All that is in the heap is lost. Where the kernel cannot be "
        "started, nothing changes.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .max_arguments = 1,
    .run = run_boot,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

using Bytes = std::span<const std::byte>;

/// The memory that the kernel takes once it runs; or nothing, and the command has failed.
std::optional<Range> memory_of(Context& context, Bytes image, bool forced) {
  const std::uint64_t place = context.environment.platform.kernel_address();
  std::uint64_t bytes = image.size();
  if (!forced) {
    const auto kernel = read_kernel_image(image);
    if (!kernel) {
      context.reply.fail("not-a-kernel", "{}", describe(kernel.error()));
      return std::nullopt;
    }
    if (kernel->text_offset != place) {
      context.reply.fail("not-a-kernel",
                         "it is linked for {:#x}; this board starts kernels at {:#x}",
                         kernel->text_offset, place);
      return std::nullopt;
    }
    bytes = std::max(bytes, kernel->memory_bytes);
  }
  return Range{.start = place, .end = bytes > UINT64_MAX - place ? UINT64_MAX : place + bytes};
}

int run_boot(Context& context, const Arguments& arguments) {
  std::optional<ReceivedFile> file;
  Bytes image;
  if (arguments.size() > 0) {
    const auto block = read_block(context, kRecord, arguments[0]);
    if (!block) return block.error();
    image = {reinterpret_cast<const std::byte*>(block->address),
             static_cast<std::size_t>(block->size)};
  } else {
    file = receive_file(context, Padding::keep, UINT64_MAX);
    if (!file) return kFailed;
    image = file->bytes;
  }
  const auto memory = memory_of(context, image, arguments.has('f'));
  if (!memory) return kFailed;
  const auto start = reinterpret_cast<std::uintptr_t>(image.data());
  const Range place{.start = start, .end = start + image.size()};
  const std::string_view obstacle = context.environment.platform.boot_obstacle(place, *memory);
  if (!obstacle.empty()) return context.reply.fail("cannot-boot", "{}", obstacle);
  context.reply.field("address", Value::address(place.start));
  context.reply.field("size", Value::bytes(place.size()));
  context.reply.field("memory_bytes", Value::bytes(memory->size()));
  context.reply.field("entry", Value::address(memory->start));
  if (file) show_transfer(context.reply, *file);
  context.reply.line("action", "booting");
  context.shell.stop_after_line({.kernel = place});
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
