// A whole shell for tests: a heap in memory at addresses like the board's, boot
// tags, and a fake console and machine around it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alloc/bin_allocator.hpp"
#include "alloc/bump_allocator.hpp"
#include "alloc/first_fit_allocator.hpp"
#include "alloc/hardened_allocator.hpp"
#include "alloc/locked_heap.hpp"
#include "alloc/no_lock.hpp"
#include "fake_console.hpp"
#include "json.hpp"
#include "shell/shell.hpp"

namespace heapscope::shell::test {

/// Memory at an address below 4 GiB, as a board has it, so that what is printed
/// looks as it does there. Unmapped on both sides; costs nothing until touched.
class LowMemory {
 public:
  explicit LowMemory(std::uint64_t size);
  ~LowMemory();
  LowMemory(const LowMemory&) = delete;
  LowMemory& operator=(const LowMemory&) = delete;

  [[nodiscard]] Range range() const { return range_; }

 private:
  Range range_;
};

/// A machine that only notes what it is told to do.
class FakePlatform final : public Platform {
 public:
  static constexpr std::uint64_t kUptime = 1'234'567;

  explicit FakePlatform(FakeConsole& console) : console_(console) {}

  std::uint64_t uptime_us() override { return kUptime + console_.waited_us(); }
  [[nodiscard]] std::uint64_t microseconds_at(std::uint64_t ticks) const override {
    return ticks / 2;
  }
  [[nodiscard]] std::uint64_t nanoseconds_of(std::uint64_t ticks) const override {
    return ticks * 500;
  }
  /// The callers of a path are its bytes.
  bool write_caller(TextSink& out, alloc::CallPath path, std::size_t number) const override {
    const std::uint64_t caller = number < 3 ? path >> (8 * number) & 0xff : 0;
    if (caller == 0) return false;
    format(out, "function{}+{:#x}", caller, caller);
    return true;
  }
  /// Each look costs 10 microseconds, 100 cycles and 50 instructions.
  Counts counts() override {
    ++looks_;
    return {.microseconds = looks_ * 10, .cycles = looks_ * 100, .instructions = looks_ * 50};
  }
  [[nodiscard]] Counts boot_counts() const override {
    return {.microseconds = 7, .cycles = 70, .instructions = 35};
  }
  std::optional<Fault> run_guarded(Work& work, TextSink* details) override {
    if (call_next_) std::exchange(call_next_, nullptr)();
    work.run();
    if (!fault_next_) return std::nullopt;
    fault_next_ = false;
    if (details != nullptr) details->write("registers\n");
    Fault fault;
    fault.summary.write("data abort at 0x50000000");
    return fault;
  }
  /// The next command faults when all else of it is done.
  void fault_next() { fault_next_ = true; }
  /// `what` happens when the next command is about to run.
  void call_next(std::function<void()> what) { call_next_ = std::move(what); }
  std::string_view board() const override { return "Raspberry Pi 3 Model B"; }
  BuildInfo build() const override {
    return {.version = "0.1.0", .revision = "1a2b3c4d5e6f", .compiler = "GCC 12.2.0"};
  }
  bool has_notice() override { return !notices_.empty(); }
  void take_notice(TextSink& out) override {
    out.write(notices_.front());
    notices_.erase(notices_.begin());
  }
  /// Something happens that no command tells.
  void notice(std::string text) { notices_.push_back(std::move(text)); }
  void poweroff(std::uint8_t status) override { note("poweroff " + std::to_string(status)); }
  void reboot() override { note("reboot"); }
  [[nodiscard]] std::uint64_t kernel_address() const override { return 0x8'0000; }
  [[nodiscard]] std::string_view boot_obstacle(Range, Range memory) override {
    kernel_memory_ = memory;
    return boot_obstacle_;
  }
  void boot(Range image) override { note("boot " + std::to_string(image.size())); }
  /// What stands in the way of every boot from now on.
  void obstruct_boot(std::string_view obstacle) { boot_obstacle_ = obstacle; }
  /// What the kernel that was to be started last takes.
  [[nodiscard]] Range kernel_memory() const { return kernel_memory_; }

  /// What it was told, in order.
  [[nodiscard]] const std::vector<std::string>& events() const { return events_; }
  /// What had been printed when it was told last.
  [[nodiscard]] const std::string& output_before() const { return output_before_; }

 private:
  void note(std::string event) {
    events_.push_back(std::move(event));
    output_before_ = console_.output();
  }

  std::vector<std::string> notices_;
  std::uint64_t looks_ = 0;
  bool fault_next_ = false;
  std::function<void()> call_next_;
  std::string_view boot_obstacle_;
  Range kernel_memory_;
  FakeConsole& console_;
  std::vector<std::string> events_;
  std::string output_before_;
};

/// No lock, and a machine whose clock moves on with each look; what it tells can be set.
struct WitnessedLock : alloc::NoLock {
  struct Witness {
    static inline std::uint64_t now = 1000;
    static inline std::uint64_t on_core = 0;
    static inline alloc::CallPath called_by = 0x030201;

    static std::uint64_t ticks() { return now += 2; }
    static std::uint64_t core() { return on_core; }
    static alloc::CallPath path(const void*) { return called_by; }
    static std::uint64_t cycles() { return now * 10; }
    static std::uint64_t instructions() { return now * 5; }
  };
};

/// The reply to one command in json mode, its parts checked for their types.
struct JsonReply {
  std::string command;
  std::uint64_t status = 0;
  Json result;  ///< null where the command failed.
  Json error;   ///< null where it succeeded.

  [[nodiscard]] std::string kind() const { return error["kind"].text(); }
  [[nodiscard]] std::string message() const { return error["message"].text(); }
};

/// Reads one line of json mode, without its line end. Throws JsonError where it
/// is not what DESIGN.md promises.
[[nodiscard]] JsonReply read_reply(std::string_view line);

/// An address as JSON has it, "0x1f0", and as plain text does, "0x000001f0".
[[nodiscard]] std::string hex(std::uint64_t address);
[[nodiscard]] std::string hex8(std::uint64_t address);

/// `text` with every CRLF as "\n". Throws where a CR or LF stands alone.
[[nodiscard]] std::string with_plain_newlines(std::string_view text);

/// The lines of a text each of whose lines ends in "\n". Throws where the last
/// one does not.
[[nodiscard]] std::vector<std::string> split_lines(std::string_view text);

struct RigOptions {
  Mode mode = Mode::plain;
  std::string_view allocator = "bin";
  std::optional<std::uint64_t> heap_bytes = std::nullopt;
  std::uint64_t memory_bytes = std::uint64_t{4} << 20;
  std::string_view command_line = "console=ttyS0,115200 heap.allocator=bin";
  /// The boot tags, where they are to be others than CORE, MEM, CMDLINE, NONE.
  std::vector<std::uint32_t> tags = {};
  Purpose purpose = Purpose::usual;
  /// For the records of the heap's instruments.
  std::size_t record_bytes = std::size_t{1} << 20;
};

class ShellRig {
 public:
  explicit ShellRig(const RigOptions& options = {});

  /// Types bytes, lets the shell act on all of them, and returns what it sent.
  std::string type(std::string_view bytes);
  /// Presses Ctrl-C, and returns what the shell sent.
  std::string ctrl_c();

  /// Types a line in plain mode and returns the replies, without echo and prompt
  /// (which are checked) and with "\n" at the ends of lines.
  std::string plain(std::string_view line);
  /// Types a line in json mode and returns its replies.
  std::vector<JsonReply> json_lines(std::string_view line);
  /// The same for a line that gives exactly one.
  JsonReply json(std::string_view line);
  /// The status of the last command, as $? shows it.
  std::string status();
  /// Runs a line in whichever mode; its output is dropped.
  int run(std::string_view line);

  /// Changes the mode as a person would; the output is dropped.
  void set_mode(Mode mode);

  /// What the shell's commands can reach.
  Environment& environment() { return environment_; }

  FakeConsole console;
  FakePlatform platform{console};

 private:
  LowMemory memory_;
  std::vector<std::uint32_t> tags_;

 public:
  atags::BootInfo boot;
  atags::MemoryMap map;
  using RigHeap = alloc::LockedHeap<WitnessedLock, alloc::BumpAllocator, alloc::BinAllocator,
                                    alloc::FirstFitAllocator, alloc::UncheckedBinAllocator,
                                    alloc::Hardened<alloc::BinAllocator>>;
  RigHeap heap;
  RigHeap trial_heap;
  std::vector<std::byte> records;
  HandleTable handles;
  History history;
  HeapSetup setup;
  Variables variables;
  ScriptBuffer typed_script;

 private:
  std::vector<Region> regions_;
  Environment environment_;

 public:
  Shell shell;
};

}  // namespace heapscope::shell::test
