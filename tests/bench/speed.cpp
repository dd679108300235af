// Times workloads on bin, without a lock and behind a std::mutex, beside glibc,
// jemalloc and mimalloc in the same process, with Google Benchmark.
#include <benchmark/benchmark.h>
#include <dlfcn.h>

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "alloc/bin_allocator.hpp"
#include "alloc/locked_heap.hpp"
#include "alloc/no_lock.hpp"
#include "tests/bench/workloads.hpp"

namespace heapscope::bench {
namespace {

using workload::Operation;
using workload::OperationKind;

/// An allocator of the C library's kind. What is loaded is never unloaded.
class CLibrary {
 public:
  /// The program's own where there is no `file`.
  explicit CLibrary(const char* file) {
    void* const library =
        file == nullptr ? RTLD_DEFAULT : dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (file != nullptr && library == nullptr) panic("cannot load {}: {}", file, dlerror());
    malloc_ = std::bit_cast<Malloc>(dlsym(library, "malloc"));
    aligned_alloc_ = std::bit_cast<AlignedAlloc>(dlsym(library, "aligned_alloc"));
    realloc_ = std::bit_cast<Realloc>(dlsym(library, "realloc"));
    free_ = std::bit_cast<Free>(dlsym(library, "free"));
  }

  void* allocate(std::size_t size, std::size_t align) {
    return align <= alloc::kDefaultAlign ? malloc_(size) : aligned_alloc_(align, size);
  }
  void* reallocate(void* block, std::size_t, std::size_t, std::size_t size) {
    return realloc_(block, size);
  }
  void free(void* block, std::size_t, std::size_t) { free_(block); }

 private:
  using Malloc = void* (*)(std::size_t);
  using AlignedAlloc = void* (*)(std::size_t, std::size_t);
  using Realloc = void* (*)(void*, std::size_t);
  using Free = void (*)(void*);

  Malloc malloc_;
  AlignedAlloc aligned_alloc_;
  Realloc realloc_;
  Free free_;
};

/// Memory for a heap of four times what is live.
class Arena {
 public:
  explicit Arena(std::uint64_t live_bytes)
      : size_(alloc::align_up(4 * live_bytes + kLeast, kAlign)),
        memory_(std::aligned_alloc(kAlign, size_)) {}
  ~Arena() { std::free(memory_); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  [[nodiscard]] Range range() const {
    const auto start = std::bit_cast<std::uint64_t>(memory_);
    return {.start = start, .end = start + size_};
  }

 private:
  static constexpr std::size_t kAlign = 4096;
  static constexpr std::size_t kLeast = std::size_t{256} << 10;
  std::size_t size_;
  void* memory_;
};

/// One of heapscope's allocators behind `Lock`.
template <class Lock, alloc::Allocator A>
class Ours {
 public:
  explicit Ours(std::uint64_t live_bytes) : arena_(live_bytes) {
    if (!heap_.reset(A::kName, arena_.range())) panic("the heap does not start");
  }

  void* allocate(std::size_t size, std::size_t align) {
    const auto address = heap_.allocate({.size = size, .align = align});
    return address ? std::bit_cast<void*>(*address) : nullptr;
  }
  void* reallocate(void* block, std::size_t size, std::size_t align, std::size_t new_size) {
    const auto moved = heap_.reallocate(std::bit_cast<alloc::Address>(block),
                                        {.size = size, .align = align}, new_size);
    return moved ? std::bit_cast<void*>(*moved) : nullptr;
  }
  void free(void* block, std::size_t size, std::size_t align) {
    (void)heap_.deallocate(std::bit_cast<alloc::Address>(block), {.size = size, .align = align});
  }

 private:
  Arena arena_;
  alloc::LockedHeap<Lock, A> heap_;
};

struct Block {
  void* address = nullptr;
  std::size_t size = 0;
  std::size_t align = 0;
};

/// Plays a workload once and frees what is left. Each block is written to once,
/// as its owner would.
template <class Allocator>
void play(const Workload& workload, Allocator& allocator, std::vector<Block>& blocks) {
  for (const Operation& operation : workload.operations) {
    Block& block = blocks[operation.id];
    switch (operation.kind) {
      case OperationKind::allocate:
        block = {.address = allocator.allocate(operation.size, operation.align),
                 .size = operation.size,
                 .align = operation.align};
        break;
      case OperationKind::free:
        allocator.free(block.address, block.size, block.align);
        block.address = nullptr;
        continue;
      case OperationKind::reallocate:
        block.address =
            allocator.reallocate(block.address, block.size, block.align, operation.size);
        block.size = operation.size;
        break;
    }
    if (block.address == nullptr) panic("an operation failed");
    *static_cast<volatile char*>(block.address) = 1;
  }
  for (Block& block : blocks) {
    if (block.address != nullptr) allocator.free(block.address, block.size, block.align);
    block.address = nullptr;
  }
}

template <class Allocator>
void time(benchmark::State& state, const Workload& workload, Allocator& allocator) {
  std::vector<Block> blocks(workload.needs.slots);
  play(workload, allocator, blocks);  // Once for the caches.
  for ([[maybe_unused]] auto each : state) play(workload, allocator, blocks);
  state.SetItemsProcessed(static_cast<std::int64_t>(workload.operations.size()) *
                          state.iterations());
}

void add_library(const Workload& workload, const char* name, const char* file) {
  benchmark::RegisterBenchmark((workload.name + "/" + name).c_str(),
                               [&workload, file](benchmark::State& state) {
                                 CLibrary library(file);
                                 time(state, workload, library);
                               });
}

template <class Lock>
void add_bin(const Workload& workload, const char* name) {
  benchmark::RegisterBenchmark(
      (workload.name + "/" + name).c_str(), [&workload](benchmark::State& state) {
        Ours<Lock, alloc::BinAllocator> ours(workload.needs.peak_live_bytes);
        time(state, workload, ours);
      });
}

void add_all(const Workload& workload) {
  add_library(workload, "glibc", nullptr);
  add_library(workload, "jemalloc", "libjemalloc.so.2");
  add_library(workload, "mimalloc", "libmimalloc.so.2");
  add_bin<alloc::NoLock>(workload, "bin");
  add_bin<std::mutex>(workload, "bin+mutex");
}

}  // namespace
}  // namespace heapscope::bench

int main(int count, char** words) {
  using namespace heapscope::bench;
  benchmark::Initialize(&count, words);
  std::vector<std::unique_ptr<Workload>> workloads;
  for (int i = 1; i < count; ++i) {
    workloads.push_back(std::make_unique<Workload>(read_workload(words[i])));
    add_all(*workloads.back());
  }
  benchmark::RunSpecifiedBenchmarks();
}
