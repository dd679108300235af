// `dump`: memory in hexadecimal and as text.
#include <algorithm>
#include <array>

#include "kernel/commands/memory_access.hpp"

namespace heapscope::kernel {
namespace {

using shell::Value;

int run(shell::Context& context, const shell::Arguments& arguments);

constexpr std::array<std::string_view, 2> kExamples{"dump 0x80000", "dump 0x80000 64"};
constexpr std::array kArguments{shell::Completes{.kind = shell::Completes::Kind::block},
                                shell::Completes{}};
constexpr std::array<std::string_view, 2> kRelated{"peek", "heapmap"};
constexpr shell::CommandRecord kRecord{
    .name = "dump",
    .usage = "dump ADDRESS [LENGTH]",
    .summary = "show memory in hexadecimal and as text",
    .help =
        "LENGTH is in bytes, 128 if not given; ADDRESS may be a handle. Memory is read byte by "
        "byte.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 1,
    .max_arguments = 2,
    .safe_in_panic = true,
    .run = run,
};
[[gnu::used, gnu::section("heapscope_commands")]] const shell::CommandRecord* const kRegistered =
    &kRecord;

constexpr std::uint64_t kDefaultLength = 128;
constexpr std::size_t kBytesInRow = 16;

constexpr std::array kColumns{
    shell::Column{.name = "address", .width = 10},
    shell::Column{.name = "bytes", .width = kBytesInRow * 3 - 1},
    shell::Column{.name = "text"},
};

void show_row(shell::Reply& reply, std::uint64_t address, std::size_t count) {
  FixedText<kBytesInRow * 3> bytes;
  FixedText<kBytesInRow> text;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t byte = load(address + i, 1);
    format(bytes, "{}{:02x}", i == 0 ? "" : " ", byte);
    format(text, "{}", byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.');
  }
  reply.begin_item();
  reply.field("address", Value::address(address));
  reply.field("bytes", Value::text(bytes.view()));
  reply.field("text", Value::text(text.view()));
  reply.end_item();
}

int run(shell::Context& context, const shell::Arguments& arguments) {
  const auto place = shell::read_place(context, kRecord, arguments[0]);
  if (!place) return place.error();
  const std::uint64_t address = place->start;
  std::optional<std::uint64_t> length = kDefaultLength;
  if (arguments.size() > 1) {
    length = shell::read_number(context, kRecord, arguments[1], "LENGTH", 1, UINT64_MAX - address);
  }
  if (!length) return shell::kWrongUsage;
  // Where nothing can be read, there is to be an error and no picture.
  (void)load(address, 1);
  context.reply.begin_list("rows", kColumns);
  std::uint64_t done = 0;
  while (done < *length && !context.interrupted()) {
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(kBytesInRow, *length - done));
    show_row(context.reply, address + done, count);
    done += count;
  }
  context.reply.end_list();
  if (done < *length) return context.reply.problem("interrupted", "interrupted");
  return shell::kSuccess;
}

}  // namespace
}  // namespace heapscope::kernel
