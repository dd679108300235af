// What the heap's instruments learn of a call from this machine.
#pragma once

#include "alloc/witness.hpp"
#include "kernel/call_path.hpp"
#include "kernel/cpu.hpp"
#include "kernel/performance.hpp"

namespace heapscope::kernel {

struct HeapWitness {
  static std::uint64_t ticks() { return read_counter_unordered(); }
  static std::uint64_t core() { return read_affinity(); }
  [[gnu::always_inline]] static alloc::CallPath path(const void* frame) { return call_path(frame); }
  static std::uint64_t cycles() { return read_cycles(); }
  static std::uint64_t instructions() { return read_instructions().value_or(0); }
};
static_assert(alloc::Witness<HeapWitness>);

}  // namespace heapscope::kernel
