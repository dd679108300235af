// The allocators that the conformance and random tests run over. A new one is one
// line here, and a specialization where the usual traits do not hold.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>

#include "alloc/bin_allocator.hpp"
#include "alloc/bump_allocator.hpp"
#include "alloc/first_fit_allocator.hpp"

namespace heapscope::alloc {

using AllocatorsUnderTest =
    ::testing::Types<BumpAllocator, BinAllocator, CoalescingAllocator, FirstFitAllocator>;

template <class A>
struct AllocatorTraits {
  /// Whether freed memory can be had again.
  static constexpr bool kReturnsMemory = true;
  /// What every free run's start is aligned to.
  static constexpr std::size_t kFreeAlign = 8;
};

template <>
struct AllocatorTraits<BinAllocator> {
  static constexpr bool kReturnsMemory = true;
  static constexpr std::size_t kFreeAlign = BinAllocator::kGranuleBytes;
};

template <>
struct AllocatorTraits<CoalescingAllocator> : AllocatorTraits<BinAllocator> {};

template <>
struct AllocatorTraits<BumpAllocator> {
  static constexpr bool kReturnsMemory = false;
  static constexpr std::size_t kFreeAlign = 1;
};

template <>
struct AllocatorTraits<FirstFitAllocator> {
  static constexpr bool kReturnsMemory = true;
  static constexpr std::size_t kFreeAlign = FirstFitAllocator::kUnit;
};

}  // namespace heapscope::alloc
