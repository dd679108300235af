// Hardening levels: how much a heap does to notice that it is misused. What each
// level notices is in docs/hardening.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace heapscope::alloc {

enum class Hardening : std::uint8_t {
  none,      ///< Frees are taken as they come. Links in free memory are checked at any level.
  standard,  ///< "default": each free is checked.
  full,      ///< Zones around blocks, fill, a quarantine, and checks of the whole heap as it runs.
};

inline constexpr std::array kHardenings{Hardening::none, Hardening::standard, Hardening::full};

/// The level's name on command lines and in JSON: "none", "default", "full".
[[nodiscard, gnu::noinline]] constexpr std::string_view hardening_name(Hardening level) {
  switch (level) {
    case Hardening::none:
      return "none";
    case Hardening::standard:
      return "default";
    case Hardening::full:
      return "full";
  }
  return "unknown";
}

/// The level of that name; nothing where there is none.
[[nodiscard, gnu::noinline]] constexpr std::optional<Hardening> hardening_named(
    std::string_view name) {
  for (const Hardening level : kHardenings) {
    if (hardening_name(level) == name) return level;
  }
  return std::nullopt;
}

/// The level of an allocator: what its kHardening says, else `standard`.
template <class A>
[[nodiscard]] constexpr Hardening hardening_of() {
  if constexpr (requires { A::kHardening; }) {
    return A::kHardening;
  } else {
    return Hardening::standard;
  }
}

}  // namespace heapscope::alloc
