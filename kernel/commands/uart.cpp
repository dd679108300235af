// `uart`: how the serial line is set up, and what was lost on it: by these figures
// a user tells a lossy line from a broken program.
#include <array>

#include "kernel/serial.hpp"
#include "shell/command.hpp"

namespace heapscope::kernel {
namespace {

using shell::Arguments;
using shell::CommandRecord;
using shell::Context;
using shell::Value;

int run(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 1> kExamples{"uart"};
constexpr std::array<std::string_view, 2> kRelated{"board", "version"};
constexpr CommandRecord kRecord{
    .name = "uart",
    .usage = "uart",
    .summary = "show the serial line's speed and losses",
    .help =
        "The baud rate is made from the core clock: as the firmware measured it, else the nominal "
        "one, else one that is assumed. How far off it is comes in basis points (0.01 %); a line "
        "stands about 200. Lost input: overruns, each of one byte or more, where the kernel was "
        "too slow, and ring_overflows, where nobody read. Lost output: unsent. attentions counts "
        "Ctrl-C, stops how often the other side was told to stop (XOFF), and waiting the bytes of "
        "input behind this command.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .safe_in_panic = true,
    .run = run,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

std::string_view source_name(ClockSource source) {
  switch (source) {
    case ClockSource::measured:
      return "measured";
    case ClockSource::nominal:
      return "nominal";
    case ClockSource::assumed:
      return "assumed";
  }
  return {};
}

void show_setup(shell::Reply& reply, const LineSetup& setup) {
  reply.field("core_clock_hz", Value::count(setup.clock.hz));
  reply.field("clock_source", Value::text(source_name(setup.clock.source)));
  reply.field("divisor", Value::count(setup.rate.divisor));
  reply.field("baud", Value::count(setup.rate.baud));
  reply.field("error_basis_points", Value::signed_count(setup.rate.error_basis_points));
}

void show_counters(shell::Reply& reply, const uart::MiniUartCounters& counters) {
  reply.field("received", Value::count(counters.received));
  reply.field("sent", Value::count(counters.sent));
  reply.field("overruns", Value::count(counters.overruns));
  reply.field("ring_overflows", Value::count(counters.ring_overflows));
  reply.field("unsent", Value::count(counters.unsent));
  reply.field("attentions", Value::count(counters.attentions));
}

int run(Context& context, const Arguments&) {
  show_setup(context.reply, serial().setup());
  show_counters(context.reply, serial().counters());
  context.reply.field("stops", Value::count(serial().stops()));
  context.reply.field("waiting", Value::count(serial().waiting()));
  return shell::kSuccess;
}

}  // namespace
}  // namespace heapscope::kernel
