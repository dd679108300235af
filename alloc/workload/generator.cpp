// The patterns.
#include "alloc/workload/generator.hpp"

#include <algorithm>

namespace heapscope::workload {
namespace {

Operation allocate(GeneratorState& state, std::uint32_t size) {
  const BlockId id = state.live.add();
  state.sizes[id] = size;
  return {.kind = OperationKind::allocate, .id = id, .size = size};
}

Operation freed(BlockId id) { return {.kind = OperationKind::free, .id = id}; }

std::size_t any_index(GeneratorState& state) {
  return state.random.below(static_cast<std::uint32_t>(state.live.size()));
}

/// Whether the next step is an allocation, where about `wanted` blocks are to be
/// live once the workload is under way.
bool wants_more(GeneratorState& state, std::size_t wanted) {
  if (state.live.empty()) return true;
  if (state.live.full()) return false;
  return state.random.percent(state.live.size() < wanted ? 60 : 40);
}

Operation uniform(GeneratorState& state) {
  if (wants_more(state, 512)) return allocate(state, state.random.between(1, 1024));
  return freed(state.live.take(any_index(state)));
}

Operation log_normal(GeneratorState& state) {
  if (wants_more(state, 512)) return allocate(state, state.random.log_normal(64, 384, 65'536));
  return freed(state.live.take(any_index(state)));
}

Operation lifo(GeneratorState& state) {
  if (wants_more(state, 256)) return allocate(state, state.random.log_normal(48, 256, 8192));
  return freed(state.live.take_newest());
}

Operation fifo(GeneratorState& state) {
  if (wants_more(state, 256)) return allocate(state, state.random.log_normal(128, 256, 16'384));
  return freed(state.live.take_oldest());
}

/// From 2 to 4,096 operations, each power of two as likely as the next: most
/// blocks die young, a few live long.
Operation lifetimes(GeneratorState& state) {
  const auto later = [](const GeneratorState::Due& a, const GeneratorState::Due& b) {
    return a.at > b.at;
  };
  const auto end = state.due.begin() + static_cast<std::ptrdiff_t>(state.due_count);
  if (state.live.full() || (state.due_count > 0 && state.due.front().at <= state.operations)) {
    std::pop_heap(state.due.begin(), end, later);
    --state.due_count;
    return freed(state.live.take_id((end - 1)->id));
  }
  const Operation operation = allocate(state, state.random.log_normal(64, 320, 32'768));
  const std::uint32_t octave = 1U << state.random.between(1, 11);
  *end = {.at = state.operations + state.random.between(octave, 2 * octave - 1),
          .id = operation.id};
  std::push_heap(state.due.begin(), end + 1, later);
  ++state.due_count;
  return operation;
}

/// Buffers that grow by half, as a vector or a string does, and are sometimes
/// cut to what they hold.
Operation growing(GeneratorState& state) {
  constexpr std::uint32_t kLargest = 65'536;
  if (state.live.size() < 8 || (state.live.size() < 64 && state.random.percent(20))) {
    return allocate(state, state.random.between(8, 64));
  }
  const std::size_t index = any_index(state);
  std::uint32_t& size = state.sizes[state.live[index]];
  if (size > kLargest || state.random.percent(5)) return freed(state.live.take(index));
  size = state.random.percent(10) ? size - size / 4 : size + size / 2 + state.random.below(16);
  return {.kind = OperationKind::reallocate, .id = state.live[index], .size = size};
}

/// Fills, frees every other block, asks for blocks that fit in none of the holes,
/// frees all; then again with another size.
Operation checkerboard(GeneratorState& state) {
  enum : std::uint32_t { kFill, kThin, kLarge, kEmpty };
  constexpr std::uint32_t kBlocks = 512;
  if (state.left == 0 && state.live.empty()) {
    state.size = 16U << state.random.below(6);
    state.phase = kFill;
    state.left = kBlocks;
  }
  if (state.left == 0) {
    ++state.phase;
    state.left = state.phase == kThin    ? kBlocks / 2
                 : state.phase == kLarge ? kBlocks / 8
                                         : static_cast<std::uint32_t>(state.live.size());
  }
  --state.left;
  switch (state.phase) {
    case kFill:
      return allocate(state, state.size);
    case kThin:
      state.live.rotate();
      return freed(state.live.take_oldest());
    case kLarge:
      return allocate(state, state.size * 3 + state.random.below(state.size));
    default:
      return freed(state.live.take_oldest());
  }
}

/// Messages in bursts, taken out in bursts and nearly in order.
Operation producer(GeneratorState& state) {
  enum : std::uint32_t { kProduce, kConsume };
  if (state.left == 0 || state.live.empty() || state.live.full()) {
    state.phase = wants_more(state, 256) ? kProduce : kConsume;
    state.left = state.random.between(1, 48);
  }
  --state.left;
  if (state.phase == kProduce) {
    const bool short_message = state.random.percent(75);
    return allocate(
        state, short_message ? state.random.between(24, 200) : state.random.between(1024, 1500));
  }
  if (state.live.size() > 1 && state.random.percent(20)) state.live.swap_oldest();
  return freed(state.live.take_oldest());
}

constexpr std::array kGenerators{
    GeneratorRecord{
        .name = "uniform", .summary = "1 to 1024 bytes, freed at random", .step = uniform},
    GeneratorRecord{
        .name = "lognormal", .summary = "log-normal sizes, freed at random", .step = log_normal},
    GeneratorRecord{.name = "lifo", .summary = "the newest is freed first", .step = lifo},
    GeneratorRecord{.name = "fifo", .summary = "the oldest is freed first", .step = fifo},
    GeneratorRecord{
        .name = "lifetimes", .summary = "most die young, some live long", .step = lifetimes},
    GeneratorRecord{
        .name = "growing", .summary = "buffers that grow by reallocation", .step = growing},
    GeneratorRecord{.name = "checkerboard",
                    .summary = "holes between blocks, then larger blocks",
                    .step = checkerboard},
    GeneratorRecord{
        .name = "producer", .summary = "messages in bursts, nearly in order", .step = producer},
};

}  // namespace

std::span<const GeneratorRecord> generators() { return kGenerators; }

const GeneratorRecord* find_generator(std::string_view name) {
  const auto found = std::ranges::find(kGenerators, name, &GeneratorRecord::name);
  return found == kGenerators.end() ? nullptr : &*found;
}

}  // namespace heapscope::workload
