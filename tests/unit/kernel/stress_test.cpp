// The worker of a stress test: that it finds nothing in a sound heap, and in an
// unsound one what is wrong with it.
#include "kernel/stress.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "alloc/bin_allocator.hpp"
#include "alloc/bump_allocator.hpp"
#include "alloc/locked_heap.hpp"
#include "tests/unit/support/forwarding_heap.hpp"

namespace heapscope::kernel {
namespace {

using alloc::Address;
using alloc::HeapError;
using alloc::Layout;
using SoundHeap = alloc::LockedHeap<std::mutex, alloc::BumpAllocator, alloc::BinAllocator>;

/// A heap in memory of its own.
class Memory {
 public:
  explicit Memory(std::size_t bytes, std::string_view allocator = "bin")
      : bytes_(std::make_unique<std::byte[]>(bytes)) {
    const auto start = reinterpret_cast<Address>(bytes_.get());
    EXPECT_TRUE(heap.reset(allocator, {.start = start, .end = start + bytes}));
  }

 private:
  std::unique_ptr<std::byte[]> bytes_;

 public:
  SoundHeap heap;
};

/// A heap that does one thing wrong, every so many calls.
class UnsoundHeap : public test::ForwardingHeap {
 public:
  using ForwardingHeap::ForwardingHeap;

 protected:
  bool now() { return ++calls_ % 100 == 0; }

 private:
  int calls_ = 0;
};

const StressFindings& run(StressWorker& worker, alloc::Heap& heap, std::uint64_t seed,
                          std::uint64_t operations) {
  worker.start(heap, 0, seed, operations);
  while (worker.work(64)) {
  }
  worker.release_all();
  return worker.findings();
}

constexpr std::uint64_t kOperations = 20'000;
constexpr std::size_t kEnough = std::size_t{4} << 20;
constexpr std::size_t kTooLittle = std::size_t{32} << 10;

TEST(StressWorker, FindsNothingInASoundHeap) {
  for (const std::uint64_t seed : {0ULL, 1ULL, 42ULL, ~0ULL}) {
    Memory memory(kEnough);
    const alloc::Stats before = memory.heap.stats();
    StressWorker worker;
    const StressFindings& findings = run(worker, memory.heap, seed, kOperations);
    EXPECT_EQ(worker.done(), kOperations);
    EXPECT_EQ(findings.failures, 0U) << findings.first_failure;
    EXPECT_EQ(findings.corrupted_bytes, 0U);
    EXPECT_EQ(findings.exhausted, 0U);
    const alloc::Stats after = memory.heap.stats();
    EXPECT_EQ(after.live_blocks, 0U);
    EXPECT_EQ(after.used_bytes, before.used_bytes);
    EXPECT_EQ(after.largest_free_bytes, before.largest_free_bytes);
    EXPECT_GT(after.allocations, kOperations / 4);
  }
}

TEST(StressWorker, CountsExhaustionApart) {
  for (const std::string_view allocator : {"bin", "bump"}) {
    Memory memory(kTooLittle, allocator);
    StressWorker worker;
    const StressFindings& findings = run(worker, memory.heap, 7, kOperations);
    EXPECT_EQ(worker.done(), kOperations);
    EXPECT_GT(findings.exhausted, 0U);
    EXPECT_EQ(findings.failures, 0U) << findings.first_failure;
    EXPECT_EQ(findings.corrupted_bytes, 0U);
    EXPECT_EQ(memory.heap.stats().live_blocks, 0U);
  }
}

TEST(StressWorker, ASeedGivesTheSameRunAgain) {
  const auto figures = [](std::uint64_t seed) {
    Memory memory(kEnough);
    StressWorker worker;
    (void)run(worker, memory.heap, seed, kOperations);
    const alloc::Stats stats = memory.heap.stats();
    return std::vector{stats.allocations, stats.frees, stats.peak_used_bytes};
  };
  EXPECT_EQ(figures(5), figures(5));
  EXPECT_NE(figures(5), figures(6));
}

TEST(StressWorker, DoesNoMoreThanItWasAskedFor) {
  Memory memory(kEnough);
  StressWorker worker;
  worker.start(memory.heap, 0, 1, 100);
  EXPECT_TRUE(worker.work(64));
  EXPECT_EQ(worker.done(), 64U);
  EXPECT_FALSE(worker.work(64));
  EXPECT_EQ(worker.done(), 100U);
  EXPECT_FALSE(worker.work(64));
  EXPECT_EQ(worker.done(), 100U);
  worker.release_all();
  worker.release_all();
  EXPECT_EQ(memory.heap.stats().live_blocks, 0U);
  EXPECT_EQ(worker.findings().failures, 0U);
}

TEST(StressWorker, FindsEveryByteThatWasChanged) {
  Memory memory(kEnough);
  StressWorker worker;
  worker.start(memory.heap, 0, 1, 1000);
  (void)worker.work(1000);
  const alloc::Stats stats = memory.heap.stats();
  std::size_t changed = 0;
  std::array<alloc::Extent, 1> extent{};
  for (Address at = stats.start; memory.heap.walk(at, extent).count == 1; at = extent[0].end()) {
    if (extent[0].state != alloc::ExtentState::live) continue;
    *reinterpret_cast<unsigned char*>(extent[0].start) ^= 1;
    ++changed;
  }
  worker.release_all();
  EXPECT_GT(changed, 30U);
  EXPECT_EQ(worker.findings().corrupted_bytes, changed);
  EXPECT_EQ(worker.findings().failures, 0U);
}

TEST(StressWorker, FindsABlockThatIsHandedOutTwice) {
  class Heap final : public UnsoundHeap {
   public:
    using UnsoundHeap::UnsoundHeap;
    Result<Address, HeapError> allocate(Layout layout) override {
      if (layout.size <= last_size_ && last_ % layout.align == 0 && now()) return last_;
      auto got = heap_.allocate(layout);
      if (got) {
        last_ = *got;
        last_size_ = layout.size;
        live_.insert(last_);
      }
      return got;
    }
    // Nothing goes back to the heap below, which would find out by itself.
    Result<void, HeapError> deallocate(Address address, Layout) override {
      if (live_.erase(address) == 0) return fail(HeapError::not_allocated);
      return {};
    }
    Result<Address, HeapError> reallocate(Address, Layout, std::size_t) override {
      return fail(HeapError::exhausted);
    }

   private:
    Address last_ = 1;
    std::size_t last_size_ = 0;
    std::set<Address> live_;
  };
  Memory memory(std::size_t{64} << 20);
  Heap heap(memory.heap);
  StressWorker worker;
  EXPECT_GT(run(worker, heap, 3, kOperations).corrupted_bytes, 0U);
  // Freed twice as well.
  EXPECT_GT(worker.findings().failures, 0U);
}

TEST(StressWorker, FindsMisalignedBlocks) {
  class Heap final : public UnsoundHeap {
   public:
    using UnsoundHeap::UnsoundHeap;
    Result<Address, HeapError> allocate(Layout layout) override {
      const bool wrong = layout.align >= 16 && now();
      auto got = heap_.allocate({.size = layout.size + 8, .align = layout.align});
      if (got && wrong) return *got + 8;
      return got;
    }
    Result<void, HeapError> deallocate(Address, Layout) override { return {}; }
    Result<Address, HeapError> reallocate(Address, Layout, std::size_t) override {
      return fail(HeapError::exhausted);
    }
  };
  Memory memory(std::size_t{64} << 20);
  Heap heap(memory.heap);
  StressWorker worker;
  const StressFindings& findings = run(worker, heap, 3, kOperations);
  EXPECT_GT(findings.failures, 10U);
  EXPECT_EQ(findings.first_failure, "a block is misaligned");
  EXPECT_EQ(findings.corrupted_bytes, 0U);
}

TEST(StressWorker, FindsBlocksOutsideOfTheHeapAndDoesNotTouchThem) {
  class Heap final : public UnsoundHeap {
   public:
    using UnsoundHeap::UnsoundHeap;
    Result<Address, HeapError> allocate(Layout layout) override {
      if (now()) return Address{0x1000};
      return heap_.allocate(layout);
    }
  };
  Memory memory(kEnough);
  Heap heap(memory.heap);
  StressWorker worker;
  const StressFindings& findings = run(worker, heap, 3, kOperations);
  EXPECT_GT(findings.failures, 10U);
  EXPECT_EQ(findings.first_failure, "a block lies outside of the heap");
  EXPECT_EQ(memory.heap.stats().live_blocks, 0U);
}

TEST(StressWorker, FindsFreesThatAreRefused) {
  class Heap final : public UnsoundHeap {
   public:
    using UnsoundHeap::UnsoundHeap;
    Result<void, HeapError> deallocate(Address address, Layout layout) override {
      auto freed = heap_.deallocate(address, layout);
      if (now()) return fail(HeapError::not_allocated);
      return freed;
    }
  };
  Memory memory(kEnough);
  Heap heap(memory.heap);
  StressWorker worker;
  EXPECT_GT(run(worker, heap, 3, kOperations).failures, 10U);
  EXPECT_EQ(worker.findings().first_failure, "a free was refused");
}

TEST(StressWorker, FindsContentsThatAreLostOnTheMove) {
  class Heap final : public UnsoundHeap {
   public:
    using UnsoundHeap::UnsoundHeap;
    Result<Address, HeapError> reallocate(Address address, Layout layout,
                                          std::size_t size) override {
      const auto got = heap_.allocate({.size = size, .align = layout.align});
      if (!got) return got;
      (void)heap_.deallocate(address, layout);
      return got;
    }
  };
  Memory memory(kEnough);
  Heap heap(memory.heap);
  StressWorker worker;
  EXPECT_GT(run(worker, heap, 3, kOperations).corrupted_bytes, 0U);
  EXPECT_EQ(worker.findings().failures, 0U);
}

TEST(StressWorker, FourAtOnceFindNothing) {
  for (const std::size_t bytes : {kEnough, kTooLittle}) {
    Memory memory(bytes);
    std::array<StressWorker, 4> workers;
    std::vector<std::thread> threads;
    for (std::uint32_t i = 0; i < workers.size(); ++i) {
      workers[i].start(memory.heap, i, 11, kOperations);
      threads.emplace_back([&worker = workers[i]] {
        while (worker.work(64)) {
        }
        worker.release_all();
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const StressWorker& worker : workers) {
      EXPECT_EQ(worker.done(), kOperations);
      EXPECT_EQ(worker.findings().failures, 0U) << worker.findings().first_failure;
      EXPECT_EQ(worker.findings().corrupted_bytes, 0U);
    }
    EXPECT_EQ(memory.heap.stats().live_blocks, 0U);
    const alloc::Stats stats = memory.heap.stats();
    const auto checked = memory.heap.check(stats.start, SIZE_MAX);
    EXPECT_TRUE(checked && *checked == stats.end);
  }
}

}  // namespace
}  // namespace heapscope::kernel
