// A heap that does what another one does, for tests to change a part of it.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "alloc/heap.hpp"

namespace heapscope::test {

/// The other heap must outlive it.
class ForwardingHeap : public alloc::Heap {
 public:
  using Address = alloc::Address;

  explicit ForwardingHeap(alloc::Heap& heap) : heap_(heap) {}
  virtual ~ForwardingHeap() = default;

  Result<alloc::Extent, alloc::HeapError> owner(Address address) const override {
    return heap_.owner(address);
  }
  alloc::WalkStep walk(Address from, std::span<alloc::Extent> out) const override {
    return heap_.walk(from, out);
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

 protected:
  void visit_instruments(void (*visit)(void*, alloc::Instruments&), void* context) override {
    heap_.with_instruments([&](alloc::Instruments& all) { visit(context, all); });
  }

  alloc::Heap& heap_;
};

}  // namespace heapscope::test
