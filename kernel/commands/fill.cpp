// `fill`: writes one value all over a piece of memory.
#include <array>

#include "kernel/commands/memory_access.hpp"

namespace heapscope::kernel {
namespace {

using shell::Value;

int run(shell::Context& context, const shell::Arguments& arguments);

constexpr std::array kOptions{kWidthOption};
constexpr std::array<std::string_view, 1> kExamples{"fill a1 64 0xaa -w 1"};
constexpr std::array kArguments{shell::Completes{.kind = shell::Completes::Kind::block},
                                shell::Completes{}};
constexpr std::array<std::string_view, 2> kRelated{"poke", "dump"};
constexpr shell::CommandRecord kRecord{
    .name = "fill",
    .usage = "fill ADDRESS LENGTH VALUE [-w BYTES]",
    .summary = "write one value all over a piece of memory",
    .help =
        "LENGTH is in bytes and a multiple of the width, which is 4 if not given. ADDRESS may "
        "be a handle.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 3,
    .max_arguments = 3,
    .run = run,
};
[[gnu::used, gnu::section("heapscope_commands")]] const shell::CommandRecord* const kRegistered =
    &kRecord;

/// How often long work looks for Ctrl-C, in accesses; a power of two.
constexpr std::uint64_t kBetweenChecks = 65'536;

int run(shell::Context& context, const shell::Arguments& arguments) {
  int status = shell::kSuccess;
  const auto access = read_access(context, kRecord, arguments, status);
  if (!access) return status;
  const auto length =
      shell::read_number(context, kRecord, arguments[1], "LENGTH", 0, UINT64_MAX - access->address);
  if (!length) return shell::kWrongUsage;
  if (*length % access->width != 0) {
    return context.reply.refuse(kRecord.usage, "LENGTH: {} is no multiple of {}", *length,
                                access->width);
  }
  const auto value =
      shell::read_number(context, kRecord, arguments[2], "VALUE", 0, largest_in(access->width));
  if (!value) return shell::kWrongUsage;
  for (std::uint64_t done = 0; done < *length; done += access->width) {
    store(access->address + done, access->width, *value);
    if (done / access->width % kBetweenChecks == 0 && context.interrupted()) {
      return context.reply.fail("interrupted", "interrupted after {} bytes", done + access->width);
    }
  }
  context.reply.field("address", Value::address(access->address));
  context.reply.field("length", Value::bytes(*length));
  context.reply.field("value", Value::address(*value));
  return shell::kSuccess;
}

}  // namespace
}  // namespace heapscope::kernel
