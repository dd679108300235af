// What a growing container did with the heap, condensed to rows: one for each
// growth, and one for a run of equal blocks.
#pragma once

#include <cstdint>
#include <optional>

#include "base/static_vector.hpp"

namespace heapscope::kernel {

/// Blocks of one size that a container took.
struct Growth {
  std::uint64_t elements = 0;             ///< In the container, with the last of the blocks.
  std::optional<std::uint64_t> capacity;  ///< Nothing where the container has none.
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;    ///< That the container asked for, each time.
  std::uint64_t address = 0;  ///< Of the first block.
  std::optional<std::uint64_t> given_back;
  std::uint64_t used_bytes = 0;  ///< Of the heap, behind it.
};

class GrowthSink {
 public:
  virtual void show(const Growth& growth) = 0;

 protected:
  ~GrowthSink() = default;
};

/// Is told of each block and of each insertion, in order, first of the one of no
/// elements. O(1) each.
class GrowthLog {
 public:
  /// A run ends after so many blocks, so that long work is seen to go on.
  static constexpr std::uint64_t kLongestRun = 65'536;

  /// Without `merges`, each block has its row. `sink` must outlive the log.
  GrowthLog(GrowthSink& sink, bool merges) : sink_(sink), merges_(merges) {}

  void took(std::uint64_t address, std::uint64_t bytes, std::uint64_t used_bytes);
  void gave_back(std::uint64_t address, std::uint64_t used_bytes);
  /// An insertion is complete: what was taken since the last one was for it.
  void inserted(std::uint64_t elements, std::optional<std::uint64_t> capacity);
  /// The insertion is not: what was taken since the last one has been given back.
  void given_up();
  /// Shows the run that nothing has ended yet. What is given back later is not
  /// shown, only counted.
  void finish();

  [[nodiscard]] std::uint64_t blocks_taken() const { return taken_; }
  [[nodiscard]] std::uint64_t blocks_given_back() const { return given_back_; }

 private:
  void add(const Growth& growth);

  GrowthSink& sink_;
  bool merges_;
  StaticVector<Growth, 4> fresh_;  // Of the insertion that is under way.
  std::optional<Growth> run_;
  std::optional<std::uint64_t> capacity_;
  std::uint64_t taken_ = 0;
  std::uint64_t given_back_ = 0;
};

}  // namespace heapscope::kernel
