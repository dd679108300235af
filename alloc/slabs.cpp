// Setting up the records of slabs.
#include "alloc/slabs.hpp"

#include <cstring>

namespace heapscope::alloc {
namespace {

constexpr std::uint64_t lines_for(std::uint64_t granules) {
  return granules / Slabs::kLineGranules + 1;
}

}  // namespace

std::uint64_t Slabs::storage_bytes(std::uint64_t granules) {
  if (classes_for(granules) == 0) return 0;
  const std::uint64_t bytes = lines_for(granules) * (sizeof(Links) + sizeof(std::int8_t));
  return (bytes + 15) / 16 * 16;
}

void Slabs::initialize(std::uint64_t* storage, std::uint64_t granules) {
  const std::uint64_t lines = lines_for(granules);
  if (classes_for(granules) == 0) {
    classes_ = few_classes_.data();
  } else {
    links_ = reinterpret_cast<Links*>(storage);
    classes_ = reinterpret_cast<std::int8_t*>(links_ + lines);
  }
  std::memset(classes_, kNoClass, lines);
  first_.fill(kNoLine);
  count_ = {};
}

}  // namespace heapscope::alloc
