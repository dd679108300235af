// `board`: what the firmware says about the board, asked anew each time.
#include <array>
#include <cstdint>
#include <optional>

#include "kernel/board_model.hpp"
#include "kernel/mailbox.hpp"
#include "shell/command.hpp"

namespace heapscope::kernel {
namespace {

using shell::Arguments;
using shell::CommandRecord;
using shell::Context;
using shell::Value;

int run(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 1> kExamples{"board"};
constexpr std::array<std::string_view, 3> kRelated{"version", "atags", "memmap"};
constexpr CommandRecord kRecord{
    .name = "board",
    .usage = "board",
    .summary = "show what the firmware says about the board",
    .help =
        "Asks the firmware for the board's model, revision and serial number, for its own "
        "revision, for how memory is divided between the cores and the GPU, and for the clocks, "
        "the temperature and the throttling as they are now. What it does not answer is left "
        "open. Throttling: bits 0 to 3 are under-voltage, frequency capped, throttled and soft "
        "temperature limit; bits 16 to 19 say that it has happened since the board was reset.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .run = run,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

Value count(std::optional<std::uint32_t> answer) {
  return answer ? Value::count(*answer) : Value::none();
}

Value hexadecimal(std::optional<std::uint64_t> answer) {
  return answer ? Value::address(*answer) : Value::none();
}

std::optional<std::uint32_t> clock_rate(ClockId clock) {
  if (const auto measured = Mailbox::measured_clock(clock)) return measured;
  return Mailbox::nominal_clock(clock);
}

void show_identity(shell::Reply& reply) {
  const auto revision = Mailbox::board_revision();
  reply.field("model", revision ? Value::text(board_model(revision)) : Value::none());
  reply.field("revision", hexadecimal(revision));
  reply.field("serial", hexadecimal(Mailbox::board_serial()));
  reply.field("firmware_revision", hexadecimal(Mailbox::firmware_revision()));
}

void show_memory(shell::Reply& reply) {
  const auto arm = Mailbox::arm_memory();
  reply.field("arm_memory_start", arm ? Value::address(arm->start) : Value::none());
  reply.field("arm_memory_end", arm ? Value::address(arm->end) : Value::none());
  const auto gpu = Mailbox::gpu_memory();
  reply.field("gpu_memory_start", gpu ? Value::address(gpu->start) : Value::none());
  reply.field("gpu_memory_end", gpu ? Value::address(gpu->end) : Value::none());
}

void show_condition(shell::Reply& reply) {
  reply.field("core_clock_hz", count(clock_rate(ClockId::core)));
  reply.field("arm_clock_hz", count(clock_rate(ClockId::arm)));
  reply.field("temperature_millidegrees", count(Mailbox::temperature()));
  reply.field("throttled", hexadecimal(Mailbox::throttled()));
}

int run(Context& context, const Arguments&) {
  show_identity(context.reply);
  show_memory(context.reply);
  show_condition(context.reply);
  return shell::kSuccess;
}

}  // namespace
}  // namespace heapscope::kernel
