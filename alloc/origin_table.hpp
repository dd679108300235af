// The origins of the live blocks, and of those that were freed last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "alloc/origin.hpp"

namespace heapscope::alloc {

/// Records in storage that is given to it, found by a block's address. A live block keeps
/// its record; records of freed blocks are used again in the order in which they were
/// freed, so that as many of these are remembered as there is room for.
///
/// Recording a call takes a constant time on average, and so few instructions that it is
/// compiled into the callers.
class OriginTable {
 public:
  /// Where a record lies: bytes from the first one. 0, where none is used: no record.
  using Place = std::uint32_t;
  static constexpr Place kNone = 0;
  static constexpr std::size_t kBytesPerRecord = 64;
  /// A record's number, from 1 on.
  [[nodiscard]] static constexpr std::uint32_t number_of(Place place) {
    return place / std::uint32_t{kBytesPerRecord};
  }
  /// As many blocks as a trace can number.
  static constexpr std::size_t kMostRecords = std::size_t{1} << 20;

  /// Takes over `storage`, aligned to 64 bytes, which nobody else uses from then on. To be
  /// cleared before anything is recorded or read.
  [[gnu::cold]] void give_storage(std::span<std::byte> storage);
  [[nodiscard]] bool has_storage() const { return capacity_ != 0; }
  /// Blocks that can be recorded, live ones and freed ones.
  [[nodiscard]] std::size_t capacity() const { return capacity_; }

  /// Forgets all, kClearedAtOnce records with each call; true when all are done. Nothing
  /// must be recorded or read before.
  [[nodiscard]] bool clear_some();
  static constexpr std::size_t kClearedAtOnce = 128;
  /// From now on nothing that is recorded counts, until it is cleared.
  [[gnu::cold]] void discard() { cleared_ = 0; }
  [[nodiscard]] bool is_clear() const { return capacity_ != 0 && cleared_ > capacity_; }

  /// A block was allocated; `traced`: the trace has the call. Its record, or kNone where
  /// all belong to live blocks.
  [[gnu::always_inline]] Place allocated(Address address, Layout layout, std::uint64_t sequence,
                                         const CallStamp& stamp, bool traced = false) {
    const Place place = oldest_freed_;
    Record& record = at(place);
    const Place next = record.next;
    // The last one stays, so that there is always one to append to.
    if (next == kNone) [[unlikely]] {
      ++unrecorded_;
      return kNone;
    }
    oldest_freed_ = next;
    Place& bucket = buckets_[bucket_of(address)];
    record.address = address;
    record.size = layout.size;
    record.sequence = traced ? sequence | kTraced : sequence;
    record.allocated_when = stamp.when;
    record.allocated_path = stamp.path;
    record.freed_when = 0;
    record.next = bucket;
    record.align = static_cast<std::uint32_t>(layout.align);
    bucket = place;
    return place;
  }

  /// A block was freed. Its record, or kNone where it has none.
  [[gnu::always_inline]] Place freed(Address address, const CallStamp& stamp) {
    Place* link = &buckets_[bucket_of(address)];
    Place place = *link;
    // The record that is none has the address of no block.
    while (at(place).address != address) [[unlikely]] {
        if (place == kNone) return kNone;
        link = &at(place).next;
        place = *link;
      }
    Record& record = at(place);
    *link = record.next;
    record.next = kNone;
    record.freed_when = stamp.when;
    record.freed_path = stamp.path;
    at(newest_freed_).next = place;
    newest_freed_ = place;
    return place;
  }

  /// A live block has another size now. Its record, or kNone.
  [[gnu::cold]] Place resized(Address address, std::size_t size);

  /// The origin of the live block that starts at `address`.
  [[nodiscard, gnu::cold]] std::optional<Origin> find(Address address) const;
  /// The sequence of the allocation of a record's block, with kTraced where the trace has
  /// that; 0 for kNone.
  [[nodiscard]] std::uint64_t sequence_of(Place place) const { return at(place).sequence; }
  static constexpr std::uint64_t kTraced = std::uint64_t{1} << 63;

  /// Writes the origins of the records from number `first` on, those of blocks that were
  /// never allocated left out; returns how many. `first` is moved on, to its end at
  /// capacity() + 1. At most kLookedAt records are looked at.
  [[gnu::cold]] std::size_t read(std::size_t& first, std::span<Origin> out) const;
  static constexpr std::size_t kLookedAt = 64;

  /// Blocks that could not be recorded, since clear().
  [[nodiscard]] std::uint64_t unrecorded() const { return unrecorded_; }

 private:
  // In an order in which words that are written together lie together.
  struct alignas(kBytesPerRecord) Record {
    Address address;  // 0: never used.
    std::uint64_t size;
    std::uint64_t sequence;
    std::uint64_t allocated_when;
    CallPath allocated_path;
    std::uint64_t freed_when;  // 0: it is live.
    CallPath freed_path;
    Place next;  // In the bucket where it is live, else the one freed after it.
    std::uint32_t align;
  };
  static_assert(sizeof(Record) == kBytesPerRecord);

  [[nodiscard]] Record& at(Place place) const {
    return *reinterpret_cast<Record*>(records_ + place);
  }
  [[nodiscard]] Record& numbered(std::size_t number) const {
    return at(static_cast<Place>(number * kBytesPerRecord));
  }
  // Neighbours in a heap and neighbours in a slab go to different buckets.
  [[nodiscard]] std::size_t bucket_of(Address address) const {
    return (address >> 4 ^ address >> 13) & bucket_mask_;
  }
  [[nodiscard]] static Origin origin_of(const Record& record);

  std::byte* records_ = nullptr;
  Place oldest_freed_ = kNone;
  Place newest_freed_ = kNone;
  Place* buckets_ = nullptr;
  std::size_t bucket_mask_ = 0;
  std::size_t capacity_ = 0;
  std::size_t cleared_ = 0;
  std::uint64_t unrecorded_ = 0;
};

}  // namespace heapscope::alloc
