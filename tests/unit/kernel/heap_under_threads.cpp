// Four threads on one locked heap, for ThreadSanitizer: allocate, write, check,
// free. A program of its own, because its sanitizer excludes the others.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "alloc/bin_allocator.hpp"
#include "alloc/bump_allocator.hpp"
#include "alloc/locked_heap.hpp"
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
                                 heapscope::alloc::BumpAllocator, heapscope::alloc::BinAllocator>;

constexpr std::uint32_t kThreads = 4;
constexpr int kRounds = 5'000;
constexpr std::size_t kSlots = 64;

struct Block {
  Address address = 0;
  std::size_t size = 0;
};

[[noreturn]] void give_up(const char* why) {
  std::fprintf(stderr, "failed: %s\n", why);
  std::_Exit(1);
}

void release(Heap& heap, Block& block, unsigned char pattern) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(block.address);
  for (std::size_t i = 0; i < block.size; ++i) {
    if (bytes[i] != pattern) give_up("a block was written by somebody else");
  }
  if (!heap.deallocate(block.address, {.size = block.size})) give_up("a free was refused");
  block = {};
}

void work(Heap& heap, std::uint32_t number) {
  heapscope::kernel::ThreadCore::this_number = number;
  const auto pattern = static_cast<unsigned char>(number + 1);
  std::uint64_t random = number + 1;
  std::vector<Block> blocks(kSlots);
  for (int round = 0; round < kRounds; ++round) {
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    Block& block = blocks[random >> 33 & (kSlots - 1)];
    if (block.size != 0) release(heap, block, pattern);
    const std::size_t size = (random >> 40 & 255) + 1;
    const auto address = heap.allocate({.size = size});
    if (!address) give_up("the heap was full");
    std::memset(reinterpret_cast<void*>(*address), pattern, size);
    block = {.address = *address, .size = size};
    (void)heap.stats();
  }
  for (Block& block : blocks) {
    if (block.size != 0) release(heap, block, pattern);
  }
}

}  // namespace

int main() {
  constexpr std::size_t kBytes = std::size_t{1} << 20;
  const auto memory = std::make_unique<std::byte[]>(kBytes);
  const auto start = reinterpret_cast<Address>(memory.get());
  static Heap heap;
  if (!heap.reset("bin", {.start = start, .end = start + kBytes})) give_up("no heap");
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < kThreads; ++i) threads.emplace_back(work, std::ref(heap), i);
  for (std::thread& thread : threads) thread.join();
  if (heap.stats().live_blocks != 0) give_up("blocks are left");
  return 0;
}
