// One transfer from the words to the person to the silence behind it.
#include "shell/file_receiver.hpp"

#include <algorithm>

#include "shell/shell.hpp"
#include "shell/xmodem.hpp"

namespace heapscope::shell {
namespace {

/// More than the receiver needs beyond the file itself.
constexpr std::uint64_t kSpareBytes = 2048;

/// How long the line must be silent behind a transfer, and how long that is waited for.
constexpr std::uint64_t kSilenceUs = 300'000;
constexpr std::uint64_t kMostSilenceUs = 10'000'000;

class RawLine {
 public:
  explicit RawLine(Console& line) : line_(line) { line_.set_raw(true); }
  ~RawLine() { line_.set_raw(false); }
  RawLine(const RawLine&) = delete;
  RawLine& operator=(const RawLine&) = delete;

 private:
  Console& line_;
};

/// Runs the transfer to its end. Returns when its first block was there.
///
/// The sender waits for an answer behind every block, so that never more waits to be
/// read than what it sends for all requests that it finds at once, a few KiB: too little
/// for the line to ask it to stop by a byte that the protocol does not know.
std::uint64_t transfer(Console& line, Platform& platform, XmodemReceiver& receiver) {
  std::uint64_t before = platform.uptime_us();
  std::uint64_t begun = before;
  while (receiver.state() == XmodemState::running) {
    const auto byte = line.read();
    const std::uint64_t now = platform.uptime_us();
    line.write(byte ? receiver.feed(*byte) : receiver.pass(now - before));
    if (receiver.blocks() == 0) begun = now;
    before = now;
    if (!byte && receiver.state() == XmodemState::running) line.wait(receiver.patience());
  }
  return begun;
}

/// Nothing of what a sender says last is to be taken for a command.
void await_silence(Console& line, Platform& platform) {
  const std::uint64_t start = platform.uptime_us();
  std::uint64_t heard = start;
  for (std::uint64_t now = start; now - start < kMostSilenceUs; now = platform.uptime_us()) {
    if (line.read()) {
      heard = now;
    } else if (now - heard >= kSilenceUs) {
      return;
    } else {
      line.wait(kSilenceUs);
    }
  }
}

struct Failure {
  XmodemState state;
  std::string_view kind;
  std::string_view text;
};
constexpr std::array kFailures{
    Failure{XmodemState::cancelled, "cancelled", "the sender gave up"},
    Failure{XmodemState::interrupted, "interrupted", "interrupted"},
    Failure{XmodemState::no_sender, "no-sender", "nobody has sent anything for a minute"},
    Failure{XmodemState::silence, "silence", "the sender has stopped"},
    Failure{XmodemState::damaged, "damaged", "a block arrived damaged each time"},
    Failure{XmodemState::out_of_step, "out-of-step", "a block is missing"},
    Failure{XmodemState::other_protocol, "protocol", "that was YMODEM: send by XMODEM (sx)"},
    Failure{XmodemState::too_large, "too-large", "there is not enough memory for the file"},
};

void report(Context& context, XmodemState state) {
  const auto failure = std::ranges::find(kFailures, state, &Failure::state);
  if (failure == kFailures.end()) return;
  if (state == XmodemState::interrupted) context.shell.interrupt();
  context.reply.fail(failure->kind, "{}; nothing has changed", failure->text);
}

}  // namespace

std::optional<ReceivedFile> receive_file(Context& context, Padding padding, std::uint64_t most) {
  Environment& environment = context.environment;
  Console& line = context.shell.console();
  const Range workspace = environment.setup.workspace();
  const std::uint64_t room =
      std::min(workspace.size(), most > UINT64_MAX - kSpareBytes ? most : most + kSpareBytes);
  XmodemReceiver receiver(
      {reinterpret_cast<std::byte*>(workspace.start), static_cast<std::size_t>(room)});
  context.reply.progress(
      "Send the file by XMODEM now, from picocom with Ctrl-A Ctrl-S; Ctrl-C gives up.");
  std::uint64_t begun = 0;
  std::uint64_t ended = 0;
  {
    const RawLine raw(line);
    // A Ctrl-C from before is still one; from here on it is a byte, which the receiver
    // knows: there is no moment in between.
    if (context.interrupted()) {
      report(context, XmodemState::interrupted);
      return std::nullopt;
    }
    begun = transfer(line, environment.platform, receiver);
    ended = environment.platform.uptime_us();
    await_silence(line, environment.platform);
  }
  // Whatever the sender and the requests to it left in the line that a person sees.
  if (context.shell.mode() != Mode::json) line.write("\r\n");
  if (receiver.state() != XmodemState::complete) {
    report(context, receiver.state());
    return std::nullopt;
  }
  const auto bytes = padding == Padding::keep ? receiver.data() : receiver.unpadded();
  if (bytes.size() > most) {
    report(context, XmodemState::too_large);
    return std::nullopt;
  }
  if (bytes.empty()) {
    context.reply.fail("empty", "the file is empty; nothing has changed");
    return std::nullopt;
  }
  return ReceivedFile{.bytes = bytes,
                      .blocks = receiver.blocks(),
                      .retries = receiver.retries(),
                      .microseconds = ended - begun,
                      .crc = receiver.uses_crc()};
}

void show_transfer(Reply& reply, const ReceivedFile& file) {
  reply.field("received_blocks", Value::count(file.blocks));
  reply.field("retries", Value::count(file.retries));
  reply.field("check", Value::text(file.crc ? "crc" : "checksum"));
  reply.field("microseconds", Value::count(file.microseconds));
}

}  // namespace heapscope::shell
