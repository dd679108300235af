// Each operation changes one slot and the figures.
#include "alloc/workload/player.hpp"

#include <algorithm>
#include <bit>

namespace heapscope::workload {
namespace {

/// What a block holds at `offset`: the same wherever it lies.
std::uint8_t content(BlockId id, std::uint64_t offset) {
  return static_cast<std::uint8_t>(id * 37 + offset + (offset >> 8) + 1);
}

}  // namespace

Result<bool, TraceError> Player::play(Source& source, Observer* observer) {
  for (;;) {
    const auto operation = source.next();
    if (!operation) return fail(operation.error());
    if (!*operation) return true;
    const std::uint64_t failures = figures_.failures;
    const auto done = step(**operation);
    if (!done) return fail(TraceError{.position = source.position(), .fault = done.error()});
    if (observer != nullptr && !observer->played(**operation, figures_)) return false;
    if (options_.stop_at_failure && figures_.failures != failures) return false;
  }
}

Result<void, TraceFault> Player::step(const Operation& operation) {
  Slot* const slot = slot_of(operation.id);
  if (slot == nullptr) return fail(TraceFault::id_too_large);
  const bool allocates = operation.kind == OperationKind::allocate;
  if (allocates && slot->state != Slot::State::dead) return fail(TraceFault::already_live);
  if (!allocates && slot->state == Slot::State::dead) return fail(TraceFault::not_live);
  ++figures_.operations;
  if (slot->state == Slot::State::failed) {
    ++figures_.skipped;
    if (operation.kind == OperationKind::free) slot->state = Slot::State::dead;
    return {};
  }
  switch (operation.kind) {
    case OperationKind::allocate:
      allocate(*slot, operation);
      break;
    case OperationKind::free:
      free(*slot, operation.id);
      break;
    case OperationKind::reallocate:
      reallocate(*slot, operation);
      break;
  }
  return {};
}

/// Slots are cleared when they are first reached.
Slot* Player::slot_of(BlockId id) {
  if (id >= slots_.size()) return nullptr;
  while (figures_.slots <= id) slots_[figures_.slots++] = Slot{};
  return &slots_[id];
}

void Player::allocate(Slot& slot, const Operation& operation) {
  ++figures_.allocations;
  const auto address = target_.allocate({.size = static_cast<std::size_t>(operation.size),
                                         .align = static_cast<std::size_t>(operation.align)});
  slot.state = address ? Slot::State::live : Slot::State::failed;
  if (!address) {
    ++figures_.failures;
    return;
  }
  slot.address = *address;
  slot.size = operation.size & (kMaxSize - 1);
  slot.align_log2 = static_cast<std::uint8_t>(std::countr_zero(operation.align));
  ++figures_.live_blocks;
  figures_.peak_live_blocks = std::max(figures_.peak_live_blocks, figures_.live_blocks);
  add_live(slot.size);
  fill(slot, operation.id, 0);
}

void Player::free(Slot& slot, BlockId id) {
  ++figures_.frees;
  check_contents(slot, id, slot.size);
  if (!target_.deallocate(slot.address, slot.layout())) ++figures_.damaged;
  slot.state = Slot::State::dead;
  --figures_.live_blocks;
  figures_.live_bytes -= slot.size;
}

void Player::reallocate(Slot& slot, const Operation& operation) {
  ++figures_.reallocations;
  check_contents(slot, operation.id, slot.size);
  const auto moved =
      target_.reallocate(slot.address, slot.layout(), static_cast<std::size_t>(operation.size));
  if (!moved) {
    ++figures_.failures;
    return;
  }
  const std::uint64_t kept = std::min<std::uint64_t>(slot.size, operation.size);
  figures_.live_bytes -= slot.size;
  slot.address = *moved;
  slot.size = operation.size & (kMaxSize - 1);
  add_live(slot.size);
  check_contents(slot, operation.id, kept);
  fill(slot, operation.id, kept);
}

void Player::free_all() {
  for (std::uint64_t id = 0; id < figures_.slots; ++id) {
    Slot& slot = slots_[id];
    if (slot.state == Slot::State::live) free(slot, static_cast<BlockId>(id));
    slot.state = Slot::State::dead;
  }
}

void Player::add_live(std::uint64_t bytes) {
  figures_.live_bytes += bytes;
  figures_.peak_live_bytes = std::max(figures_.peak_live_bytes, figures_.live_bytes);
}

void Player::check_contents(const Slot& slot, BlockId id, std::uint64_t bytes) {
  if (!options_.verify) return;
  const auto* const block = reinterpret_cast<const std::uint8_t*>(slot.address);
  for (std::uint64_t i = 0; i < bytes; ++i) {
    if (block[i] == content(id, i)) continue;
    ++figures_.damaged;
    return;
  }
}

void Player::fill(const Slot& slot, BlockId id, std::uint64_t from) const {
  if (!options_.verify) return;
  auto* const block = reinterpret_cast<std::uint8_t*>(slot.address);
  for (std::uint64_t i = from; i < slot.size; ++i) block[i] = content(id, i);
}

}  // namespace heapscope::workload
