// Workloads that are made up: the patterns that allocators are known to be good
// or bad at, from a seed.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "alloc/workload/live_blocks.hpp"
#include "alloc/workload/operation.hpp"
#include "alloc/workload/random.hpp"

namespace heapscope::workload {

/// What a pattern remembers between two operations.
struct GeneratorState {
  /// When a block is to be freed, in operations.
  struct Due {
    std::uint64_t at = 0;
    BlockId id = 0;
  };

  explicit GeneratorState(std::uint64_t seed) : random(seed) {}

  Random random;
  LiveBlocks live;
  std::uint64_t operations = 0;  ///< Yielded so far.
  // What follows is used by some patterns only.
  std::uint32_t phase = 0;
  std::uint32_t left = 0;                                ///< Steps of the phase.
  std::uint32_t size = 0;                                ///< Of this round's blocks.
  std::array<std::uint32_t, LiveBlocks::kMost> sizes{};  ///< By block number.
  std::array<Due, LiveBlocks::kMost> due{};              ///< A heap, the next on top.
  std::size_t due_count = 0;
};

/// One pattern.
struct GeneratorRecord {
  std::string_view name;
  std::string_view summary;  ///< A few words.
  Operation (*step)(GeneratorState&) = nullptr;
};

/// All patterns.
[[nodiscard]] std::span<const GeneratorRecord> generators();

/// The pattern of that name, or null.
[[nodiscard]] const GeneratorRecord* find_generator(std::string_view name);

/// Yields a number of operations. The same pattern and seed give the same
/// operations on every machine. At most LiveBlocks::kMost blocks live together,
/// with numbers below that; what is live at the end stays live.
class Generator final : public Source {
 public:
  Generator(const GeneratorRecord& record, std::uint64_t seed, std::uint64_t operations)
      : record_(&record), state_(seed), limit_(operations) {}

  Result<std::optional<Operation>, TraceError> next() override {
    if (state_.operations == limit_) return std::nullopt;
    const Operation operation = record_->step(state_);
    ++state_.operations;
    return operation;
  }
  [[nodiscard]] std::uint64_t position() const override { return state_.operations; }

 private:
  const GeneratorRecord* record_;
  GeneratorState state_;
  std::uint64_t limit_;
};

}  // namespace heapscope::workload
