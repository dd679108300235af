// What a workload is played on: anything that allocates.
#pragma once

#include <algorithm>
#include <cstring>

#include "alloc/allocator.hpp"
#include "alloc/heap.hpp"

namespace heapscope::workload {

/// The three calls of a workload, in the words of alloc::Heap.
class Target {
 public:
  [[nodiscard]] virtual Result<alloc::Address, alloc::HeapError> allocate(alloc::Layout layout) = 0;
  [[nodiscard]] virtual Result<void, alloc::HeapError> deallocate(alloc::Address address,
                                                                  alloc::Layout layout) = 0;
  [[nodiscard]] virtual Result<alloc::Address, alloc::HeapError> reallocate(alloc::Address address,
                                                                            alloc::Layout layout,
                                                                            std::size_t size) = 0;

 protected:
  ~Target() = default;
};

/// A heap behind its lock.
class HeapTarget final : public Target {
 public:
  explicit HeapTarget(alloc::Heap& heap) : heap_(heap) {}

  Result<alloc::Address, alloc::HeapError> allocate(alloc::Layout layout) override {
    return heap_.allocate(layout);
  }
  Result<void, alloc::HeapError> deallocate(alloc::Address address, alloc::Layout layout) override {
    return heap_.deallocate(address, layout);
  }
  Result<alloc::Address, alloc::HeapError> reallocate(alloc::Address address, alloc::Layout layout,
                                                      std::size_t size) override {
    return heap_.reallocate(address, layout, size);
  }

 private:
  alloc::Heap& heap_;
};

/// Whether the contents of a block move with it. Where nobody looks at them, they
/// need not.
enum class Contents : std::uint8_t { kept, dropped };

/// An allocator without a lock.
template <alloc::Allocator A>
class AllocatorTarget final : public Target {
 public:
  explicit AllocatorTarget(A& allocator, Contents contents = Contents::kept)
      : allocator_(allocator), contents_(contents) {}

  Result<alloc::Address, alloc::HeapError> allocate(alloc::Layout layout) override {
    return allocator_.allocate(layout);
  }
  Result<void, alloc::HeapError> deallocate(alloc::Address address, alloc::Layout layout) override {
    return allocator_.deallocate(address, layout);
  }
  /// In place where that can be, else by moving, as alloc::LockedHeap does it.
  Result<alloc::Address, alloc::HeapError> reallocate(alloc::Address address, alloc::Layout layout,
                                                      std::size_t size) override {
    const auto resized = allocator_.resize_in_place(address, layout, size);
    if (resized) return address;
    if (resized.error() != alloc::HeapError::exhausted) return fail(resized.error());
    const auto moved = allocator_.allocate({.size = size, .align = layout.align});
    if (!moved) return moved;
    if (contents_ == Contents::kept) {
      std::memcpy(reinterpret_cast<void*>(*moved), reinterpret_cast<const void*>(address),
                  std::min(layout.size, size));
    }
    const auto freed = allocator_.deallocate(address, layout);
    if (!freed) return fail(freed.error());
    return moved;
  }

 private:
  A& allocator_;
  Contents contents_;
};

/// Gives every block an address that must not be used. For checking a workload,
/// and for finding out what it needs, before it is played.
class NoTarget final : public Target {
 public:
  Result<alloc::Address, alloc::HeapError> allocate(alloc::Layout layout) override {
    return layout.align;
  }
  Result<void, alloc::HeapError> deallocate(alloc::Address, alloc::Layout) override { return {}; }
  Result<alloc::Address, alloc::HeapError> reallocate(alloc::Address address, alloc::Layout,
                                                      std::size_t) override {
    return address;
  }
};

}  // namespace heapscope::workload
