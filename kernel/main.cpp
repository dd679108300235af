// The kernel from its first line of C++ to the prompt.
#include <algorithm>
#include <array>

#include "alloc/workload/trace_reader.hpp"
#include "atags/boot_info.hpp"
#include "atags/memory_map.hpp"
#include "base/panic.hpp"
#include "board_constants.hpp"
#include "build_info.hpp"
#include "kernel/board_model.hpp"
#include "kernel/call_path.hpp"
#include "kernel/clock.hpp"
#include "kernel/cores.hpp"
#include "kernel/handover.hpp"
#include "kernel/heap.hpp"
#include "kernel/image.hpp"
#include "kernel/interrupts.hpp"
#include "kernel/mailbox.hpp"
#include "kernel/mmu.hpp"
#include "kernel/page_tables.hpp"
#include "kernel/panic.hpp"
#include "kernel/performance.hpp"
#include "kernel/power.hpp"
#include "kernel/recovery.hpp"
#include "kernel/serial.hpp"
#include "kernel/symbols.hpp"
#include "kernel/workload_core.hpp"
#include "shell/boot_options.hpp"
#include "shell/shell.hpp"

extern "C" {
using Constructor = void (*)();
extern const Constructor __init_array_start[];
extern const Constructor __init_array_end[];
}

namespace heapscope::kernel {
namespace {

constexpr std::string_view kDefaultAllocator = "bin";

/// A copy of what the firmware left from kFirmwareTagsAddress on: the page that it
/// begins in is not mapped later. A device tree at 0x100 is some 30 KiB long.
alignas(16) constinit std::array<std::byte, std::size_t{64} * 1024> firmware_area{};

constinit PageTables page_tables;

constinit shell::Variables variables;
constinit shell::ScriptBuffer typed_script;

/// Memory from `address` up to `end`, for reading what the firmware left there.
std::span<const std::byte> memory_at(std::uint64_t address, std::uint64_t end) {
  // The compiler takes accesses near address 0 for mistakes unless it is kept
  // from knowing the address.
  auto hidden = static_cast<std::uintptr_t>(address);
  asm("" : "+r"(hidden));
  return {reinterpret_cast<const std::byte*>(hidden), static_cast<std::size_t>(end - address)};
}

void keep_firmware_area() {
  const std::uint64_t start = atags::kFirmwareTagsAddress;
  const auto there = memory_at(start, start + firmware_area.size());
  std::ranges::copy(there, firmware_area.begin());
}

atags::BootCandidates candidates(std::uint64_t x0) {
  // The upper half of x0 is not guaranteed (the firmware's stub sets w0).
  const std::uint64_t passed = x0 & 0xffff'ffff;
  const std::uint64_t image = text_range().start;
  atags::BootCandidates found;
  found.x0 = passed;
  const bool below = passed >= kBoard.stub_end && passed < image;
  const bool above = passed >= kernel_end() && passed < kBoard.peripherals;
  if (passed % 4 == 0 && (below || above)) {
    found.at_x0 = memory_at(passed, below ? image : kBoard.peripherals);
  }
  found.at_0x100 = firmware_area;
  found.mailbox_memory = Mailbox::arm_memory();
  return found;
}

/// Says why there is no memory to work with, and stops.
[[noreturn]] void stop_without_memory(const atags::NoBootSource& none) {
  for (const atags::Rejection& rejection : none.rejected) {
    FixedText<160> line;
    format(line, "no memory map from {} at {:#x}: {}\n", atags::boot_source_name(rejection.source),
           rejection.address, rejection.reason);
    write_last_words(line.view());
  }
  panic("nobody says where memory is");
}

Range whole_pages(Range range) {
  constexpr std::uint64_t kMask = PageTables::kPageBytes - 1;
  if (range.start > UINT64_MAX - kMask) return {};
  return {.start = (range.start + kMask) & ~kMask, .end = range.end & ~kMask};
}

atags::MemoryMap map_memory(const atags::BootInfo& boot) {
  StaticVector<Range, atags::kMaxReserved> reserved;
  (void)reserved.push_back({.start = 0, .end = kernel_end()});
  (void)reserved.push_back(boot.initrd);
  static_assert(atags::kMaxReserved >= atags::kMaxBootReserved + 2);
  for (const Range& range : boot.reserved) (void)reserved.push_back(range);
  // Only whole pages can be mapped.
  StaticVector<Range, atags::kMaxBanks> banks;
  for (const Range& bank : boot.banks) (void)banks.push_back(whole_pages(bank));
  return atags::make_memory_map(banks, kBoard.peripherals, reserved);
}

/// Maps the part of memory that `hole` leaves of `range`.
Result<void, MapError> map_around(Range range, Range hole) {
  const Range before{.start = range.start, .end = std::min(range.end, hole.start)};
  const Range after{.start = std::max(range.start, hole.end), .end = range.end};
  if (!before.empty()) {
    if (const auto mapped = page_tables.map(before, PageUse::data); !mapped) return mapped;
  }
  return after.empty() ? Result<void, MapError>{} : page_tables.map(after, PageUse::data);
}

/// The kernel's parts with the rights that each needs; no guard page, no page 0,
/// and memory that is not the cores'.
Result<void, MapError> map_kernel() {
  struct Part {
    Range range;
    PageUse use;
  };
  const std::array parts{
      Part{.range = text_range(), .use = PageUse::code},
      Part{.range = rodata_range(), .use = PageUse::constants},
      Part{.range = data_range(), .use = PageUse::data},
      Part{.range = {.start = kBoard.peripherals, .end = kBoard.peripherals_end},
           .use = PageUse::device},
  };
  for (const Part& part : parts) {
    if (const auto mapped = page_tables.map(part.range, part.use); !mapped) return mapped;
  }
  for (std::uint64_t core = 0; core < kCores; ++core) {
    for (const Range stack : {stack_of(core), exception_stack_of(core), panic_stack_of(core)}) {
      if (const auto mapped = page_tables.map(stack, PageUse::data); !mapped) return mapped;
    }
  }
  return {};
}

Result<void, MapError> map_banks(const atags::MemoryMap& memory) {
  const Range kernel{.start = text_range().start, .end = kernel_end()};
  for (const Range& bank : memory.banks) {
    const Range usable{.start = std::max(bank.start, PageTables::kPageBytes), .end = bank.end};
    if (const auto mapped = map_around(usable, kernel); !mapped) return mapped;
  }
  return {};
}

void start_mmu(const atags::MemoryMap& memory) {
  if (!map_kernel() || !map_banks(memory)) panic("memory is in too many pieces to be mapped");
  call_cores();
  enable_mmu(page_tables);
  release_cores();
}

/// The parts of memory that stay what they are, for `memmap`.
class Regions {
 public:
  explicit Regions(const atags::BootInfo& boot) {
    std::uint64_t told = kBoard.stub_end;  // Of page 0.
    add("spin table", {.start = 0, .end = told}, kPage0);
    for (const Range& range : boot.reserved) {
      const bool low = range.start < PageTables::kPageBytes;
      add("boot tags", range, low ? kPage0 : std::string_view());
      if (low) told = std::max(told, range.end);
    }
    add("page 0", {.start = told, .end = PageTables::kPageBytes}, kPage0);
    add("kernel text", text_range());
    add("kernel constants", rodata_range());
    add("kernel data", data_range());
    add("kernel stacks", stacks_range(), "guard pages");
    add("initrd", boot.initrd);
    add("peripherals", {.start = kBoard.peripherals, .end = kBoard.peripherals_end},
        "device registers");
  }
  [[nodiscard]] std::span<const shell::Region> all() const { return regions_; }

 private:
  static constexpr std::string_view kPage0 = "page 0, unmapped";

  void add(std::string_view name, Range range, std::string_view unreadable = {}) {
    // A list that is too short would only hide a line of `memmap`.
    if (!range.empty()) {
      (void)regions_.push_back({.name = name, .range = range, .unreadable = unreadable});
    }
  }
  StaticVector<shell::Region, atags::kMaxBootReserved + 9> regions_;
};

class Machine final : public shell::Platform {
 public:
  /// `passed` is what the firmware gave the kernel in x0.
  Machine(Stopwatch started, const atags::MemoryMap& memory, std::uint64_t passed)
      : started_(started),
        memory_(memory),
        passed_(passed),
        board_(board_model(Mailbox::board_revision())) {}
  /// To be called when the first prompt is shown.
  void note_end_of_boot() { boot_counts_ = counts(); }
  [[nodiscard]] shell::Counts boot_counts() const override { return boot_counts_; }
  std::uint64_t uptime_us() override { return started_.microseconds(); }
  [[nodiscard]] std::uint64_t microseconds_at(std::uint64_t ticks) const override {
    return started_.microseconds_at(ticks);
  }
  [[nodiscard]] std::uint64_t nanoseconds_of(std::uint64_t ticks) const override {
    return nanoseconds(ticks);
  }
  bool write_caller(TextSink& out, alloc::CallPath path, std::size_t number) const override {
    if (number >= kPathCallers || callers_of(path)[number] == 0) return false;
    // A return address is that of the instruction behind the call.
    write_symbol_name(out, callers_of(path)[number] - 4);
    return true;
  }
  shell::Counts counts() override {
    return {.microseconds = started_.microseconds(),
            .cycles = read_cycles(),
            .instructions = read_instructions()};
  }
  [[nodiscard]] std::string_view board() const override { return board_; }
  [[nodiscard]] shell::BuildInfo build() const override {
    return {.version = build_info::kVersion,
            .revision = build_info::kRevision,
            .compiler = "g++ " __VERSION__};
  }
  std::optional<shell::Fault> run_guarded(shell::Work& work, TextSink* details) override {
    const auto breakdown =
        run_recoverably([](void* it) { static_cast<shell::Work*>(it)->run(); }, &work);
    if (!breakdown) return std::nullopt;
    if (details != nullptr) write_details(*details, breakdown->fault);
    shell::Fault fault;
    if (!breakdown->contract.view().empty()) fault.kind = "panic";
    describe_breakdown(fault.summary, *breakdown);
    return fault;
  }
  bool has_notice() override {
    WorkloadCore* const workload = workload_core_if_any();
    return serial().losses() != told_losses_ || (workload != nullptr && workload->has_notice());
  }
  void take_notice(TextSink& out) override {
    WorkloadCore* const workload = workload_core_if_any();
    if (workload != nullptr && workload->has_notice()) return workload->take_notice(out);
    const std::uint64_t losses = serial().losses();
    format(out, "input was lost, {} times; uart tells more", losses - told_losses_);
    told_losses_ = losses;
  }
  void poweroff(std::uint8_t status) override {
    serial().flush();
    power_off(status);
  }
  void reboot() override {
    serial().flush();
    reset();
  }
  [[nodiscard]] std::uint64_t kernel_address() const override { return text_range().start; }
  [[nodiscard]] std::string_view boot_obstacle(Range image, Range memory) override {
    return handover_obstacle(image, memory, memory_);
  }
  void boot(Range image) override { hand_over(image, memory_, passed_); }

 private:
  Stopwatch started_;
  const atags::MemoryMap& memory_;
  std::uint64_t passed_;
  std::string_view board_;
  shell::Counts boot_counts_;
  std::uint64_t told_losses_ = 0;
};

/// Starts the heap that the command line asks for, or else the default one.
/// Returns what could not be had, for the greeting to say; empty where all could.
std::string_view start_heap(shell::HeapSetup& setup, const shell::BootOptions& options) {
  if (options.hardening) heap().set_hardening(*options.hardening);
  const std::string_view wanted = options.allocator.value_or(kDefaultAllocator);
  const auto started = setup.start(wanted, options.heap_bytes);
  if (started) {
    const bool as_wanted = !options.hardening || heap().hardening() == *options.hardening;
    return as_wanted ? "" : "heap.hardening: this allocator has no such level";
  }
  const bool unknown = started.error() == shell::SetupError::no_such_allocator;
  const std::string_view allocator = unknown ? kDefaultAllocator : wanted;
  const auto size = unknown ? options.heap_bytes : std::nullopt;
  if (!setup.start(allocator, size) && !setup.start(kDefaultAllocator, std::nullopt)) {
    panic("there is not enough free memory for a heap");
  }
  if (unknown) return "heap.allocator: there is no such allocator; bin was started";
  if (started.error() == shell::SetupError::too_large) {
    return "heap.size does not fit in free memory; the largest heap that does was started";
  }
  return "heap.size is too small to work in; the largest heap was started";
}

void report_problems(shell::Shell& shell, const shell::BootOptions& options,
                     std::string_view heap_problem) {
  for (const shell::OptionProblem& problem : options.problems) {
    FixedText<640> line;
    format(line, "{}: {}", problem.word, problem.reason);
    shell.report("boot", "bad-option", line.view());
  }
  if (!heap_problem.empty()) shell.report("boot", "bad-option", heap_problem);
}

void run_boot_scripts(shell::Shell& shell, const atags::BootInfo& boot,
                      const shell::BootOptions& options) {
  if (!boot.initrd.empty()) {
    const auto bytes = memory_at(boot.initrd.start, boot.initrd.end);
    const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    // A trace waits for `replay initrd`.
    if (!workload::is_trace(text)) (void)shell.run_script("initrd", text);
  }
  if (options.run) shell.run_text("shell.run", *options.run);
}

/// How long nobody types who looks at what is there. Longer than between two keys.
constexpr std::uint64_t kPauseUs = 400'000;

/// How late it may be told that a workload has ended: its core wakes nobody.
constexpr std::uint64_t kNoticeUs = 250'000;

/// Waits; false as soon as something has arrived.
bool nothing_comes_for(std::uint64_t microseconds) {
  const Stopwatch since;
  for (;;) {
    if (serial().has_something()) return false;
    const std::uint64_t passed = since.microseconds();
    if (passed >= microseconds) return true;
    serial().wait(microseconds - passed);
  }
}

[[noreturn]] void run_shell(const atags::BootInfo& boot, Stopwatch started, std::uint64_t x0) {
  const atags::MemoryMap memory = map_memory(boot);
  start_mmu(memory);
  start_interrupts();
  Machine machine(started, memory, x0);
  const Regions regions(boot);
  const shell::BootOptions options = shell::read_boot_options(boot.command_line);
  shell::HandleTable handles;
  shell::History history;
  Range free = memory.largest_free();
  const Range records =
      shell::take_records(free, options.record_bytes.value_or(shell::kRecordBytes));
  shell::HeapSetup setup(heap(), handles, free, records);
  const std::string_view heap_problem = start_heap(setup, options);
  alloc::record_origins(heap(), options.origins);
  shell::Environment environment{.heap = heap(),
                                 .trial_heap = trial_heap(),
                                 .handles = handles,
                                 .history = history,
                                 .setup = setup,
                                 .platform = machine,
                                 .variables = variables,
                                 .typed_script = typed_script,
                                 .boot = boot,
                                 .memory = memory,
                                 .regions = regions.all()};
  shell::Shell shell(environment, serial(), options.mode.value_or(shell::Mode::plain));
  enable_panic_shell(environment, shell);
  if (!options.mode) shell.probe_terminal();
  shell.greet();
  report_problems(shell, options, heap_problem);
  machine.note_end_of_boot();
  run_boot_scripts(shell, boot, options);
  shell.prompt();
  for (;;) {
    const bool may_end = workload_core().running();
    while (shell.poll()) {
    }
    if (!shell.wants_pause()) {
      may_end || workload_core().running() ? serial().wait(kNoticeUs) : serial().wait();
    } else if (nothing_comes_for(kPauseUs)) {
      shell.pause();
    }
  }
}

}  // namespace

/// Core 0 at EL1, with a stack and an empty .bss; `x0` is what the firmware
/// passed. The MMU and the caches are off.
extern "C" [[noreturn]] void kernel_start(std::uint64_t x0) {
  start_performance_counters();
  const Stopwatch started;
  for (const Constructor* each = __init_array_start; each != __init_array_end; ++each) (*each)();
  serial().initialize();
  keep_firmware_area();
  const auto boot = atags::discover(candidates(x0));
  if (!boot) stop_without_memory(boot.error());
  run_shell(*boot, started, x0);
}

}  // namespace heapscope::kernel
