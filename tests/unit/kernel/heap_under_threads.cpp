// Four threads on one locked heap, for ThreadSanitizer: allocate, write, check,
// free, and before and after them one that has it for itself. A program of its own, because its
// sanitizer excludes the others.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "alloc/bin_allocator.hpp"
#include "alloc/bump_allocator.hpp"
#include "alloc/locked_heap.hpp"
#include "kernel/stress.hpp"
#include "kernel/ticket_lock.hpp"
#include "thread_core.hpp"

namespace heapscope {

void panic_handler(std::string_view message) {
  std::fprintf(stderr, "panic: %.*s\n", static_cast<int>(message.size()), message.data());
  std::abort();
}

}  // namespace heapscope

namespace {

using heapscope::alloc::Address;
using Heap =
    heapscope::alloc::LockedHeap<heapscope::kernel::TicketLock<heapscope::kernel::ThreadCore>,
                                 heapscope::alloc::BinAllocator, heapscope::alloc::BumpAllocator>;

using heapscope::kernel::StressWorker;

constexpr std::uint32_t kThreads = 4;
constexpr std::uint64_t kOperations = 1'000;
constexpr std::size_t kBytes = std::size_t{1} << 20;

[[noreturn]] void give_up(std::string_view why) {
  std::fprintf(stderr, "failed: %.*s\n", static_cast<int>(why.size()), why.data());
  std::_Exit(1);
}

void work(Heap& heap, StressWorker& worker, std::uint32_t number) {
  heapscope::kernel::ThreadCore::this_number = number;
  while (worker.work(64)) (void)heap.stats();
  worker.release_all();
}

void check(const StressWorker& worker) {
  if (worker.findings().failures != 0) give_up(worker.findings().first_failure);
  if (worker.findings().corrupted_bytes != 0) give_up("a block was written by somebody else");
}

/// What one thread does while it has the heap for itself.
void work_alone(Heap& heap) {
  heap.set_alone(true);
  const auto worker = std::make_unique<StressWorker>();
  worker->start(heap, kThreads, 1, kOperations);
  work(heap, *worker, kThreads);
  check(*worker);
  heap.set_alone(false);
}

/// As the command `stress` does it: one of the threads asks how far the others are.
void stress(Heap& heap, std::string_view allocator, heapscope::Range range) {
  if (!heap.reset(allocator, range)) give_up("no heap");
  work_alone(heap);
  const auto workers = std::make_unique<std::array<StressWorker, kThreads>>();
  for (std::uint32_t i = 0; i < kThreads; ++i) (*workers)[i].start(heap, i, 1, kOperations);
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < kThreads; ++i) {
    threads.emplace_back(work, std::ref(heap), std::ref((*workers)[i]), i);
  }
  heapscope::kernel::ThreadCore::this_number = kThreads;
  while ((*workers)[0].done() < kOperations) {
    (void)heap.lock_counters();
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
  for (const StressWorker& worker : *workers) check(worker);
  work_alone(heap);
  if (heap.stats().live_blocks != 0) give_up("blocks are left");
}

}  // namespace

int main() {
  const auto memory = std::make_unique<std::byte[]>(kBytes);
  const auto start = reinterpret_cast<Address>(memory.get());
  static Heap heap;
  for (const std::string_view allocator : heap.allocator_names()) {
    stress(heap, allocator, {.start = start, .end = start + kBytes});
  }
  return 0;
}
