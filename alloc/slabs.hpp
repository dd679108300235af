// Slabs: lines of a heap that are cut into slots of one size. Small blocks come
// from them and go back without anything being split or merged.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "alloc/block_map.hpp"

namespace heapscope::alloc {

/// The number of a line: 64 granules (1 KiB), which one word of the block map
/// describes. Counted from the heap's first.
using Line = std::uint32_t;

/// No line.
inline constexpr Line kNoLine = 0xffff'ffff;

/// Which lines are slabs, and which of these have free slots besides the one that
/// is allocated from. A slab is one line; its class is the size of its slots in
/// granules. Of a slab's word in the block map, a bit of `starts` is set where a
/// slot begins, and that of `free` where the slot is free. What is left at a
/// slab's end is nobody's.
///
/// All calls but initialize() take a few steps. Nothing here lies in the memory
/// that a heap hands out.
class Slabs {
 public:
  /// The largest class: slots of 256 bytes, four to a slab.
  static constexpr std::uint64_t kClasses = 16;
  static constexpr std::uint64_t kLineGranules = 64;
  /// The class of a line that is no slab.
  static constexpr std::int8_t kNoClass = -1;

  /// The slots of a slab.
  [[nodiscard]] static constexpr std::uint64_t slots(std::uint64_t size_class) {
    return kLineGranules / size_class;
  }
  /// A bit for the first granule of each slot.
  [[nodiscard]] static std::uint64_t slot_starts(std::uint64_t size_class) {
    return kSlotStarts[size_class];
  }
  /// The granules at a slab's end that belong to no slot.
  [[nodiscard]] static constexpr std::uint64_t tail(std::uint64_t size_class) {
    return kLineGranules % size_class;
  }

  /// How many classes a heap of so many granules should have, the smallest ones: one
  /// for each 16 KiB, so that what lies in half-empty slabs stays a small part of it.
  [[nodiscard]] static constexpr std::uint64_t classes_for(std::uint64_t granules) {
    const std::uint64_t classes = granules / kLineGranules / kLinesForClass;
    return classes < kClasses ? classes : kClasses;
  }

  /// Bytes of storage for a heap of so many granules; a multiple of 16, and nothing
  /// for a heap that shall have no class.
  [[nodiscard]] static std::uint64_t storage_bytes(std::uint64_t granules);
  /// Takes over `storage`, aligned to 16 bytes and storage_bytes(granules) long. Not
  /// to be moved from then on.
  [[gnu::cold]] void initialize(std::uint64_t* storage, std::uint64_t granules);

  /// The class of a line, or kNoClass.
  [[nodiscard]] std::int64_t class_of(std::uint64_t line) const { return classes_[line]; }
  [[nodiscard]] bool is_slab(std::uint64_t line) const { return class_of(line) != kNoClass; }
  /// How many slabs there are of a class.
  [[nodiscard]] std::uint64_t count(std::uint64_t size_class) const { return count_[size_class]; }

  /// `line` becomes a slab; it is in no list.
  void add(std::uint64_t line, std::uint64_t size_class) {
    classes_[line] = static_cast<std::int8_t>(size_class);
    ++count_[size_class];
  }
  /// `line`, which is in no list, is no slab any more.
  void remove(std::uint64_t line, std::uint64_t size_class) {
    classes_[line] = kNoClass;
    --count_[size_class];
  }

  /// The first slab in the list of a class; kNoLine where there is none.
  [[nodiscard]] Line first(std::uint64_t size_class) const { return first_[size_class]; }
  void push(std::uint64_t line, std::uint64_t size_class) {
    const Line second = first_[size_class];
    links_[line] = {.next = second, .previous = kNoLine};
    if (second != kNoLine) links_[second].previous = static_cast<Line>(line);
    first_[size_class] = static_cast<Line>(line);
  }
  /// Takes a slab out of the list that it is in.
  void unlink(std::uint64_t line, std::uint64_t size_class) {
    const Links links = links_[line];
    if (links.next != kNoLine) links_[links.next].previous = links.previous;
    (links.previous != kNoLine ? links_[links.previous].next : first_[size_class]) = links.next;
  }

 private:
  struct Links {
    Line next;
    Line previous;
  };

  static constexpr std::array<std::uint64_t, kClasses + 1> kSlotStarts = [] {
    std::array<std::uint64_t, kClasses + 1> starts{};
    for (std::uint64_t size = 1; size <= kClasses; ++size) {
      for (std::uint64_t slot = 0; slot < kLineGranules / size; ++slot) {
        starts[size] |= std::uint64_t{1} << (slot * size);
      }
    }
    return starts;
  }();

  static constexpr std::uint64_t kLinesForClass = 16;

  std::int8_t* classes_ = nullptr;
  Links* links_ = nullptr;
  std::array<Line, kClasses + 1> first_{};
  std::array<std::uint32_t, kClasses + 1> count_{};
  // The lines of a heap that has no storage.
  std::array<std::int8_t, kLinesForClass> few_classes_{};
};

}  // namespace heapscope::alloc
