// The one workload that runs in the background: on which core, how fast, and what came
// of it. All but stays() is for core 0.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/text_sink.hpp"
#include "kernel/background_workload.hpp"
#include "shell/heap_setup.hpp"

namespace heapscope::kernel {

enum class WorkloadState : std::uint8_t {
  none,     ///< There was none yet.
  running,  ///< Or about to end.
  ended,    ///< It did all its operations.
  stopped,  ///< It was told to.
  failed,   ///< Something was wrong with the workload itself.
  faulted,  ///< Its core faulted in the middle of it.
};

/// The state's name in scripts and JSON.
[[nodiscard]] std::string_view state_name(WorkloadState state);

class WorkloadCore final : public shell::HeapTenant {
 public:
  struct Options {
    std::uint32_t core = 1;
    std::uint64_t rate = 0;  ///< Operations in a second; 0: as many as possible.
    bool keep = false;       ///< Whether its blocks stay when it ends.
  };

  constexpr WorkloadCore() = default;

  /// Begins to play on the kernel's heap; false where the core cannot be had. There must
  /// be none that stays().
  [[nodiscard]] bool start(const BackgroundPlan& plan, const Options& options);

  /// Whether it runs; what it has written is seen when it does not any more.
  [[nodiscard]] bool running() const;
  /// Whether it runs or holds blocks.
  [[nodiscard]] bool stays() const override;

  /// It is to end soon, within some 20 milliseconds and the time that freeing takes.
  void ask_to_stop(bool keep);
  /// Frees what it holds. It must not run.
  void release();

  [[nodiscard]] WorkloadState state();
  /// Why it failed or faulted; empty else.
  [[nodiscard]] std::string_view reason();
  [[nodiscard]] const BackgroundPlan& plan() const { return workload_.plan(); }
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] BackgroundCounts counts() const { return workload_.counts(); }
  /// Since it began, or as long as it ran.
  [[nodiscard]] std::uint64_t microseconds();

  /// Whether it ended by itself, and nobody was told.
  [[nodiscard]] bool has_notice() { return !told_ && state() != WorkloadState::running; }
  /// Writes one line about it, without its end.
  void take_notice(TextSink& out);
  /// Somebody is told in another way.
  void drop_notice() { told_ = true; }

 private:
  static void run(void* it);
  void play();
  void settle();

  BackgroundWorkload workload_;
  Options options_;
  std::uint64_t began_ = 0;  // In ticks.
  std::uint64_t ended_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> keep_{false};
  std::atomic<bool> finished_{false};  // By itself or when asked, in any case not by a fault.
  WorkloadState state_ = WorkloadState::none;
  FixedText<120> reason_;
  bool told_ = true;
};

/// The one there is.
[[nodiscard]] WorkloadCore& workload_core();
namespace detail {
/// Set by workload_core().
inline constinit WorkloadCore* asked_for = nullptr;
}  // namespace detail

/// The same, or null as long as nobody has asked for it: for who asks often.
[[nodiscard]] inline WorkloadCore* workload_core_if_any() { return detail::asked_for; }

}  // namespace heapscope::kernel
