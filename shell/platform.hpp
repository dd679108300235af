// What the shell asks of the machine beyond the heap and the line.
#pragma once

#include <cstdint>
#include <string_view>

namespace heapscope::shell {

/// Which build this is.
struct BuildInfo {
  std::string_view version;
  std::string_view revision;  ///< Of the source; "unknown" outside a checkout.
  std::string_view compiler;
};

class Platform {
 public:
  /// Microseconds since the kernel started.
  [[nodiscard]] virtual std::uint64_t uptime_us() = 0;
  /// The board's name, for people.
  [[nodiscard]] virtual std::string_view board() const = 0;
  [[nodiscard]] virtual BuildInfo build() const = 0;
  /// Stops the machine, in an emulator with that exit status. Returns only in
  /// tests.
  virtual void poweroff(std::uint8_t status) = 0;
  /// Starts the machine anew. Returns only in tests.
  virtual void reboot() = 0;

 protected:
  ~Platform() = default;
};

}  // namespace heapscope::shell
