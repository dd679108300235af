// Going over the heap, a few extents with each hold of its lock.
#include "shell/heap_check.hpp"

namespace heapscope::shell {
namespace {

constexpr std::size_t kExtentsAtOnce = 4;
/// Between two looks at the time and at Ctrl-C.
constexpr std::uint64_t kStepsBetweenLooks = 16;
constexpr std::uint64_t kMicrosecondsBetweenProgress = 1'000'000;

/// Says how far a check has come, every so often.
class Progress {
 public:
  explicit Progress(Context& context)
      : context_(context), next_us_(now() + kMicrosecondsBetweenProgress) {}

  void tell(const HeapCheck& check, std::uint64_t permille) {
    if (now() < next_us_) return;
    next_us_ = now() + kMicrosecondsBetweenProgress;
    FixedText<80> text;
    format(text, "{} extents, {} % of the heap", check.extents, permille / 10);
    context_.reply.progress(text.view());
  }

 private:
  [[nodiscard]] std::uint64_t now() const { return context_.environment.platform.uptime_us(); }

  Context& context_;
  std::uint64_t next_us_;
};

void add(HeapCheck& check, const alloc::CheckStep& step) {
  check.extents += step.extents;
  check.live_blocks += step.live_blocks;
  check.damage = step.damage;
  check.damaged = step.damaged;
  if (step.last_live) check.before = step.last_live;
}

}  // namespace

HeapCheck check_heap(Context& context) {
  const alloc::Heap& heap = context.environment.heap;
  const Range range = context.environment.setup.plan().heap;
  HeapCheck check;
  Progress progress(context);
  std::optional<std::uint64_t> generation;
  auto at = static_cast<alloc::Address>(range.start);
  for (std::uint64_t steps = 0; range.contains(at) && !check.damage; ++steps) {
    if (steps % kStepsBetweenLooks == 0) {
      check.stopped = context.interrupted();
      if (check.stopped) break;
      progress.tell(check, (at - range.start) * 1000 / range.size());
    }
    const alloc::CheckStep step = heap.check_some(at, kExtentsAtOnce);
    check.changed = check.changed || (generation && *generation != step.generation);
    generation = step.generation;
    add(check, step);
    at = step.next;
  }
  return check;
}

}  // namespace heapscope::shell
