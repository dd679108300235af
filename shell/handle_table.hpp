// The blocks that people allocated by hand, under the names a1, a2, … that they
// were given. Lives outside the heap that is being watched.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "alloc/layout.hpp"
#include "base/range.hpp"
#include "base/result.hpp"

namespace heapscope::shell {

/// A block's number: 7 is shown as "a7".
using HandleId = std::uint32_t;

/// What is known of a live block.
struct Handle {
  HandleId id = 0;
  alloc::Address address = 0;
  std::uint64_t size = 0;  ///< Bytes, as asked for.
  std::uint64_t align = 0;
  std::string_view tag;  ///< Empty where it has none.

  [[nodiscard]] alloc::Layout layout() const {
    return {.size = static_cast<std::size_t>(size), .align = static_cast<std::size_t>(align)};
  }
};

enum class TagError : std::uint8_t { too_long, too_many };

/// The live handles in the order of their numbers, found by number and by
/// address in constant time on average. Tags are kept once each.
class HandleTable {
 public:
  static constexpr std::size_t kMaxTagLength = 31;
  static constexpr std::size_t kMaxTags = 256;
  /// Bytes of storage that every handle takes.
  static constexpr std::size_t kBytesPerHandle = 48;
  /// A tag's number; kNoTag for none.
  using TagId = std::uint16_t;
  static constexpr TagId kNoTag = 0xffff;

  /// Takes over `storage`, aligned to 8, and forgets all handles; numbers go on
  /// from where they were.
  void initialize(std::span<std::byte> storage);

  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] std::size_t size() const { return size_; }

  /// The tag's number; the tag is kept as long as a handle has it.
  [[nodiscard]] Result<TagId, TagError> tag(std::string_view name);

  /// The tag of that number, below kMaxTags; empty where no handle has it.
  [[nodiscard]] std::string_view tag_name(TagId id) const {
    const TagEntry& entry = tags_[id];
    return {entry.name.data(), entry.uses != 0 ? entry.length : std::size_t{0}};
  }

  /// Names a block; nothing where the table is full.
  std::optional<Handle> add(alloc::Address address, std::uint64_t size, std::uint64_t align,
                            TagId tag);
  /// Forgets a live handle.
  void remove(HandleId id);
  /// Forgets the newest handle as if it had never been: its number is given
  /// again. For undoing an add() that nobody has seen.
  void undo_add(HandleId id);

  [[nodiscard]] std::optional<Handle> find(HandleId id) const;
  [[nodiscard]] std::optional<Handle> find_address(alloc::Address address) const;
  /// The live handle whose block holds `address`. Linear in the handles.
  [[nodiscard]] std::optional<Handle> find_containing(alloc::Address address) const;
  /// The live handle with the smallest number.
  [[nodiscard]] std::optional<Handle> oldest() const;
  /// The live handle that follows `id`, which must be live, in order of number.
  [[nodiscard]] std::optional<Handle> after(HandleId id) const;

  /// The storage of handles that have never been used since initialize(). Whoever
  /// likes may write to it until the next handle is added.
  [[nodiscard]] Range never_used() const {
    const auto start = reinterpret_cast<std::uintptr_t>(entries_);
    return {.start = start + touched_ * sizeof(Entry), .end = start + capacity_ * sizeof(Entry)};
  }

  /// Somebody else uses the storage from `address` on, which never_used() has, until
  /// take_back(): there are fewer handles meanwhile.
  void lend_from(std::uint64_t address);
  void take_back() { capacity_ = full_capacity_; }

  /// The number that the next handle gets.
  [[nodiscard]] HandleId next_id() const { return next_id_; }
  /// The first number given since initialize().
  [[nodiscard]] HandleId first_id() const { return first_id_; }

 private:
  using Slot = std::uint32_t;
  static constexpr Slot kNone = 0xffff'ffff;

  struct Entry {
    std::uint64_t address;
    std::uint64_t size;
    HandleId id;
    Slot next_by_id;  // In the bucket; in the list of unused slots too.
    Slot next_by_address;
    Slot older;
    Slot newer;
    TagId tag;
    std::uint8_t align_log2;
  };
  struct TagEntry {
    std::array<char, kMaxTagLength> name{};
    std::uint8_t length = 0;
    std::uint32_t uses = 0;
  };
  static_assert(sizeof(Entry) + 2 * sizeof(Slot) == kBytesPerHandle);

  [[nodiscard]] std::size_t id_bucket(HandleId id) const { return id & (buckets_ - 1); }
  [[nodiscard]] std::size_t address_bucket(std::uint64_t address) const;
  [[nodiscard]] Slot slot_of(HandleId id) const;
  [[nodiscard]] Handle handle(Slot slot) const;
  [[nodiscard]] Slot take_slot();
  void link(Slot slot);
  void unlink(Slot slot);
  void grow_buckets();

  Entry* entries_ = nullptr;
  Slot* by_id_ = nullptr;
  Slot* by_address_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t full_capacity_ = 0;  // With what is lent.
  std::size_t max_buckets_ = 0;
  std::size_t buckets_ = 0;
  std::size_t touched_ = 0;  // Entries that have been used at least once.
  std::size_t size_ = 0;
  Slot unused_ = kNone;
  Slot oldest_ = kNone;
  Slot newest_ = kNone;
  HandleId next_id_ = 1;
  HandleId first_id_ = 1;
  std::array<TagEntry, kMaxTags> tags_{};
};

}  // namespace heapscope::shell
