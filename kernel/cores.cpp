// Who does what on which core. Every record is written by its own core, but for
// the work that it is given.
#include "kernel/cores.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <span>
#include <utility>

#include "board_constants.hpp"
#include "kernel/clock.hpp"
#include "kernel/core_signals.hpp"
#include "kernel/cpu.hpp"
#include "kernel/doze.hpp"
#include "kernel/heap.hpp"
#include "kernel/image.hpp"
#include "kernel/mmu.hpp"
#include "kernel/performance.hpp"
#include "kernel/recovery.hpp"

namespace heapscope::kernel {
namespace {

/// What a core that waits in start.S looks at, with its caches off: `root` is 0
/// until it may go. A cache line of its own, so that cleaning it moves nothing else.
struct alignas(64) CoreRelease {
  Translation translation;
};
static_assert(sizeof(CoreRelease) == 64);
static_assert(offsetof(Translation, root) == 0);
static_assert(offsetof(Translation, memory_attributes) == 8);
static_assert(offsetof(Translation, translation) == 16);
static_assert(offsetof(Translation, control) == 24);

struct alignas(64) Core {
  std::atomic<CoreState> state{CoreState::absent};
  std::atomic<void (*)(void*)> work{nullptr};  // Null once it has ended.
  void* argument = nullptr;
  std::atomic<std::uint64_t> works{0};
  std::uint32_t exception_level = 0;
  bool mmu = false;
  std::uint64_t affinity = 0;
  std::optional<FaultRecord> fault;
};

constexpr std::uint64_t kStackFill = 0x5ca1'ab1e'5ca1'ab1e;
/// What fill_stack() and its caller may use below their frames.
constexpr std::uint64_t kFramesBytes = 1024;

constexpr std::uint64_t kComingMicroseconds = 500'000;
constexpr std::uint64_t kStoppingMicroseconds = 100'000;

constexpr std::uint32_t kNobody = 0xffff'ffff;

constinit std::array<Core, kCores> cores;
constinit std::uint64_t released_at = 0;  // In ticks; 0: not yet.
constinit std::atomic<std::uint32_t> stopper{kNobody};

/// Makes the part of this core's stack that was never used known by its content.
void fill_stack(std::uint32_t core) {
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  auto* const first = reinterpret_cast<std::uint64_t*>(stack_of(core).start);
  auto* const last = reinterpret_cast<std::uint64_t*>(here - kFramesBytes);
  std::fill(first, last, kStackFill);
}

std::size_t stack_used(std::uint32_t core) {
  const Range stack = stack_of(core);
  const std::span words(reinterpret_cast<const volatile std::uint64_t*>(stack.start),
                        static_cast<std::size_t>(stack.size() / sizeof(std::uint64_t)));
  std::size_t untouched = 0;
  while (untouched < words.size() && words[untouched] == kStackFill) ++untouched;
  return (words.size() - untouched) * sizeof(std::uint64_t);
}

/// To be called on the core itself.
void begin_account(std::uint32_t number, CoreState state) {
  Core& core = cores[number];
  fill_stack(number);
  core.exception_level = exception_level();
  core.mmu = mmu_enabled();
  core.affinity = read_affinity();
  // What it is after a reset is not said, and a kernel before this one may have used it.
  stop_timer();
  CoreSignals::enable(number);
  core.state.store(state, std::memory_order_release);
}

bool is_out(const Core& core) {
  const CoreState state = core.state.load(std::memory_order_acquire);
  return state == CoreState::absent || state == CoreState::stopped;
}

bool others_are_stopped() {
  for (std::uint32_t i = 0; i < kCores; ++i) {
    if (i != core_number() && !is_out(cores[i])) return false;
  }
  return true;
}

/// Sends the signal to those that run; false where one still does a while later.
bool stop_others_by(CoreSignal signal) {
  const Stopwatch waited;
  for (std::uint32_t i = 0; i < kCores; ++i) {
    if (i != core_number() && !is_out(cores[i])) CoreSignals::send(i, signal);
  }
  while (!others_are_stopped()) {
    if (waited.microseconds() > kStoppingMicroseconds) return false;
    yield();
  }
  return true;
}

void do_work(Core& core, void (*work)(void*)) {
  core.fault.reset();
  core.state.store(CoreState::running, std::memory_order_relaxed);
  unmask_interrupts();
  const auto breakdown = run_recoverably(work, core.argument);
  mask_interrupts();
  if (breakdown) core.fault = breakdown->fault;
  core.works.store(core.works.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  core.state.store(core.fault ? CoreState::faulted : CoreState::idle, std::memory_order_relaxed);
  core.work.store(nullptr, std::memory_order_release);
}

}  // namespace

/// Not in .bss, which core 0 clears while others may look.
extern "C" {
[[gnu::section(".data.core_release")]] constinit CoreRelease core_release{};
}

std::string_view state_name(CoreState state) {
  static constexpr std::array<std::string_view, 5> kNames{"absent", "idle", "running", "faulted",
                                                          "stopped"};
  return kNames[static_cast<std::size_t>(state)];
}

void call_cores() {
  // The compiler takes accesses near address 0 for mistakes unless it is kept
  // from knowing the address.
  std::uintptr_t table = kBoard.spin_table;
  asm("" : "+r"(table));
  auto* const entries = reinterpret_cast<volatile std::uint64_t*>(table);
  for (std::uint32_t i = 1; i < kCores; ++i) entries[i] = text_range().start;
  asm volatile("dsb sy\n sev" ::: "memory");
}

void release_cores() {
  begin_account(0, CoreState::running);
  released_at = read_counter();
  Translation translation = this_translation();
  const std::uint64_t root = std::exchange(translation.root, 0);
  core_release.translation = translation;
  memory_barrier();
  // Last, and by itself: it says that the rest is there.
  reinterpret_cast<volatile std::uint64_t&>(core_release.translation.root) = root;
  clean_and_invalidate(std::as_bytes(std::span(&core_release, 1)));
  asm volatile("sev" ::: "memory");
}

/// A core beside core 0, at EL1 with its MMU and caches on and all interrupts
/// masked. While it sleeps IRQs stay masked: they wake it all the same.
extern "C" [[noreturn]] void core_start(std::uint32_t number) {
  start_performance_counters();
  begin_account(number, CoreState::idle);
  unmask_stop_signal();
  Core& core = cores[number];
  for (;;) {
    // Cleared before looking: what comes later ends the sleep at once.
    CoreSignals::clear(number, CoreSignal::look);
    memory_barrier();
    obey_stop();
    if (auto* const work = core.work.load(std::memory_order_acquire)) {
      do_work(core, work);
    } else {
      wait_for_interrupt();
    }
  }
}

std::uint32_t await_cores() {
  const std::uint64_t limit = ticks_per_second() * kComingMicroseconds / 1'000'000;
  for (;;) {
    const auto here = std::ranges::count_if(cores, [](const Core& core) {
      return core.state.load(std::memory_order_acquire) != CoreState::absent;
    });
    const auto present = static_cast<std::uint32_t>(here);
    if (present == kCores || read_counter() - released_at > limit) return present;
    yield();
  }
}

CoreReport core_report(std::uint32_t number) {
  const Core& core = cores[number];
  CoreReport report;
  report.state = core.state.load(std::memory_order_acquire);
  if (report.state == CoreState::absent) return report;
  report.exception_level = core.exception_level;
  report.mmu = core.mmu;
  report.affinity = core.affinity;
  report.stack_top = stack_of(number).end;
  report.stack_bytes = static_cast<std::size_t>(stack_of(number).size());
  report.stack_used_bytes = stack_used(number);
  report.works = core.works.load(std::memory_order_relaxed);
  return report;
}

std::optional<FaultRecord> core_fault(std::uint32_t core) {
  if (is_working(core)) return std::nullopt;
  return cores[core].fault;
}

bool start_work(std::uint32_t number, void (*work)(void*), void* argument) {
  Core& core = cores[number];
  if (number == core_number() || is_out(core) || is_working(number)) return false;
  share_heaps(true);
  core.argument = argument;
  core.work.store(work, std::memory_order_release);
  // In memory before the signal, which goes another way, can arrive.
  asm volatile("dsb sy" ::: "memory");
  CoreSignals::send(number, CoreSignal::look);
  return true;
}

void end_work() {
  for (std::uint32_t i = 0; i < kCores; ++i) {
    if (i != core_number() && is_working(i)) return;
  }
  share_heaps(false);
}

bool is_working(std::uint32_t core) {
  return cores[core].work.load(std::memory_order_acquire) != nullptr;
}

bool is_working_on(std::uint32_t core, void (*work)(void*)) {
  return cores[core].work.load(std::memory_order_acquire) == work;
}

bool stop_other_cores() {
  // Before the MMU is on, no other core runs.
  if (!mmu_enabled()) return true;
  stopper.store(core_number(), std::memory_order_release);
  asm volatile("dsb sy" ::: "memory");
  return others_are_stopped() || stop_others_by(CoreSignal::look) ||
         stop_others_by(CoreSignal::stop);
}

void stop_this_core() {
  // It may have been in the middle of a doze, and would be woken again and again.
  stop_timer();
  cores[core_number()].state.store(CoreState::stopped, std::memory_order_release);
  halt();
}

void handle_core_signal() {
  CoreSignals::clear(core_number(), CoreSignal::look);
  obey_stop();
}

void obey_stop() {
  const std::uint32_t by = stopper.load(std::memory_order_acquire);
  if (by != kNobody && by != core_number()) stop_this_core();
}

}  // namespace heapscope::kernel
