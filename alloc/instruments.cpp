// Switching the instruments, and what they note off the way of most calls.
#include "alloc/instruments.hpp"

#include <bit>
#include <utility>

namespace heapscope::alloc {

void Instruments::give_storage(std::span<std::byte> storage) {
  constexpr std::size_t kShareOfTrace = 8;
  const std::size_t trace = std::bit_floor(storage.size() / kShareOfTrace);
  trace_.give_storage(storage.last(trace));
  origins_.give_storage(storage.first(storage.size() - trace));
}

bool Instruments::record_origins(bool on) {
  if (on == recording_) return true;
  if (!on) {
    (void)set_tracing(Tracing::off);
    recording_ = false;
    origins_.discard();
    return true;
  }
  if (!origins_.clear_some()) return false;
  recording_ = origins_.has_storage();
  if (recording_) ++recordings_;
  return true;
}

bool Instruments::set_tracing(Tracing tracing) {
  if (tracing != Tracing::off && !trace_.wipe_some()) return false;
  const Tracing before = std::exchange(tracing_, recording_ ? tracing : Tracing::off);
  if (before == tracing_) return true;
  if (before == Tracing::off) trace_.clear(sequence_);
  if (tracing_ == Tracing::off) trace_end_ = sequence_;
  return true;
}

void Instruments::measure_latency(bool on) { measuring_ = on; }

void Instruments::forget_blocks() {
  if (recording_) {
    origins_.discard();
    while (!origins_.clear_some()) {
    }
  }
  trace_end_ = sequence_;
  clear_trace();
  patrol_.set(patrol_.interval());
}

void Instruments::note_resized(Address address, Layout layout, const CallStamp& stamp) {
  const std::uint64_t sequence = ++sequence_;
  const OriginTable::Place place = origins_.resized(address, layout.size);
  if (tracing_ != Tracing::on) return;
  trace_.add(sequence, address, layout, place, origins_.sequence_of(place), stamp,
             TraceRing::kResize);
}

void Instruments::note_refused(Layout layout, const CallStamp& stamp) {
  const std::uint64_t sequence = ++sequence_;
  if (tracing_ != Tracing::on) return;
  trace_.add(sequence, 0, layout, OriginTable::kNone, 0, stamp, TraceRing::kRefuse);
}

}  // namespace heapscope::alloc
