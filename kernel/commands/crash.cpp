// `crash` and `panic`: faults on purpose, to see what they look like.
#include <algorithm>
#include <array>

#include "base/panic.hpp"
#include "kernel/cores.hpp"
#include "kernel/cpu.hpp"
#include "kernel/doze.hpp"
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

constexpr std::array kCrashOptions{
    shell::OptionRecord{.letter = 'c', .value_name = "CORE", .help = "on core 1, 2 or 3"},
};
constexpr std::array<std::string_view, 3> kCrashExamples{"crash read", "crash stack",
                                                         "crash read -c 2"};
constexpr CommandRecord kCrash{
    .name = "crash",
    .usage = "crash read|write|jump|stack|undefined|locked [-c CORE]",
    .summary = "cause a fault on purpose",
    .help =
        "read: from an address that nothing is mapped at. write: to the kernel's own code. "
        "jump: to address 0. stack: call without end. undefined: an instruction that does not "
        "exist. All of these give the prompt back. locked: a read like the first with "
        "interrupts masked, as in the middle of the allocator; that one halts.",
    .options = kCrashOptions,
    .examples = kCrashExamples,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_crash,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegisteredCrash =
    &kCrash;

constexpr CommandRecord kPanic{
    .name = "panic",
    .usage = "panic",
    .summary = "stop as for a broken contract",
    .help = "Says why and halts. A board has to be switched off and on.",
    .options = {},
    .examples = {},
    .run = run_panic,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegisteredPanic =
    &kPanic;

/// Beyond all memory and all registers.
constexpr std::uintptr_t kNowhere = 0x5000'0000;

constexpr std::uint32_t kDozeMicroseconds = 100;

void read_nowhere() { (void)*reinterpret_cast<const volatile std::uint32_t*>(kNowhere); }

void read_nowhere_masked() {
  mask_interrupts();
  read_nowhere();
}

void undefined_instruction() { asm volatile("udf #0"); }

void write_code() {
  *reinterpret_cast<volatile std::uint32_t*>(static_cast<std::uintptr_t>(text_range().start)) = 0;
}

void jump_nowhere() {
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

void overflow_stack() {
  next_call = use_up_stack;
  (void)next_call(0);
}

struct Kind {
  std::string_view name;
  void (*happen)();
};

constexpr std::array kKinds{
    Kind{.name = "read", .happen = read_nowhere},
    Kind{.name = "write", .happen = write_code},
    Kind{.name = "jump", .happen = jump_nowhere},
    Kind{.name = "stack", .happen = overflow_stack},
    Kind{.name = "undefined", .happen = undefined_instruction},
    Kind{.name = "locked", .happen = read_nowhere_masked},
};

int crash_on(Context& context, std::uint32_t core, const Kind& kind) {
  (void)await_cores();
  const auto happen = [](void* it) { static_cast<const Kind*>(it)->happen(); };
  if (!start_work(core, happen, const_cast<Kind*>(&kind))) {
    return context.reply.fail("core-missing", "core {} is {}", core,
                              state_name(core_report(core).state));
  }
  while (is_working(core) && !context.interrupted()) doze(kDozeMicroseconds);
  const auto fault = core_fault(core);
  if (!fault) return context.reply.fail("survived", "no fault came of it");
  FixedText<160> what;
  describe_fault(what, *fault);
  return context.reply.fail("fault", "core {}: {}", core, what.view());
}

int run_crash(Context& context, const Arguments& arguments) {
  const auto kind = std::ranges::find(kKinds, arguments[0], &Kind::name);
  if (kind == kKinds.end()) {
    return context.reply.refuse(kCrash.usage, "there is no kind '{}'", arguments[0]);
  }
  if (const auto word = arguments.value_of('c')) {
    const auto core = shell::read_number(context, kCrash, *word, "the core", 1, kCores - 1);
    return core ? crash_on(context, static_cast<std::uint32_t>(*core), *kind) : shell::kWrongUsage;
  }
  kind->happen();
  return context.reply.fail("survived", "no fault came of it");
}

int run_panic(Context&, const Arguments&) { panic("asked for"); }

}  // namespace
}  // namespace heapscope::kernel
