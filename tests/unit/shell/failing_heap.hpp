// A heap whose records cannot be read, or tell nonsense, from some address on.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "alloc/heap.hpp"

namespace heapscope::shell::test {

/// Everything but walks and owners is the other heap's.
class FailingHeap final : public alloc::Heap {
 public:
  using Address = alloc::Address;
  /// What a walk says of an extent that reaches beyond the readable part; nothing ends it.
  using Nonsense = std::function<std::optional<alloc::Extent>(const alloc::Extent&)>;

  FailingHeap(alloc::Heap& heap, Address readable_to, Nonsense nonsense)
      : heap_(heap), readable_to_(readable_to), nonsense_(std::move(nonsense)) {}

  alloc::WalkStep walk(Address from, std::span<alloc::Extent> out) const override {
    alloc::WalkStep step = heap_.walk(from, out);
    for (std::size_t i = 0; i < step.count; ++i) {
      if (out[i].end() <= readable_to_) continue;
      const auto said = nonsense_(out[i]);
      step.count = i + (said ? 1 : 0);
      if (said) out[i] = *said;
    }
    return step;
  }
  Result<alloc::Extent, alloc::HeapError> owner(Address address) const override {
    if (address >= readable_to_) return fail(alloc::HeapError::not_allocated);
    return heap_.owner(address);
  }

  Result<Address, alloc::HeapError> allocate(alloc::Layout layout) override {
    return heap_.allocate(layout);
  }
  Result<void, alloc::HeapError> deallocate(Address address, alloc::Layout layout) override {
    return heap_.deallocate(address, layout);
  }
  Result<void, alloc::HeapError> deallocate_unsized(Address address) override {
    return heap_.deallocate_unsized(address);
  }
  Result<Address, alloc::HeapError> reallocate(Address address, alloc::Layout layout,
                                               std::size_t size) override {
    return heap_.reallocate(address, layout, size);
  }
  std::size_t usable_size(alloc::Layout layout) const override { return heap_.usable_size(layout); }
  std::string_view allocator_name() const override { return heap_.allocator_name(); }
  alloc::Stats stats() const override { return heap_.stats(); }
  std::size_t bins(std::size_t first, std::span<alloc::BinStats> out) const override {
    return heap_.bins(first, out);
  }
  alloc::CheckStep check_some(Address from, std::size_t extents) const override {
    return heap_.check_some(from, extents);
  }
  std::uint32_t alarms() const override { return heap_.alarms(); }
  std::optional<alloc::Finding> find_misuse(Address& from, std::size_t extents) const override {
    return heap_.find_misuse(from, extents);
  }
  std::optional<alloc::GuardedBlock> guarded_block(Address address) const override {
    return heap_.guarded_block(address);
  }
  alloc::Hardening hardening() const override { return heap_.hardening(); }
  void set_hardening(alloc::Hardening wanted) override { heap_.set_hardening(wanted); }
  bool harden_in_place(alloc::Hardening wanted) override { return heap_.harden_in_place(wanted); }
  alloc::HardeningChange hardening_change(alloc::Hardening wanted) const override {
    return heap_.hardening_change(wanted);
  }
  std::span<const std::string_view> allocator_names() const override {
    return heap_.allocator_names();
  }
  bool can_reset(std::string_view allocator, Range range) const override {
    return heap_.can_reset(allocator, range);
  }
  Result<void, alloc::HeapError> reset(std::string_view allocator, Range range) override {
    return heap_.reset(allocator, range);
  }

 private:
  void visit_instruments(void (*visit)(void*, alloc::Instruments&), void* context) override {
    heap_.with_instruments([&](alloc::Instruments& all) { visit(context, all); });
  }

  alloc::Heap& heap_;
  Address readable_to_;
  Nonsense nonsense_;
};

}  // namespace heapscope::shell::test
