// A vector of fixed capacity that lives where it is declared: for lists that
// must work without a heap.
#pragma once

#include <array>
#include <cstddef>

namespace heapscope {

/// Up to `N` values of a default-constructible `T`, in order.
template <class T, std::size_t N>
class StaticVector {
 public:
  /// Appends; false, and nothing changed, when full.
  [[nodiscard]] constexpr bool push_back(const T& value) {
    if (size_ == N) return false;
    items_[size_++] = value;
    return true;
  }
  /// Inserts before `index` (at most size()); false when full. O(N).
  [[nodiscard]] constexpr bool insert(std::size_t index, const T& value) {
    if (size_ == N || index > size_) return false;
    for (std::size_t i = size_; i > index; --i) items_[i] = items_[i - 1];
    items_[index] = value;
    ++size_;
    return true;
  }
  /// Removes the item at `index`, which must exist. O(N).
  constexpr void erase(std::size_t index) {
    for (std::size_t i = index + 1; i < size_; ++i) items_[i - 1] = items_[i];
    --size_;
  }
  constexpr void clear() { size_ = 0; }

  [[nodiscard]] constexpr std::size_t size() const { return size_; }
  [[nodiscard]] constexpr bool empty() const { return size_ == 0; }
  [[nodiscard]] constexpr bool full() const { return size_ == N; }
  [[nodiscard]] static constexpr std::size_t capacity() { return N; }

  constexpr T& operator[](std::size_t i) { return items_[i]; }
  constexpr const T& operator[](std::size_t i) const { return items_[i]; }
  constexpr T& back() { return items_[size_ - 1]; }
  constexpr const T& back() const { return items_[size_ - 1]; }
  constexpr T* begin() { return items_.data(); }
  constexpr T* end() { return items_.data() + size_; }
  constexpr const T* begin() const { return items_.data(); }
  constexpr const T* end() const { return items_.data() + size_; }

 private:
  std::array<T, N> items_{};
  std::size_t size_ = 0;
};

}  // namespace heapscope
