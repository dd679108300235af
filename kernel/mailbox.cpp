// The mailbox's registers and the layout of a property message.
#include "kernel/mailbox.hpp"

#include <cstddef>

#include "board_constants.hpp"
#include "kernel/clock.hpp"
#include "kernel/mmio.hpp"
#include "kernel/mmu.hpp"

namespace heapscope::kernel {
namespace {

/// Mailbox 0 is read, mailbox 1 is written; each has a status of its own.
struct MailboxRegisters {
  std::uint32_t read;
  std::uint32_t reserved[5];
  std::uint32_t read_status;
  std::uint32_t config;
  std::uint32_t write;
  std::uint32_t reserved_write[5];
  std::uint32_t write_status;
};
static_assert(offsetof(MailboxRegisters, read_status) == 0x18);
static_assert(offsetof(MailboxRegisters, write) == 0x20);
static_assert(offsetof(MailboxRegisters, write_status) == 0x38);
static_assert(sizeof(MailboxRegisters) == 0x3c);

constexpr std::uint32_t kFull = 1U << 31;
constexpr std::uint32_t kEmpty = 1U << 30;
constexpr std::uint32_t kPropertyChannel = 8;
constexpr std::uint32_t kChannelMask = 0xf;
constexpr std::uint32_t kRequest = 0;
constexpr std::uint32_t kAnswered = 0x8000'0000;
constexpr std::uint32_t kTagAnswered = 1U << 31;
constexpr std::uint64_t kPatienceMicroseconds = 500'000;

constexpr std::uint32_t kGetFirmwareRevision = 0x0000'0001;
constexpr std::uint32_t kGetBoardRevision = 0x0001'0002;
constexpr std::uint32_t kGetBoardSerial = 0x0001'0004;
constexpr std::uint32_t kGetArmMemory = 0x0001'0005;
constexpr std::uint32_t kGetGpuMemory = 0x0001'0006;
constexpr std::uint32_t kGetClockRate = 0x0003'0002;
constexpr std::uint32_t kGetTemperature = 0x0003'0006;
constexpr std::uint32_t kGetThrottled = 0x0003'0046;
constexpr std::uint32_t kGetClockRateMeasured = 0x0003'0047;

/// The one sensor that there is.
constexpr std::uint32_t kChipSensor = 0;

/// One tag and the end of the list. The firmware writes the answer over it, so
/// that it has whole cache lines to itself.
struct alignas(64) Message {
  std::uint32_t bytes;
  std::uint32_t code;
  std::uint32_t tag;
  std::uint32_t value_bytes;
  std::uint32_t tag_code;
  std::uint32_t values[2];
  std::uint32_t end;
};
static_assert(sizeof(Message) == 64);

constinit Message message{};

bool wait_while(std::uintptr_t status, std::uint32_t bit) {
  const Stopwatch waited;
  while ((Mmio::read(kBoard.mailbox + status) & bit) != 0) {
    if (waited.microseconds() > kPatienceMicroseconds) return false;
  }
  return true;
}

/// Sends the message and waits until it comes back.
bool exchange() {
  const auto address = reinterpret_cast<std::uintptr_t>(&message);
  const auto letter = static_cast<std::uint32_t>(address | kBoard.gpu_alias) | kPropertyChannel;
  if (!wait_while(offsetof(MailboxRegisters, write_status), kFull)) return false;
  clean_and_invalidate(std::as_bytes(std::span(&message, 1)));
  Mmio::write(kBoard.mailbox + offsetof(MailboxRegisters, write), letter);
  const Stopwatch waited;
  while (waited.microseconds() <= kPatienceMicroseconds) {
    if (!wait_while(offsetof(MailboxRegisters, read_status), kEmpty)) return false;
    const std::uint32_t answer = Mmio::read(kBoard.mailbox + offsetof(MailboxRegisters, read));
    // Letters of other channels are not for us; nobody else waits for them.
    if ((answer & kChannelMask) == kPropertyChannel && answer == letter) {
      // The firmware wrote to memory behind the cache's back.
      clean_and_invalidate(std::as_bytes(std::span(&message, 1)));
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<Mailbox::Values> Mailbox::ask(std::uint32_t tag, Values values,
                                            std::uint32_t answer_words) {
  volatile Message& buffer = message;
  buffer.bytes = sizeof(Message);
  buffer.code = kRequest;
  buffer.tag = tag;
  buffer.value_bytes = sizeof(Values);
  buffer.tag_code = 0;
  buffer.values[0] = values[0];
  buffer.values[1] = values[1];
  buffer.end = 0;
  if (!exchange()) return std::nullopt;
  const std::uint32_t tag_code = buffer.tag_code;
  const bool complete = (tag_code & ~kTagAnswered) >= answer_words * sizeof(std::uint32_t);
  if (buffer.code != kAnswered || (tag_code & kTagAnswered) == 0 || !complete) {
    return std::nullopt;
  }
  return Values{buffer.values[0], buffer.values[1]};
}

std::optional<std::uint32_t> Mailbox::ask_word(std::uint32_t tag) {
  // The zeros matter: a mask in their place would clear bits of kGetThrottled.
  const auto values = ask(tag, {0, 0}, 1);
  if (!values) return std::nullopt;
  return (*values)[0];
}

std::optional<std::uint32_t> Mailbox::ask_about(std::uint32_t tag, std::uint32_t id) {
  const auto values = ask(tag, {id, 0}, 2);
  // The firmware answers 0 where it does not know the clock or sensor.
  if (!values || (*values)[1] == 0) return std::nullopt;
  return (*values)[1];
}

std::optional<Range> Mailbox::ask_range(std::uint32_t tag) {
  const auto values = ask(tag, {0, 0}, 2);
  if (!values || (*values)[1] == 0) return std::nullopt;
  const std::uint64_t start = (*values)[0];
  return Range{.start = start, .end = start + (*values)[1]};
}

std::optional<std::uint32_t> Mailbox::measured_clock(ClockId clock) {
  return ask_about(kGetClockRateMeasured, static_cast<std::uint32_t>(clock));
}

std::optional<std::uint32_t> Mailbox::nominal_clock(ClockId clock) {
  return ask_about(kGetClockRate, static_cast<std::uint32_t>(clock));
}

std::optional<Range> Mailbox::arm_memory() { return ask_range(kGetArmMemory); }

std::optional<Range> Mailbox::gpu_memory() { return ask_range(kGetGpuMemory); }

std::optional<std::uint32_t> Mailbox::board_revision() { return ask_word(kGetBoardRevision); }

std::optional<std::uint64_t> Mailbox::board_serial() {
  const auto values = ask(kGetBoardSerial, {0, 0}, 2);
  if (!values) return std::nullopt;
  return std::uint64_t{(*values)[1]} << 32 | (*values)[0];
}

std::optional<std::uint32_t> Mailbox::firmware_revision() { return ask_word(kGetFirmwareRevision); }

std::optional<std::uint32_t> Mailbox::temperature() {
  return ask_about(kGetTemperature, kChipSensor);
}

std::optional<std::uint32_t> Mailbox::throttled() { return ask_word(kGetThrottled); }

}  // namespace heapscope::kernel
