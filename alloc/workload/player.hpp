// Plays a workload on a target and keeps the books.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "alloc/workload/operation.hpp"
#include "alloc/workload/target.hpp"

namespace heapscope::workload {

/// What a player remembers of a block, in storage that is not the target's.
struct Slot {
  enum class State : std::uint8_t { dead, live, failed };

  alloc::Address address;
  std::uint64_t size : 48;
  std::uint64_t align_log2 : 8;
  State state : 8;

  [[nodiscard]] alloc::Layout layout() const {
    return {.size = size, .align = std::size_t{1} << align_log2};
  }
};
static_assert(sizeof(alloc::Address) < 8 || sizeof(Slot) == 16);

/// The books.
struct Figures {
  std::uint64_t operations = 0;  ///< Of the workload, those that were skipped included.
  std::uint64_t allocations = 0;
  std::uint64_t frees = 0;
  std::uint64_t reallocations = 0;
  std::uint64_t failures = 0;  ///< Allocations and reallocations that were refused.
  std::uint64_t skipped = 0;   ///< On blocks whose allocation had failed.
  std::uint64_t damaged = 0;   ///< Frees that were refused, and blocks with other contents.
  std::uint64_t live_blocks = 0;
  std::uint64_t peak_live_blocks = 0;
  std::uint64_t live_bytes = 0;  ///< As asked for.
  std::uint64_t peak_live_bytes = 0;
  std::uint64_t slots = 0;  ///< One more than the largest block number.
};

/// Hears of every operation after it was played.
class Observer {
 public:
  /// Whether to go on.
  [[nodiscard]] virtual bool played(const Operation& operation, const Figures& figures) = 0;

 protected:
  ~Observer() = default;
};

/// What to do beside playing.
struct PlayOptions {
  /// Fill each block, and look at the contents when it is freed or reallocated.
  bool verify = false;
  /// Stop at the first operation that fails.
  bool stop_at_failure = false;
};

/// Plays one workload. An allocation that fails leaves its block out: what
/// concerns it later is skipped. A reallocation that fails leaves it as it was.
class Player {
 public:
  /// `slots` is for block numbers below its length; it need not be cleared.
  Player(Target& target, std::span<Slot> slots, PlayOptions options = {})
      : target_(target), slots_(slots), options_(options) {}
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  /// Plays to the end of the workload; true there, false where the observer or a
  /// failure stopped it, or what is wrong with the workload. May be called again
  /// with more of it.
  [[nodiscard]] Result<bool, TraceError> play(Source& source, Observer* observer = nullptr);

  /// Frees all blocks that are live.
  void free_all();

  [[nodiscard]] const Figures& figures() const { return figures_; }

 private:
  [[nodiscard]] Result<void, TraceFault> step(const Operation& operation);
  void allocate(Slot& slot, const Operation& operation);
  void free(Slot& slot, BlockId id);
  void reallocate(Slot& slot, const Operation& operation);
  [[nodiscard]] Slot* slot_of(BlockId id);
  void add_live(std::uint64_t bytes);
  void check_contents(const Slot& slot, BlockId id, std::uint64_t bytes);
  void fill(const Slot& slot, BlockId id, std::uint64_t from) const;

  Target& target_;
  std::span<Slot> slots_;
  PlayOptions options_;
  Figures figures_;
};

}  // namespace heapscope::workload
