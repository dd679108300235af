// Moments in the life of a heap, by name: what `diff` compares with.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/static_vector.hpp"
#include "base/text_sink.hpp"

namespace heapscope::shell {

/// A moment.
struct Mark {
  static constexpr std::size_t kMaxName = 31;

  FixedText<kMaxName> name;
  std::uint64_t sequence = 0;    ///< Of the last call before.
  std::uint32_t recordings = 0;  ///< As Instruments::recordings() was.
  std::uint64_t us = 0;          ///< Since the kernel started.
  std::uint64_t live_blocks = 0;
  std::uint64_t used_bytes = 0;
};

/// The marks that were set, in the order in which they were.
class Marks {
 public:
  static constexpr std::size_t kMost = 16;

  [[nodiscard]] const Mark* find(std::string_view name) const;
  /// Sets a mark, in place of one of that name; false where there are too many.
  [[nodiscard]] bool set(const Mark& mark);
  /// False where there is none of that name.
  [[nodiscard]] bool remove(std::string_view name);
  [[nodiscard]] const Mark* begin() const { return marks_.begin(); }
  [[nodiscard]] const Mark* end() const { return marks_.end(); }

 private:
  StaticVector<Mark, kMost> marks_;
};

/// The name of the moment before all blocks, which is no mark of this list.
inline constexpr std::string_view kBootMark = "boot";

/// The marks of this shell.
[[nodiscard]] Marks& marks();

}  // namespace heapscope::shell
