// Storage of the trace, and reading it.
#include "alloc/trace_ring.hpp"

#include <algorithm>
#include <bit>

namespace heapscope::alloc {

void TraceRing::give_storage(std::span<std::byte> storage) {
  const std::size_t fits = std::bit_floor(storage.size() / sizeof(Record));
  records_ = fits == 0 ? nullptr : reinterpret_cast<Record*>(storage.data());
  mask_ = fits == 0 ? 0 : fits - 1;
  wiped_ = 0;
}

bool TraceRing::wipe_some() {
  const std::size_t end = std::min(capacity(), wiped_ + kWipedAtOnce);
  for (; wiped_ < end; ++wiped_) records_[wiped_].sequence = 0;
  return wiped_ == capacity();
}

std::optional<TraceEvent> TraceRing::event(std::uint64_t sequence) const {
  if (records_ == nullptr || wiped_ != capacity()) return std::nullopt;
  const Record& record = records_[sequence & mask_];
  if (record.sequence != sequence) return std::nullopt;
  const bool traced = (record.allocation & OriginTable::kTraced) != 0;
  constexpr std::uint64_t kMarks = kResize | kRefuse;
  TraceEvent::Kind kind = TraceEvent::Kind::free;
  if ((record.size & kMarks) == kResize) kind = TraceEvent::Kind::resize;
  if ((record.size & kMarks) == kRefuse) kind = TraceEvent::Kind::refuse;
  if (record.allocation == (sequence | OriginTable::kTraced)) kind = TraceEvent::Kind::allocate;
  return TraceEvent{
      .kind = kind,
      .address = record.address,
      .layout = {.size = static_cast<std::size_t>(record.size & ~kMarks), .align = record.align},
      .sequence = sequence,
      .block = OriginTable::number_of(record.block),
      .allocation = traced ? record.allocation & ~OriginTable::kTraced : 0,
      .stamp = {.when = record.when, .path = record.path}};
}

}  // namespace heapscope::alloc
