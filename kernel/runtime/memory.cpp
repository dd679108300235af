// The memory functions that compiled code calls by itself. Only aligned
// accesses: before the MMU is on, others fault on a real board.
#include <cstddef>
#include <cstdint>

namespace {

using Word = std::uint64_t;

/// Words may alias anything that is copied as words.
using AliasingWord = Word __attribute__((may_alias));

bool aligned(const void* a, const void* b) {
  return ((reinterpret_cast<std::uintptr_t>(a) | reinterpret_cast<std::uintptr_t>(b)) %
          sizeof(Word)) == 0;
}

}  // namespace

extern "C" {

void* memcpy(void* to, const void* from, std::size_t count) {
  auto* target = static_cast<unsigned char*>(to);
  const auto* source = static_cast<const unsigned char*>(from);
  if (aligned(to, from)) {
    auto* words_to = static_cast<AliasingWord*>(to);
    const auto* words_from = static_cast<const AliasingWord*>(from);
    const std::size_t words = count / sizeof(Word);
    for (std::size_t i = 0; i < words; ++i) words_to[i] = words_from[i];
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
  while (count > 0) {
    --count;
    target[count] = source[count];
  }
  return to;
}

void* memset(void* to, int value, std::size_t count) {
  auto* target = static_cast<unsigned char*>(to);
  const auto byte = static_cast<unsigned char>(value);
  if (aligned(to, to)) {
    const Word pattern = Word{0x0101'0101'0101'0101} * byte;
    auto* words = static_cast<AliasingWord*>(to);
    const std::size_t whole = count / sizeof(Word);
    for (std::size_t i = 0; i < whole; ++i) words[i] = pattern;
    target += whole * sizeof(Word);
    count %= sizeof(Word);
  }
  for (std::size_t i = 0; i < count; ++i) target[i] = byte;
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
