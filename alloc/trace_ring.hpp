// The last calls of a heap, one after the other: what `trace` shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "alloc/origin_table.hpp"

namespace heapscope::alloc {

/// A call that changed a heap, or was refused by it.
struct TraceEvent {
  enum class Kind : std::uint8_t { allocate, free, resize, refuse };

  Kind kind = Kind::allocate;
  Address address = 0;         ///< Of the block; 0 of what was refused.
  Layout layout;               ///< Of the block from then on; of a free, what the caller gave.
  std::uint64_t sequence = 0;  ///< Of the call.
  /// The number of the block's record, which no other live block has; 0 where it has none.
  std::uint32_t block = 0;
  /// The sequence of the block's allocation; 0 where the trace was not told of that.
  std::uint64_t allocation = 0;
  CallStamp stamp;
};

/// Keeps calls by their sequence, in storage that is given to it: the newest overwrite the
/// oldest.
class TraceRing {
 public:
  /// Takes over `storage`, aligned to 64 bytes; the largest power of two of events that
  /// fits is kept. To be wiped before anything is added.
  [[gnu::cold]] void give_storage(std::span<std::byte> storage);
  [[nodiscard]] std::size_t capacity() const { return records_ == nullptr ? 0 : mask_ + 1; }

  /// Forgets what the storage held before, kWipedAtOnce events with each call; true when
  /// all is done.
  [[nodiscard, gnu::cold]] bool wipe_some();
  static constexpr std::size_t kWipedAtOnce = 128;

  /// Forgets all up to the call of that sequence.
  [[gnu::cold]] void clear(std::uint64_t sequence) { cleared_ = sequence; }

  /// A call: an allocation where `allocation` is its own sequence, else a free, or what
  /// `mark` says.
  [[gnu::always_inline]] void add(std::uint64_t sequence, Address address, Layout layout,
                                  OriginTable::Place block, std::uint64_t allocation,
                                  const CallStamp& stamp, std::uint64_t mark = 0) {
    Record& record = records_[sequence & mask_];
    record.address = address;
    record.size = layout.size | mark;
    record.sequence = sequence;
    record.allocation = allocation;
    record.when = stamp.when;
    record.path = stamp.path;
    record.block = block;
    record.align = static_cast<std::uint32_t>(layout.align);
  }
  static constexpr std::uint64_t kResize = std::uint64_t{1} << 62;
  static constexpr std::uint64_t kRefuse = std::uint64_t{2} << 62;

  /// The first call that can be there, where the last one had that sequence.
  [[nodiscard]] std::uint64_t first(std::uint64_t last) const {
    const std::uint64_t oldest = last > mask_ ? last - mask_ : 1;
    return oldest > cleared_ ? oldest : cleared_ + 1;
  }
  /// Calls since clear() that were overwritten or not kept, where the last one had that
  /// sequence.
  [[nodiscard]] std::uint64_t overwritten(std::uint64_t last) const {
    return first(last) - cleared_ - 1;
  }
  /// The call of that sequence; nothing where it was not traced.
  [[nodiscard, gnu::cold]] std::optional<TraceEvent> event(std::uint64_t sequence) const;

 private:
  // In an order in which words that are written together lie together.
  struct alignas(64) Record {
    Address address;
    std::uint64_t size;  // With a mark.
    std::uint64_t sequence;
    std::uint64_t allocation;  // With OriginTable::kTraced, where the trace has it.
    std::uint64_t when;
    CallPath path;
    OriginTable::Place block;
    std::uint32_t align;
  };
  static_assert(sizeof(Record) == 64);

  Record* records_ = nullptr;
  std::uint64_t mask_ = 0;
  std::uint64_t cleared_ = 0;
  std::size_t wiped_ = 0;
};

}  // namespace heapscope::alloc
