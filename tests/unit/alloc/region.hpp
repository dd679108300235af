// Memory for the heaps under test: at a chosen place relative to any alignment,
// full of garbage, and fenced so that a write outside it is noticed.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>

#include "alloc/layout.hpp"
#include "base/range.hpp"

namespace heapscope::alloc {

/// `size` bytes that start `offset` bytes behind a multiple of the anchor. A test
/// repeats exactly, wherever its memory lies, where it asks for no alignment above
/// that: a page, or 4 MiB for a region that large and for tests that say so.
class Region {
 public:
  static constexpr int kGarbage = 0xA5;
  static constexpr std::size_t kPageAnchor = 4096;
  static constexpr std::size_t kLargeAnchor = std::size_t{4} << 20;

  explicit Region(std::size_t size, std::size_t offset = 0, std::size_t anchor = kPageAnchor)
      : anchor_(size < kLargeAnchor ? anchor : kLargeAnchor),
        start_(anchor_ + offset),
        size_(size),
        memory_(static_cast<std::byte*>(
            std::aligned_alloc(anchor_, align_up(start_ + size + kFence, anchor_)))) {
    std::memset(front().data(), kFenceFill, kFence);
    std::memset(memory_.get() + start_, kGarbage, size);
    std::memset(back().data(), kFenceFill, kFence);
  }
  ~Region() { EXPECT_TRUE(fences_intact()) << "something was written outside the heap's range"; }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  [[nodiscard]] Address start() const { return reinterpret_cast<Address>(memory_.get()) + start_; }
  [[nodiscard]] Address end() const { return start() + size_; }
  [[nodiscard]] Range range() const { return {.start = start(), .end = end()}; }

  [[nodiscard]] bool fences_intact() const {
    const auto intact = [](std::span<const std::byte> fence) {
      return std::ranges::all_of(fence, [](std::byte b) { return b == std::byte{kFenceFill}; });
    };
    return intact(front()) && intact(back());
  }

 private:
  static constexpr std::size_t kFence = 64;
  static constexpr unsigned char kFenceFill = 0x5C;

  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };

  [[nodiscard]] std::span<std::byte> front() const {
    return {memory_.get() + start_ - kFence, kFence};
  }
  [[nodiscard]] std::span<std::byte> back() const {
    return {memory_.get() + start_ + size_, kFence};
  }

  std::size_t anchor_;
  std::size_t start_;
  std::size_t size_;
  std::unique_ptr<std::byte, Free> memory_;
};

/// Address space far larger than the machine's memory: a page comes into being
/// when it is touched, full of zeros.
class LazyRegion {
 public:
  explicit LazyRegion(std::size_t size)
      : size_(size),
        memory_(mmap(nullptr, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    EXPECT_NE(memory_, MAP_FAILED);
  }
  ~LazyRegion() { EXPECT_EQ(munmap(memory_, size_), 0); }
  LazyRegion(const LazyRegion&) = delete;
  LazyRegion& operator=(const LazyRegion&) = delete;

  [[nodiscard]] void* memory() const { return memory_; }
  [[nodiscard]] Range range() const {
    const auto start = reinterpret_cast<Address>(memory_);
    return {.start = start, .end = start + size_};
  }

 private:
  std::size_t size_;
  void* memory_;
};

/// The bytes of a block, for tests that write to it.
inline unsigned char* bytes_at(Address address) {
  return reinterpret_cast<unsigned char*>(address);
}

/// Whether `size` bytes (at least 1) all equal `fill`.
inline bool filled_with(Address address, std::size_t size, unsigned char fill) {
  const unsigned char* bytes = bytes_at(address);
  return bytes[0] == fill && std::memcmp(bytes, bytes + 1, size - 1) == 0;
}

}  // namespace heapscope::alloc
