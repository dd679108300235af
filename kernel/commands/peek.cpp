// `peek`: reads memory or a register.
#include <array>

#include "kernel/commands/memory_access.hpp"

namespace heapscope::kernel {
namespace {

using shell::Value;

int run(shell::Context& context, const shell::Arguments& arguments);

constexpr std::array kOptions{kWidthOption};
constexpr std::array<std::string_view, 2> kExamples{"peek 0x80000", "peek 0x80000 -w 8"};
constexpr std::array kArguments{shell::Completes{.kind = shell::Completes::Kind::block}};
constexpr std::array<std::string_view, 2> kRelated{"poke", "dump"};
constexpr shell::CommandRecord kRecord{
    .name = "peek",
    .usage = "peek ADDRESS [-w BYTES]",
    .summary = "read memory or a register",
    .help =
        "One access of the width given, 4 bytes if none is. ADDRESS may be a handle. Reading "
        "where nothing is mapped is reported and does no harm.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 1,
    .max_arguments = 1,
    .safe_in_panic = true,
    .run = run,
};
[[gnu::used, gnu::section("heapscope_commands")]] const shell::CommandRecord* const kRegistered =
    &kRecord;

int run(shell::Context& context, const shell::Arguments& arguments) {
  int status = shell::kSuccess;
  const auto access = read_access(context, kRecord, arguments, status);
  if (!access) return status;
  const std::uint64_t value = load(access->address, access->width);
  context.reply.field("address", Value::address(access->address));
  context.reply.field("bytes", Value::count(access->width));
  context.reply.field("value", Value::address(value));
  return shell::kSuccess;
}

}  // namespace
}  // namespace heapscope::kernel
