// The workloads that the benchmarks are given: traces in files, and generators.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "alloc/workload/player.hpp"

namespace heapscope::bench {

/// Operations that a generator yields, as `replay` has it by default, and its seed.
inline constexpr std::uint64_t kGenerated = 20'000;
inline constexpr std::uint64_t kSeed = 1;

struct Workload {
  std::string name;
  std::vector<workload::Operation> operations;
  workload::Figures needs;  ///< Where nothing fails.
};

/// The workload of a word: NAME for a generator, NAME=FILE for a trace. Ends the
/// program with a line of error where there is none.
[[nodiscard]] Workload read_workload(std::string_view word);

/// Yields the operations of a workload.
class WorkloadSource final : public workload::Source {
 public:
  explicit WorkloadSource(const Workload& from) : workload_(from) {}
  Result<std::optional<workload::Operation>, workload::TraceError> next() override {
    if (position_ == workload_.operations.size()) return std::nullopt;
    return workload_.operations[position_++];
  }
  [[nodiscard]] std::uint64_t position() const override { return position_; }

 private:
  const Workload& workload_;
  std::size_t position_ = 0;
};

}  // namespace heapscope::bench
