// The handle table: numbers, order, both ways to find a block, tags, and storage
// of exactly the promised size.
#include "shell/handle_table.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "error_of.hpp"
#include "tests/unit/alloc/random_source.hpp"

namespace heapscope::shell {
namespace {

using test::error_of;

/// A table over storage that ends where it ends, full of garbage before use.
class TableRig {
 public:
  explicit TableRig(std::size_t handles, unsigned char garbage = 0xA5) { start(handles, garbage); }

  void start(std::size_t handles, unsigned char garbage = 0xA5) {
    const std::size_t bytes = handles * HandleTable::kBytesPerHandle;
    storage_ = std::make_unique<std::byte[]>(bytes);
    std::memset(storage_.get(), garbage, bytes);
    table.initialize({storage_.get(), bytes});
  }
  HandleId add(alloc::Address address, std::string_view tag = {}) {
    const auto tag_id = tag.empty() ? HandleTable::kNoTag : *table.tag(tag);
    return table.add(address, 64, 16, tag_id).value_or(Handle{}).id;
  }
  std::vector<HandleId> ids() const {
    std::vector<HandleId> all;
    for (auto handle = table.oldest(); handle; handle = table.after(handle->id)) {
      all.push_back(handle->id);
    }
    return all;
  }

  HandleTable table;

 private:
  std::unique_ptr<std::byte[]> storage_;
};

using Ids = std::vector<HandleId>;

TEST(HandleTable, GivesBackWhatWasPutIn) {
  TableRig rig(10);
  const auto tag = rig.table.tag("page");
  ASSERT_TRUE(tag);
  const auto handle = rig.table.add(0x1000, 100, 4096, *tag);
  ASSERT_TRUE(handle);
  EXPECT_EQ(handle->id, 1U);
  EXPECT_EQ(handle->address, 0x1000U);
  EXPECT_EQ(handle->size, 100U);
  EXPECT_EQ(handle->align, 4096U);
  EXPECT_EQ(handle->tag, "page");
  EXPECT_EQ(handle->layout(), (alloc::Layout{.size = 100, .align = 4096}));
  const auto found = rig.table.find(1);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->tag, "page");
  EXPECT_EQ(found->address, 0x1000U);
}

TEST(HandleTable, KeepsSizesAndAlignmentsOf64Bits) {
  TableRig rig(2);
  const auto handle =
      rig.table.add(UINT64_MAX - 15, UINT64_MAX, std::uint64_t{1} << 63, HandleTable::kNoTag);
  ASSERT_TRUE(handle);
  EXPECT_EQ(handle->size, UINT64_MAX);
  EXPECT_EQ(handle->align, std::uint64_t{1} << 63);
  EXPECT_EQ(rig.table.find_address(UINT64_MAX - 15)->id, 1U);
}

TEST(HandleTable, NumbersAreNotGivenAgain) {
  TableRig rig(4);
  EXPECT_EQ(rig.add(0x10), 1U);
  EXPECT_EQ(rig.add(0x20), 2U);
  rig.table.remove(1);
  rig.table.remove(2);
  EXPECT_EQ(rig.add(0x10), 3U);
  rig.start(4);
  EXPECT_EQ(rig.table.size(), 0U);
  EXPECT_EQ(rig.table.first_id(), 4U);
  EXPECT_EQ(rig.add(0x10), 4U);
  EXPECT_FALSE(rig.table.find(3));
}

TEST(HandleTable, UndoGivesTheNumberAgain) {
  TableRig rig(4);
  rig.add(0x10);
  const HandleId undone = rig.add(0x20, "tag");
  rig.table.undo_add(undone);
  EXPECT_EQ(rig.table.next_id(), undone);
  EXPECT_FALSE(rig.table.find(undone));
  EXPECT_FALSE(rig.table.find_address(0x20));
  EXPECT_EQ(rig.ids(), (Ids{1}));
  EXPECT_EQ(rig.add(0x30), undone);
  EXPECT_EQ(rig.ids(), (Ids{1, undone}));
}

TEST(HandleTable, IsFullAtItsCapacityAndNotBefore) {
  for (const std::size_t capacity :
       {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{63},
        std::size_t{64}, std::size_t{65}, std::size_t{1000}}) {
    TableRig rig(capacity);
    EXPECT_EQ(rig.table.capacity(), capacity);
    for (std::size_t i = 0; i < capacity; ++i) EXPECT_NE(rig.add(0x1000 + i * 16), 0U);
    EXPECT_FALSE(rig.table.add(0x10, 1, 1, HandleTable::kNoTag));
    EXPECT_EQ(rig.table.size(), capacity);
    EXPECT_EQ(rig.table.next_id(), capacity + 1);
    if (capacity == 0) continue;
    rig.table.remove(1);
    EXPECT_EQ(rig.add(0x10), capacity + 1);
    EXPECT_FALSE(rig.table.add(0x20, 1, 1, HandleTable::kNoTag));
  }
}

TEST(HandleTable, StorageThatIsNoWholeNumberOfHandlesIsFine) {
  const std::size_t bytes = 3 * HandleTable::kBytesPerHandle + 47;
  const auto storage = std::make_unique<std::byte[]>(bytes);
  HandleTable table;
  table.initialize({storage.get(), bytes});
  EXPECT_EQ(table.capacity(), 3U);
}

TEST(HandleTable, AnEmptyOneFindsNothing) {
  TableRig rig(8);
  EXPECT_FALSE(rig.table.oldest());
  EXPECT_FALSE(rig.table.find(0));
  EXPECT_FALSE(rig.table.find(1));
  EXPECT_FALSE(rig.table.find_address(0));
  EXPECT_FALSE(rig.table.find_containing(0));
  EXPECT_FALSE(rig.table.after(1));
  rig.table.remove(1);
  EXPECT_EQ(rig.table.size(), 0U);
}

TEST(HandleTable, KeepsTheOrderOfNumbersWhateverIsRemoved) {
  TableRig rig(8);
  for (int i = 1; i <= 6; ++i) rig.add(static_cast<alloc::Address>(0x1000 - i * 16));
  rig.table.remove(3);
  EXPECT_EQ(rig.ids(), (Ids{1, 2, 4, 5, 6}));
  rig.table.remove(1);
  rig.table.remove(6);
  EXPECT_EQ(rig.ids(), (Ids{2, 4, 5}));
  rig.add(0x10);
  EXPECT_EQ(rig.ids(), (Ids{2, 4, 5, 7}));
  EXPECT_EQ(rig.table.oldest()->id, 2U);
  EXPECT_EQ(rig.table.after(5)->id, 7U);
  EXPECT_FALSE(rig.table.after(7));
}

TEST(HandleTable, FindsTheBlockThatHoldsAnAddress) {
  TableRig rig(8);
  rig.add(0x1000);
  rig.add(0x2000);
  EXPECT_EQ(rig.table.find_containing(0x1000)->id, 1U);
  EXPECT_EQ(rig.table.find_containing(0x103f)->id, 1U);
  EXPECT_FALSE(rig.table.find_containing(0x1040));
  EXPECT_EQ(rig.table.find_containing(0x2001)->id, 2U);
  EXPECT_FALSE(rig.table.find_containing(0xfff));
  EXPECT_FALSE(rig.table.find_address(0x1001));
}

TEST(HandleTable, TagsAreKeptOnceAndAsLongAsTheyAreUsed) {
  TableRig rig(8);
  const auto page = rig.table.tag("page");
  const HandleId first = rig.add(0x10, "page");
  const HandleId second = rig.add(0x20, "page");
  EXPECT_EQ(rig.table.tag("page"), page);
  EXPECT_NE(rig.table.tag("pages"), page);
  rig.table.remove(first);
  EXPECT_EQ(rig.table.find(second)->tag, "page");
  rig.table.remove(second);
  // Its place may go to the next tag now.
  EXPECT_EQ(rig.table.tag("other"), page);
}

TEST(HandleTable, TagsHaveALongestLength) {
  TableRig rig(4);
  const std::string longest(HandleTable::kMaxTagLength, 't');
  EXPECT_EQ(rig.table.find(rig.add(0x10, longest))->tag, longest);
  EXPECT_EQ(error_of(rig.table.tag(longest + "t")), TagError::too_long);
}

TEST(HandleTable, ThereAreSoManyTagsAndNoMore) {
  TableRig rig(HandleTable::kMaxTags + 2);
  for (std::size_t i = 0; i < HandleTable::kMaxTags; ++i) {
    rig.add(0x1000 + i, "t" + std::to_string(i));
  }
  EXPECT_EQ(error_of(rig.table.tag("one more")), TagError::too_many);
  EXPECT_TRUE(rig.table.tag("t0"));
  EXPECT_TRUE(rig.table.tag("t255"));
  rig.table.remove(1);
  EXPECT_TRUE(rig.table.tag("one more"));
  EXPECT_EQ(rig.table.find(rig.add(0x10, "one more"))->tag, "one more");
  EXPECT_EQ(error_of(rig.table.tag("t0")), TagError::too_many);
}

TEST(HandleTable, StartingAnewForgetsTags) {
  TableRig rig(HandleTable::kMaxTags);
  for (std::size_t i = 0; i < HandleTable::kMaxTags; ++i) {
    rig.add(0x1000 + i, "t" + std::to_string(i));
  }
  rig.start(4);
  EXPECT_TRUE(rig.table.tag("one more"));
}

/// The table beside maps that say what must be in it.
class Duel {
 public:
  Duel(std::size_t capacity, std::uint64_t seed, unsigned char garbage)
      : rig_(capacity, garbage), random_(seed), capacity_(capacity) {}

  void add() {
    // Few places, so that addresses come back.
    const alloc::Address address = 0x10'0000 + random_.below(capacity_ * 4) * 16;
    if (by_address_.contains(address)) return;
    const std::uint64_t size = random_.below(1000);
    const std::uint64_t align = std::uint64_t{1} << random_.below(20);
    const std::string tag = random_.percent(30) ? "t" + std::to_string(random_.below(200)) : "";
    const auto tag_id = tag.empty() ? HandleTable::kNoTag : *rig_.table.tag(tag);
    const auto handle = rig_.table.add(address, size, align, tag_id);
    ASSERT_EQ(handle.has_value(), by_id_.size() < capacity_);
    if (!handle) return;
    ASSERT_EQ(handle->id, next_id_++);
    by_id_[handle->id] = {.address = address, .size = size, .align = align, .tag = tag};
    by_address_[address] = handle->id;
  }
  void remove() {
    if (by_id_.empty()) return;
    // The newest, the oldest, or one in between.
    const HandleId wanted = static_cast<HandleId>(random_.below(next_id_) + 1);
    auto found = by_id_.lower_bound(wanted);
    if (found == by_id_.end()) --found;
    rig_.table.remove(found->first);
    by_address_.erase(found->second.address);
    by_id_.erase(found);
  }
  void undo() {
    if (by_id_.empty() || by_id_.rbegin()->first + 1 != next_id_) return;
    rig_.table.undo_add(--next_id_);
    by_address_.erase(by_id_.rbegin()->second.address);
    by_id_.erase(std::prev(by_id_.end()));
  }
  void look_up_some() {
    ASSERT_EQ(rig_.table.size(), by_id_.size());
    ASSERT_EQ(rig_.table.next_id(), next_id_);
    const auto id = static_cast<HandleId>(random_.below(next_id_) + 1);
    ASSERT_EQ(rig_.table.find(id).has_value(), by_id_.contains(id)) << id;
    const alloc::Address address = 0x10'0000 + random_.below(capacity_ * 64);
    const auto at = rig_.table.find_address(address);
    ASSERT_EQ(at.has_value(), by_address_.contains(address)) << address;
    if (!at) return;
    ASSERT_EQ(at->id, by_address_[address]);
  }
  void compare_all() {
    auto handle = rig_.table.oldest();
    for (const auto& [id, block] : by_id_) {
      ASSERT_TRUE(handle);
      ASSERT_EQ(handle->id, id);
      ASSERT_EQ(handle->address, block.address);
      ASSERT_EQ(handle->size, block.size);
      ASSERT_EQ(handle->align, block.align);
      ASSERT_EQ(handle->tag, block.tag);
      ASSERT_EQ(rig_.table.find(id)->address, block.address);
      ASSERT_EQ(rig_.table.find_address(block.address)->id, id);
      handle = rig_.table.after(id);
    }
    ASSERT_FALSE(handle);
  }
  [[nodiscard]] std::size_t size() const { return by_id_.size(); }
  alloc::RandomSource& random() { return random_; }

 private:
  struct Block {
    alloc::Address address;
    std::uint64_t size;
    std::uint64_t align;
    std::string tag;
  };
  TableRig rig_;
  alloc::RandomSource random_;
  std::size_t capacity_;
  HandleId next_id_ = 1;
  std::map<HandleId, Block> by_id_;
  std::map<alloc::Address, HandleId> by_address_;
};

TEST(HandleTable, RandomUseAgreesWithMaps) {
  for (const std::uint64_t seed : alloc::kSeeds) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    for (const std::size_t capacity : {std::size_t{1}, std::size_t{5}, std::size_t{100}}) {
      Duel duel(capacity, seed, seed % 2 == 0 ? 0x00 : 0xff);
      for (int i = 0; i < 4000 && !testing::Test::HasFatalFailure(); ++i) {
        // Growing and shrinking in turns, so that it is often full and often empty.
        const unsigned adding = i / 500 % 2 == 0 ? 80 : 20;
        duel.random().percent(adding) ? duel.add() : duel.remove();
        if (duel.random().percent(10)) duel.undo();
        duel.look_up_some();
      }
      duel.compare_all();
    }
  }
}

TEST(HandleTable, GrowsToAHundredThousand) {
  constexpr std::size_t kMany = 100'000;
  Duel duel(kMany, 7, 0xA5);
  std::size_t most = 0;
  for (std::size_t i = 0; i < 2 * kMany && !testing::Test::HasFatalFailure(); ++i) {
    const unsigned adding = i < 7 * kMany / 4 ? 95 : 40;
    duel.random().percent(adding) ? duel.add() : duel.remove();
    duel.look_up_some();
    most = std::max(most, duel.size());
  }
  EXPECT_EQ(most, kMany);
  duel.compare_all();
}

}  // namespace
}  // namespace heapscope::shell
