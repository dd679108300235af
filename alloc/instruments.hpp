// What can be attached to a heap to see more of it: the origins of its blocks, a trace
// of its calls, their latency, a check that goes on, and failures on purpose.
#pragma once

#include "alloc/failure_plan.hpp"
#include "alloc/latency_log.hpp"
#include "alloc/origin_table.hpp"
#include "alloc/patrol.hpp"
#include "alloc/trace_ring.hpp"

namespace heapscope::alloc {

enum class Tracing : std::uint8_t {
  off,
  frees,  ///< Frees only: what is allocated is not recorded.
  on,
};

/// All of a heap's instruments, reached through Heap::with_instruments(). All are off at
/// first, and then a heap's calls cost nothing more than without any.
class Instruments {
 public:
  /// The logs are large, and not kept where the calls go by.
  explicit constexpr Instruments(LatencyLogs& latency) : latency_(&latency) {}

  /// Takes over `storage`, aligned to 64 bytes, for origins and trace.
  [[gnu::cold]] void give_storage(std::span<std::byte> storage);

  /// Whether the origins of blocks are recorded. Switched on it begins anew: blocks that
  /// live already have no origin; switched off, all are forgotten. False where it is to be
  /// called again until all records are prepared. Without storage nothing is recorded.
  [[nodiscard, gnu::cold]] bool record_origins(bool on);
  [[nodiscard]] bool recording() const { return recording_; }
  [[nodiscard]] const OriginTable& origins() const { return origins_; }
  /// How often the recording was switched on: between two such times nothing is known.
  [[nodiscard]] std::uint32_t recordings() const { return recordings_; }
  /// Calls that were recorded since the storage was given: the sequence of the last one.
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }

  /// A trace needs the origins; without them it stays off. Switched on it begins anew,
  /// switched off it stays as it is. False as record_origins().
  [[nodiscard, gnu::cold]] bool set_tracing(Tracing tracing);
  [[nodiscard]] Tracing tracing() const { return tracing_; }
  /// The sequence of the last call that the trace may have.
  [[nodiscard]] std::uint64_t traced_to() const {
    return tracing_ == Tracing::off ? trace_end_ : sequence_;
  }
  [[gnu::cold]] void clear_trace() { trace_.clear(traced_to()); }
  [[nodiscard]] const TraceRing& trace() const { return trace_; }

  [[nodiscard]] FailurePlan& failures() { return failures_; }
  [[nodiscard]] Patrol& patrol() { return patrol_; }

  [[gnu::cold]] void measure_latency(bool on);
  [[nodiscard]] bool measuring_latency() const { return measuring_; }
  [[nodiscard]] LatencyLogs& latency() { return *latency_; }

  // For the heap.
  /// Whether more is to be done than to record.
  [[nodiscard]] bool examining() const { return failures_.on() || patrol_.on() || measuring_; }
  /// The heap starts anew; the switches stay as they are. O(capacity).
  [[gnu::cold]] void forget_blocks();

  template <bool kTraced>
  [[gnu::always_inline]] void note_allocated(Address address, Layout layout,
                                             const CallStamp& stamp) {
    const std::uint64_t sequence = ++sequence_;
    const OriginTable::Place place = origins_.allocated(address, layout, sequence, stamp, kTraced);
    if constexpr (kTraced) {
      trace_.add(sequence, address, layout, place, sequence | OriginTable::kTraced, stamp);
    }
  }
  template <bool kTraced>
  [[gnu::always_inline]] void note_freed(Address address, Layout layout, const CallStamp& stamp) {
    const std::uint64_t sequence = ++sequence_;
    const OriginTable::Place place = origins_.freed(address, stamp);
    if constexpr (kTraced) {
      trace_.add(sequence, address, layout, place, origins_.sequence_of(place), stamp);
    }
  }
  [[gnu::cold]] void note_resized(Address address, Layout layout, const CallStamp& stamp);
  [[gnu::cold]] void note_refused(Layout layout, const CallStamp& stamp);

 private:
  OriginTable origins_;
  TraceRing trace_;
  std::uint64_t sequence_ = 0;
  std::uint32_t recordings_ = 0;
  bool recording_ = false;
  bool measuring_ = false;
  Tracing tracing_ = Tracing::off;
  std::uint64_t trace_end_ = 0;  // While it is off.
  FailurePlan failures_;
  Patrol patrol_;
  LatencyLogs* latency_;
};

}  // namespace heapscope::alloc
