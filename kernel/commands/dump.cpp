// `dump`: memory in hexadecimal and as text.
#include <array>

#include "kernel/commands/memory_access.hpp"
#include "shell/hex_rows.hpp"

namespace heapscope::kernel {
namespace {

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
  const std::uint64_t end = address + *length;
  const std::uint64_t shown = shell::show_hex_rows(context, "rows", {.start = address, .end = end});
  if (shown < end) return context.reply.problem("interrupted", "interrupted");
  return shell::kSuccess;
}

}  // namespace
}  // namespace heapscope::kernel
