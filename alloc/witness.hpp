// What a machine can tell about a call: when it is made, on which core, by whom.
#pragma once

#include <concepts>
#include <cstdint>

namespace heapscope::alloc {

/// Where a call comes from: up to three return addresses, innermost first, in a form
/// that only the machine can read; equal for equal ones. 0: not known.
using CallPath = std::uint64_t;

/// What the instruments ask of the machine, with the heap's lock held; every call takes a
/// few instructions.
/// - `ticks()`: a clock that only goes forward, and is not at 0.
/// - `core()`: in its lowest 8 bits the number of the core that runs this.
/// - `path(frame)`: who called the function whose frame record is at `frame`.
/// - `cycles()`, `instructions()`: running counts of this core, 0 where they are not counted.
template <class W>
concept Witness = requires(const void* frame) {
  { W::ticks() } -> std::same_as<std::uint64_t>;
  { W::core() } -> std::same_as<std::uint64_t>;
  { W::path(frame) } -> std::same_as<CallPath>;
  { W::cycles() } -> std::same_as<std::uint64_t>;
  { W::instructions() } -> std::same_as<std::uint64_t>;
};

/// Knows nothing.
struct NoWitness {
  static std::uint64_t ticks() { return 1; }
  static std::uint64_t core() { return 0; }
  static CallPath path(const void*) { return 0; }
  static std::uint64_t cycles() { return 0; }
  static std::uint64_t instructions() { return 0; }
};

/// The witness of a heap with that lock: its own, where it has one.
template <class Lock>
struct WitnessOf {
  using Type = NoWitness;
};
template <class Lock>
requires Witness<typename Lock::Witness>
struct WitnessOf<Lock> {
  using Type = typename Lock::Witness;
};

}  // namespace heapscope::alloc
