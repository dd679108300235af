// The block map: set-up, and the summary over its words.
#include "alloc/block_map.hpp"

#include <cstring>

namespace heapscope::alloc {
namespace {

constexpr std::uint64_t words_for(std::uint64_t bits) { return bits / 64 + (bits % 64 != 0); }

/// One word more than the granules need, for the start behind the last one.
constexpr std::uint64_t map_words(std::uint64_t granules) { return granules / 64 + 1; }

}  // namespace

std::uint64_t BlockMap::storage_bytes(std::uint64_t granules) {
  std::uint64_t words = map_words(granules);
  std::uint64_t bytes = words * sizeof(Word);
  do {
    words = words_for(words);
    bytes += words * sizeof(std::uint64_t);
  } while (words > 1);
  return (bytes + 15) / 16 * 16;
}

void BlockMap::initialize(std::uint64_t* storage, Granule granules) {
  std::memset(storage, 0, storage_bytes(granules));
  granules_ = granules;
  std::size_t words = map_words(granules);
  words_ = reinterpret_cast<Word*>(storage);
  storage += words * (sizeof(Word) / sizeof(std::uint64_t));
  level_count_ = 0;
  do {
    words = words_for(words);
    levels_[level_count_] = storage;
    ++level_count_;
    storage += words;
  } while (words > 1);
  set_start(granules);
}

void BlockMap::enter_level(std::uint64_t index) {
  for (std::size_t level = 1; level < level_count_; ++level, index /= 64) {
    std::uint64_t& summary = levels_[level][index / 64];
    const bool was_empty = summary == 0;
    summary |= bit(index);
    if (!was_empty) return;
  }
}

void BlockMap::leave_level(std::uint64_t index) {
  for (std::size_t level = 1; level < level_count_; ++level, index /= 64) {
    std::uint64_t& summary = levels_[level][index / 64];
    summary &= ~bit(index);
    if (summary != 0) return;
  }
}

std::uint64_t BlockMap::start_of(std::uint64_t granule) const {
  const std::uint64_t up_to = (bit(granule) - 1) | bit(granule);
  std::uint64_t index = granule / 64;
  if (const std::uint64_t found = words_[index].starts & up_to; found != 0) {
    return index * 64 + highest(found);
  }
  for (std::size_t level = 0; level < level_count_; ++level) {
    const std::uint64_t found = levels_[level][index / 64] & (bit(index) - 1);
    index /= 64;
    if (found == 0) continue;
    index = index * 64 + highest(found);
    while (level-- > 0) index = index * 64 + highest(levels_[level][index]);
    return index * 64 + highest(words_[index].starts);
  }
  return 0;  // Something starts at granule 0, always.
}

}  // namespace heapscope::alloc
