// `crash` and `panic`: faults on purpose, to see what they look like.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <new>

#include "base/panic.hpp"
#include "kernel/cores.hpp"
#include "kernel/cpu.hpp"
#include "kernel/doze.hpp"
#include "kernel/heap.hpp"
#include "kernel/image.hpp"
#include "shell/argument_values.hpp"
#include "shell/command.hpp"

namespace heapscope::kernel {
namespace {

using shell::Arguments;
using shell::CommandRecord;
using shell::Context;

int run_crash(Context& context, const Arguments& arguments);
int run_panic(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 4> kCoreWords{"1", "2", "3", "all"};
constexpr std::array kCrashOptions{
    shell::OptionRecord{
        .letter = 'c',
        .value_name = "CORE",
        .help = "on core 1, 2 or 3, or all",
        .completes = {.kind = shell::Completes::Kind::values, .values = kCoreWords}},
    shell::OptionRecord{.letter = 'b',
                        .word = "bytes",
                        .value_name = "BYTES",
                        .help = "the size that wrong-layout gives back; 40 if none is given",
                        .completes = {}},
    shell::OptionRecord{.letter = 'a',
                        .word = "align",
                        .value_name = "ALIGN",
                        .help = "the alignment that wrong-layout gives back; 16",
                        .completes = {}},
};
constexpr std::array<std::string_view, 18> kKindWords{
    "read",           "write",       "jump",          "stack",        "undefined", "locked",
    "allocator",      "handler",     "handler-stack", "delete",       "heap",      "spin",
    "use-after-free", "double-free", "invalid-free",  "wrong-layout", "overflow",  "underflow"};
constexpr std::array kCrashArguments{
    shell::Completes{.kind = shell::Completes::Kind::values, .values = kKindWords}};
constexpr std::array<std::string_view, 2> kCrashRelated{"panic", "cores"};
constexpr std::array<std::string_view, 5> kCrashExamples{
    "crash read", "crash read -c 2", "crash locked -c all", "crash heap; alloc 2000",
    "crash overflow"};
constexpr CommandRecord kCrash{
    .name = "crash",
    .usage = "crash KIND [-c CORE] [-b BYTES] [-a ALIGN]",
    .summary = "cause a fault on purpose",
    .help =
        "These give the prompt back: read, from an address that nothing is mapped at; write, to "
        "the kernel's own code; jump, to address 0; stack, calls without end; undefined, an "
        "instruction that does not exist. These end in the panic shell: locked, a read with "
        "interrupts masked; allocator, a write while the heap's lock is held; handler, a read on "
        "the stack of the exception handlers; handler-stack, calls without end there; delete, of "
        "an address that new never gave. heap writes over a block that it freed, as a use after "
        "free does, and leaves two others; bin keeps its links there and panics when it meets "
        "them, bump has none. spin, with -c, never ends and masks interrupts: that core is lost "
        "until the next reboot. With -c all, all four cores do it in the same moment. These misuse "
        "blocks that they took with new, and give them back: overflow and underflow write past a "
        "block's end and before its start, into a neighbour of their own; use-after-free writes to "
        "one that it deleted; double-free deletes one twice, invalid-free the middle of one; "
        "wrong-layout gives one of 100 bytes back as another. In heap.hardening=full each ends in "
        "the panic shell, which names the blocks and who allocated and freed them. In default the "
        "writes go unnoticed, and of the frees a wrong layout of the same rounding; in none, and "
        "in bump, most of the frees as well, and the heap is broken from then on.",
    .options = kCrashOptions,
    .examples = kCrashExamples,
    .related = kCrashRelated,
    .arguments = kCrashArguments,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_crash,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegisteredCrash =
    &kCrash;

constexpr std::array<std::string_view, 1> kPanicExamples{"panic"};
constexpr std::array<std::string_view, 2> kPanicRelated{"crash", "reboot"};
constexpr CommandRecord kPanic{
    .name = "panic",
    .usage = "panic",
    .summary = "stop as for a broken contract",
    .help =
        "Says why and who had called whom, and opens the panic shell. Nothing but reboot and "
        "poweroff leaves that.",
    .options = {},
    .examples = kPanicExamples,
    .related = kPanicRelated,
    .run = run_panic,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegisteredPanic =
    &kPanic;

/// Beyond all memory and all registers.
constexpr std::uintptr_t kNowhere = 0x5000'0000;

constexpr std::uint32_t kDozeMicroseconds = 100;

void read_nowhere(Context&) { (void)*reinterpret_cast<const volatile std::uint32_t*>(kNowhere); }

void read_nowhere_masked(Context& context) {
  mask_interrupts();
  read_nowhere(context);
}

void spin(Context&) {
  mask_interrupts();
  for (;;) yield();
}

void undefined_instruction(Context&) { asm volatile("udf #0"); }

void write_code(Context&) {
  *reinterpret_cast<volatile std::uint32_t*>(static_cast<std::uintptr_t>(text_range().start)) = 0;
}

void jump_nowhere(Context&) {
  std::uintptr_t address = 0;
  asm volatile("blr %0" ::"r"(address) : "x30", "memory");
}

/// Calls itself by a pointer: a compiler that sees recursion without end says so.
std::uint64_t (*volatile next_call)(std::uint64_t) = nullptr;

std::uint64_t use_up_stack(std::uint64_t depth) {
  volatile std::uint64_t space[64];
  space[depth % 64] = depth;
  return next_call(depth + 1) + space[depth % 64];
}

void overflow_stack(Context&) {
  next_call = use_up_stack;
  (void)next_call(0);
}

/// The heap writes what it finds to where it is told, with its lock held.
void write_nowhere_under_lock(Context& context) {
  const std::span nowhere(reinterpret_cast<alloc::Extent*>(kNowhere), 1);
  (void)context.environment.heap.walk(context.environment.setup.plan().heap.start, nowhere);
}

/// As in an exception's handler, of which none that is wrong can be had.
void select_handler_stack() {
  mask_interrupts();
  asm volatile("msr spsel, #1" ::: "memory");
}

[[gnu::noinline]] void read_in_handler(Context& context) {
  select_handler_stack();
  read_nowhere(context);
}

[[gnu::noinline]] void overflow_handler_stack(Context& context) {
  select_handler_stack();
  overflow_stack(context);
}

/// Kept from the compiler, which would warn.
void delete_nothing(Context&) {
  void* memory = reinterpret_cast<void*>(kNowhere);
  asm("" : "+r"(memory));
  ::operator delete(memory);
}

/// The same address, of which the compiler does not know that it is: it would warn of what
/// becomes of the block.
std::byte* disguised(std::byte* address) {
  asm volatile("" : "+r"(address) : : "memory");
  return address;
}

/// A block from new, or null. Compiled into its callers, so that these are recorded.
[[gnu::always_inline]] inline std::byte* new_block(std::size_t size) {
  return disguised(static_cast<std::byte*>(::operator new(size, std::nothrow)));
}

/// Blocks of which two lie side by side, unless the heap is nearly full.
class Victims {
 public:
  static constexpr std::size_t kBytes = 64;
  static constexpr std::size_t kCount = 4;

  Victims() {
    for (std::byte*& each : blocks_) {
      each = new_block(kBytes);
      if (each != nullptr) std::memset(each, 0, kBytes);
    }
    std::ranges::sort(blocks_);
  }
  ~Victims() {
    for (std::byte* const each : blocks_) ::operator delete(each, kBytes);
  }
  Victims(const Victims&) = delete;
  Victims& operator=(const Victims&) = delete;

  /// The number of the lower one of such two, or kCount.
  [[nodiscard]] std::size_t neighbours() const {
    constexpr std::ptrdiff_t kMostBetween = 128;
    for (std::size_t i = 0; i + 1 < kCount; ++i) {
      if (blocks_[i] != nullptr && blocks_[i + 1] - blocks_[i] <= kMostBetween) return i;
    }
    return kCount;
  }
  std::byte* operator[](std::size_t index) const { return blocks_[index]; }

 private:
  std::array<std::byte*, kCount> blocks_{};
};

/// So far a write goes into a neighbour.
constexpr std::ptrdiff_t kReach = 24;
constexpr int kWritten = 0x41;

void overflow_block(Context&) {
  const Victims victims;
  const std::size_t lower = victims.neighbours();
  if (lower == Victims::kCount) return;
  std::byte* const end = disguised(victims[lower]) + Victims::kBytes;
  const std::byte* const to = victims[lower + 1] + kReach;
  std::memset(end, kWritten, static_cast<std::size_t>(to - end));
}

void underflow_block(Context&) {
  const Victims victims;
  const std::size_t lower = victims.neighbours();
  if (lower == Victims::kCount) return;
  std::byte* const from = disguised(victims[lower]) + Victims::kBytes - kReach;
  const std::byte* const start = victims[lower + 1];
  std::memset(from, kWritten, static_cast<std::size_t>(start - from));
}

void use_after_free(Context&) {
  // As many frees as get it out of every quarantine.
  constexpr int kFrees = 100;
  std::byte* const block = new_block(Victims::kBytes);
  if (block == nullptr) return;
  std::byte* const stale = disguised(block);
  ::operator delete(block);
  std::memset(stale + kReach, kWritten, 8);
  for (int i = 0; i < kFrees; ++i) ::operator delete(new_block(Victims::kBytes));
}

void free_twice(Context&) {
  std::byte* const block = new_block(Victims::kBytes);
  if (block == nullptr) return;
  std::byte* const stale = disguised(block);
  ::operator delete(block);
  ::operator delete(stale);
}

void free_the_middle(Context&) {
  std::byte* const block = new_block(Victims::kBytes);
  if (block == nullptr) return;
  ::operator delete(disguised(block) + 16);
  ::operator delete(block);
}

struct Kind {
  std::string_view name;
  void (*happen)(Context&);
};

constexpr std::array kKinds{
    Kind{.name = "read", .happen = read_nowhere},
    Kind{.name = "write", .happen = write_code},
    Kind{.name = "jump", .happen = jump_nowhere},
    Kind{.name = "stack", .happen = overflow_stack},
    Kind{.name = "undefined", .happen = undefined_instruction},
    Kind{.name = "locked", .happen = read_nowhere_masked},
    Kind{.name = "allocator", .happen = write_nowhere_under_lock},
    Kind{.name = "handler", .happen = read_in_handler},
    Kind{.name = "handler-stack", .happen = overflow_handler_stack},
    Kind{.name = "delete", .happen = delete_nothing},
    Kind{.name = "spin", .happen = spin},
    Kind{.name = "use-after-free", .happen = use_after_free},
    Kind{.name = "double-free", .happen = free_twice},
    Kind{.name = "invalid-free", .happen = free_the_middle},
    Kind{.name = "overflow", .happen = overflow_block},
    Kind{.name = "underflow", .happen = underflow_block},
};

/// What other cores do. It outlives a fault of core 0, whose stack is gone then.
struct Call {
  Context* context = nullptr;
  const Kind* kind = nullptr;
  std::array<std::atomic<bool>, kCores> arrived{};  // Of those that wait for one another.
};
constinit Call call;

void happen(void*) { call.kind->happen(*call.context); }

void happen_together(void*) {
  call.arrived[core_number()].store(true, std::memory_order_release);
  for (const auto& arrived : call.arrived) {
    while (!arrived.load(std::memory_order_acquire)) yield();
  }
  happen(nullptr);
}

bool is_free(std::uint32_t core) {
  const CoreState state = core_report(core).state;
  return state == CoreState::idle || state == CoreState::faulted;
}

int refuse_core(Context& context, std::uint32_t core) {
  return context.reply.fail("core-missing", "core {} is {}", core,
                            state_name(core_report(core).state));
}

int crash_on(Context& context, std::uint32_t core, const Kind& kind) {
  (void)await_cores();
  if (!is_free(core)) return refuse_core(context, core);
  call.context = &context;
  call.kind = &kind;
  (void)start_work(core, happen, nullptr);
  if (kind.happen == spin) {
    context.reply.field("core", shell::Value::count(core));
    context.reply.field("state", shell::Value::text("spinning"));
    return shell::kSuccess;
  }
  while (is_working(core)) doze(kDozeMicroseconds);
  end_work();
  const auto fault = core_fault(core);
  if (!fault) return context.reply.fail("survived", "no fault came of it");
  FixedText<160> what;
  describe_fault(what, *fault);
  return context.reply.fail("fault", "core {}: {}", core, what.view());
}

int crash_on_all(Context& context, const Kind& kind) {
  (void)await_cores();
  for (std::uint32_t core = 1; core < kCores; ++core) {
    if (!is_free(core)) return refuse_core(context, core);
  }
  call.context = &context;
  call.kind = &kind;
  for (auto& arrived : call.arrived) arrived.store(false, std::memory_order_relaxed);
  for (std::uint32_t core = 1; core < kCores; ++core) {
    (void)start_work(core, happen_together, nullptr);
  }
  happen_together(nullptr);
  return context.reply.fail("survived", "no fault came of it");
}

/// Writes over a block that was freed, as a program does that uses it after. Freed
/// blocks lie between live ones and another is freed after it, so that the heap has
/// put it into a list, which the next `alloc` of its size reads.
int damage_heap(Context& context) {
  constexpr alloc::Layout kLayout{.size = 2000, .align = alloc::kDefaultAlign};
  constexpr std::size_t kDamagedBytes = 64;
  alloc::Heap& heap = context.environment.heap;
  std::array<alloc::Address, 4> blocks{};
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto block = heap.allocate(kLayout);
    if (!block) {
      for (const auto taken : std::span(blocks).first(i)) (void)heap.deallocate(taken, kLayout);
      return context.reply.fail(alloc::error_name(block.error()),
                                "no room for the blocks to damage");
    }
    blocks[i] = *block;
  }
  (void)heap.deallocate(blocks[0], kLayout);
  (void)heap.deallocate(blocks[2], kLayout);
  std::memset(reinterpret_cast<void*>(blocks[0]), 0x5a, kDamagedBytes);
  context.reply.field("address", shell::Value::address(blocks[0]));
  context.reply.field("overwritten_bytes", shell::Value::bytes(kDamagedBytes));
  return shell::kSuccess;
}

/// Gives a block back with a layout that is not its own, where another is asked for.
int give_back_wrongly(Context& context, const Arguments& arguments) {
  constexpr alloc::Layout kRight{.size = 100, .align = alloc::kDefaultAlign};
  alloc::Layout wrong{.size = 40, .align = alloc::kDefaultAlign};
  if (const auto bytes = arguments.value_of('b')) {
    const auto size = shell::read_number(context, kCrash, *bytes, "BYTES", 1, UINT32_MAX);
    if (!size) return shell::kWrongUsage;
    wrong.size = static_cast<std::size_t>(*size);
  }
  if (const auto align = arguments.value_of('a')) {
    const auto number = shell::read_number(context, kCrash, *align, "ALIGN", 1, UINT32_MAX);
    if (!number) return shell::kWrongUsage;
    wrong.align = static_cast<std::size_t>(*number);
    if (!wrong.valid()) return context.reply.refuse(kCrash.usage, "ALIGN is no power of two");
  }
  const auto block = context.environment.heap.allocate(kRight);
  if (!block) {
    return context.reply.fail(alloc::error_name(block.error()), "no room for the block to misuse");
  }
  give_back_exactly(*block, wrong);
  return context.reply.fail("survived", "no fault came of it");
}

int run_crash(Context& context, const Arguments& arguments) {
  const auto where = arguments.value_of('c');
  const bool of_layout = arguments[0] == "wrong-layout";
  if (!of_layout && (arguments.value_of('b') || arguments.value_of('a'))) {
    return context.reply.refuse(kCrash.usage, "-b and -a are for wrong-layout");
  }
  if (of_layout) {
    if (!where) return give_back_wrongly(context, arguments);
    return context.reply.refuse(kCrash.usage, "wrong-layout is for core 0 only");
  }
  if (arguments[0] == "heap") {
    if (!where) return damage_heap(context);
    return context.reply.refuse(kCrash.usage, "heap is damaged from core 0 only");
  }
  const auto kind = std::ranges::find(kKinds, arguments[0], &Kind::name);
  if (kind == kKinds.end()) {
    return context.reply.refuse(kCrash.usage, "there is no kind '{}'; try help crash",
                                arguments[0]);
  }
  const bool on_core_0 = !where || *where == "all";
  if (kind->happen == spin && on_core_0) {
    return context.reply.refuse(kCrash.usage, "spin is for core 1, 2 or 3: core 0 would not hear");
  }
  if (!where) {
    kind->happen(context);
    return context.reply.fail("survived", "no fault came of it");
  }
  if (*where == "all") return crash_on_all(context, *kind);
  const auto core = shell::read_number(context, kCrash, *where, "the core", 1, kCores - 1);
  return core ? crash_on(context, static_cast<std::uint32_t>(*core), *kind) : shell::kWrongUsage;
}

int run_panic(Context&, const Arguments&) { panic("asked for"); }

}  // namespace
}  // namespace heapscope::kernel
