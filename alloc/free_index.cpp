// The free runs by size. The trie of a power of two branches on the bits of the
// size below the leading one, so its depth is bounded by their number.
#include "alloc/free_index.hpp"

#include <bit>

#include "base/panic.hpp"

namespace heapscope::alloc {
namespace {

constexpr unsigned log2_floor(Granule size) {
  return static_cast<unsigned>(std::bit_width(size)) - 1;
}

/// More than a trie has levels.
constexpr unsigned kMostSteps = 64;

constexpr unsigned kFirstTreeLog2 = log2_floor(FreeIndex::kExactSizes);

/// The way that `size` takes at depth `depth` of its trie.
constexpr std::size_t branch(Granule size, unsigned depth) {
  const unsigned leading = log2_floor(size);
  return depth < leading ? (size >> (leading - 1 - depth)) & 1 : 0;
}

}  // namespace

void FreeIndex::initialize(const BlockMap* map, Address base) {
  map_ = map;
  base_ = base;
  filled_ = {};
  first_.fill(kNoGranule);
  count_ = {};
  tree_granules_ = {};
}

std::size_t FreeIndex::bin_of(Granule size) {
  if (size < kExactSizes) return size;
  return kExactSizes + log2_floor(size) - kFirstTreeLog2;
}

bool FreeIndex::plausible(Granule run) const {
  return run < map_->granules() && map_->at(run) == Mark::free_start;
}

void FreeIndex::report_damage(Granule run) const {
  panic("heap damaged: the links of the free run at {:#x} were overwritten",
        base_ + std::size_t{run} * kGranuleBytes);
}

void* FreeIndex::memory(Granule run) const {
  // An overwritten link must not lead outside the heap or into a live block.
  if (!plausible(run)) [[unlikely]] {
    panic("heap damaged: a free list leads to granule {}, where no free run starts", run);
  }
  return reinterpret_cast<void*>(base_ + std::size_t{run} * kGranuleBytes);
}

void FreeIndex::insert(Granule run, Granule size) {
  const std::size_t bin = bin_of(size);
  if (bin < kExactSizes) {
    insert_exact(run, bin);
  } else {
    insert_tree(run, size, bin);
    tree_granules_[bin - kExactSizes] += size;
  }
  ++count_[bin];
  filled_[bin / 64] |= std::uint64_t{1} << (bin % 64);
}

void FreeIndex::remove(Granule run, Granule size) {
  const std::size_t bin = bin_of(size);
  if (bin < kExactSizes) {
    remove_exact(run, bin);
  } else {
    if (node(run).size != size) report_damage(run);
    remove_tree(run, bin);
    tree_granules_[bin - kExactSizes] -= size;
  }
  if (--count_[bin] == 0) filled_[bin / 64] &= ~(std::uint64_t{1} << (bin % 64));
}

void FreeIndex::insert_exact(Granule run, std::size_t bin) {
  const Granule second = first_[bin];
  links(run) = {.next = second, .previous = kNoGranule};
  if (second != kNoGranule) links(second).previous = run;
  first_[bin] = run;
}

void FreeIndex::remove_exact(Granule run, std::size_t bin) {
  const Links own = links(run);
  if ((own.previous == kNoGranule) != (first_[bin] == run)) report_damage(run);
  if (own.next != kNoGranule) {
    if (links(own.next).previous != run) report_damage(run);
    links(own.next).previous = own.previous;
  }
  if (own.previous != kNoGranule) {
    if (links(own.previous).next != run) report_damage(run);
    links(own.previous).next = own.next;
    return;
  }
  first_[bin] = own.next;
}

void FreeIndex::insert_tree(Granule run, Granule size, std::size_t bin) {
  node(run) = {.links = {.next = kNoGranule, .previous = kNoGranule},
               .child = {kNoGranule, kNoGranule},
               .parent = kNoGranule,
               .size = size};
  if (first_[bin] == kNoGranule) {
    first_[bin] = run;
    return;
  }
  Granule at = first_[bin];
  for (unsigned depth = 0;; ++depth) {
    Node& above = node(at);
    if (above.size == size) {
      node(run).parent = kFollower;
      node(run).links = {.next = above.links.next, .previous = at};
      if (above.links.next != kNoGranule) links(above.links.next).previous = run;
      above.links.next = run;
      return;
    }
    // More levels than a size has bits: a size in free memory was overwritten.
    if (depth >= log2_floor(size)) report_damage(at);
    Granule& child = above.child[branch(size, depth)];
    if (child == kNoGranule) {
      child = run;
      node(run).parent = at;
      return;
    }
    // As in replace_in_tree(): what is written next must be a node.
    if (node(child).parent != at) report_damage(at);
    at = child;
  }
}

void FreeIndex::remove_tree(Granule run, std::size_t bin) {
  const Node own = node(run);
  if (own.links.next != kNoGranule && links(own.links.next).previous != run) report_damage(run);
  if (own.parent == kFollower) {
    if (links(own.links.previous).next != run) report_damage(run);
    links(own.links.previous).next = own.links.next;
    if (own.links.next != kNoGranule) links(own.links.next).previous = own.links.previous;
    return;
  }
  if (own.links.next != kNoGranule) {
    links(own.links.next).previous = kNoGranule;
    replace_in_tree(run, own.links.next, bin);
    return;
  }
  const Granule leaf = detach_leaf_below(run);
  if (leaf == kNoGranule) {
    point_at(run, bin, kNoGranule);
    return;
  }
  replace_in_tree(run, leaf, bin);
}

Granule FreeIndex::detach_leaf_below(Granule run) const {
  Granule above = run;
  Granule leaf = kNoGranule;
  std::size_t side = 0;
  unsigned steps = 0;
  for (Granule at = run;;) {
    if (++steps > kMostSteps) report_damage(at);  // The links lead round in a circle.
    const Node& here = node(at);
    const std::size_t way = here.child[1] != kNoGranule ? 1 : 0;
    if (here.child[way] == kNoGranule) break;
    above = at;
    side = way;
    at = leaf = here.child[way];
    if (node(leaf).parent != above) report_damage(leaf);
  }
  if (leaf != kNoGranule) node(above).child[side] = kNoGranule;
  return leaf;
}

void FreeIndex::point_at(Granule run, std::size_t bin, Granule now) {
  const Granule parent = node(run).parent;
  if (parent == kNoGranule) {
    if (first_[bin] != run) report_damage(run);
    first_[bin] = now;
    return;
  }
  Node& above = node(parent);
  const std::size_t side = above.child[1] == run ? 1 : 0;
  if (above.child[side] != run) report_damage(run);
  above.child[side] = now;
}

void FreeIndex::replace_in_tree(Granule run, Granule replacement, std::size_t bin) {
  point_at(run, bin, replacement);
  const Node& old = node(run);
  Node& fresh = node(replacement);
  fresh.parent = old.parent;
  fresh.child = old.child;
  for (const Granule child : fresh.child) {
    if (child == kNoGranule) continue;
    // A wrong link could lead to a run too small for a node, beside a live block.
    if (node(child).parent != run) report_damage(run);
    node(child).parent = replacement;
  }
}

std::size_t FreeIndex::first_bin_from(std::size_t bin) const {
  std::uint64_t word = bin < kBins ? filled_[bin / 64] & (~std::uint64_t{0} << (bin % 64)) : 0;
  for (std::size_t i = bin / 64; i < filled_.size(); word = ++i < filled_.size() ? filled_[i] : 0) {
    if (word != 0) return i * 64 + static_cast<std::size_t>(std::countr_zero(word));
  }
  return kBins;
}

Granule FreeIndex::best_fit(Granule size) const {
  std::size_t bin = bin_of(size);
  if (bin >= kExactSizes && first_[bin] != kNoGranule) {
    const Granule found = best_in_tree(bin, size);
    if (found != kNoGranule) return found;
  }
  bin = first_bin_from(bin < kExactSizes ? bin : bin + 1);
  if (bin == kBins) return kNoGranule;
  return bin < kExactSizes ? first_[bin] : extreme_in_tree(first_[bin], false);
}

Granule FreeIndex::same_size(Granule run) const {
  const Granule next = links(run).next;
  if (next != kNoGranule && !plausible(next)) report_damage(run);
  return next;
}

Granule FreeIndex::best_in_tree(std::size_t bin, Granule size) const {
  Granule best = kNoGranule;
  Granule best_size = kNoGranule;
  Granule larger = kNoGranule;  // The deepest subtree not taken, all of it larger than `size`.
  Granule at = first_[bin];
  for (unsigned depth = 0; at != kNoGranule && depth <= log2_floor(size); ++depth) {
    const Node& here = node(at);
    if (here.size == size) return at;
    if (here.size > size && here.size < best_size) {
      best = at;
      best_size = here.size;
    }
    const std::size_t way = branch(size, depth);
    if (way == 0 && here.child[1] != kNoGranule) larger = here.child[1];
    at = here.child[way];
  }
  if (larger == kNoGranule) return best;
  const Granule smallest = extreme_in_tree(larger, false);
  return node(smallest).size < best_size ? smallest : best;
}

Granule FreeIndex::extreme_in_tree(Granule root, bool largest) const {
  const std::size_t toward = largest ? 1 : 0;
  Granule extreme = root;
  unsigned steps = 0;
  for (Granule at = root; at != kNoGranule;) {
    const Node& here = node(at);
    const Granule best_size = node(extreme).size;
    if (largest ? here.size > best_size : here.size < best_size) extreme = at;
    at = here.child[toward] != kNoGranule ? here.child[toward] : here.child[1 - toward];
    if (++steps > kMostSteps) report_damage(extreme);
  }
  return extreme;
}

Granule FreeIndex::largest() const {
  for (std::size_t i = filled_.size(); i-- > 0;) {
    if (filled_[i] == 0) continue;
    const std::size_t bin = i * 64 + 63 - static_cast<std::size_t>(std::countl_zero(filled_[i]));
    if (bin < kExactSizes) return static_cast<Granule>(bin);
    return node(extreme_in_tree(first_[bin], true)).size;
  }
  return 0;
}

BinStats FreeIndex::bin_stats(std::size_t bin) const {
  if (bin < kExactSizes) {
    return {.size = bin * kGranuleBytes,
            .free_blocks = count_[bin],
            .free_bytes = std::uint64_t{count_[bin]} * bin * kGranuleBytes};
  }
  const std::size_t tree = bin - kExactSizes;
  return {.size = (std::uint64_t{kExactSizes} << tree) * kGranuleBytes,
          .free_blocks = count_[bin],
          .free_bytes = tree_granules_[tree] * kGranuleBytes};
}

std::string_view FreeIndex::check(Granule run, Granule size) const {
  const std::size_t bin = bin_of(size);
  const Links own = links(run);
  const auto leads_back = [&](Granule to, Granule Links::*back) {
    return to == kNoGranule || (plausible(to) && links(to).*back == run);
  };
  if (!leads_back(own.next, &Links::previous)) return "a free run's next link is wrong";
  if (!leads_back(own.previous, &Links::next)) return "a free run's previous link is wrong";
  if (count_[bin] == 0) return "a free run lies in a bin that counts as empty";
  if (bin < kExactSizes) {
    const bool first = own.previous == kNoGranule;
    return first != (first_[bin] == run) ? "a free run is in no bin" : "";
  }
  const Node& here = node(run);
  if (here.size != size) return "a free run's size was overwritten";
  if (here.parent == kFollower) return own.previous == kNoGranule ? "a free run is in no bin" : "";
  if (here.child[0] == here.child[1] && here.child[0] != kNoGranule) {
    return "a free run's child link is wrong";
  }
  for (const Granule child : here.child) {
    if (child == kNoGranule) continue;
    if (!plausible(child) || node(child).parent != run) return "a free run's child link is wrong";
  }
  if (here.parent == kNoGranule) return first_[bin] != run ? "a free run is in no bin" : "";
  if (!plausible(here.parent)) return "a free run's parent link is wrong";
  const auto& siblings = node(here.parent).child;
  const bool known = siblings[0] == run || siblings[1] == run;
  return known ? "" : "a free run's parent link is wrong";
}

}  // namespace heapscope::alloc
