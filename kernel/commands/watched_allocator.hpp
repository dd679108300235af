// An allocator for the standard library's containers that tells a watcher what it
// takes from the kernel's heap and gives back to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace heapscope::kernel {

class BlockWatcher {
 public:
  virtual void took(std::uintptr_t address, std::size_t bytes) = 0;
  /// The block is gone already.
  virtual void gave_back(std::uintptr_t address, std::size_t bytes) = 0;

 protected:
  ~BlockWatcher() = default;
};

/// `new` and `delete`, watched. The watcher must outlive the container.
template <class T>
class WatchedAllocator {
 public:
  using value_type = T;

  explicit WatchedAllocator(BlockWatcher& watcher) : watcher_(&watcher) {}
  template <class U>
  explicit(false) WatchedAllocator(const WatchedAllocator<U>& other) : watcher_(&other.watcher()) {}

  [[nodiscard]] T* allocate(std::size_t count) {
    auto* const block = static_cast<T*>(::operator new(count * sizeof(T)));
    watcher_->took(reinterpret_cast<std::uintptr_t>(block), count * sizeof(T));
    return block;
  }
  void deallocate(T* block, std::size_t count) {
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    ::operator delete(block, count * sizeof(T));
    watcher_->gave_back(address, count * sizeof(T));
  }

  [[nodiscard]] BlockWatcher& watcher() const { return *watcher_; }
  template <class U>
  friend bool operator==(const WatchedAllocator& a, const WatchedAllocator<U>& b) {
    return &a.watcher() == &b.watcher();
  }

 private:
  BlockWatcher* watcher_;
};

}  // namespace heapscope::kernel
