// The free runs of a bin heap, sorted by size: exact bins for small runs, a
// bitwise trie per power of two for larger ones. All links live inside the free
// memory itself.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "alloc/block_map.hpp"
#include "alloc/inspection.hpp"
#include "alloc/layout.hpp"

namespace heapscope::alloc {

/// Finds the smallest free run that is large enough. Sizes are in granules. No
/// operation takes more steps than a size has bits, twice over. Links read from
/// free memory are checked against the block map before they are followed; a
/// link that cannot be right is a panic that names its address.
class FreeIndex {
 public:
  static constexpr std::size_t kGranuleBytes = 8;
  /// Runs of fewer granules than this have a bin for exactly their size.
  static constexpr Granule kExactSizes = 128;
  static constexpr std::size_t kTrees = 25;
  static constexpr std::size_t kBins = kExactSizes + kTrees;

  /// `map` tells where free runs start; granule 0 lies at `base`.
  void initialize(const BlockMap* map, Address base);

  /// Adds a run that the map already marks as free.
  void insert(Granule run, Granule size);
  /// Takes out a run that was inserted with `size`.
  void remove(Granule run, Granule size);

  /// A smallest run of at least `size` granules; kNoGranule where there is none.
  [[nodiscard]] Granule best_fit(Granule size) const;
  /// The next run of the same size, or kNoGranule.
  [[nodiscard]] Granule same_size(Granule run) const;
  /// The size of the largest run; 0 where nothing is free.
  [[nodiscard]] Granule largest() const;

  /// Bin `bin`'s figures; `bin` is below kBins.
  [[nodiscard]] BinStats bin_stats(std::size_t bin) const;
  /// Whether the links of an inserted run agree with its neighbours' and with
  /// its size; an empty text where they do, else what is wrong.
  [[nodiscard]] std::string_view check(Granule run, Granule size) const;

 private:
  struct Links {
    Granule next;
    Granule previous;
  };
  /// What a run of kExactSizes granules or more holds: the first run of its size
  /// is a node of the trie, the others follow it in a list.
  struct Node {
    Links links;
    std::array<Granule, 2> child;
    Granule parent;  // kNoGranule at the root, kFollower in a list.
    Granule size;
  };
  static_assert(sizeof(Links) <= kGranuleBytes);
  static_assert(sizeof(Node) <= kExactSizes * kGranuleBytes);
  static constexpr Granule kFollower = kNoGranule - 1;

  [[nodiscard]] static std::size_t bin_of(Granule size);
  [[nodiscard]] Links& links(Granule run) const { return *static_cast<Links*>(memory(run)); }
  [[nodiscard]] Node& node(Granule run) const { return *static_cast<Node*>(memory(run)); }
  [[nodiscard]] void* memory(Granule run) const;
  [[nodiscard]] bool plausible(Granule run) const;
  [[noreturn]] void report_damage(Granule run) const;

  void insert_exact(Granule run, std::size_t bin);
  void insert_tree(Granule run, Granule size, std::size_t bin);
  void remove_exact(Granule run, std::size_t bin);
  void remove_tree(Granule run, std::size_t bin);
  void replace_in_tree(Granule run, Granule replacement, std::size_t bin);
  [[nodiscard]] Granule detach_leaf_below(Granule run) const;
  void point_at(Granule run, std::size_t bin, Granule now);
  [[nodiscard]] Granule best_in_tree(std::size_t bin, Granule size) const;
  [[nodiscard]] Granule extreme_in_tree(Granule root, bool largest) const;
  [[nodiscard]] std::size_t first_bin_from(std::size_t bin) const;

  const BlockMap* map_ = nullptr;
  Address base_ = 0;
  std::array<std::uint64_t, (kBins + 63) / 64> filled_{};
  std::array<Granule, kBins> first_{};
  std::array<Granule, kBins> count_{};
  std::array<std::uint64_t, kTrees> tree_granules_{};
};

}  // namespace heapscope::alloc
