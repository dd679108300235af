// Which granule of a heap begins what: the side metadata that lets live blocks
// do without a header, and that no overflow inside the heap can reach by going
// up.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace heapscope::alloc {

/// The number of a granule, counted from the heap's first one.
using Granule = std::uint32_t;

/// No granule.
inline constexpr Granule kNoGranule = 0xffff'ffff;

/// What a granule is marked as. Live blocks and free runs tile the heap, so the
/// next mark behind the start of one tells where it ends.
enum class Mark : std::uint8_t {
  none,        ///< Inside a block or a run.
  live_start,  ///< The first granule of a live block.
  free_start,  ///< The first granule of a free run.
  free_end,    ///< The last granule of a free run of two or more.
};

/// Two bits a granule, under a tree of summary bits that makes finding the next
/// and the previous mark a matter of a few words, however large the heap. Only
/// the summaries are cleared at set-up; a word of marks is not looked at before
/// its summary bit says that it holds any.
class BlockMap {
 public:
  /// The most granules that one map can describe.
  static constexpr std::uint64_t kMaxGranules = 0xffff'fff0;

  /// Bytes of storage that a map of `granules` needs; a multiple of 8.
  [[nodiscard]] static std::uint64_t storage_bytes(std::uint64_t granules);

  /// Takes over `storage`, aligned to 8 bytes and storage_bytes(granules) long,
  /// with nothing marked. Costs one store for every 4096 granules.
  void initialize(std::uint64_t* storage, Granule granules);

  [[nodiscard]] Granule granules() const { return granules_; }

  [[nodiscard]] Mark at(Granule granule) const;
  /// Marks a granule, whatever it was marked as. `mark` is not Mark::none.
  void set(Granule granule, Mark mark);
  void clear(Granule granule);

  /// The first marked granule behind `granule`; granules() where there is none.
  [[nodiscard]] Granule next(Granule granule) const;
  /// The last marked granule before `granule`; kNoGranule where there is none.
  [[nodiscard]] Granule previous(Granule granule) const;

 private:
  struct Word {
    std::uint64_t start;  // Something, live or free, starts here.
    std::uint64_t edge;   // A free run starts or ends here.
  };
  // Enough for kMaxGranules: 2^26 words of marks, summarised 64 to 1.
  static constexpr std::size_t kMaxLevels = 5;

  [[nodiscard]] bool holds_marks(std::size_t word) const {
    return (levels_[0][word / 64] >> (word % 64) & 1) != 0;
  }
  void set_summary(std::size_t word);
  void clear_summary(std::size_t word);

  Word* words_ = nullptr;
  std::array<std::uint64_t*, kMaxLevels> levels_{};
  std::size_t level_count_ = 0;
  Granule granules_ = 0;
};

}  // namespace heapscope::alloc
