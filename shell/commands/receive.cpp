// `receive`: takes a file by XMODEM into a block of the heap.
#include <algorithm>
#include <array>

#include "shell/argument_values.hpp"
#include "shell/block_fields.hpp"
#include "shell/failures_on_purpose.hpp"
#include "shell/file_receiver.hpp"
#include "shell/shell.hpp"

namespace heapscope::shell {
namespace {

int run_receive(Context& context, const Arguments& arguments);

constexpr std::array kOptions{
    OptionRecord{.letter = 't',
                 .value_name = "TAG",
                 .help = "a name to list and free it by",
                 .completes = {.kind = Completes::Kind::tag, .values = {}}},
    OptionRecord{.letter = 'p', .value_name = {}, .help = "keep the padding of the last block"},
};
constexpr std::array<std::string_view, 2> kExamples{"receive", "receive -p -t kernel"};
constexpr std::array<std::string_view, 2> kRelated{"boot", "dump"};
constexpr CommandRecord kRecord{
    .name = "receive",
    .usage = "receive [-t TAG] [-p]",
    .summary = "take a file by XMODEM",
    .help =
        "Receives a file by XMODEM, in blocks of 128 bytes or 1K, and allocates a block that "
        "holds it. In picocom, Ctrl-A Ctrl-S sends one. XMODEM fills the last block up with "
        "bytes of 0x1a; all such bytes at the file's end are taken off, unless -p is given. "
        "Ctrl-C, or Ctrl-X twice, gives up. Where no whole file comes, nothing changes.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .run = run_receive,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

int run_receive(Context& context, const Arguments& arguments) {
  Environment& environment = context.environment;
  HandleTable& handles = environment.handles;
  HandleTable::TagId tag = HandleTable::kNoTag;
  if (const auto word = arguments.value_of('t')) {
    int status = kFailed;
    const auto found = read_tag(context, kRecord, *word, status);
    if (!found) return status;
    tag = *found;
  }
  if (handles.size() == handles.capacity()) {
    return context.reply.fail("no-handles", "all {} handles are in use", handles.capacity());
  }
  const auto file = receive_file(context, arguments.has('p') ? Padding::keep : Padding::strip,
                                 environment.heap.stats().free_bytes);
  if (!file) return kFailed;
  const alloc::Layout layout{.size = file->bytes.size()};
  const FailuresOnPurpose on_purpose(environment.heap);
  const auto address = environment.heap.allocate(layout);
  if (!address) {
    return context.reply.fail(
        alloc::error_name(address.error()), "the file's {} bytes {}", layout.size,
        on_purpose.any() ? "were refused on purpose, by fail" : "do not fit in the heap now");
  }
  std::ranges::copy(file->bytes, reinterpret_cast<std::byte*>(*address));
  const auto handle = handles.add(*address, layout.size, layout.align, tag);
  if (handle) show_block(context, *handle);
  show_transfer(context.reply, *file);
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
