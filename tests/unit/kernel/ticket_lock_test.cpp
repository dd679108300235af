// The spinlock: what it counts, what it refuses, and that it masks interrupts.
#include "kernel/ticket_lock.hpp"

#include <gtest/gtest.h>

#include <mutex>
#include <thread>
#include <vector>

#include "thread_core.hpp"

namespace heapscope::kernel {
namespace {

using Lock = TicketLock<ThreadCore>;

TEST(TicketLock, MasksInterruptsWhileItIsHeld) {
  Lock lock;
  ThreadCore::masked = 0;
  lock.lock();
  EXPECT_EQ(ThreadCore::masked, 1U);
  EXPECT_TRUE(lock.held_by_this_core());
  lock.unlock();
  EXPECT_EQ(ThreadCore::masked, 0U);
  EXPECT_FALSE(lock.held_by_this_core());
}

TEST(TicketLock, LeavesInterruptsMaskedThatWereMaskedBefore) {
  Lock lock;
  ThreadCore::masked = 1;
  lock.lock();
  lock.unlock();
  EXPECT_EQ(ThreadCore::masked, 1U);
  ThreadCore::masked = 0;
}

TEST(TicketLock, CountsAcquisitionsAndTheLongestHoldThatWasMeasured) {
  Lock lock;
  const auto hold = [&lock](std::uint64_t ticks) {
    const std::scoped_lock held(lock);
    ThreadCore::ticks += ticks;
  };
  hold(5000);
  EXPECT_EQ(lock.counters().longest_hold_ticks, 0U);
  lock.measure_holds(true);
  for (int i = 0; i < 10; ++i) hold(i == 5 ? 1000 : 0);
  lock.measure_holds(false);
  hold(7000);
  EXPECT_EQ(lock.counters().acquisitions, 14U);
  EXPECT_EQ(lock.counters().contended, 0U);
  EXPECT_GE(lock.counters().longest_hold_ticks, 1000U);
  EXPECT_LT(lock.counters().longest_hold_ticks, 1100U);
}

TEST(TicketLock, CountsThoseThatHadToWait) {
  Lock lock;
  std::thread other;
  {
    const std::scoped_lock held(lock);
    other = std::thread([&lock] {
      ThreadCore::this_number = 1;
      const std::scoped_lock waits(lock);
    });
    // Until the other has drawn its ticket, it may still come without waiting.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  other.join();
  EXPECT_EQ(lock.counters().acquisitions, 2U);
  EXPECT_LE(lock.counters().contended, 1U);
}

TEST(TicketLock, ExcludesOthers) {
  Lock lock;
  std::uint64_t sum = 0;
  std::vector<std::thread> cores;
  for (std::uint32_t number = 0; number < 4; ++number) {
    cores.emplace_back([&lock, &sum, number] {
      ThreadCore::this_number = number;
      for (int i = 0; i < 20'000; ++i) {
        const std::scoped_lock held(lock);
        ++sum;
      }
    });
  }
  for (std::thread& core : cores) core.join();
  EXPECT_EQ(sum, 80'000U);
  EXPECT_EQ(lock.counters().acquisitions, 80'000U);
}

/// The kernel has panicked as long as it lives.
class Panic {
 public:
  Panic() {
    ThreadCore::in_panic = true;
    ThreadCore::masked = 1;
  }
  ~Panic() {
    ThreadCore::in_panic = false;
    ThreadCore::masked = 0;
  }
  Panic(const Panic&) = delete;
  Panic& operator=(const Panic&) = delete;
};

TEST(TicketLock, IsPassedByInAPanicWhoeverHoldsIt) {
  for (const std::uint32_t holder : {0U, 1U}) {
    Lock lock;
    ThreadCore::this_number = holder;
    lock.lock();
    ThreadCore::this_number = 0;
    const Panic panic;
    for (int i = 0; i < 3; ++i) {
      const std::scoped_lock held(lock);
      EXPECT_EQ(ThreadCore::masked, 1U);
    }
    EXPECT_EQ(lock.counters().acquisitions, 1U);
  }
}

TEST(TicketLock, LeavesInterruptsMaskedInAPanic) {
  Lock lock;
  ThreadCore::masked = 0;
  lock.lock();
  const Panic panic;
  // The broken code had them unmasked before it took the lock.
  lock.lock();
  lock.unlock();
  EXPECT_EQ(ThreadCore::masked, 1U);
}

TEST(TicketLock, WorkThatIsGivenUpInAPanicDoesNotKeepIt) {
  Lock lock;
  const Panic panic;
  lock.lock();
  lock.lock();
  lock.unlock();
  EXPECT_EQ(ThreadCore::masked, 1U);
}

TEST(TicketLock, InAPanicTheMmuMayBeOff) {
  Lock lock;
  const Panic panic;
  ThreadCore::mmu_is_on = false;
  lock.lock();
  lock.unlock();
  ThreadCore::mmu_is_on = true;
}

TEST(TicketLockDeathTest, RefusesToBeTakenTwice) {
  Lock lock;
  lock.lock();
  EXPECT_DEATH(lock.lock(), "a core takes a lock again that it holds");
  lock.unlock();
}

TEST(TicketLockDeathTest, RefusesToWorkBeforeTheMmu) {
  Lock lock;
  EXPECT_DEATH(
      {
        ThreadCore::mmu_is_on = false;
        lock.lock();
      },
      "a spinlock was used before the MMU was on");
}

}  // namespace
}  // namespace heapscope::kernel
