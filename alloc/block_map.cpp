// The block map: marks, and the search for the next and the previous one.
#include "alloc/block_map.hpp"

#include <bit>

namespace heapscope::alloc {
namespace {

constexpr std::uint64_t bit(std::size_t index) { return std::uint64_t{1} << (index % 64); }

/// The bits above `index` % 64, and below it.
constexpr std::uint64_t above(std::size_t index) { return ~((bit(index) << 1) - 1); }
constexpr std::uint64_t below(std::size_t index) { return bit(index) - 1; }

constexpr std::size_t lowest(std::uint64_t word) {
  return static_cast<std::size_t>(std::countr_zero(word));
}
constexpr std::size_t highest(std::uint64_t word) {
  return static_cast<std::size_t>(63 - std::countl_zero(word));
}

constexpr std::uint64_t words_for(std::uint64_t bits) { return bits / 64 + (bits % 64 != 0); }

}  // namespace

std::uint64_t BlockMap::storage_bytes(std::uint64_t granules) {
  std::uint64_t words = words_for(granules);
  std::uint64_t bytes = words * sizeof(Word);
  do {
    words = words_for(words);
    bytes += words * sizeof(std::uint64_t);
  } while (words > 1);
  return bytes;
}

void BlockMap::initialize(std::uint64_t* storage, Granule granules) {
  granules_ = granules;
  std::size_t words = words_for(granules);
  // Storage that was never used for anything else holds no objects yet; the
  // words come into being when they are first written.
  words_ = reinterpret_cast<Word*>(storage);
  storage += words * (sizeof(Word) / sizeof(std::uint64_t));
  level_count_ = 0;
  do {
    words = words_for(words);
    levels_[level_count_] = storage;
    ++level_count_;
    for (std::size_t i = 0; i < words; ++i) storage[i] = 0;
    storage += words;
  } while (words > 1);
}

Mark BlockMap::at(Granule granule) const {
  const std::size_t word = granule / 64;
  if (!holds_marks(word)) return Mark::none;
  const bool start = (words_[word].start & bit(granule)) != 0;
  const bool edge = (words_[word].edge & bit(granule)) != 0;
  if (start) return edge ? Mark::free_start : Mark::live_start;
  return edge ? Mark::free_end : Mark::none;
}

void BlockMap::set(Granule granule, Mark mark) {
  const std::size_t index = granule / 64;
  Word& word = words_[index];
  if (!holds_marks(index)) {
    word = {.start = 0, .edge = 0};
    set_summary(index);
  }
  const std::uint64_t mask = bit(granule);
  word.start = mark == Mark::free_end ? word.start & ~mask : word.start | mask;
  word.edge = mark == Mark::live_start ? word.edge & ~mask : word.edge | mask;
}

void BlockMap::clear(Granule granule) {
  const std::size_t index = granule / 64;
  if (!holds_marks(index)) return;
  Word& word = words_[index];
  word.start &= ~bit(granule);
  word.edge &= ~bit(granule);
  if ((word.start | word.edge) == 0) clear_summary(index);
}

void BlockMap::set_summary(std::size_t word) {
  for (std::size_t level = 0; level < level_count_; ++level) {
    std::uint64_t& summary = levels_[level][word / 64];
    const bool was_empty = summary == 0;
    summary |= bit(word);
    if (!was_empty) return;
    word /= 64;
  }
}

void BlockMap::clear_summary(std::size_t word) {
  for (std::size_t level = 0; level < level_count_; ++level) {
    std::uint64_t& summary = levels_[level][word / 64];
    summary &= ~bit(word);
    if (summary != 0) return;
    word /= 64;
  }
}

Granule BlockMap::next(Granule granule) const {
  std::size_t index = granule / 64;
  if (holds_marks(index)) {
    const std::uint64_t found = (words_[index].start | words_[index].edge) & above(granule);
    if (found != 0) return static_cast<Granule>(index * 64 + lowest(found));
  }
  for (std::size_t level = 0; level < level_count_; ++level) {
    const std::uint64_t found = levels_[level][index / 64] & above(index);
    index /= 64;
    if (found == 0) continue;
    index = index * 64 + lowest(found);
    while (level-- > 0) index = index * 64 + lowest(levels_[level][index]);
    return static_cast<Granule>(index * 64 + lowest(words_[index].start | words_[index].edge));
  }
  return granules_;
}

Granule BlockMap::previous(Granule granule) const {
  if (granule == 0) return kNoGranule;
  // Searched from the granule before, itself included: that one lies in the map
  // also where `granule` is its end.
  const Granule last = granule - 1;
  std::size_t index = last / 64;
  if (holds_marks(index)) {
    const std::uint64_t up_to_last = below(last) | bit(last);
    const std::uint64_t found = (words_[index].start | words_[index].edge) & up_to_last;
    if (found != 0) return static_cast<Granule>(index * 64 + highest(found));
  }
  for (std::size_t level = 0; level < level_count_; ++level) {
    const std::uint64_t found = levels_[level][index / 64] & below(index);
    index /= 64;
    if (found == 0) continue;
    index = index * 64 + highest(found);
    while (level-- > 0) index = index * 64 + highest(levels_[level][index]);
    return static_cast<Granule>(index * 64 + highest(words_[index].start | words_[index].edge));
  }
  return kNoGranule;
}

}  // namespace heapscope::alloc
