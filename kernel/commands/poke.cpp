// `poke`: writes memory or a register.
#include <array>

#include "kernel/commands/memory_access.hpp"

namespace heapscope::kernel {
namespace {

using shell::Value;

int run(shell::Context& context, const shell::Arguments& arguments);

constexpr std::array kOptions{kWidthOption};
constexpr std::array<std::string_view, 1> kExamples{"poke a1 0xdeadbeef"};
constexpr std::array kArguments{shell::Completes{.kind = shell::Completes::Kind::block},
                                shell::Completes{}};
constexpr std::array<std::string_view, 2> kRelated{"peek", "fill"};
constexpr shell::CommandRecord kRecord{
    .name = "poke",
    .usage = "poke ADDRESS VALUE [-w BYTES]",
    .summary = "write memory or a register",
    .help =
        "One access of the width given, 4 bytes if none is. ADDRESS may be a handle. The "
        "kernel's code and constants cannot be written; all else can, and it is on you what "
        "becomes of it.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run,
};
[[gnu::used, gnu::section("heapscope_commands")]] const shell::CommandRecord* const kRegistered =
    &kRecord;

int run(shell::Context& context, const shell::Arguments& arguments) {
  int status = shell::kSuccess;
  const auto access = read_access(context, kRecord, arguments, status);
  if (!access) return status;
  const auto value =
      shell::read_number(context, kRecord, arguments[1], "VALUE", 0, largest_in(access->width));
  if (!value) return shell::kWrongUsage;
  store(access->address, access->width, *value);
  context.reply.field("address", Value::address(access->address));
  context.reply.field("bytes", Value::count(access->width));
  context.reply.field("value", Value::address(*value));
  return shell::kSuccess;
}

}  // namespace
}  // namespace heapscope::kernel
