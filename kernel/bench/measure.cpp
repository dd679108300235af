// `measure`: the instructions of an allocator's calls while a workload is played.
// Part of the benchmark kernel only.
#include <algorithm>
#include <array>

#include "alloc/bin_allocator.hpp"
#include "alloc/bump_allocator.hpp"
#include "alloc/first_fit_allocator.hpp"
#include "base/panic.hpp"
#include "kernel/bench/counted_call.hpp"
#include "kernel/bench/histogram.hpp"
#include "kernel/heap.hpp"
#include "kernel/performance.hpp"
#include "shell/workload_choice.hpp"

asm(".pushsection .text.heapscope_empty_call, \"ax\"\n"
    ".global heapscope_empty_call\n"
    "heapscope_empty_call: ret\n"
    ".popsection");

namespace heapscope::kernel {
namespace {

using alloc::Address;
using alloc::HeapError;
using alloc::Layout;
using shell::Value;

int run(shell::Context& context, const shell::Arguments& arguments);

constexpr std::array kOptions{shell::kSeedOption, shell::kOperationsOption};
constexpr std::array<std::string_view, 2> kExamples{"measure uniform", "measure initrd"};
constexpr shell::CommandRecord kRecord{
    .name = "measure",
    .usage = "measure WORKLOAD|initrd [-s SEED] [-n OPERATIONS]",
    .summary = "count the instructions of the allocators",
    .help =
        "Plays the workload on each allocator without its lock, on each behind the lock "
        "(NAME+lock), and on bin while other cores may use the heap (bin+shared), while the "
        "origins of blocks are recorded (bin+origins), and the calls as well (bin+trace), in a "
        "heap of four times the live bytes, and counts each call by itself, call and return "
        "included. Means are in thousandths. A pair is what one block cost. "
        "first-fit is played without a lock, and up to 40,000 operations only.",
    .options = kOptions,
    .examples = kExamples,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
[[gnu::used, gnu::section("heapscope_commands")]] const shell::CommandRecord* const kRegistered =
    &kRecord;

constexpr std::uint64_t kRoominess = 4;
/// First-fit walks its list in each call: longer workloads would take it an hour.
constexpr std::uint64_t kMostForFirstFit = 40'000;
constexpr std::uint64_t kSmallestHeap = std::uint64_t{256} << 10;

/// What was counted for one allocator.
struct Counts {
  Histogram allocate;
  Histogram free;
  Histogram resize;
  Histogram pair;
};
constinit Counts counts;

/// The calls of a target, as addresses: they are made by count_call().
struct Calls {
  std::uintptr_t object;
  std::uintptr_t allocate;
  std::uintptr_t deallocate;
  std::uintptr_t resize;
};

/// Counts every call. A reallocation that cannot be done in place is counted as
/// the calls that it is made of: an attempt, a new block, a free of the old.
/// Behind the lock, reallocations are one call, which is not counted.
class CountingTarget final : public workload::Target {
 public:
  explicit CountingTarget(const Calls& calls, alloc::Heap* locked = nullptr)
      : calls_(calls), locked_(locked), overhead_(count_overhead()) {}

  Result<Address, HeapError> allocate(Layout layout) override {
    CallRegisters registers{.x0 = calls_.object, .x1 = layout.size, .x2 = layout.align};
    allocated_ = counted(calls_.allocate, registers);
    counts.allocate.add(allocated_);
    return returned<Result<Address, HeapError>>(registers);
  }

  Result<void, HeapError> deallocate(Address address, Layout layout) override {
    CallRegisters registers{
        .x0 = calls_.object, .x1 = address, .x2 = layout.size, .x3 = layout.align};
    freed_ = counted(calls_.deallocate, registers);
    counts.free.add(freed_);
    return returned<Result<void, HeapError>>(registers);
  }

  Result<Address, HeapError> reallocate(Address address, Layout layout, std::size_t size) override {
    moved_ = false;
    if (locked_ != nullptr) return locked_->reallocate(address, layout, size);
    if (const auto resized = resize(address, layout, size); resized) return address;
    const auto moved = allocate({.size = size, .align = layout.align});
    if (!moved) return moved;
    std::memcpy(reinterpret_cast<void*>(*moved), reinterpret_cast<const void*>(address),
                std::min(layout.size, size));
    if (const auto freed = deallocate(address, layout); !freed) return fail(freed.error());
    moved_ = true;
    return moved;
  }

  /// The instructions of the last allocation and of the last free.
  [[nodiscard]] std::uint32_t allocated() const { return allocated_; }
  [[nodiscard]] std::uint32_t freed() const { return freed_; }
  /// Whether the last reallocation moved its block.
  [[nodiscard]] bool moved() const { return moved_; }

 private:
  std::uint32_t counted(std::uintptr_t function, CallRegisters& registers) const {
    return count_call(function, registers) - overhead_;
  }

  Result<void, HeapError> resize(Address address, Layout layout, std::size_t size) {
    CallRegisters registers{
        .x0 = calls_.object, .x1 = address, .x2 = layout.size, .x3 = layout.align, .x4 = size};
    counts.resize.add(counted(calls_.resize, registers));
    return returned<Result<void, HeapError>>(registers);
  }

  Calls calls_;
  alloc::Heap* locked_;
  std::uint32_t overhead_;
  std::uint32_t allocated_ = 0;
  std::uint32_t freed_ = 0;
  bool moved_ = false;
};

/// Adds up what each block cost, from its allocation to its free.
class PairCounter final : public workload::Observer {
 public:
  PairCounter(const CountingTarget& target, std::span<std::uint32_t> costs, shell::PlayWatch& watch)
      : target_(target), costs_(costs), watch_(watch) {}

  bool played(const workload::Operation& operation, const workload::Figures& figures) override {
    std::uint32_t& cost = costs_[operation.id];
    switch (operation.kind) {
      case workload::OperationKind::allocate:
        cost = target_.allocated();
        break;
      case workload::OperationKind::free:
        counts.pair.add(cost + target_.freed());
        break;
      case workload::OperationKind::reallocate:
        if (!target_.moved()) break;
        counts.pair.add(cost + target_.freed());
        cost = target_.allocated();
        break;
    }
    return watch_.played(operation, figures);
  }

 private:
  const CountingTarget& target_;
  std::span<std::uint32_t> costs_;
  shell::PlayWatch& watch_;
};

template <alloc::Allocator A>
Calls calls_of(A& allocator) {
  // Declared, so that another signature than count_call() makes is noticed.
  Result<Address, HeapError> (A::*const allocate)(Layout) = &A::allocate;
  Result<void, HeapError> (A::*const deallocate)(Address, Layout) = &A::deallocate;
  Result<void, HeapError> (A::*const resize)(Address, Layout, std::size_t) = &A::resize_in_place;
  return {.object = std::bit_cast<std::uintptr_t>(&allocator),
          .allocate = address_of_member(allocate),
          .deallocate = address_of_member(deallocate),
          .resize = address_of_member(resize)};
}

/// The address of a virtual member function of an object, as a caller has it that knows
/// the object's class. Source: Itanium C++ ABI 2.3 and its variant for Arm, by which bit 0
/// of the second word says that the first is an offset in the object's virtual table.
template <class Object, class Function>
std::uintptr_t address_of_virtual(const Object& object, Function function) {
  const auto words = std::bit_cast<std::array<std::uintptr_t, 2>>(function);
  if ((words[1] & 1) == 0) panic("measure: not a virtual function");
  const auto table = *reinterpret_cast<const std::uintptr_t*>(&object);
  return *reinterpret_cast<const std::uintptr_t*>(table + words[0]);
}

Calls calls_of(alloc::Heap& heap) {
  return {.object = std::bit_cast<std::uintptr_t>(&heap),
          .allocate = address_of_virtual(heap, &alloc::Heap::allocate),
          .deallocate = address_of_virtual(heap, &alloc::Heap::deallocate),
          .resize = 0};
}

void show(shell::Reply& reply, std::string_view what, const Histogram& histogram) {
  const auto field = [&](std::string_view name, std::uint64_t value) {
    FixedText<40> full;
    format(full, "{}_{}", what, name);
    reply.field(full.view(), Value::count(value));
  };
  field("calls", histogram.count());
  field("mean_milli", histogram.mean_milli());
  field("p50", histogram.percentile(50));
  field("p99", histogram.percentile(99));
  field("worst", histogram.worst());
}

class Measurement {
 public:
  Measurement(shell::Context& context, shell::WorkloadChoice& choice)
      : context_(context), choice_(choice), heap_(choice.room()) {
    const std::uint64_t slots = choice.slots().size();
    costs_ = {reinterpret_cast<std::uint32_t*>(heap_.start), static_cast<std::size_t>(slots)};
    constexpr std::uint64_t kPage = 4096;
    heap_.start = (heap_.start + slots * sizeof(std::uint32_t) + kPage - 1) / kPage * kPage;
  }

  /// False where Ctrl-C ended it.
  template <alloc::Allocator A>
  bool run() {
    return run_plain<A>() && run_locked<A>("lock");
  }
  template <alloc::Allocator A>
  bool run_plain() {
    static constinit std::optional<A> allocator;
    allocator.emplace().initialize(heap_for(A::kName));
    CountingTarget plain(calls_of(*allocator));
    return play(A::kName, plain);
  }

  /// For the one whose calls depend on it.
  template <alloc::Allocator A>
  bool run_shared() {
    share_heaps(true);
    const bool complete = run_locked<A>("shared");
    share_heaps(false);
    return complete;
  }
  template <alloc::Allocator A>
  bool run_recorded() {
    alloc::Heap& heap = context_.environment.trial_heap;
    constexpr std::uint64_t kStorage = std::uint64_t{8} << 20;
    heap_.end -= kStorage;
    heap.with_instruments([&](alloc::Instruments& instruments) {
      instruments.give_storage({reinterpret_cast<std::byte*>(heap_.end & ~std::uint64_t{63}),
                                static_cast<std::size_t>(kStorage)});
    });
    alloc::record_origins(heap, true);
    bool complete = run_locked<A>("origins");
    alloc::set_tracing(heap, alloc::Tracing::on);
    complete = complete && run_locked<A>("trace");
    alloc::record_origins(heap, false);
    return complete;
  }

 private:
  template <alloc::Allocator A>
  bool run_locked(std::string_view how) {
    alloc::Heap& locked = context_.environment.trial_heap;
    if (!locked.reset(A::kName, heap_for(A::kName))) return true;
    FixedText<32> name;
    format(name, "{}+{}", A::kName, how);
    CountingTarget behind_lock(calls_of(locked), &locked);
    return play(name.view(), behind_lock);
  }
  /// Four times what is live; all there is for bump, which gets nothing back.
  [[nodiscard]] Range heap_for(std::string_view allocator) const {
    if (allocator == alloc::BumpAllocator::kName) return heap_;
    const std::uint64_t wanted =
        std::max(choice_.needs().peak_live_bytes * kRoominess, kSmallestHeap);
    return {.start = heap_.start, .end = heap_.start + std::min(wanted, heap_.size())};
  }

  bool play(std::string_view name, CountingTarget& target) {
    counts.allocate.clear();
    counts.free.clear();
    counts.resize.clear();
    counts.pair.clear();
    workload::Player player(target, choice_.slots());
    shell::PlayWatch watch(context_, name);
    PairCounter pairs(target, costs_, watch);
    (void)player.play(choice_.begin(), &pairs);
    if (watch.stopped()) return false;
    shell::Reply& reply = context_.reply;
    reply.begin_item();
    reply.field("allocator", Value::text(name));
    reply.field("failures", Value::count(player.figures().failures));
    reply.field("damaged", Value::count(player.figures().damaged));
    show(reply, "allocate", counts.allocate);
    show(reply, "free", counts.free);
    show(reply, "pair", counts.pair);
    show(reply, "resize", counts.resize);
    reply.end_item();
    return true;
  }

  shell::Context& context_;
  shell::WorkloadChoice& choice_;
  Range heap_;
  std::span<std::uint32_t> costs_;
};

int run(shell::Context& context, const shell::Arguments& arguments) {
  if (!read_instructions()) {
    return context.reply.fail("no-counter", "this machine does not count instructions");
  }
  int status = shell::kSuccess;
  auto choice = shell::WorkloadChoice::read(context, kRecord, arguments, status);
  if (!choice) return status;
  context.reply.field("workload", Value::text(choice->name()));
  context.reply.field("operations", Value::count(choice->needs().operations));
  context.reply.field("peak_live_bytes", Value::bytes(choice->needs().peak_live_bytes));
  context.reply.field("overhead", Value::count(count_overhead()));
  context.reply.begin_list("allocators", {});
  Measurement measurement(context, *choice);
  const bool complete = measurement.run<alloc::BumpAllocator>() &&
                        measurement.run<alloc::BinAllocator>() &&
                        measurement.run_shared<alloc::BinAllocator>() &&
                        measurement.run_recorded<alloc::BinAllocator>() &&
                        (choice->needs().operations > kMostForFirstFit ||
                         measurement.run_plain<alloc::FirstFitAllocator>());
  context.reply.end_list();
  if (complete) return shell::kSuccess;
  return context.reply.problem("interrupted", "interrupted: not all allocators were measured");
}

}  // namespace
}  // namespace heapscope::kernel
