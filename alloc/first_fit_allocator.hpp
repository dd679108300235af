// The first-fit allocator: one list of the free runs, in address order. The
// textbook's allocator, and the baseline that cleverer ones are measured against.
#pragma once

#include "alloc/capabilities.hpp"
#include "alloc/figures.hpp"

namespace heapscope::alloc {

/// First fit with an address-ordered free list, as in Knuth's algorithms 2.5 A
/// and B: a free run holds its own size and the address of the next one; the first
/// run that is long enough serves, from its start; what comes back is put between
/// its neighbours in the list, and merges with them. Blocks are whole units of 16
/// bytes and have no header.
///
/// Time is not bounded: allocating, freeing, growing and stats() are O(free runs);
/// all but stats() are also O(the extent's length / 64 KiB), to find its ends. The
/// heap's lock is held meanwhile.
///
/// Beside the list, two bits a unit and one for each 64 units, at the start of the
/// range, say what begins where. With them a misuse is noticed so:
/// | misuse | noticed |
/// |---|---|
/// | freeing an address outside the heap or inside a block | always: an error |
/// | freeing twice, or what was never allocated | always: an error |
/// | freeing with another size or alignment | unless both round to the same 16s: an error |
/// | overwriting a free run's link or size | a link to no free run or a size that ends at no
///   block: a panic when the list is next followed there; any other by check() |
/// | overwriting other free memory, or another block | never |
class FirstFitAllocator {
 public:
  static constexpr std::string_view kName = "first-fit";
  static constexpr std::size_t kUnit = kDefaultAlign;

  [[nodiscard, gnu::cold]] static bool can_manage(Range range);
  /// Clears the bits: O(range.size() / 64).
  [[gnu::cold]] void initialize(Range range);

  [[nodiscard]] Result<Address, HeapError> allocate(Layout layout);
  [[nodiscard]] Result<void, HeapError> deallocate(Address address, Layout layout);
  [[nodiscard]] Result<void, HeapError> deallocate_unsized(Address address);
  /// Shrinks always; grows where the memory behind the block is free.
  [[nodiscard]] Result<void, HeapError> resize_in_place(Address address, Layout layout,
                                                        std::size_t size);
  [[nodiscard, gnu::cold]] std::size_t usable_size(Layout layout) const;

  [[nodiscard, gnu::cold]] Stats stats() const;
  [[nodiscard, gnu::cold]] Extent extent_at(Address address) const;
  [[nodiscard, gnu::cold]] Result<Address, Damage> check(Address address) const;

 private:
  /// What a free run holds in its first unit.
  struct Node {
    Address next;  ///< 0 in the last run.
    std::size_t size;
  };
  static_assert(sizeof(Node) == kUnit);

  /// A place in the list: the run before it (0 at the front) and behind it (0 at
  /// the end).
  struct Place {
    Address before;
    Address behind;
  };

  [[nodiscard]] std::size_t unit_of(Address address) const { return (address - base_) / kUnit; }
  [[nodiscard]] bool starts(Address address) const;
  [[nodiscard]] bool starts_free(Address address) const;
  void mark(Address address, bool starts, bool free);
  [[nodiscard]] Address start_of(Address address) const;
  [[nodiscard]] Address next_start(Address address) const;
  [[nodiscard]] Address next_free(Address address) const;

  [[nodiscard]] static Node& raw(Address run) { return *reinterpret_cast<Node*>(run); }
  [[nodiscard]] std::string_view wrong_node(Address run) const;
  [[nodiscard]] Node& node(Address run) const;
  void link(Address before, Address run);
  [[nodiscard]] Place place_of(Address address) const;
  [[nodiscard]] Place after(Place place) const;
  static void check_listed(Place place, Address run);
  void put_free(Place place, Address start, std::size_t size);
  void take_from(Place place, Address start, std::size_t size);

  [[nodiscard]] bool servable(Layout layout) const;
  [[nodiscard]] bool fits(Address run, std::size_t size, std::size_t align) const;
  [[nodiscard]] Result<Extent, HeapError> block_at(Address address) const;
  [[nodiscard]] Result<Extent, HeapError> block_at(Address address, Layout layout) const;
  void release(const Extent& block, std::size_t requested);

  Range range_;
  Address base_ = 0;   // Of the first unit; the marks lie before it.
  Address limit_ = 0;  // The end of the last one.
  // A bit a unit: a block or a free run begins there; and it is a free run.
  std::uint64_t* starts_ = nullptr;
  std::uint64_t* free_ = nullptr;
  // A bit a word of starts_ that is not 0, so that a long extent's end is found.
  std::uint64_t* filled_ = nullptr;
  Address first_ = 0;  // The first free run; 0 where there is none.
  Figures figures_;
};

static_assert(Allocator<FirstFitAllocator>);

}  // namespace heapscope::alloc
