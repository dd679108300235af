// The free runs of a bin heap, by size: a list for each size up to 1 KiB, and
// eight lists for every doubling above. The links lie inside the free memory
// itself, where a program's mistake can reach them.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "alloc/block_map.hpp"
#include "alloc/inspection.hpp"
#include "alloc/layout.hpp"
#include "base/panic.hpp"

namespace heapscope::alloc {

/// Sizes are in granules of 16 bytes. Every call takes a bounded number of steps.
///
/// Whatever the hardening, a link is checked against the block map before it
/// is followed or written through: a run that becomes the first of its list is
/// known to be free, to be in a list at all and, up to 1 KiB, to be of the list's
/// size. So whatever is written into free memory, nothing but free runs is ever
/// found here, and nothing but free runs is written to. A link that cannot be
/// right is a panic that names the address of the run that holds it.
class FreeBins {
 public:
  static constexpr std::uint64_t kGranuleBytes = kDefaultAlign;
  /// Runs of up to so many granules are in a list of exactly their size.
  static constexpr std::uint64_t kExactSizes = 63;
  /// List 63 is for no size, so that a word holds the bits of all exact sizes and
  /// the first of them is that of size 1.
  static constexpr std::uint64_t kFirstWide = 64;
  static constexpr std::uint64_t kWideLog2 = 3;
  static constexpr std::uint64_t kBins = kFirstWide + (26ULL << kWideLog2);

  /// A free run that is in no list, so that blocks are cut off it at little cost; the
  /// map marks it as free. Empty: both ends are kNoGranule.
  struct alignas(8) OpenRun {
    Granule start = kNoGranule;
    Granule end = kNoGranule;

    [[nodiscard]] std::uint64_t size() const { return end - start; }
    [[nodiscard]] bool empty() const { return start == end; }
  };
  OpenRun victim;  ///< What blocks are cut off where no list of an exact size serves.

  /// `map` tells where free runs start; granule 0 lies at `base`.
  [[gnu::cold]] void initialize(const BlockMap* map, Address base) {
    victim = {};
    map_ = map;
    base_ = base;
    filled_ = {};
    first_.fill(kNoGranule);
    count_ = {};
    wide_granules_ = {};
  }

  /// The list for a run of `size` granules, at least 1.
  [[nodiscard]] static constexpr std::uint64_t bin_of(std::uint64_t size) {
    return size <= kExactSizes ? size - 1 : wide_bin_of(size);
  }
  /// The same for more than kExactSizes granules.
  [[nodiscard]] static constexpr std::uint64_t wide_bin_of(std::uint64_t size) {
    const auto log2 = static_cast<std::uint64_t>(63 - std::countl_zero(size));
    const std::uint64_t part = size >> (log2 - kWideLog2) & ((1ULL << kWideLog2) - 1);
    return kFirstWide + ((log2 - 6) << kWideLog2) + part;
  }

  /// Bit n: there is a run of n + 1 granules. Bit 63 is never set.
  [[nodiscard]] std::uint64_t filled_exact() const { return filled_[0]; }
  /// The first list from `bin` on that is not empty; kBins where there is none.
  [[nodiscard]] std::uint64_t first_filled(std::uint64_t bin) const {
    if (bin >= kBins) return kBins;
    std::uint64_t word = bin / 64;
    std::uint64_t bits = filled_[word] & (~std::uint64_t{0} << (bin % 64));
    while (bits == 0) {
      if (++word == filled_.size()) return kBins;
      bits = filled_[word];
    }
    return word * 64 + BlockMap::lowest(bits);
  }
  /// The last list that is not empty; kBins where all are.
  [[nodiscard]] std::uint64_t last_filled() const {
    for (std::size_t word = filled_.size(); word-- > 0;) {
      if (filled_[word] != 0) return word * 64 + BlockMap::highest(filled_[word]);
    }
    return kBins;
  }
  /// The first run of a list; kNoGranule where it is empty.
  [[nodiscard]] std::uint64_t first(std::uint64_t bin) const { return first_[bin]; }
  /// The run behind another one in its list, or kNoGranule.
  [[nodiscard, gnu::cold]] std::uint64_t behind(std::uint64_t run) const {
    const std::uint64_t next = links(run).next;
    if (next != kNoGranule && !plausible(next)) report_damage(run);
    return next;
  }

  /// Adds a run that the map already marks as free.
  [[gnu::always_inline]] void insert(std::uint64_t run, std::uint64_t size) {
    std::uint64_t bin = size - 1;
    if (size > kExactSizes) {
      bin = wide_bin_of(size);
      wide_granules_[bin - kFirstWide] += size;
    }
    push(run, bin);
  }
  /// Takes out the first run of list `bin`, which is not empty; its size is `size`.
  [[gnu::always_inline]] void remove_first(std::uint64_t bin, std::uint64_t size) {
    if (bin >= kFirstWide) [[unlikely]]
      wide_granules_[bin - kFirstWide] -= size;
    pop(bin);
  }
  /// Takes out any run that was inserted with `size`.
  [[gnu::always_inline]] void remove(std::uint64_t run, std::uint64_t size) {
    std::uint64_t bin = size - 1;
    if (size > kExactSizes) {
      bin = wide_bin_of(size);
      wide_granules_[bin - kFirstWide] -= size;
    }
    if (first_[bin] == run) return pop(bin);
    const Links own = links(run);
    if (!leads_back(own.previous, run, &Links::next)) [[unlikely]]
      report_damage(run);
    if (own.next != kNoGranule) {
      if (!leads_back(own.next, run, &Links::previous)) [[unlikely]]
        report_damage(run);
      links(own.next).previous = own.previous;
    }
    links(own.previous).next = own.next;
    --count_[bin];
  }

  /// A list's figures.
  [[nodiscard, gnu::cold]] BinStats stats(std::uint64_t bin) const {
    const std::uint64_t size = smallest_size(bin);
    const std::uint64_t granules =
        bin < kFirstWide ? size * count_[bin] : wide_granules_[bin - kFirstWide];
    return {.size = size * kGranuleBytes,
            .free_blocks = count_[bin],
            .free_bytes = granules * kGranuleBytes};
  }
  /// The smallest size that list `bin` holds.
  [[nodiscard]] static constexpr std::uint64_t smallest_size(std::uint64_t bin) {
    if (bin < kFirstWide) return bin + 1;
    const std::uint64_t wide = bin - kFirstWide;
    const std::uint64_t part = wide & ((1ULL << kWideLog2) - 1);
    return ((1ULL << kWideLog2) + part) << ((wide >> kWideLog2) + 6 - kWideLog2);
  }

  /// Whether the links of an inserted run agree with its neighbours' and with its
  /// size; an empty text where they do, else what is wrong.
  [[nodiscard, gnu::cold]] std::string_view check(std::uint64_t run, std::uint64_t size) const {
    const std::uint64_t bin = bin_of(size);
    const Links own = links(run);
    if (own.next != kNoGranule && !leads_back(own.next, run, &Links::previous)) {
      return "a free run's next link is wrong";
    }
    if (own.next != kNoGranule && bin_of(map_->end_of(own.next) - own.next) != bin) {
      return "a free run's next link is wrong";
    }
    // The first run's other link is never read.
    if (first_[bin] == run) return "";
    return leads_back(own.previous, run, &Links::next) ? "" : "a free run's previous link is wrong";
  }

  /// The links of the free run at `run` were overwritten.
  [[noreturn, gnu::cold, gnu::noinline]] void report_damage(std::uint64_t run) const {
    panic("heap damaged: the links of the free run at {:#x} were overwritten",
          base_ + run * kGranuleBytes);
  }

 private:
  struct alignas(8) Links {
    Granule next;
    Granule previous;  // Not kept for the first of a list.
  };
  static_assert(sizeof(Links) <= kGranuleBytes);

  [[nodiscard]] Links& links(std::uint64_t run) const {
    return *reinterpret_cast<Links*>(base_ + run * kGranuleBytes);
  }
  [[nodiscard]] bool is_open(std::uint64_t run) const { return run == victim.start; }
  /// Whether a free run that is in some list starts at `run`, any number at all.
  [[nodiscard, gnu::always_inline]] bool plausible(std::uint64_t run) const {
    return map_->free_run_starts_at(run) && !is_open(run);
  }
  /// Whether a free run starts at `to`, so that it may be written to, and links
  /// back. An open run that was made to look so is no harm: nothing is taken from
  /// the lists for it.
  [[nodiscard, gnu::always_inline]] bool leads_back(std::uint64_t to, std::uint64_t run,
                                                    Granule Links::*back) const {
    return map_->free_run_starts_at(to) && links(to).*back == run;
  }

  [[gnu::always_inline]] void push(std::uint64_t run, std::uint64_t bin) {
    const std::uint64_t second = first_[bin];
    links(run).next = static_cast<Granule>(second);
    first_[bin] = static_cast<Granule>(run);
    ++count_[bin];
    if (second == kNoGranule) {
      filled_[bin / 64] |= BlockMap::bit(bin);
    } else {
      links(second).previous = static_cast<Granule>(run);
    }
  }

  [[gnu::always_inline]] void pop(std::uint64_t bin) {
    const std::uint64_t run = first_[bin];
    const std::uint64_t next = links(run).next;
    if (next == kNoGranule) {
      filled_[bin / 64] &= ~BlockMap::bit(bin);
    } else if (!may_be_first(next, run, bin)) [[unlikely]] {
      report_damage(run);
    }
    first_[bin] = static_cast<Granule>(next);
    --count_[bin];
  }
  /// Whether a run, said to be behind `run`, may become the first of its list: nothing
  /// is asked about it any more when it is taken.
  [[nodiscard, gnu::always_inline]] bool may_be_first(std::uint64_t next, std::uint64_t run,
                                                      std::uint64_t bin) const {
    if (next == run || is_open(next)) return false;
    if (bin < kFirstWide) return map_->free_run_is(next, bin + 1);
    if (!map_->free_run_starts_at(next)) return false;
    const std::uint64_t size = map_->end_of(next) - next;
    return size > kExactSizes && wide_bin_of(size) == bin;
  }

  const BlockMap* map_ = nullptr;
  Address base_ = 0;
  std::array<std::uint64_t, (kBins + 63) / 64> filled_{};
  std::array<Granule, kBins> first_{};
  std::array<Granule, kBins> count_{};
  std::array<std::uint64_t, kBins - kFirstWide> wide_granules_{};
};

}  // namespace heapscope::alloc
