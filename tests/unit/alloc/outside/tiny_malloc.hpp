// A stand-in for an allocator from elsewhere: in C's manner, knowing nothing of
// heapscope, with a header before each block. One pool at a time is enough here.
#pragma once

#include <cstddef>

namespace outside {

struct TinyPool {
  struct Header* first;
};

/// Memory and size must be multiples of 16, the size at least 32.
void tiny_init(TinyPool* pool, void* memory, std::size_t bytes);
/// A multiple of 16, or null where nothing is long enough.
void* tiny_malloc(TinyPool* pool, std::size_t bytes);
void tiny_free(TinyPool* pool, void* block);
/// What a request takes of the pool, its header included.
std::size_t tiny_cost(std::size_t bytes);
/// The longest request that succeeds now.
std::size_t tiny_largest(const TinyPool* pool);

}  // namespace outside
