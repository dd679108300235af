// A copy on the heap that ends exactly where the data ends, so that the address
// sanitizer catches a read of one byte too many.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>

namespace heapscope::atags::test {

/// Holds a copy of some values, `lead` values behind the start of its allocation:
/// with bytes and an odd lead, at an odd address.
template <class T>
class ExactBuffer {
 public:
  explicit ExactBuffer(std::span<const T> values, std::size_t lead = 0)
      : values_(new T[lead + values.size()]), lead_(lead), size_(values.size()) {
    std::ranges::copy(values, values_.get() + lead);
  }
  [[nodiscard]] std::span<T> span() { return {values_.get() + lead_, size_}; }

 private:
  std::unique_ptr<T[]> values_;
  std::size_t lead_;
  std::size_t size_;
};

}  // namespace heapscope::atags::test
