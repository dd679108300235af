// A workload that goes on while others look: plays a few operations at a time, begins
// again at its end, and tells every core how far it is. Pure computation over a heap.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "alloc/workload/generator.hpp"
#include "alloc/workload/player.hpp"
#include "alloc/workload/trace_reader.hpp"

namespace heapscope::kernel {

/// What is to be played.
struct BackgroundPlan {
  std::string_view name;
  const workload::GeneratorRecord* generator = nullptr;  ///< Null for a trace.
  std::string_view trace = {};                           ///< Stays where it is.
  std::uint64_t seed = 1;                                ///< Of the generator.
  std::uint64_t limit = UINT64_MAX;                      ///< Operations in all.
  bool verify = false;                   ///< Whether blocks are filled and looked at again.
  std::span<workload::Slot> slots = {};  ///< Stay the workload's until all is freed.
};

/// How far it is.
struct BackgroundCounts {
  std::uint64_t operations = 0;
  std::uint64_t rounds = 0;  ///< How often the workload has come to its end.
  std::uint64_t live_blocks = 0;
  std::uint64_t live_bytes = 0;  ///< As asked for.
  std::uint64_t failures = 0;    ///< Allocations and reallocations that were refused.
  std::uint64_t damaged = 0;     ///< Frees that were refused, blocks with other contents.
};

class BackgroundWorkload final : private workload::Observer {
 public:
  constexpr BackgroundWorkload() = default;

  /// Begins anew; it must not hold any blocks.
  void begin(alloc::Heap& heap, const BackgroundPlan& plan);

  /// Plays up to `most` operations, at least 1; false where there are no more. At the
  /// workload's end all blocks are freed, and it begins again.
  [[nodiscard]] bool work(std::uint64_t most);

  /// Frees all that it holds. Repeated, it does nothing.
  void release();

  /// The same after a fault in the middle of an operation: nothing is looked at but the
  /// slots, and a block that they say nothing of is left.
  void release_after_fault();

  /// May be asked by any core at any time; each of the figures is right by itself.
  [[nodiscard]] BackgroundCounts counts() const;

  // To be asked when it does not work.
  [[nodiscard]] const BackgroundPlan& plan() const { return plan_; }
  /// What was wrong with the workload, so that it ended.
  [[nodiscard]] const std::optional<workload::TraceError>& error() const { return error_; }

 private:
  bool played(const workload::Operation& operation, const workload::Figures& figures) override;
  void begin_round();
  void publish(const workload::Figures& figures);
  [[nodiscard]] workload::Source& source();

  BackgroundPlan plan_;
  std::optional<workload::HeapTarget> target_;
  std::optional<workload::Generator> generator_;
  std::optional<workload::TraceReader> reader_;
  std::optional<workload::Player> player_;
  std::optional<workload::TraceError> error_;
  std::uint64_t left_ = 0;   // Of this call of work().
  std::uint64_t done_ = 0;   // In all.
  std::uint64_t begun_ = 0;  // As done_ was when this round began.
  // Of the rounds before.
  std::uint64_t failures_before_ = 0;
  std::uint64_t damaged_before_ = 0;

  std::atomic<std::uint64_t> operations_{0};
  std::atomic<std::uint64_t> rounds_{0};
  std::atomic<std::uint64_t> live_blocks_{0};
  std::atomic<std::uint64_t> live_bytes_{0};
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<std::uint64_t> damaged_{0};
};

}  // namespace heapscope::kernel
