// The random program of a stress test, and what it demands of the heap.
#include "kernel/stress.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace heapscope::kernel {
namespace {

using Word = std::uint64_t;

/// So that a shift of the block by whole words is noticed as well.
constexpr Word word_at(Word pattern, std::size_t index) {
  return pattern + index * 0x9e37'79b9'7f4a'7c15;
}

void fill(alloc::Address address, std::size_t bytes, Word pattern) {
  auto* to = reinterpret_cast<std::byte*>(address);
  std::size_t index = 0;
  for (; bytes >= sizeof(Word); bytes -= sizeof(Word), to += sizeof(Word)) {
    const Word word = word_at(pattern, index++);
    std::memcpy(to, &word, sizeof(word));
  }
  const Word last = word_at(pattern, index);
  std::memcpy(to, &last, bytes);
}

std::size_t different_bytes(Word a, Word b) {
  std::size_t count = 0;
  for (Word rest = a ^ b; rest != 0; rest >>= 8) count += (rest & 0xff) != 0 ? 1 : 0;
  return count;
}

std::size_t count_corrupted(alloc::Address address, std::size_t bytes, Word pattern) {
  const auto* from = reinterpret_cast<const std::byte*>(address);
  std::size_t corrupted = 0;
  std::size_t index = 0;
  for (; bytes > 0; ++index) {
    const std::size_t taken = std::min(bytes, sizeof(Word));
    const Word expected = word_at(pattern, index);
    Word found = expected;
    std::memcpy(&found, from, taken);
    corrupted += different_bytes(found, expected);
    from += taken;
    bytes -= taken;
  }
  return corrupted;
}

/// Scatters the bits of what comes one after the other (the finalizer of
/// SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators").
constexpr Word scatter(Word value) {
  value = (value ^ value >> 30) * 0xbf58'476d'1ce4'e5b9;
  value = (value ^ value >> 27) * 0x94d0'49bb'1331'11eb;
  return value ^ value >> 31;
}

}  // namespace

void StressWorker::start(alloc::Heap& heap, std::uint32_t number, std::uint64_t seed,
                         std::uint64_t operations) {
  const alloc::Stats stats = heap.stats();
  heap_ = &heap;
  range_ = {.start = stats.start, .end = stats.end};
  random_ = scatter(seed) + scatter(number + 1);
  patterns_ = Word{number} << 56;
  planned_ = operations;
  done_.store(0, std::memory_order_relaxed);
  findings_ = {};
  blocks_ = {};
}

bool StressWorker::work(std::uint64_t most) {
  const std::uint64_t done_before = done();
  const std::uint64_t count = std::min(most, planned_ - done_before);
  for (std::uint64_t i = 0; i < count; ++i) operate();
  done_.store(done_before + count, std::memory_order_relaxed);
  return done_before + count < planned_;
}

void StressWorker::release_all() {
  for (Block& block : blocks_) {
    if (block.address != 0) release(block);
  }
}

std::uint64_t StressWorker::random() {
  random_ += 0x9e37'79b9'7f4a'7c15;
  return scatter(random_);
}

/// Most blocks of a program are small.
std::size_t StressWorker::random_size() {
  const std::uint64_t choice = random();
  const std::uint64_t kind = choice % 64;
  const std::size_t limit = kind == 0 ? kMaxSize : kind < 12 ? 2048 : 256;
  return static_cast<std::size_t>(choice >> 8) % limit + 1;
}

std::size_t StressWorker::random_align() {
  const std::uint64_t choice = random();
  if (choice % 4 != 0) return alloc::kDefaultAlign;
  constexpr std::uint64_t kShifts = 11;
  static_assert(std::size_t{1} << (kShifts - 1) == kMaxAlign);
  return std::size_t{1} << (choice >> 8) % kShifts;
}

void StressWorker::operate() {
  const std::uint64_t choice = random();
  Block& block = blocks_[choice % kSlots];
  if (block.address == 0) return allocate(block);
  if ((choice >> 32) % 4 == 0) return resize(block);
  release(block);
}

void StressWorker::allocate(Block& block) {
  const alloc::Layout layout{.size = random_size(), .align = random_align()};
  const auto address = heap_->allocate(layout);
  if (address) return place(block, *address, layout);
  if (address.error() != alloc::HeapError::exhausted) return fail("an allocation was refused");
  ++findings_.exhausted;
}

void StressWorker::resize(Block& block) {
  const std::size_t size = random_size();
  check(block, block.size);
  const auto address = heap_->reallocate(block.address, block.layout(), size);
  if (!address) {
    if (address.error() != alloc::HeapError::exhausted) return fail("a reallocation was refused");
    ++findings_.exhausted;
    return;
  }
  block.address = *address;
  check(block, std::min(block.size, size));
  place(block, *address, {.size = size, .align = block.align});
}

void StressWorker::release(Block& block) {
  check(block, block.size);
  const Block freed = std::exchange(block, {});
  if (!heap_->deallocate(freed.address, freed.layout())) fail("a free was refused");
}

/// Makes the block one that is held, with a pattern that no other has had.
void StressWorker::place(Block& block, alloc::Address address, alloc::Layout layout) {
  block = {.address = address,
           .size = layout.size,
           .align = layout.align,
           .pattern = scatter(++patterns_)};
  if (address % layout.align != 0) fail("a block is misaligned");
  const Range got{.start = address, .end = address + layout.size};
  if (got.start < range_.start || got.end > range_.end || got.empty()) {
    // It cannot be written, nor freed.
    block = {};
    return fail("a block lies outside of the heap");
  }
  fill(address, layout.size, block.pattern);
}

void StressWorker::check(const Block& block, std::size_t bytes) {
  findings_.corrupted_bytes += count_corrupted(block.address, bytes, block.pattern);
}

void StressWorker::fail(std::string_view what) {
  if (findings_.failures++ == 0) findings_.first_failure = what;
}

}  // namespace heapscope::kernel
