// The line that the shell talks over: bytes in, bytes out, and Ctrl-C.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace heapscope::shell {

/// A serial line, or a test's stand-in for one.
class Console {
 public:
  /// The next byte that arrived, or nothing. Does not wait.
  [[nodiscard]] virtual std::optional<std::uint8_t> read() = 0;
  /// Sends all of `bytes` as they are.
  virtual void write(std::string_view bytes) = 0;
  /// Whether Ctrl-C has arrived since the last call. It is not among the bytes
  /// of read(), and what had been typed before it is gone.
  [[nodiscard]] virtual bool take_interrupt() = 0;
  /// Whether read() would give a byte.
  [[nodiscard]] virtual bool has_input() = 0;
  /// Waits until something may have arrived, for so many microseconds at most; it
  /// may also return sooner for no reason.
  virtual void wait(std::uint64_t microseconds) = 0;
  /// In a raw line every byte is data: read() gives Ctrl-C too, and it interrupts
  /// nothing.
  virtual void set_raw(bool raw) = 0;

 protected:
  ~Console() = default;
};

}  // namespace heapscope::shell
