// A first-in first-out queue of bytes of fixed capacity.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace heapscope {

/// Holds up to `N` bytes, N a power of two. One writer and one reader on the
/// same core; no locking of its own.
template <std::size_t N>
class RingBuffer {
  static_assert(N != 0 && (N & (N - 1)) == 0, "the capacity is a power of two");

 public:
  /// False, and nothing changed, when full.
  [[nodiscard]] constexpr bool push(std::uint8_t byte) {
    if (full()) return false;
    bytes_[written_++ & (N - 1)] = byte;
    return true;
  }
  /// The oldest byte, or nothing when empty.
  [[nodiscard]] constexpr std::optional<std::uint8_t> pop() {
    if (empty()) return std::nullopt;
    return bytes_[read_++ & (N - 1)];
  }
  /// The oldest byte, which stays; the ring must not be empty.
  [[nodiscard]] constexpr std::uint8_t front() const { return bytes_[read_ & (N - 1)]; }
  constexpr void clear() { read_ = written_; }

  [[nodiscard]] constexpr std::size_t size() const { return written_ - read_; }
  [[nodiscard]] constexpr bool empty() const { return written_ == read_; }
  [[nodiscard]] constexpr bool full() const { return size() == N; }
  [[nodiscard]] static constexpr std::size_t capacity() { return N; }

 private:
  // Free-running counters: their difference is the fill, also after they wrap.
  std::size_t written_ = 0;
  std::size_t read_ = 0;
  std::array<std::uint8_t, N> bytes_{};
};

}  // namespace heapscope
