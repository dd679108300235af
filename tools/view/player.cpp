// Plays a trace on a heap of the size asked for and writes what became of it: the trace
// again, each operation with its block's offset in the heap, and now and then the heap's
// figures. What is wrong with the trace is one line on standard error, and status 2.
#include "alloc/workload/player.hpp"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "alloc/bin_allocator.hpp"
#include "alloc/bump_allocator.hpp"
#include "alloc/first_fit_allocator.hpp"
#include "alloc/workload/trace_reader.hpp"
#include "base/panic.hpp"

namespace heapscope::view {
namespace {

/// Heaps begin at a multiple of this, so that alignments fall the same each time.
constexpr std::uint64_t kAnchor = std::uint64_t{4} << 20;
constexpr std::uint64_t kLargestHeap = std::uint64_t{1} << 40;
constexpr std::uint64_t kPage = 4096;
/// How many times the heap's figures are written, about.
constexpr std::uint64_t kFigures = 16'000;

[[noreturn]] void give_up(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(2);
}

unsigned long long printable(std::uint64_t number) { return number; }

/// What the trace needs where nothing fails; checks each of its lines.
workload::Figures needs_of(std::string_view text, std::span<workload::Slot> slots) {
  workload::NoTarget target;
  workload::Player player(target, slots);
  workload::TraceReader reader(text);
  const auto played = player.play(reader);
  if (!played) {
    give_up("line " + std::to_string(played.error().position) + " " +
            std::string(workload::fault_text(played.error().fault)));
  }
  return player.figures();
}

/// Address space; memory is taken where an allocator keeps its records.
std::optional<Range> reserve(std::uint64_t size) {
  void* const memory = mmap(nullptr, size + kAnchor, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return std::nullopt;
  const alloc::Address start = alloc::align_up(reinterpret_cast<alloc::Address>(memory), kAnchor);
  return Range{.start = start, .end = start + size};
}

/// Writes the operations as they are played.
template <alloc::Allocator A>
class Writer final : public workload::Observer {
 public:
  Writer(const A& heap, std::span<const workload::Slot> slots, const workload::Figures& needs,
         alloc::Address start)
      : heap_(heap),
        slots_(slots),
        needs_(needs),
        start_(start),
        interval_(1 + needs.operations / kFigures) {}

  bool played(const workload::Operation& operation, const workload::Figures& figures) override {
    if (figures.skipped != before_.skipped) {
      std::printf("# skipped\n");
    } else {
      write(operation, figures.failures != before_.failures);
    }
    const bool at_peak = figures.live_bytes == needs_.peak_live_bytes &&
                         before_.peak_live_bytes != needs_.peak_live_bytes;
    if (figures.operations % interval_ == 0 || at_peak) write_figures();
    before_ = figures;
    return true;
  }

  void write_figures() const {
    const alloc::Stats stats = heap_.stats();
    std::printf("# figures used=%llu free=%llu largest=%llu metadata=%llu\n",
                printable(stats.used_bytes), printable(stats.free_bytes),
                printable(stats.largest_free_bytes), printable(stats.metadata_bytes));
  }

 private:
  void write(const workload::Operation& operation, bool failed) const {
    if (operation.kind == workload::OperationKind::free) {
      std::printf("f %u\n", operation.id);
      return;
    }
    const bool allocates = operation.kind == workload::OperationKind::allocate;
    std::printf("%c %u %llu", allocates ? 'a' : 'r', operation.id, printable(operation.size));
    if (allocates && operation.align != alloc::kDefaultAlign) {
      std::printf(" %llu", printable(operation.align));
    }
    if (failed) {
      std::printf(" # failed=1\n");
      return;
    }
    std::printf(" # at=0x%llx\n", printable(slots_[operation.id].address - start_));
  }

  const A& heap_;
  std::span<const workload::Slot> slots_;
  workload::Figures needs_;
  alloc::Address start_;
  std::uint64_t interval_;
  workload::Figures before_;
};

/// Whether the whole trace fits.
template <alloc::Allocator A>
bool completes(std::string_view text, Range range, std::span<workload::Slot> slots) {
  if (!A::can_manage(range)) return false;
  A heap;
  heap.initialize(range);
  workload::AllocatorTarget<A> target(heap, workload::Contents::dropped);
  workload::Player player(target, slots, {.stop_at_failure = true});
  workload::TraceReader reader(text);
  const auto played = player.play(reader);
  return played && *played;
}

/// A heap with some room to spare that all of the trace fits in.
template <alloc::Allocator A>
Range fitting_heap(std::string_view text, std::uint64_t peak, std::span<workload::Slot> slots) {
  for (std::uint64_t size = alloc::align_up(peak + peak / 4, kPage); size <= kLargestHeap;
       size *= 2) {
    const auto range = reserve(size);
    if (!range) break;
    if (completes<A>(text, *range, slots)) return *range;
    munmap(reinterpret_cast<void*>(range->start), size);
  }
  give_up("does not fit in any heap that this machine has room for");
}

template <alloc::Allocator A>
void play(std::string_view text, std::uint64_t size) {
  std::vector<workload::Slot> slots(workload::kMaxBlocks);
  const workload::Figures needs = needs_of(text, slots);
  if (needs.operations == 0) give_up("holds no operations");
  const bool fitted = size == 0;
  const auto range = fitted ? fitting_heap<A>(text, needs.peak_live_bytes, slots) : reserve(size);
  if (!range) give_up("there is no room for a heap of that size");
  if (!A::can_manage(*range)) give_up("the heap is too small for this allocator");
  std::printf("%s\n# heap 0x0 0x%llx allocator %s\n%s", std::string(workload::kTraceMark).c_str(),
              printable(range->size()), std::string(A::kName).c_str(), fitted ? "# fitted\n" : "");

  A heap;
  heap.initialize(*range);
  workload::AllocatorTarget<A> target(heap, workload::Contents::dropped);
  workload::Player player(target, slots);
  workload::TraceReader reader(text);
  Writer<A> writer(heap, slots, needs, range->start);
  writer.write_figures();
  if (!player.play(reader, &writer)) panic("a trace changed while it was played");
  writer.write_figures();
}

std::string read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) give_up("cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace
}  // namespace heapscope::view

void heapscope::panic_handler(std::string_view message) {
  std::fprintf(stderr, "panic: %.*s\n", static_cast<int>(message.size()), message.data());
  std::abort();
}

/// ALLOCATOR SIZE FILE; size 0: one that all fits in.
int main(int count, char** words) {
  using namespace heapscope;
  if (count != 4) view::give_up("usage: view_player ALLOCATOR SIZE FILE");
  const std::string_view name = words[1];
  const std::uint64_t size = std::strtoull(words[2], nullptr, 10);
  const std::string text = view::read_file(words[3]);
  if (name == alloc::BumpAllocator::kName) {
    view::play<alloc::BumpAllocator>(text, size);
  } else if (name == alloc::FirstFitAllocator::kName) {
    view::play<alloc::FirstFitAllocator>(text, size);
  } else {
    view::play<alloc::BinAllocator>(text, size);
  }
}
