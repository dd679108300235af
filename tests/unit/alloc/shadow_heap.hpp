// An allocator driven beside a model that knows every live block: overlap,
// alignment, place and contents are checked with each call.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

#include "alloc/allocator.hpp"
#include "tests/unit/alloc/random_source.hpp"
#include "tests/unit/alloc/region.hpp"

namespace heapscope::alloc {

template <Allocator A>
class ShadowHeap {
 public:
  struct Block {
    Layout layout;
    std::size_t usable = 0;
    unsigned char fill = 0;
    std::size_t position = 0;  // In addresses_, so that a random block is found at once.
  };

  explicit ShadowHeap(A& allocator) : allocator_(allocator) {}

  Result<Address, HeapError> allocate(Layout layout) {
    const auto address = allocator_.allocate(layout);
    if (address) add(*address, layout);
    return address;
  }

  void deallocate(Address address) {
    const Layout layout = remove(address).layout;
    EXPECT_TRUE(allocator_.deallocate(address, layout).has_value());
  }

  void deallocate_unsized(Address address) {
    remove(address);
    EXPECT_TRUE(allocator_.deallocate_unsized(address).has_value());
  }

  Result<void, HeapError> resize_in_place(Address address, std::size_t size) {
    const Block block = blocks_.at(address);
    const auto resized = allocator_.resize_in_place(address, block.layout, size);
    if (!resized) return resized;
    const Layout layout{.size = size, .align = block.layout.align};
    // What is in both the old and the new block must have survived.
    const std::size_t kept = std::min(block.usable, allocator_.usable_size(layout));
    EXPECT_TRUE(filled_with(address, kept, block.fill)) << "resizing changed the block's bytes";
    forget(address);
    add(address, layout);
    return resized;
  }

  /// Frees all blocks in random order.
  void deallocate_all(RandomSource& random) {
    while (!empty()) deallocate(any(random));
  }

  /// Forgets all blocks, for an allocator that was started anew.
  void abandon_all() {
    blocks_.clear();
    addresses_.clear();
    requested_ = usable_ = 0;
  }

  [[nodiscard]] bool empty() const { return addresses_.empty(); }
  [[nodiscard]] std::size_t count() const { return addresses_.size(); }
  [[nodiscard]] Address any(RandomSource& random) const { return random.pick(addresses_); }
  [[nodiscard]] const Block& block(Address address) const { return blocks_.at(address); }
  [[nodiscard]] const std::vector<Address>& addresses() const { return addresses_; }

  [[nodiscard]] std::uint64_t requested_bytes() const { return requested_; }
  [[nodiscard]] std::uint64_t usable_bytes() const { return usable_; }

  /// Whether every block still holds what was written to it.
  [[nodiscard]] bool contents_intact() const {
    return std::ranges::all_of(blocks_, [](const auto& item) {
      return filled_with(item.first, item.second.usable, item.second.fill);
    });
  }

 private:
  void add(Address address, Layout layout) {
    const std::size_t usable = allocator_.usable_size(layout);
    EXPECT_GE(usable, layout.size);
    expect_in_place(address, layout.align, usable);
    blocks_[address] = {
        .layout = layout, .usable = usable, .fill = next_fill_, .position = addresses_.size()};
    addresses_.push_back(address);
    requested_ += layout.size;
    usable_ += usable;
    std::memset(bytes_at(address), next_fill_++, usable);
  }

  void expect_in_place(Address address, std::size_t align, std::size_t usable) const {
    const Stats stats = allocator_.stats();
    EXPECT_EQ(address % align, 0U);
    ASSERT_GE(address, stats.start);
    ASSERT_LE(address, stats.end);
    ASSERT_LE(usable, stats.end - address);
    const auto behind = blocks_.lower_bound(address);
    if (behind != blocks_.end()) {
      ASSERT_LE(usable, behind->first - address) << "overlaps a block";
    }
    if (behind != blocks_.begin()) {
      const auto& [start, before] = *std::prev(behind);
      ASSERT_LE(before.usable, address - start) << "lies in a block";
    }
  }

  Block remove(Address address) {
    const Block block = blocks_.at(address);
    EXPECT_TRUE(filled_with(address, block.usable, block.fill)) << "a block was overwritten";
    forget(address);
    return block;
  }

  void forget(Address address) {
    const auto found = blocks_.find(address);
    const Block& block = found->second;
    requested_ -= block.layout.size;
    usable_ -= block.usable;
    const Address moved = addresses_.back();
    addresses_[block.position] = moved;
    blocks_.at(moved).position = block.position;
    addresses_.pop_back();
    blocks_.erase(found);
  }

  A& allocator_;
  std::map<Address, Block> blocks_;
  std::vector<Address> addresses_;
  std::uint64_t requested_ = 0;
  std::uint64_t usable_ = 0;
  unsigned char next_fill_ = 1;
};

}  // namespace heapscope::alloc
