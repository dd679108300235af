// The quarantine: a ring of the blocks freed last.
#include "alloc/quarantine.hpp"

namespace heapscope::alloc {

void Quarantine::push(const GuardedBlock& block) {
  blocks_[(first_ + count_) % kMostBlocks] = block;
  ++count_;
  bytes_ += block.outer_layout().size;
}

GuardedBlock Quarantine::pop() {
  const GuardedBlock oldest = blocks_[first_];
  first_ = (first_ + 1) % kMostBlocks;
  --count_;
  bytes_ -= oldest.outer_layout().size;
  return oldest;
}

bool Quarantine::holds(Address address) const {
  for (std::size_t i = 0; i < count_; ++i) {
    const GuardedBlock& block = blocks_[(first_ + i) % kMostBlocks];
    if (address >= block.outer_start() && address < block.outer_end()) return true;
  }
  return false;
}

}  // namespace heapscope::alloc
