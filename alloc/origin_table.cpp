// What of the origins is not on the way of a call: storage, looking up and reading.
#include "alloc/origin_table.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace heapscope::alloc {

void OriginTable::give_storage(std::span<std::byte> storage) {
  const std::size_t fits = storage.size() / (kBytesPerRecord + sizeof(Place));
  // Record 0 is none, and the newest freed one is never used.
  capacity_ = fits < 3 ? 0 : std::min(fits, kMostRecords) - 1;
  if (capacity_ == 0) return;
  records_ = storage.data();
  buckets_ = reinterpret_cast<Place*>(records_ + (capacity_ + 1) * kBytesPerRecord);
  bucket_mask_ = std::bit_floor(capacity_ + 1) - 1;
  discard();
}

bool OriginTable::clear_some() {
  if (capacity_ == 0) return true;
  const std::size_t end = std::min(capacity_ + 1, cleared_ + kClearedAtOnce);
  // Unrolled, for it is most of what the boot of a kernel with origins takes.
#pragma GCC unroll 8
  for (std::size_t i = cleared_; i < end; ++i) {
    Record& record = *new (&numbered(i)) Record;
    record.address = 0;
    record.next = static_cast<Place>((i + 1) * kBytesPerRecord);
  }
  // There are no more buckets than records.
  if (cleared_ <= bucket_mask_) {
    static_assert(kNone == 0);
    std::memset(buckets_ + cleared_, 0,
                (std::min(end, bucket_mask_ + 1) - cleared_) * sizeof(Place));
  }
  cleared_ = end;
  if (!is_clear()) return false;
  numbered(0).sequence = 0;
  numbered(capacity_).next = kNone;
  oldest_freed_ = kBytesPerRecord;
  newest_freed_ = static_cast<Place>(capacity_ * kBytesPerRecord);
  unrecorded_ = 0;
  return true;
}

OriginTable::Place OriginTable::resized(Address address, std::size_t size) {
  for (Place place = buckets_[bucket_of(address)]; place != kNone; place = at(place).next) {
    if (at(place).address != address) continue;
    at(place).size = size;
    return place;
  }
  return kNone;
}

std::optional<Origin> OriginTable::find(Address address) const {
  if (!is_clear()) return std::nullopt;
  Place place = buckets_[bucket_of(address)];
  // Where somebody wrote over the records, a chain may lead anywhere, and round.
  for (std::size_t i = 0; i < capacity_ && place != kNone; ++i) {
    if (place % kBytesPerRecord != 0 || number_of(place) > capacity_) break;
    if (at(place).address == address) return origin_of(at(place));
    place = at(place).next;
  }
  return std::nullopt;
}

std::size_t OriginTable::read(std::size_t& first, std::span<Origin> out) const {
  std::size_t count = 0;
  if (!is_clear()) first = capacity_ + 1;
  first = std::max<std::size_t>(first, 1);
  const std::size_t end = std::min(capacity_ + 1, first + kLookedAt);
  for (; first < end && count < out.size(); ++first) {
    if (numbered(first).address != 0) out[count++] = origin_of(numbered(first));
  }
  return count;
}

Origin OriginTable::origin_of(const Record& record) {
  return {.address = record.address,
          .layout = {.size = static_cast<std::size_t>(record.size), .align = record.align},
          .live = record.freed_when == 0,
          .sequence = record.sequence & ~kTraced,
          .allocated = {.when = record.allocated_when, .path = record.allocated_path},
          .freed = {.when = record.freed_when, .path = record.freed_path}};
}

}  // namespace heapscope::alloc
