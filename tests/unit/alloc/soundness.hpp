// What must hold for any allocator at any time, and what a refused call must
// leave alone. Everything is asked through the inspection API.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

#include "alloc/capabilities.hpp"

namespace heapscope::alloc {

/// Keeps free slots of one size side by side, unmerged, where it has slabs.
template <class A>
concept HasSlabs = requires {
  requires A::kHasSlabs;
};

/// The figures of `stats` that a refused call leaves as they are: all but the
/// count of failures.
inline auto lasting_figures(const Stats& stats) {
  return std::tuple(stats.start, stats.end, stats.heap_bytes, stats.used_bytes,
                    stats.requested_bytes, stats.free_bytes, stats.metadata_bytes,
                    stats.peak_used_bytes, stats.largest_free_bytes, stats.live_blocks,
                    stats.allocations, stats.frees);
}

/// All extents, from the heap's start on. Stops where they do not tile the heap.
template <Allocator A>
std::vector<Extent> extents_of(const A& allocator) {
  const Stats stats = allocator.stats();
  std::vector<Extent> extents;
  for (Address at = stats.start; at < stats.end;) {
    const Extent extent = extent_at(allocator, at);
    if (extent.start != at || extent.size == 0 || extent.size > stats.end - at) break;
    extents.push_back(extent);
    at = extent.end();
  }
  return extents;
}

/// All size classes, asked for a few at a time.
template <Allocator A>
std::vector<BinStats> bins_of(const A& allocator) {
  std::vector<BinStats> bins;
  std::array<BinStats, 7> piece;
  while (const std::size_t count = alloc::bins(allocator, bins.size(), piece)) {
    bins.insert(bins.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return bins;
}

/// Whether two free extents lie side by side.
inline bool free_side_by_side(const std::vector<Extent>& extents) {
  return std::ranges::adjacent_find(extents, [](const Extent& left, const Extent& right) {
           return left.state == ExtentState::free && right.state == ExtentState::free;
         }) != extents.end();
}

/// The extents as they are once all that is free has merged.
inline std::vector<Extent> merged(const std::vector<Extent>& extents) {
  std::vector<Extent> merged;
  for (const Extent& extent : extents) {
    const bool joins = !merged.empty() && extent.state == ExtentState::free &&
                       merged.back().state == ExtentState::free;
    if (joins) {
      merged.back().size += extent.size;
    } else {
      merged.push_back(extent);
    }
  }
  return merged;
}

inline std::uint64_t bytes_in(const std::vector<Extent>& extents, ExtentState state) {
  return std::accumulate(extents.begin(), extents.end(), std::uint64_t{0},
                         [state](std::uint64_t sum, const Extent& extent) {
                           return extent.state == state ? sum + extent.size : sum;
                         });
}

inline std::vector<Extent> only(std::vector<Extent> extents, ExtentState state) {
  std::erase_if(extents, [state](const Extent& extent) { return extent.state != state; });
  return extents;
}

/// The figures that must follow from each other and from the extents; an empty
/// text where they do, else the first that does not.
inline std::string wrong_figures(const Stats& stats, const std::vector<Extent>& extents) {
  if (extents.empty() || extents.back().end() != stats.end) return "the extents do not tile";
  if (stats.heap_bytes != stats.end - stats.start) return "heap_bytes is not end - start";
  if (stats.heap_bytes != stats.used_bytes + stats.free_bytes + stats.metadata_bytes) {
    return "heap_bytes is not used + free + metadata";
  }
  if (stats.requested_bytes > stats.used_bytes) return "more requested than used";
  if (stats.used_bytes > stats.peak_used_bytes) return "more used than the peak";
  if (stats.peak_used_bytes > stats.heap_bytes) return "the peak is above the heap";
  if (stats.live_blocks != stats.allocations - stats.frees) return "live_blocks is miscounted";
  if (stats.free_bytes != bytes_in(extents, ExtentState::free)) return "free_bytes != extents";
  if (stats.metadata_bytes != bytes_in(extents, ExtentState::metadata)) {
    return "metadata_bytes != extents";
  }
  const auto live = only(extents, ExtentState::live);
  const auto used = only(extents, ExtentState::used);
  // An allocator that records its blocks shows each one.
  if (used.empty() && stats.used_bytes != 0 && stats.live_blocks != live.size()) {
    return "live_blocks != extents";
  }
  if (stats.fragmentation_permille() > 1000) return "fragmentation above 1000";
  return "";
}

/// Whether the largest free run is what is said, or near enough where only some
/// runs of a size class are looked at.
inline std::string wrong_largest(const Stats& stats, const std::vector<BinStats>& bins,
                                 const std::vector<Extent>& extents) {
  constexpr std::uint64_t kRunsLookedAt = 8;
  std::uint64_t largest = 0;
  for (const Extent& extent : only(extents, ExtentState::free)) {
    largest = std::max<std::uint64_t>(largest, extent.size);
  }
  if (stats.largest_free_bytes == largest) return "";
  if (stats.largest_free_bytes > largest) return "largest_free_bytes is above all extents";
  const auto above = std::ranges::upper_bound(bins, largest, {}, &BinStats::size);
  if (above != bins.begin()) {
    const BinStats& bin = *std::prev(above);
    if (bin.free_blocks > kRunsLookedAt && stats.largest_free_bytes >= bin.size) return "";
  }
  return "largest_free_bytes != extents";
}

/// Whether each class counts exactly the free runs that fall into it.
inline std::string wrong_bins(const std::vector<BinStats>& bins,
                              const std::vector<Extent>& extents) {
  std::vector<BinStats> expected = bins;
  for (BinStats& bin : expected) bin.free_blocks = bin.free_bytes = 0;
  for (const Extent& extent : only(extents, ExtentState::free)) {
    const auto above = std::ranges::upper_bound(expected, extent.size, {}, &BinStats::size);
    if (above == expected.begin()) return "a free run is smaller than every class";
    BinStats& bin = *std::prev(above);
    ++bin.free_blocks;
    bin.free_bytes += extent.size;
  }
  for (std::size_t i = 0; i < bins.size(); ++i) {
    if (i > 0 && bins[i].size <= bins[i - 1].size) return "the classes are not in order";
    if (expected[i].free_blocks != bins[i].free_blocks ||
        expected[i].free_bytes != bins[i].free_bytes) {
      return "the class of " + std::to_string(bins[i].size) + " bytes is miscounted";
    }
  }
  return "";
}

/// The first thing that is wrong with a heap; an empty text where nothing is.
template <Allocator A>
std::string unsound(const A& allocator) {
  const Stats stats = allocator.stats();
  const auto extents = extents_of(allocator);
  if (auto wrong = wrong_figures(stats, extents); !wrong.empty()) return wrong;
  const auto bins = bins_of(allocator);
  if (auto wrong = wrong_largest(stats, bins, extents); !wrong.empty()) return wrong;
  if (!bins.empty()) {
    if (auto wrong = wrong_bins(bins, extents); !wrong.empty()) return wrong;
  }
  for (const Extent& extent : extents) {
    const auto next = check(allocator, extent.start);
    if (!next) return "check: " + std::string(next.error().what);
    if (*next != extent.end()) return "check does not lead to the next extent";
  }
  return "";
}

/// The same once it has settled: all that is free has merged as well, but for the
/// slots of slabs.
template <Allocator A>
std::string unsound_settled(A& allocator) {
  settle(allocator);
  if (!HasSlabs<A> && free_side_by_side(extents_of(allocator))) {
    return "two free runs side by side";
  }
  return unsound(allocator);
}

/// Calls `call`, which must be refused with `error`, must change nothing and must
/// be counted as `failures` failures. Only what is free may have merged.
template <Allocator A, class Call>
void expect_refused(A& allocator, HeapError error, std::uint64_t failures, Call call) {
  settle(allocator);
  const Stats before = allocator.stats();
  const auto extents = extents_of(allocator);
  const auto result = call();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(error_name(result.error()), error_name(error));
  settle(allocator);
  const Stats after = allocator.stats();
  EXPECT_EQ(lasting_figures(after), lasting_figures(before));
  EXPECT_EQ(after.failures, before.failures + failures);
  EXPECT_EQ(merged(extents_of(allocator)), merged(extents));
  EXPECT_EQ(unsound(allocator), "");
}

/// A refused allocation counts as a failure.
template <Allocator A>
void expect_allocate_refused(A& allocator, Layout layout, HeapError error) {
  SCOPED_TRACE(::testing::Message() << "allocate " << layout.size << " align " << layout.align);
  expect_refused(allocator, error, 1, [&] { return allocator.allocate(layout); });
}

/// A refused free does not.
template <Allocator A>
void expect_deallocate_refused(A& allocator, Address address, Layout layout, HeapError error) {
  SCOPED_TRACE(::testing::Message() << "deallocate " << std::hex << address << std::dec << " size "
                                    << layout.size << " align " << layout.align);
  expect_refused(allocator, error, 0, [&] { return allocator.deallocate(address, layout); });
}

/// Prints the place of an extent instead of its bytes.
inline void PrintTo(const Extent& extent, std::ostream* out) {
  *out << state_name(extent.state) << " 0x" << std::hex << extent.start << std::dec << "+"
       << extent.size;
}

}  // namespace heapscope::alloc
