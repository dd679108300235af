// `selftest`: whether C++ works in this kernel, on the machine it runs on: all
// forms of new and delete, containers, and the memory functions.
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "kernel/commands/insertion_watcher.hpp"
#include "kernel/floating_point/number_set.hpp"
#include "kernel/recovery.hpp"
#include "shell/command.hpp"
#include "shell/failures_on_purpose.hpp"
#include "shell/heap_restart.hpp"

namespace heapscope::kernel {
namespace {

using shell::Arguments;
using shell::Column;
using shell::CommandRecord;
using shell::Context;
using shell::Value;

int run(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 1> kExamples{"selftest"};
constexpr std::array<std::string_view, 2> kRelated{"demo", "stress"};
constexpr CommandRecord kRecord{
    .name = "selftest",
    .usage = "selftest",
    .summary = "check that C++ works in this kernel",
    .help =
        "Tries new and delete in all their forms, containers and the memory functions on the "
        "watched heap, and checks that the heap is afterwards as it was before. Where the heap "
        "refuses it a block, that check fails, and the others go on.",
    .options = {},
    .examples = kExamples,
    .related = kRelated,
    .run = run,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

/// Keeps the compiler from leaving out an allocation that nobody looks at.
template <class T>
T* used(T* pointer) {
  asm volatile("" : "+r"(pointer)::"memory");
  return pointer;
}

/// What the checks take from the heap, which may refuse it: then the check has failed, and
/// goes on to give back what it has. Each step takes one block at the most, and all that
/// a check makes is made outside of its steps, so that nothing is lost with a step.
class Memory {
 public:
  /// Whether `step()` had the block that it needed.
  template <class Step>
  [[nodiscard]] bool suffices_for(Step step) {
    return counted(!run_while_memory_lasts(step));
  }
  /// What `make()` makes with `new`; null where that was refused.
  template <class Make>
  [[nodiscard]] auto taken(Make make) {
    decltype(make()) made = nullptr;
    (void)suffices_for([&] { made = used(make()); });
    return made;
  }
  /// The same of what has told so itself.
  template <class T>
  [[nodiscard]] T* told(T* pointer) {
    (void)counted(pointer != nullptr);
    return used(pointer);
  }
  /// An insertion into a container that is watched.
  template <class Insert>
  [[nodiscard]] bool suffices_for(InsertionWatcher& watcher, Insert insert) {
    return counted(!watcher.insert(insert));
  }

  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  bool counted(bool granted) {
    refused_ += granted ? 0 : 1;
    return granted;
  }

  std::uint64_t refused_ = 0;
};

struct Check {
  std::string_view name;
  bool (*passes)(Memory& memory);
};

bool aligned_to(const void* pointer, std::size_t align) {
  return pointer != nullptr && reinterpret_cast<std::uintptr_t>(pointer) % align == 0;
}

struct alignas(128) Wide {
  unsigned char bytes[200];
};

struct Counted {
  static inline int alive = 0;
  Counted() { ++alive; }
  ~Counted() { --alive; }
};

bool single_objects(Memory& memory) {
  auto* const number = memory.taken([] { return new std::uint64_t(42); });
  const bool good = aligned_to(number, 16) && *number == 42;
  delete number;
  auto* const unsized = memory.taken([] { return static_cast<char*>(::operator new(5)); });
  ::operator delete(unsized);
  return good && unsized != nullptr;
}

bool arrays(Memory& memory) {
  auto* const bytes = memory.taken([] { return new char[100]; });
  if (bytes != nullptr) std::memset(bytes, 7, 100);
  const bool good = aligned_to(bytes, 16) && bytes[99] == 7;
  delete[] bytes;
  auto* const objects = memory.taken([] { return new Counted[5]; });
  const bool constructed = Counted::alive == 5;
  delete[] objects;
  return good && constructed && Counted::alive == 0;
}

bool aligned_objects(Memory& memory) {
  auto* const one = memory.taken([] { return new Wide; });
  auto* const many = memory.taken([] { return new Wide[3]; });
  const bool good = aligned_to(one, 128) && aligned_to(many, 128);
  delete one;
  delete[] many;
  return good;
}

bool without_throwing(Memory& memory) {
  auto* const small = memory.told(new (std::nothrow) char[64]);
  auto* const aligned =
      memory.told(static_cast<char*>(::operator new (64, std::align_val_t{4096}, std::nothrow)));
  void* const impossible = used(::operator new(SIZE_MAX / 2, std::nothrow));
  const bool good = small != nullptr && aligned_to(aligned, 4096) && impossible == nullptr;
  delete[] small;
  ::operator delete (aligned, std::align_val_t{4096}, std::nothrow);
  ::operator delete(impossible, std::nothrow);
  return good;
}

/// A name of every length, and where it is, each with a block for itself where it is long.
bool named_positions(Memory& memory) {
  std::vector<std::string> names;
  std::map<std::string, std::size_t> positions;
  for (std::size_t i = 0; i < 100; ++i) {
    std::string name;
    std::string key;
    const bool done = memory.suffices_for([&] { name.assign(i + 1, 'x'); }) &&
                      memory.suffices_for([&] { key = name; }) &&
                      memory.suffices_for([&] { names.push_back(std::move(name)); }) &&
                      memory.suffices_for([&] { positions.emplace(std::move(key), i); });
    if (!done) return false;
  }
  std::string middle;
  return memory.suffices_for([&] { middle.assign(50, 'x'); }) && names[99].size() == 100 &&
         positions.at(middle) == 49;
}

bool containers(Memory& memory) {
  const std::unique_ptr<std::vector<int>> owned(
      memory.taken([] { return new std::vector<int>(); }));
  return owned != nullptr && memory.suffices_for([&] { owned->assign(1000, 3); }) &&
         owned->back() == 3 && named_positions(memory);
}

/// Its nodes and its buckets, which floating point says how many are of.
bool unordered_containers(Memory& memory) {
  class Balance final : public BlockWatcher {
   public:
    void took(std::uintptr_t, std::size_t bytes) override { held_ += bytes; }
    void gave_back(std::uintptr_t, std::size_t bytes) override { held_ -= bytes; }
    [[nodiscard]] bool even() const { return held_ == 0; }

   private:
    std::size_t held_ = 0;
  };
  Balance balance;
  InsertionWatcher insertions(balance);
  bool good = true;
  {
    NumberSet numbers(insertions);
    for (std::uint64_t i = 0; i < 100 && good; ++i) {
      good = memory.suffices_for(insertions, [&] { numbers.add(i * i); });
    }
    good = good && !balance.even() && numbers.elements() == 100 && numbers.capacity() >= 100 &&
           numbers.contains(99 * 99) && !numbers.contains(99);
  }
  return good && balance.even();
}

/// Room for the longest copy at the last place.
using Bytes = std::array<unsigned char, 160>;

constexpr Bytes numbered_bytes() {
  Bytes bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(i + 1);
  return bytes;
}

/// Whether `length` bytes from `at` on are as `inside` tells, and all others as
/// `outside` does.
bool holds(const Bytes& bytes, std::size_t at, std::size_t length, const auto& inside,
           const auto& outside) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const bool within = i >= at && i - at < length;
    if (bytes[i] != (within ? inside(i) : outside(i))) return false;
  }
  return true;
}

bool copies(std::size_t to_at, std::size_t from_at, std::size_t length) {
  constexpr unsigned char kSet = 0xa5;
  const Bytes from = numbered_bytes();
  const auto copied = [&](std::size_t i) { return from[i - to_at + from_at]; };
  const auto unchanged = [&](std::size_t i) { return from[i]; };
  Bytes copy = from;
  Bytes moved = from;
  Bytes set = from;
  std::memcpy(used(&copy[to_at]), used(from.data()) + from_at, length);
  std::memmove(used(&moved[to_at]), used(&moved[from_at]), length);
  std::memset(used(&set[to_at]), kSet, length);
  return holds(copy, to_at, length, copied, unchanged) &&
         holds(moved, to_at, length, copied, unchanged) &&
         holds(
             set, to_at, length, [](std::size_t) { return kSet; }, unchanged);
}

/// Between all alignments, over one another in both directions, and with lengths
/// around those of words and of whole rounds of their loops: on a board, an
/// unaligned access before the MMU is on would end here.
bool memory_functions(Memory&) {
  constexpr std::size_t kPlaces = 2 * sizeof(std::uint64_t) + 1;
  constexpr std::array<std::size_t, 16> kLengths{0,  1,  7,  8,  9,  17,  31,  63,
                                                 64, 65, 72, 79, 96, 127, 128, 137};
  for (const std::size_t length : kLengths) {
    for (std::size_t to_at = 0; to_at < kPlaces; ++to_at) {
      for (std::size_t from_at = 0; from_at < kPlaces; ++from_at) {
        if (!copies(to_at, from_at, length)) return false;
      }
    }
  }
  return true;
}

/// Large areas are cleared by whole cache lines: with what is left before and behind
/// them, nothing beside.
bool clearing_memory(Memory&) {
  constexpr std::size_t kLine = 64;
  constexpr unsigned char kSet = 0xa5;
  constexpr std::size_t kBytes = 4096 + 4 * kLine;
  static constinit std::array<unsigned char, kBytes> bytes{};
  for (std::size_t at = 0; at <= 2 * kLine; at += 13) {
    for (const std::size_t length : {std::size_t{2047}, std::size_t{2048}, 4096 - at}) {
      bytes.fill(kSet);
      std::memset(used(&bytes[at]), 0, length);
      for (std::size_t i = 0; i < kBytes; ++i) {
        const bool within = i >= at && i - at < length;
        if (bytes[i] != (within ? 0 : kSet)) return false;
      }
    }
  }
  return true;
}

constexpr std::array kChecks{
    Check{.name = "new and delete", .passes = single_objects},
    Check{.name = "new[] and delete[]", .passes = arrays},
    Check{.name = "aligned new and delete", .passes = aligned_objects},
    Check{.name = "new (nothrow)", .passes = without_throwing},
    Check{.name = "containers", .passes = containers},
    Check{.name = "unordered containers", .passes = unordered_containers},
    Check{.name = "memory functions", .passes = memory_functions},
    Check{.name = "clearing memory", .passes = clearing_memory},
};

constexpr std::array kColumns{
    Column{.name = "check", .width = 24},
    Column{.name = "ok"},
};

void show(shell::Reply& reply, std::string_view name, bool good) {
  reply.begin_item();
  reply.field("check", Value::text(name));
  reply.field("ok", Value::boolean(good));
  reply.end_item();
}

int run(Context& context, const Arguments&) {
  if (!shell::has_heap_to_itself(context)) return shell::kFailed;
  const alloc::Stats before = context.environment.heap.stats();
  const bool gives_back = context.environment.heap.allocator_name() != "bump";
  const shell::FailuresOnPurpose on_purpose(context.environment.heap);
  Memory memory;
  std::size_t failed = 0;
  context.reply.begin_list("checks", kColumns);
  for (const Check& check : kChecks) {
    const bool good = check.passes(memory);
    show(context.reply, check.name, good);
    failed += good ? 0 : 1;
  }
  const alloc::Stats after = context.environment.heap.stats();
  // What is used says less: a hardened heap keeps freed blocks for a while.
  const bool same = after.live_blocks == before.live_blocks &&
                    (!gives_back || after.requested_bytes == before.requested_bytes);
  show(context.reply, "the heap is as before", same);
  failed += same ? 0 : 1;
  context.reply.end_list();
  if (failed == 0) return shell::kSuccess;
  if (memory.refused() != 0) {
    return context.reply.problem("exhausted", "{} of the checks failed: {}", failed,
                                 on_purpose.any() ? "blocks were refused on purpose, by fail"
                                                  : "the heap has no room for them now");
  }
  return context.reply.problem("selftest", "{} of the checks failed", failed);
}

}  // namespace
}  // namespace heapscope::kernel
