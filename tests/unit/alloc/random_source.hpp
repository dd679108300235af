// Random numbers that a failing test can print and repeat: fixed seeds, and the
// same sequence on every machine.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string_view>

namespace heapscope::alloc {

/// The seeds that every random test runs with.
inline constexpr std::array<std::uint64_t, 4> kSeeds = {1, 2, 20'260'731, 0x9e37'79b9'7f4a'7c15};

class RandomSource {
 public:
  explicit RandomSource(std::uint64_t seed) : engine_(seed) {}

  /// A number below `limit`, which is not 0.
  std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }
  /// A number from `first` to `last`, both included.
  std::uint64_t between(std::uint64_t first, std::uint64_t last) {
    return first + below(last - first + 1);
  }
  bool percent(unsigned chance) { return below(100) < chance; }

  template <class Items>
  const auto& pick(const Items& items) {
    return items[static_cast<std::size_t>(below(std::size(items)))];
  }

 private:
  // Not a std distribution: those differ between standard libraries.
  std::mt19937_64 engine_;
};

/// Whether the environment asks for the long run (HEAPSCOPE_LONG=1).
inline bool long_run() {
  const char* wanted = std::getenv("HEAPSCOPE_LONG");
  return wanted != nullptr && std::string_view(wanted) == "1";
}

/// How often to repeat what is repeated `usual` times in an ordinary run.
inline std::uint64_t rounds(std::uint64_t usual) { return long_run() ? usual * 25 : usual; }

}  // namespace heapscope::alloc
