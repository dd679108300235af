// The rows of a growing container.
#include "kernel/commands/growth_log.hpp"

namespace heapscope::kernel {

void GrowthLog::took(std::uint64_t address, std::uint64_t bytes, std::uint64_t used_bytes) {
  ++taken_;
  // No container takes more blocks for one element than there is room for.
  (void)fresh_.push_back({.elements = 0,
                          .capacity = std::nullopt,
                          .blocks = 1,
                          .bytes = bytes,
                          .address = address,
                          .given_back = std::nullopt,
                          .used_bytes = used_bytes});
}

void GrowthLog::gave_back(std::uint64_t address, std::uint64_t used_bytes) {
  ++given_back_;
  if (fresh_.empty()) return;
  fresh_.back().given_back = address;
  fresh_.back().used_bytes = used_bytes;
}

void GrowthLog::inserted(std::uint64_t elements, std::optional<std::uint64_t> capacity) {
  for (std::size_t i = 0; i < fresh_.size(); ++i) {
    Growth& growth = fresh_[i];
    growth.elements = elements;
    // The last block is the one that the container grew by; one before it, such as
    // a node's, still belongs to the old capacity.
    growth.capacity = i + 1 == fresh_.size() ? capacity : capacity_;
    add(growth);
  }
  fresh_.clear();
  capacity_ = capacity;
}

void GrowthLog::given_up() { fresh_.clear(); }

void GrowthLog::add(const Growth& growth) {
  const bool same = merges_ && run_ && run_->bytes == growth.bytes &&
                    run_->capacity == growth.capacity && !run_->given_back && !growth.given_back &&
                    run_->blocks < kLongestRun;
  if (!same) {
    finish();
    run_ = growth;
    return;
  }
  ++run_->blocks;
  run_->elements = growth.elements;
  run_->used_bytes = growth.used_bytes;
}

void GrowthLog::finish() {
  if (run_) sink_.show(*run_);
  run_.reset();
}

}  // namespace heapscope::kernel
