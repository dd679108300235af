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

/// Has the lock for so many ticks, or one more.
void hold(Lock& lock, std::uint64_t ticks) {
  const std::scoped_lock held(lock);
  ThreadCore::ticks += ticks;
}

TEST(TicketLock, CountsAcquisitions) {
  Lock lock;
  for (int i = 0; i < 10; ++i) hold(lock, 5);
  EXPECT_EQ(lock.counters().acquisitions, 10U);
  EXPECT_EQ(lock.counters().contended, 0U);
}

TEST(TicketLock, MeasuresHoldsOnlyWhileItIsTold) {
  Lock lock;
  HoldRecord record;
  hold(lock, 9000);
  lock.measure_holds(&record);
  for (int i = 0; i < 10; ++i) hold(lock, i == 5 ? 1000 : 0);
  lock.measure_holds(nullptr);
  hold(lock, 7000);
  EXPECT_EQ(record.holds, 10U);
  EXPECT_GE(record.longest.ticks, 1000U);
  EXPECT_LE(record.longest.ticks, 1001U);
  EXPECT_EQ(record.longest.cycles, record.longest.ticks * 10);
  EXPECT_EQ(record.longest.instructions, record.longest.ticks * 3);
  EXPECT_EQ(record.waits, 0U);
  EXPECT_EQ(lock.counters().acquisitions, 14U);
}

TEST(TicketLock, GoesOnMeasuringWhereItEnded) {
  Lock lock;
  HoldRecord record;
  for (int i = 0; i < 2; ++i) {
    lock.measure_holds(&record);
    hold(lock, i == 0 ? 1000 : 10);
    lock.measure_holds(nullptr);
  }
  EXPECT_EQ(record.holds, 2U);
  EXPECT_GE(record.longest.ticks, 1000U);
}

TEST(TicketLock, SaysWhoHeldItLongest) {
  Lock lock;
  HoldRecord record;
  lock.measure_holds(&record);
  const auto hold_as = [&lock](std::uint32_t number, std::uint64_t caller, std::uint64_t ticks) {
    std::thread([&] {
      ThreadCore::this_number = number;
      ThreadCore::this_caller = caller;
      hold(lock, ticks);
    }).join();
  };
  hold_as(1, 0x1111, 500);
  hold_as(3, 0x3333, 800);
  hold_as(2, 0x2222, 700);
  EXPECT_EQ(record.longest.core, 3U);
  ASSERT_EQ(record.longest.callers.size(), 1U);
  EXPECT_EQ(record.longest.callers[0], 0x3333U);
}

TEST(TicketLock, SortsHoldsByTheirLength) {
  Lock lock;
  HoldRecord record;
  lock.measure_holds(&record);
  const auto number_of = [&](std::uint64_t ticks) {
    const auto before = record.lengths;
    hold(lock, ticks);
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (record.lengths[i] != before[i]) return i;
    }
    return before.size();
  };
  // A look at the clock is a tick of its own.
  EXPECT_EQ(number_of(0), 1U);
  EXPECT_EQ(number_of(1), 2U);
  EXPECT_EQ(number_of(2), 2U);
  EXPECT_EQ(number_of(3), 3U);
  EXPECT_EQ(number_of(1022), 10U);
  EXPECT_EQ(number_of(1023), 11U);
  EXPECT_EQ(number_of(std::uint64_t{1} << 40), HoldRecord::kLengths - 1);
  EXPECT_EQ(record.holds, 7U);
}

TEST(TicketLock, MeasuresWaits) {
  Lock lock;
  HoldRecord record;
  lock.measure_holds(&record);
  lock.lock();
  {
    const std::uint64_t acquisitions = lock.counters().acquisitions;
    std::thread other([&lock] {
      ThreadCore::this_number = 1;
      hold(lock, 0);
    });
    while (lock.counters().acquisitions == acquisitions) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ThreadCore::ticks += 1000;
    lock.unlock();
    other.join();
  }
  EXPECT_EQ(lock.counters().contended, 1U);
  EXPECT_EQ(record.waits, 1U);
  EXPECT_GE(record.waited_ticks, 1000U);
  EXPECT_LE(record.waited_ticks, 1010U);
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

TEST(TicketLock, MeasuresNothingInAPanic) {
  Lock lock;
  HoldRecord record;
  lock.measure_holds(&record);
  const Panic panic;
  hold(lock, 1000);
  EXPECT_EQ(record.holds, 0U);
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
