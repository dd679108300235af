// The stand-in: a list of all blocks, live and free, in address order.
#include "tests/unit/alloc/outside/tiny_malloc.hpp"

#include <algorithm>
#include <new>

namespace outside {

struct Header {
  std::size_t bytes;  // Of the block, the header included.
  bool live;
};

namespace {

constexpr std::size_t kUnit = 16;
static_assert(sizeof(Header) == kUnit);

Header* behind(const Header* block) {
  return reinterpret_cast<Header*>(reinterpret_cast<std::size_t>(block) + block->bytes);
}

/// A block of no bytes ends the pool.
bool at_end(const Header* block) { return block->bytes == 0; }

void merge_free(Header* block) {
  while (!at_end(behind(block)) && !behind(block)->live) block->bytes += behind(block)->bytes;
}

}  // namespace

void tiny_init(TinyPool* pool, void* memory, std::size_t bytes) {
  pool->first = new (memory) Header{.bytes = bytes - kUnit, .live = false};
  new (behind(pool->first)) Header{.bytes = 0, .live = true};
}

std::size_t tiny_cost(std::size_t bytes) { return (bytes + kUnit - 1) / kUnit * kUnit + kUnit; }

void* tiny_malloc(TinyPool* pool, std::size_t bytes) {
  if (bytes > tiny_largest(pool)) return nullptr;
  const std::size_t cost = tiny_cost(bytes);
  for (Header* block = pool->first; !at_end(block); block = behind(block)) {
    if (block->live || block->bytes < cost) continue;
    const std::size_t rest = block->bytes - cost;
    block->bytes = cost;
    block->live = true;
    if (rest > 0) new (behind(block)) Header{.bytes = rest, .live = false};
    return block + 1;
  }
  return nullptr;
}

void tiny_free(TinyPool* pool, void* block) {
  (static_cast<Header*>(block) - 1)->live = false;
  for (Header* at = pool->first; !at_end(at); at = behind(at)) {
    if (!at->live) merge_free(at);
  }
}

std::size_t tiny_largest(const TinyPool* pool) {
  std::size_t largest = kUnit;
  for (const Header* block = pool->first; !at_end(block); block = behind(block)) {
    if (!block->live) largest = std::max(largest, block->bytes);
  }
  return largest - kUnit;
}

}  // namespace outside
