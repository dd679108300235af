// The memory functions that compiled code calls by itself. Only aligned
// accesses: before the MMU is on, others fault on a real board.
#include <cstddef>
#include <cstdint>

#include "kernel/mmu.hpp"

namespace {

using Word = std::uint64_t;

/// Words may alias anything that is copied as words.
using AliasingWord = Word __attribute__((may_alias));

/// So many words are read before any is written, and written in pairs: one round of
/// a loop for a cache line.
constexpr std::size_t kBlockWords = 8;

std::size_t misalignment(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address) % sizeof(Word);
}

/// Bytes before the first whole word, at most `count`.
std::size_t bytes_before_words(const void* address, std::size_t count) {
  const std::size_t before = (sizeof(Word) - misalignment(address)) % sizeof(Word);
  return before < count ? before : count;
}

void copy_block(AliasingWord* to, const AliasingWord* from) {
  Word block[kBlockWords];
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kBlockWords; ++i) block[i] = from[i];
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kBlockWords; ++i) to[i] = block[i];
}

void set_block(AliasingWord* to, Word pattern) {
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kBlockWords; ++i) to[i] = pattern;
}

/// What one instruction clears, and from how many bytes on it is asked whether it may.
constexpr std::size_t kClearedLine = 64;
constexpr std::size_t kManyBytes = 2048;

/// Whether `dc zva` clears lines of kClearedLine bytes: DCZID_EL0 tells the size, in
/// words of 4 bytes as a power of two, and whether it is forbidden. With the MMU off all
/// memory is device memory, where it faults (Arm ARM, DDI0487, C5.3.4).
bool can_clear_lines() {
  std::uint64_t size = 0;
  asm("mrs %0, dczid_el0" : "=r"(size));
  return size == 4 && heapscope::kernel::mmu_enabled();
}

/// Clears the whole lines from `target` on, which begins one; returns where they end.
unsigned char* clear_lines(unsigned char* target, std::size_t count) {
  const unsigned char* const end = target + count / kClearedLine * kClearedLine;
#pragma GCC unroll 8
  for (; target != end; target += kClearedLine) {
    asm volatile("dc zva, %0" ::"r"(target) : "memory");
  }
  return target;
}

/// Reads each word before it is written over, where `to` lies below `from`.
void copy_words_upwards(AliasingWord* to, const AliasingWord* from, std::size_t words) {
  const AliasingWord* const blocks_end = from + words / kBlockWords * kBlockWords;
  for (; from != blocks_end; from += kBlockWords, to += kBlockWords) copy_block(to, from);
  for (std::size_t i = 0; i < words % kBlockWords; ++i) to[i] = from[i];
}

/// The same where it lies above.
void copy_words_downwards(AliasingWord* to, const AliasingWord* from, std::size_t words) {
  for (; words >= kBlockWords; words -= kBlockWords) {
    copy_block(to + words - kBlockWords, from + words - kBlockWords);
  }
  while (words > 0) {
    --words;
    to[words] = from[words];
  }
}

void set_bytes(unsigned char* target, unsigned char byte, std::size_t count) {
  const Word pattern = Word{0x0101'0101'0101'0101} * byte;
  const std::size_t before = bytes_before_words(target, count);
  for (std::size_t i = 0; i < before; ++i) target[i] = byte;
  auto* words = reinterpret_cast<AliasingWord*>(target + before);
  count -= before;
  auto* const blocks_end = words + count / (kBlockWords * sizeof(Word)) * kBlockWords;
  for (; words != blocks_end; words += kBlockWords) set_block(words, pattern);
  count %= kBlockWords * sizeof(Word);
  for (std::size_t i = 0; i < count / sizeof(Word); ++i) words[i] = pattern;
  target = reinterpret_cast<unsigned char*>(words + count / sizeof(Word));
  for (std::size_t i = 0; i < count % sizeof(Word); ++i) target[i] = byte;
}

void copy_bytes_downwards(unsigned char* to, const unsigned char* from, std::size_t count) {
  while (count > 0) {
    --count;
    to[count] = from[count];
  }
}

}  // namespace

extern "C" {

void* memcpy(void* to, const void* from, std::size_t count) {
  auto* target = static_cast<unsigned char*>(to);
  const auto* source = static_cast<const unsigned char*>(from);
  if (misalignment(to) == misalignment(from)) {
    const std::size_t before = bytes_before_words(to, count);
    for (std::size_t i = 0; i < before; ++i) target[i] = source[i];
    target += before;
    source += before;
    count -= before;
    const std::size_t words = count / sizeof(Word);
    copy_words_upwards(reinterpret_cast<AliasingWord*>(target),
                       reinterpret_cast<const AliasingWord*>(source), words);
    target += words * sizeof(Word);
    source += words * sizeof(Word);
    count %= sizeof(Word);
  }
  for (std::size_t i = 0; i < count; ++i) target[i] = source[i];
  return to;
}

void* memmove(void* to, const void* from, std::size_t count) {
  auto* target = static_cast<unsigned char*>(to);
  const auto* source = static_cast<const unsigned char*>(from);
  if (target <= source || target >= source + count) {
    // A copy upwards reads each byte before it is written over.
    return memcpy(to, from, count);
  }
  if (misalignment(to) != misalignment(from)) {
    copy_bytes_downwards(target, source, count);
    return to;
  }
  const std::size_t before = bytes_before_words(to, count);
  const std::size_t words = (count - before) / sizeof(Word);
  const std::size_t whole = before + words * sizeof(Word);
  copy_bytes_downwards(target + whole, source + whole, count - whole);
  copy_words_downwards(reinterpret_cast<AliasingWord*>(target + before),
                       reinterpret_cast<const AliasingWord*>(source + before), words);
  copy_bytes_downwards(target, source, before);
  return to;
}

void* memset(void* to, int value, std::size_t count) {
  auto* target = static_cast<unsigned char*>(to);
  const auto byte = static_cast<unsigned char>(value);
  if (byte == 0 && count >= kManyBytes && can_clear_lines()) {
    const std::size_t before = -reinterpret_cast<std::uintptr_t>(target) % kClearedLine;
    set_bytes(target, 0, before);
    unsigned char* const cleared = clear_lines(target + before, count - before);
    set_bytes(cleared, 0, count - static_cast<std::size_t>(cleared - target));
    return to;
  }
  set_bytes(target, byte, count);
  return to;
}

int memcmp(const void* a, const void* b, std::size_t count) {
  const auto* left = static_cast<const unsigned char*>(a);
  const auto* right = static_cast<const unsigned char*>(b);
  for (std::size_t i = 0; i < count; ++i) {
    if (left[i] != right[i]) return left[i] < right[i] ? -1 : 1;
  }
  return 0;
}

const void* memchr(const void* in, int value, std::size_t count) {
  const auto* bytes = static_cast<const unsigned char*>(in);
  for (std::size_t i = 0; i < count; ++i) {
    if (bytes[i] == static_cast<unsigned char>(value)) return bytes + i;
  }
  return nullptr;
}

std::size_t strlen(const char* text) {
  std::size_t length = 0;
  while (text[length] != '\0') ++length;
  return length;
}

}  // extern "C"
