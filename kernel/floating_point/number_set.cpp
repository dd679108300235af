// std::unordered_set. Its element is a type of this file alone, so that nothing of
// it is shared with files that are compiled without floating point.
#include "kernel/floating_point/number_set.hpp"

#include <memory>
#include <new>
#include <unordered_set>

namespace heapscope::kernel {
namespace {

struct Number {
  std::uint64_t value;
  friend bool operator==(const Number&, const Number&) = default;
};

struct Hash {
  std::size_t operator()(const Number& number) const noexcept { return number.value; }
};

using Set = std::unordered_set<Number, Hash, std::equal_to<>, WatchedAllocator<Number>>;

Set& in(std::array<std::byte, 64>& storage) {
  static_assert(sizeof(Set) <= 64 && alignof(Set) <= alignof(std::uint64_t));
  return *std::launder(reinterpret_cast<Set*>(storage.data()));
}

const Set& in(const std::array<std::byte, 64>& storage) {
  return *std::launder(reinterpret_cast<const Set*>(storage.data()));
}

}  // namespace

NumberSet::NumberSet(BlockWatcher& watcher) {
  ::new (storage_.data()) Set(WatchedAllocator<Number>(watcher));
}

NumberSet::~NumberSet() { std::destroy_at(&in(storage_)); }

void NumberSet::add(std::uint64_t number) { in(storage_).insert(Number{number}); }

bool NumberSet::contains(std::uint64_t number) const {
  return in(storage_).contains(Number{number});
}

std::uint64_t NumberSet::elements() const { return in(storage_).size(); }

std::uint64_t NumberSet::capacity() const { return in(storage_).bucket_count(); }

}  // namespace heapscope::kernel
