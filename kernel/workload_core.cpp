// The core that plays sleeps between its operations. Core 0 finds out by looking that it
// has ended.
#include "kernel/workload_core.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "kernel/clock.hpp"
#include "kernel/cores.hpp"
#include "kernel/doze.hpp"
#include "kernel/heap.hpp"
#include "kernel/pacer.hpp"

namespace heapscope::kernel {
namespace {

/// Operations between two looks at the time and at whether to stop.
constexpr std::uint64_t kAtOnce = 64;
/// A sleep shorter than this costs more than it spares; after a longer one than that a
/// stop would be late.
constexpr std::uint64_t kShortestDoze = 50;
constexpr std::uint64_t kLongestDoze = 20'000;

// Made when it is first asked for, so that it takes no room in the image.
constinit std::optional<WorkloadCore> the_workload;

std::uint32_t doze_for(std::uint64_t ticks) {
  return static_cast<std::uint32_t>(
      std::clamp(ticks_in(ticks, 1'000'000), kShortestDoze, kLongestDoze));
}

}  // namespace

WorkloadCore& workload_core() {
  if (!the_workload) [[unlikely]]
    detail::asked_for = &the_workload.emplace();
  return *the_workload;
}

std::string_view state_name(WorkloadState state) {
  static constexpr std::array<std::string_view, 6> kNames{"none",    "running", "ended",
                                                          "stopped", "failed",  "faulted"};
  return kNames[static_cast<std::size_t>(state)];
}

bool WorkloadCore::start(const BackgroundPlan& plan, const Options& options) {
  options_ = options;
  stopping_.store(false, std::memory_order_relaxed);
  keep_.store(options.keep, std::memory_order_relaxed);
  finished_.store(false, std::memory_order_relaxed);
  workload_.begin(heap(), plan);
  began_ = read_counter();
  if (!start_work(options.core, run, this)) return false;
  state_ = WorkloadState::running;
  reason_.clear();
  told_ = false;
  return true;
}

void WorkloadCore::run(void* it) { static_cast<WorkloadCore*>(it)->play(); }

void WorkloadCore::play() {
  Pacer pacer(options_.rate, ticks_per_second(), read_counter());
  while (!stopping_.load(std::memory_order_relaxed)) {
    const std::uint64_t now = read_counter();
    const std::uint64_t due = std::min(pacer.due(now), kAtOnce);
    if (due == 0) {
      doze(doze_for(pacer.until_next(now)));
      continue;
    }
    if (!workload_.work(due)) break;
    pacer.did(due);
  }
  if (!keep_.load(std::memory_order_relaxed)) workload_.release();
  ended_ = read_counter();
  finished_.store(true, std::memory_order_release);
}

bool WorkloadCore::running() const {
  return state_ == WorkloadState::running && is_working_on(options_.core, run);
}

bool WorkloadCore::stays() const { return running() || workload_.counts().live_blocks > 0; }

void WorkloadCore::ask_to_stop(bool keep) {
  if (keep) keep_.store(true, std::memory_order_relaxed);
  stopping_.store(true, std::memory_order_relaxed);
}

void WorkloadCore::release() {
  settle();
  if (state_ == WorkloadState::faulted) return workload_.release_after_fault();
  workload_.release();
}

/// Finds out what became of it, once.
void WorkloadCore::settle() {
  if (running()) return;
  end_work();
  if (state_ != WorkloadState::running) return;
  const bool asked = stopping_.load(std::memory_order_relaxed);
  state_ = asked ? WorkloadState::stopped : WorkloadState::ended;
  if (!finished_.load(std::memory_order_acquire)) {
    state_ = WorkloadState::faulted;
    ended_ = read_counter();
    if (const auto fault = core_fault(options_.core)) describe_fault(reason_, *fault);
  } else if (const auto& error = workload_.error()) {
    state_ = WorkloadState::failed;
    format(reason_, "{} {} {}", plan().generator != nullptr ? "operation" : "line", error->position,
           workload::fault_text(error->fault));
  }
}

WorkloadState WorkloadCore::state() {
  settle();
  return state_;
}

std::string_view WorkloadCore::reason() {
  settle();
  return reason_.view();
}

std::uint64_t WorkloadCore::microseconds() {
  const std::uint64_t end = state() == WorkloadState::running ? read_counter() : ended_;
  return ticks_in(end - began_, 1'000'000);
}

void WorkloadCore::take_notice(TextSink& out) {
  told_ = true;
  format(out, "the workload {} has {} after {} operations", plan().name, state_name(state_),
         counts().operations);
  if (!reason_.view().empty()) format(out, ": {}", reason_.view());
}

}  // namespace heapscope::kernel
