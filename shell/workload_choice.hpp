// Which workload a command is to play: one of the generators or the trace in the
// initrd, chosen by its arguments.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "alloc/workload/generator.hpp"
#include "alloc/workload/player.hpp"
#include "alloc/workload/trace_reader.hpp"
#include "shell/command.hpp"

namespace heapscope::shell {

inline constexpr OptionRecord kSeedOption{
    .letter = 's', .value_name = "SEED", .help = "of a generator, 1 if not given"};
inline constexpr OptionRecord kOperationsOption{
    .letter = 'n', .value_name = "OPERATIONS", .help = "at most; a generator's are 20000"};

/// The trace in the initrd; nothing where there is none.
[[nodiscard]] std::optional<std::string_view> initrd_trace(const Environment& environment);

/// A workload that was found by its name.
struct NamedWorkload {
  std::string_view name;                                 ///< Stays what it is.
  const workload::GeneratorRecord* generator = nullptr;  ///< Null for a trace.
  std::string_view trace;                                ///< Empty for a generator.
};

/// The generator of that name, or the trace in the initrd. Nothing, with the command's
/// `status`, where the call has been refused.
[[nodiscard]] std::optional<NamedWorkload> find_workload(Context& context,
                                                         const CommandRecord& command,
                                                         std::string_view word, int& status);

/// What a workload does where nothing fails: plays it on nothing, with all of
/// HeapSetup::workspace(). Nothing where something is wrong with it or Ctrl-C came; the
/// command has failed then.
[[nodiscard]] std::optional<workload::Figures> survey(Context& context, std::string_view name,
                                                      workload::Source& source);

/// A workload that can be played again and again. There is one at a time, and it
/// works in HeapSetup::workspace().
class WorkloadChoice {
 public:
  /// Reads the first argument, -s and -n; a trace is read to its end to see
  /// whether anything is wrong with it. Nothing, with the command's `status`,
  /// where the call has been refused.
  [[nodiscard]] static std::optional<WorkloadChoice> read(Context& context,
                                                          const CommandRecord& command,
                                                          const Arguments& arguments, int& status);

  [[nodiscard]] std::string_view name() const { return workload_.name; }
  /// Nothing for a trace.
  [[nodiscard]] std::optional<std::uint64_t> seed() const;
  /// What it does where nothing fails.
  [[nodiscard]] const workload::Figures& needs() const { return needs_; }
  /// Slots for all its blocks.
  [[nodiscard]] std::span<workload::Slot> slots() const { return slots_; }
  /// What is left of the workspace.
  [[nodiscard]] Range room() const { return room_; }

  /// The workload from its beginning.
  [[nodiscard]] workload::Source& begin();

 private:
  /// Ends after a number of operations.
  class Limited final : public workload::Source {
   public:
    Limited() = default;
    Limited(workload::Source& source, std::uint64_t limit) : source_(&source), left_(limit) {}
    Result<std::optional<workload::Operation>, workload::TraceError> next() override {
      if (left_ == 0) return std::nullopt;
      --left_;
      return source_->next();
    }
    [[nodiscard]] std::uint64_t position() const override { return source_->position(); }

   private:
    workload::Source* source_ = nullptr;
    std::uint64_t left_ = 0;
  };

  WorkloadChoice() : reader_({}) {}

  NamedWorkload workload_;
  std::uint64_t seed_ = 1;
  std::uint64_t limit_ = 0;
  workload::TraceReader reader_;
  Limited source_;
  workload::Figures needs_;
  std::span<workload::Slot> slots_;
  Range room_;
};

/// Looks for Ctrl-C while workloads are played, and shows people how far it is.
class PlayWatch final : public workload::Observer {
 public:
  /// `what` is what is being played on.
  PlayWatch(Context& context, std::string_view what);

  bool played(const workload::Operation& operation, const workload::Figures& figures) override;
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  Context& context_;
  std::string_view what_;
  std::uint64_t played_ = 0;
  std::uint64_t next_progress_us_;
  bool stopped_ = false;
};

}  // namespace heapscope::shell
