// What the shell asks of the machine beyond the heap and the line.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "alloc/witness.hpp"
#include "base/range.hpp"
#include "base/text_sink.hpp"

namespace heapscope::shell {

/// Which build this is.
struct BuildInfo {
  std::string_view version;
  std::string_view revision;  ///< Of the source; "unknown" outside a checkout.
  std::string_view compiler;
};

/// A piece of work that may fault.
class Work {
 public:
  virtual void run() = 0;

 protected:
  ~Work() = default;
};

/// What happened to work that faulted, or that broke a contract in the panic shell.
struct Fault {
  std::string_view kind = "fault";  ///< For scripts.
  FixedText<240> summary;           ///< One line, without its end.
};

/// Running counts, to be subtracted from one another.
struct Counts {
  std::uint64_t microseconds = 0;
  std::uint64_t cycles = 0;
  std::optional<std::uint64_t> instructions;  ///< Nothing where the machine counts none.
};

class Platform {
 public:
  [[nodiscard]] virtual Counts counts() = 0;
  /// What it took from the kernel's start to the first prompt.
  [[nodiscard]] virtual Counts boot_counts() const = 0;
  /// Runs `work`. Where it faults, it is given up, and what happened is returned;
  /// the registers and all that goes with them are written to `details`, if given.
  [[nodiscard]] virtual std::optional<Fault> run_guarded(Work& work, TextSink* details) = 0;
  /// Microseconds since the kernel started.
  [[nodiscard]] virtual std::uint64_t uptime_us() = 0;
  /// The same at a moment that an alloc::CallStamp tells, in ticks of its clock.
  [[nodiscard]] virtual std::uint64_t microseconds_at(std::uint64_t ticks) const = 0;
  /// How many microseconds, and thousandths of one, so many ticks are.
  [[nodiscard]] virtual std::uint64_t nanoseconds_of(std::uint64_t ticks) const = 0;
  /// Writes the caller of that number, 0 the innermost, "name+0x12"; false, and nothing is
  /// written, where the path has no more.
  virtual bool write_caller(TextSink& out, alloc::CallPath path, std::size_t number) const = 0;
  /// The board's name, for people.
  [[nodiscard]] virtual std::string_view board() const = 0;
  [[nodiscard]] virtual BuildInfo build() const = 0;
  /// Whether something happened that no command tells.
  [[nodiscard]] virtual bool has_notice() = 0;
  /// Writes one line about it, without its end.
  virtual void take_notice(TextSink& out) = 0;
  /// Stops the machine, in an emulator with that exit status. Returns only in
  /// tests.
  virtual void poweroff(std::uint8_t status) = 0;
  /// Starts the machine anew. Returns only in tests.
  virtual void reboot() = 0;
  /// Where kernels are put and entered.
  [[nodiscard]] virtual std::uint64_t kernel_address() const = 0;
  /// Why boot(image) would not do for a kernel that takes `memory` once it runs, from
  /// kernel_address() on; empty where it would. Changes nothing.
  [[nodiscard]] virtual std::string_view boot_obstacle(Range image, Range memory) = 0;
  /// Starts the kernel whose image lies there in this one's place, where nothing stands
  /// in the way. Returns only in tests.
  virtual void boot(Range image) = 0;

 protected:
  ~Platform() = default;
};

}  // namespace heapscope::shell
