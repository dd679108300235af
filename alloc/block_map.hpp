// Which granule of a heap begins what: the side metadata that lets live blocks
// do without a header, and that no overflow inside the heap can reach by going
// up.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace heapscope::alloc {

/// The number of a granule, counted from the heap's first one. Calculations are
/// made in 64 bits; 32 are enough for keeping one.
using Granule = std::uint32_t;

/// No granule.
inline constexpr Granule kNoGranule = 0xffff'ffff;

/// Extents, live blocks and free runs, tile the heap; the map has two bits a
/// granule: whether an extent starts there, and whether that one is free. Where
/// one ends follows from where the next one starts.
///
/// A word of the map (64 granules) in which nothing starts lies inside one
/// extent, and its second half is no bits: the first and the last such word of an
/// extent hold where it starts and ends, once note_span() was called. So both
/// neighbours of an extent are found by looking at two words, however long they
/// are. A tree of summary bits over the words finds the start of an extent from
/// anywhere inside it, for inspection.
class BlockMap {
 public:
  /// The most granules that one map can describe.
  static constexpr std::uint64_t kMaxGranules = 0xffff'fff0;

  struct alignas(16) Word {
    std::uint64_t starts;  ///< Bit n: an extent starts at the word's granule n.
    std::uint64_t free;    ///< Bit n: that extent is free. Or a span, where `starts` is 0.

    /// The bits from granule `granule` on, as bit 0 and up.
    [[nodiscard]] std::uint64_t starts_from(std::uint64_t granule) const {
      return starts >> (granule % 64);
    }
    [[nodiscard]] std::uint64_t free_from(std::uint64_t granule) const {
      return free >> (granule % 64);
    }
  };

  /// Bytes of storage that a map of `granules` needs; a multiple of 16.
  [[nodiscard, gnu::cold]] static std::uint64_t storage_bytes(std::uint64_t granules);

  /// Takes over `storage`, aligned to 16 bytes and storage_bytes(granules) long.
  /// Nothing starts anywhere but at granule `granules`, the end of the heap. Costs
  /// one store of 16 bytes for every 64 granules.
  [[gnu::cold]] void initialize(std::uint64_t* storage, Granule granules);

  [[nodiscard]] std::uint64_t granules() const { return granules_; }

  [[nodiscard]] static constexpr std::uint64_t bit(std::uint64_t granule) {
    return std::uint64_t{1} << (granule % 64);
  }
  [[nodiscard]] Word* word_of(std::uint64_t granule) const { return words_ + granule / 64; }

  /// Whether a free run starts at `granule`, any number at all.
  [[nodiscard, gnu::always_inline]] bool free_run_starts_at(std::uint64_t granule) const {
    if (granule >= granules_) return false;
    const Word word = *word_of(granule);
    return (word.starts & word.free & bit(granule)) != 0;
  }
  /// Whether that run is free and of `size` granules; it is short or noted.
  [[nodiscard, gnu::always_inline]] bool free_run_is(std::uint64_t granule,
                                                     std::uint64_t size) const {
    return free_run_starts_at(granule) && end_of(granule) == granule + size;
  }
  /// Whether an extent starts at `granule`, of which there is one.
  [[nodiscard]] bool starts_at(std::uint64_t granule) const {
    return (word_of(granule)->starts_from(granule) & 1) != 0;
  }
  /// Whether the extent that starts at `granule` is free.
  [[nodiscard]] bool is_free(std::uint64_t granule) const {
    return (word_of(granule)->free_from(granule) & 1) != 0;
  }

  /// An extent starts at `granule` now, or none does; what it is, is as before.
  void set_start(std::uint64_t granule) { finish(begin_set_start(granule)); }
  void clear_start(std::uint64_t granule) { finish(begin_clear_start(granule)); }

  /// What begin_set_start() and begin_clear_start() leave to be done, mostly nothing:
  /// calls that cannot end with a call of another function need a stack frame.
  struct alignas(16) Unfinished {
    std::uint64_t entered = 0;  ///< A summary word that got its first bit; its number and 1.
    std::uint64_t left = 0;     ///< One that lost its last.

    [[nodiscard]] bool any() const { return (entered | left) != 0; }
  };
  [[nodiscard, gnu::always_inline]] Unfinished begin_set_start(std::uint64_t granule) {
    Word* const word = word_of(granule);
    const std::uint64_t before = word->starts;
    word->starts = before | bit(granule);
    if (before != 0) [[likely]]
      return {};
    word->free = 0;
    const std::uint64_t index = granule / 64;
    std::uint64_t& summary = levels_[0][index / 64];
    const std::uint64_t summary_before = summary;
    summary = summary_before | bit(index);
    return {.entered = summary_before == 0 ? index / 64 + 1 : 0};
  }
  [[nodiscard, gnu::always_inline]] Unfinished begin_clear_start(std::uint64_t granule) {
    Word* const word = word_of(granule);
    const std::uint64_t starts = word->starts & ~bit(granule);
    word->starts = starts;
    word->free &= ~bit(granule);
    if (starts != 0) [[likely]]
      return {};
    const std::uint64_t index = granule / 64;
    std::uint64_t& summary = levels_[0][index / 64];
    summary &= ~bit(index);
    return {.left = summary == 0 ? index / 64 + 1 : 0};
  }
  void finish(Unfinished unfinished) {
    if (unfinished.entered != 0) [[unlikely]]
      enter_level(unfinished.entered - 1);
    if (unfinished.left != 0) [[unlikely]]
      leave_level(unfinished.left - 1);
  }

  void set_free(std::uint64_t granule) { word_of(granule)->free |= bit(granule); }
  void clear_free(std::uint64_t granule) { word_of(granule)->free &= ~bit(granule); }

  /// Makes the end of a long extent known at its start, and the start at its end.
  /// To be called for each extent whose neighbours may ask for it; short ones,
  /// that cover no whole word, need it not.
  [[gnu::always_inline]] void note_span(std::uint64_t start, std::uint64_t end) {
    const std::uint64_t first = start / 64 + 1;
    const std::uint64_t behind_last = end / 64;
    if (first >= behind_last) return;
    const std::uint64_t span = end << 32 | start;
    words_[first].free = span;
    words_[behind_last - 1].free = span;
  }

  /// The start of the extent behind the one that starts at `granule`, which is
  /// short or noted; granules() for the last one.
  [[nodiscard, gnu::always_inline]] std::uint64_t end_of(std::uint64_t granule) const {
    const Word* const word = word_of(granule);
    const std::uint64_t behind = word->starts_from(granule) >> 1;
    if (behind != 0) [[likely]]
      return granule + 1 + lowest(behind);
    if (word[1].starts != 0) return (granule | 63) + 1 + lowest(word[1].starts);
    return word[1].free >> 32;
  }
  /// The start of the extent before the one that starts at `granule`, which is
  /// not 0. That extent is short or noted.
  [[nodiscard, gnu::always_inline]] std::uint64_t start_before(std::uint64_t granule) const {
    const Word* const word = word_of(granule);
    const std::uint64_t below = word->starts & (bit(granule) - 1);
    if (below != 0) [[likely]]
      return granule / 64 * 64 + highest(below);
    if (word[-1].starts != 0) return granule / 64 * 64 - 64 + highest(word[-1].starts);
    return word[-1].free & 0xffff'ffff;
  }
  /// The start of the extent that holds `granule`, from anywhere inside it.
  [[nodiscard, gnu::cold]] std::uint64_t start_of(std::uint64_t granule) const;

  /// The number of the lowest or highest bit of a word that is not 0.
  [[nodiscard]] static std::uint64_t lowest(std::uint64_t word) {
    return static_cast<std::uint64_t>(std::countr_zero(word));
  }
  [[nodiscard]] static std::uint64_t highest(std::uint64_t word) {
    return static_cast<std::uint64_t>(63 - std::countl_zero(word));
  }

 private:
  // Enough for kMaxGranules: 2^26 words, summarised 64 to 1.
  static constexpr std::size_t kMaxLevels = 5;

  /// Word `index` of the summary's first level got its first bit, or lost its last.
  [[gnu::cold, gnu::noinline]] void enter_level(std::uint64_t index);
  [[gnu::cold, gnu::noinline]] void leave_level(std::uint64_t index);

  Word* words_ = nullptr;
  std::uint64_t granules_ = 0;
  std::array<std::uint64_t*, kMaxLevels> levels_{};
  std::size_t level_count_ = 0;
};

}  // namespace heapscope::alloc
