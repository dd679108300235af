// `demo`: the containers of the standard library on the watched heap, and what
// each takes from it and gives back while it grows.
#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include "kernel/commands/growth_log.hpp"
#include "kernel/commands/insertion_watcher.hpp"
#include "kernel/floating_point/number_set.hpp"
#include "shell/argument_values.hpp"
#include "shell/command.hpp"
#include "shell/failures_on_purpose.hpp"
#include "shell/heap_restart.hpp"

namespace heapscope::kernel {
namespace {

using shell::Arguments;
using shell::Column;
using shell::CommandRecord;
using shell::Context;
using shell::OptionRecord;
using shell::Value;

int run(Context& context, const Arguments& arguments);

constexpr std::array kOptions{
    OptionRecord{.letter = 'v', .value_name = {}, .help = "a row for every block"},
};
constexpr std::array<std::string_view, 3> kExamples{"demo vector", "demo map 20 -v",
                                                    "demo set 10000"};
constexpr std::array<std::string_view, 4> kContainers{"vector", "string", "map", "set"};
constexpr std::array kArguments{
    shell::Completes{.kind = shell::Completes::Kind::values, .values = kContainers},
    shell::Completes{}};
constexpr std::array<std::string_view, 3> kRelated{"alloc", "stats", "selftest"};
constexpr CommandRecord kRecord{
    .name = "demo",
    .usage = "demo vector|string|map|set [COUNT] [-v]",
    .summary = "watch a C++ container grow",
    .help =
        "Puts COUNT elements (100 if not given) one by one into a std::vector of 8-byte "
        "numbers, a string, a std::map or a std::unordered_set of numbers, shows each block "
        "that it took from the heap and the one that it gave back for it, and frees it. "
        "Blocks of one size in a row are one line, with the first one's address. Where the heap "
        "refuses a block, that element is given up, and all is freed.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .arguments = kArguments,
    .min_arguments = 1,
    .max_arguments = 2,
    .run = run,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kColumns{
    Column{.name = "elements", .width = 9, .right = true},
    Column{.name = "capacity", .width = 9, .right = true},
    Column{.name = "blocks", .width = 6, .right = true},
    Column{.name = "bytes", .width = 10, .right = true},
    Column{.name = "address", .width = 10},
    Column{.name = "given_back", .width = 10},
    Column{.name = "used_bytes", .width = 10, .right = true},
};

constexpr std::uint64_t kDefaultCount = 100;
/// How often long work looks for Ctrl-C, in elements.
constexpr std::uint64_t kElementsBetweenChecks = 1024;

// Each container as grow() needs it.

class NumberVector {
 public:
  explicit NumberVector(BlockWatcher& watcher) : numbers_(WatchedAllocator<Number>(watcher)) {}
  void add(std::uint64_t number) { numbers_.push_back(number); }
  [[nodiscard]] std::uint64_t elements() const { return numbers_.size(); }
  [[nodiscard]] std::optional<std::uint64_t> capacity() const { return numbers_.capacity(); }

 private:
  using Number = std::uint64_t;
  std::vector<Number, WatchedAllocator<Number>> numbers_;
};

class String {
 public:
  explicit String(BlockWatcher& watcher) : text_(WatchedAllocator<char>(watcher)) {}
  void add(std::uint64_t) { text_.push_back('x'); }
  [[nodiscard]] std::uint64_t elements() const { return text_.size(); }
  [[nodiscard]] std::optional<std::uint64_t> capacity() const { return text_.capacity(); }

 private:
  std::basic_string<char, std::char_traits<char>, WatchedAllocator<char>> text_;
};

class NumberMap {
 public:
  explicit NumberMap(BlockWatcher& watcher) : squares_(WatchedAllocator<Entry>(watcher)) {}
  void add(std::uint64_t number) { squares_.emplace(number, number * number); }
  [[nodiscard]] std::uint64_t elements() const { return squares_.size(); }
  [[nodiscard]] static std::optional<std::uint64_t> capacity() { return std::nullopt; }

 private:
  using Entry = std::pair<const std::uint64_t, std::uint64_t>;
  std::map<std::uint64_t, std::uint64_t, std::less<>, WatchedAllocator<Entry>> squares_;
};

/// Shows the rows; the list begins with the first one, as an answer that begins
/// says that the command succeeds.
class Rows final : public GrowthSink {
 public:
  explicit Rows(shell::Reply& reply) : reply_(reply) {}
  void show(const Growth& growth) override {
    begin();
    reply_.begin_item();
    reply_.field("elements", Value::count(growth.elements));
    reply_.field("capacity", growth.capacity ? Value::count(*growth.capacity) : Value::none());
    reply_.field("blocks", Value::count(growth.blocks));
    reply_.field("bytes", Value::bytes(growth.bytes));
    reply_.field("address", Value::address(growth.address));
    reply_.field("given_back",
                 growth.given_back ? Value::address(*growth.given_back) : Value::none());
    reply_.field("used_bytes", Value::bytes(growth.used_bytes));
    reply_.end_item();
  }
  void end() {
    begin();
    reply_.end_list();
  }
  [[nodiscard]] bool begun() const { return begun_; }

 private:
  void begin() {
    if (!begun_) reply_.begin_list("growth", kColumns);
    begun_ = true;
  }
  shell::Reply& reply_;
  bool begun_ = false;
};

/// Writes down each block with the heap's figures at that moment.
class Watcher final : public BlockWatcher {
 public:
  Watcher(const alloc::Heap& heap, GrowthLog& log) : heap_(heap), log_(log) {}
  void took(std::uintptr_t address, std::size_t bytes) override {
    const std::uint64_t used = heap_.stats().used_bytes;
    most_used_ = std::max(most_used_, used);
    log_.took(address, bytes, used);
  }
  void gave_back(std::uintptr_t address, std::size_t) override {
    log_.gave_back(address, heap_.stats().used_bytes);
  }
  [[nodiscard]] std::uint64_t most_used() const { return most_used_; }

 private:
  const alloc::Heap& heap_;
  GrowthLog& log_;
  std::uint64_t most_used_ = 0;
};

/// How far it came, and what the heap refused the next element, at what figures.
struct Outcome {
  std::uint64_t elements = 0;
  std::optional<std::uint64_t> refused_bytes;
  alloc::Stats then;
};

struct Request {
  std::uint64_t count = kDefaultCount;
  std::uint64_t between_checks = kElementsBetweenChecks;
};

/// The container is gone when this returns, whatever ended it.
template <class Container>
[[gnu::noinline]] Outcome grow(Context& context, const Request& request, GrowthLog& log,
                               BlockWatcher& watcher) {
  InsertionWatcher insertions(watcher);
  Container container(insertions);
  log.inserted(0, container.capacity());
  Outcome outcome;
  while (outcome.elements < request.count) {
    outcome.refused_bytes = insertions.insert([&] { container.add(outcome.elements); });
    if (outcome.refused_bytes) {
      log.given_up();
      outcome.then = context.environment.heap.stats();
      break;
    }
    outcome.elements = container.elements();
    log.inserted(outcome.elements, container.capacity());
    if (outcome.elements % request.between_checks == 0 && context.interrupted()) break;
  }
  log.finish();
  return outcome;
}

using Grow = Outcome (*)(Context&, const Request&, GrowthLog&, BlockWatcher&);

Grow grow_of(std::string_view kind) {
  if (kind == "vector") return grow<NumberVector>;
  if (kind == "string") return grow<String>;
  if (kind == "map") return grow<NumberMap>;
  if (kind == "set") return grow<NumberSet>;
  return nullptr;
}

/// The line that says why it is not complete. All has been freed by then.
int report_end(shell::Reply& reply, const Outcome& outcome, bool on_purpose, bool begun) {
  FixedText<160> why;
  if (!outcome.refused_bytes) {
    format(why, "interrupted after {} elements", outcome.elements);
  } else if (on_purpose) {
    format(why, "the {} bytes of element {} were refused on purpose, by fail",
           *outcome.refused_bytes, outcome.elements + 1);
  } else {
    format(why, "the {} bytes of element {} do not fit now: {} free, largest {}",
           *outcome.refused_bytes, outcome.elements + 1, outcome.then.free_bytes,
           outcome.then.largest_free_bytes);
  }
  const std::string_view kind = outcome.refused_bytes ? "exhausted" : "interrupted";
  return begun ? reply.problem(kind, "{}", why.view()) : reply.fail(kind, "{}", why.view());
}

int run(Context& context, const Arguments& arguments) {
  const Grow grow = grow_of(arguments[0]);
  if (grow == nullptr) {
    return context.reply.refuse(kRecord.usage, "there is no demo of '{}'", arguments[0]);
  }
  if (!shell::has_heap_to_itself(context)) return shell::kFailed;
  Request request;
  if (arguments.size() > 1) {
    const auto count = shell::read_number(context, kRecord, arguments[1], "COUNT", 1);
    if (!count) return shell::kWrongUsage;
    request.count = *count;
  }
  const bool every_block = arguments.has('v');
  if (every_block) request.between_checks = 1;
  alloc::Heap& heap = context.environment.heap;
  const shell::FailuresOnPurpose on_purpose(heap);
  const std::uint64_t before = heap.stats().used_bytes;
  Rows rows(context.reply);
  GrowthLog log(rows, !every_block);
  Watcher watcher(heap, log);
  const Outcome outcome = grow(context, request, log, watcher);
  const bool complete = outcome.elements == request.count;
  const bool begun = rows.begun() || complete;
  if (begun) {
    rows.end();
    context.reply.field("blocks_taken", Value::count(log.blocks_taken()));
    context.reply.field("blocks_given_back", Value::count(log.blocks_given_back()));
    context.reply.field("used_bytes_before", Value::bytes(before));
    context.reply.field("used_bytes_most", Value::bytes(std::max(before, watcher.most_used())));
    context.reply.field("used_bytes_after", Value::bytes(heap.stats().used_bytes));
  }
  return complete ? shell::kSuccess : report_end(context.reply, outcome, on_purpose.any(), begun);
}

}  // namespace
}  // namespace heapscope::kernel
