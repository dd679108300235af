// Handles by number and by address: two chained hash tables over one array, all
// growing with use so that setting up a table for a million costs nothing.
#include "shell/handle_table.hpp"

#include <algorithm>
#include <bit>

namespace heapscope::shell {
namespace {

constexpr std::size_t kFirstBuckets = 64;

}  // namespace

void HandleTable::initialize(std::span<std::byte> storage) {
  // Entries first, for they want 8-byte alignment; each index gets as many
  // buckets as the largest power of two of handles.
  capacity_ = std::min<std::size_t>(storage.size() / kBytesPerHandle, kNone - 1);
  full_capacity_ = capacity_;
  max_buckets_ = std::bit_floor(capacity_);
  entries_ = reinterpret_cast<Entry*>(storage.data());
  by_id_ = reinterpret_cast<Slot*>(entries_ + capacity_);
  by_address_ = by_id_ + max_buckets_;
  buckets_ = std::min(kFirstBuckets, max_buckets_);
  std::fill_n(by_id_, buckets_, kNone);
  std::fill_n(by_address_, buckets_, kNone);
  touched_ = 0;
  size_ = 0;
  unused_ = oldest_ = newest_ = kNone;
  first_id_ = next_id_;
  tags_.fill({});
}

void HandleTable::lend_from(std::uint64_t address) {
  capacity_ = static_cast<std::size_t>(address - never_used().start) / sizeof(Entry) + touched_;
}

std::size_t HandleTable::address_bucket(std::uint64_t address) const {
  // Fibonacci hashing: blocks lie at multiples of 8, so low bits say little.
  const std::uint64_t mixed = address * 0x9e37'79b9'7f4a'7c15ULL;
  return (mixed >> 32) & (buckets_ - 1);
}

HandleTable::Slot HandleTable::slot_of(HandleId id) const {
  if (size_ == 0) return kNone;
  Slot slot = by_id_[id_bucket(id)];
  while (slot != kNone && entries_[slot].id != id) slot = entries_[slot].next_by_id;
  return slot;
}

Handle HandleTable::handle(Slot slot) const {
  const Entry& entry = entries_[slot];
  Handle made{.id = entry.id,
              .address = static_cast<alloc::Address>(entry.address),
              .size = entry.size,
              .align = std::uint64_t{1} << entry.align_log2,
              .tag = {}};
  if (entry.tag != kNoTag) made.tag = {tags_[entry.tag].name.data(), tags_[entry.tag].length};
  return made;
}

Result<HandleTable::TagId, TagError> HandleTable::tag(std::string_view name) {
  if (name.size() > kMaxTagLength) return fail(TagError::too_long);
  TagEntry* unused = nullptr;
  for (TagEntry& entry : tags_) {
    if (entry.uses == 0) {
      if (unused == nullptr) unused = &entry;
      continue;
    }
    if (std::string_view(entry.name.data(), entry.length) == name) {
      return static_cast<TagId>(&entry - tags_.data());
    }
  }
  if (unused == nullptr) return fail(TagError::too_many);
  std::copy(name.begin(), name.end(), unused->name.begin());
  unused->length = static_cast<std::uint8_t>(name.size());
  return static_cast<TagId>(unused - tags_.data());
}

HandleTable::Slot HandleTable::take_slot() {
  if (unused_ != kNone) {
    const Slot slot = unused_;
    unused_ = entries_[slot].next_by_id;
    return slot;
  }
  return static_cast<Slot>(touched_++);
}

std::optional<Handle> HandleTable::add(alloc::Address address, std::uint64_t size,
                                       std::uint64_t align, TagId tag) {
  if (size_ == capacity_) return std::nullopt;
  if (size_ >= buckets_) grow_buckets();
  const Slot slot = take_slot();
  Entry& entry = entries_[slot];
  entry.address = address;
  entry.size = size;
  entry.id = next_id_++;
  entry.tag = tag;
  entry.align_log2 = static_cast<std::uint8_t>(std::countr_zero(align));
  entry.older = newest_;
  entry.newer = kNone;
  (newest_ == kNone ? oldest_ : entries_[newest_].newer) = slot;
  newest_ = slot;
  link(slot);
  ++size_;
  if (tag != kNoTag) ++tags_[tag].uses;
  return handle(slot);
}

void HandleTable::link(Slot slot) {
  Entry& entry = entries_[slot];
  Slot& by_id = by_id_[id_bucket(entry.id)];
  entry.next_by_id = by_id;
  by_id = slot;
  Slot& by_address = by_address_[address_bucket(entry.address)];
  entry.next_by_address = by_address;
  by_address = slot;
}

void HandleTable::unlink(Slot slot) {
  const Entry& entry = entries_[slot];
  Slot* by_id = &by_id_[id_bucket(entry.id)];
  while (*by_id != slot) by_id = &entries_[*by_id].next_by_id;
  *by_id = entry.next_by_id;
  Slot* by_address = &by_address_[address_bucket(entry.address)];
  while (*by_address != slot) by_address = &entries_[*by_address].next_by_address;
  *by_address = entry.next_by_address;
}

void HandleTable::remove(HandleId id) {
  const Slot slot = slot_of(id);
  if (slot == kNone) return;
  unlink(slot);
  Entry& entry = entries_[slot];
  (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = entry.newer;
  (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = entry.older;
  if (entry.tag != kNoTag) --tags_[entry.tag].uses;
  entry.next_by_id = unused_;
  unused_ = slot;
  --size_;
}

void HandleTable::undo_add(HandleId id) {
  remove(id);
  next_id_ = id;
}

/// Twice the buckets, or as many as there is room for, and all handles put
/// into them anew: on average a constant cost for each handle added.
void HandleTable::grow_buckets() {
  const std::size_t wanted = std::min(buckets_ * 2, max_buckets_);
  if (wanted == buckets_) return;
  buckets_ = wanted;
  std::fill_n(by_id_, buckets_, kNone);
  std::fill_n(by_address_, buckets_, kNone);
  for (Slot slot = oldest_; slot != kNone; slot = entries_[slot].newer) link(slot);
}

std::optional<Handle> HandleTable::find(HandleId id) const {
  const Slot slot = slot_of(id);
  if (slot == kNone) return std::nullopt;
  return handle(slot);
}

std::optional<Handle> HandleTable::find_address(alloc::Address address) const {
  if (size_ == 0) return std::nullopt;
  Slot slot = by_address_[address_bucket(address)];
  while (slot != kNone && entries_[slot].address != address) slot = entries_[slot].next_by_address;
  if (slot == kNone) return std::nullopt;
  return handle(slot);
}

std::optional<Handle> HandleTable::find_containing(alloc::Address address) const {
  for (Slot slot = oldest_; slot != kNone; slot = entries_[slot].newer) {
    const Entry& entry = entries_[slot];
    if (address >= entry.address && address - entry.address < entry.size) return handle(slot);
  }
  return std::nullopt;
}

std::optional<Handle> HandleTable::oldest() const {
  if (oldest_ == kNone) return std::nullopt;
  return handle(oldest_);
}

std::optional<Handle> HandleTable::after(HandleId id) const {
  const Slot slot = slot_of(id);
  if (slot == kNone || entries_[slot].newer == kNone) return std::nullopt;
  return handle(entries_[slot].newer);
}

}  // namespace heapscope::shell
