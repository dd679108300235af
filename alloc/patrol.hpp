// An integrity check that goes on while the heap is used.
#pragma once

#include <cstdint>
#include <optional>

#include "alloc/inspection.hpp"
#include "alloc/origin.hpp"
#include "base/range.hpp"
#include "base/result.hpp"

namespace heapscope::alloc {

/// What a patrol came upon.
struct PatrolFinding {
  Damage damage;
  CallStamp call;  ///< During which it was found: the damage was done before.
  std::uint64_t sequence = 0;
};

/// Every so many calls a round through the heap begins, of which each call does a few
/// extents. It ends with the first damage.
class Patrol {
 public:
  static constexpr int kExtentsPerCall = 4;

  /// A round begins every `interval` calls; 0: never.
  [[gnu::cold]] void set(std::uint64_t interval) { *this = Patrol(interval); }
  [[nodiscard]] bool on() const { return interval_ != 0 && !finding_; }
  [[nodiscard]] std::uint64_t interval() const { return interval_; }
  /// Rounds that were completed.
  [[nodiscard]] std::uint64_t rounds() const { return rounds_; }
  [[nodiscard]] const std::optional<PatrolFinding>& finding() const { return finding_; }

  Patrol() = default;

  /// A call was made. `check(address)` is that of the allocator, on the heap `range`.
  template <class Check>
  [[gnu::cold]] void step(Range range, const CallStamp& call, std::uint64_t sequence, Check check) {
    if (calls_++ % interval_ == 0 && !range.contains(at_)) at_ = static_cast<Address>(range.start);
    for (int i = 0; i < kExtentsPerCall && range.contains(at_); ++i) {
      const Result<Address, Damage> next = check(at_);
      if (!next) {
        finding_ = {.damage = next.error(), .call = call, .sequence = sequence};
        return;
      }
      at_ = *next;
      if (!range.contains(at_)) ++rounds_;
    }
  }

 private:
  explicit Patrol(std::uint64_t interval) : interval_(interval) {}

  std::uint64_t interval_ = 0;
  std::uint64_t calls_ = 0;
  std::uint64_t rounds_ = 0;
  Address at_ = 0;  // Outside the heap: between two rounds.
  std::optional<PatrolFinding> finding_;
};

}  // namespace heapscope::alloc
