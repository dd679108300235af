// A picture of a heap, made from its extents: how full each cell is, which group of
// blocks it belongs to and, drawn to scale, which block.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "alloc/inspection.hpp"
#include "base/range.hpp"
#include "base/static_vector.hpp"
#include "shell/handle_table.hpp"
#include "shell/reply.hpp"

namespace heapscope::shell {

/// What the blocks of a picture are told apart by.
enum class GroupBy : std::uint8_t { fullness, tag, age };

/// Receives a picture's cells in order.
class CellSink {
 public:
  virtual void cell(const Cell& cell) = 0;

 protected:
  ~CellSink() = default;
};

/// An extent of the heap, or the part of one that lies in the picture.
struct PicturedBlock {
  alloc::Extent extent;
  bool begins = true;  ///< The extent's first byte is in the picture.
  bool ends = true;    ///< Its last one is.
  std::optional<Handle> handle = std::nullopt;
  std::uint64_t place = 0;  ///< In the order of which an AgeScale is; 0 where it is not known.
};

/// From when to when blocks were allocated, in an order that begins at 1: that of the
/// heap's calls, or that of the handles.
struct AgeScale {
  std::uint64_t oldest = 1;  ///< Of the live blocks.
  std::uint64_t next = 1;    ///< Of a block that would come now.
};

/// Sorts blocks into groups, and counts what is in each. Group 0 is what has no tag, or
/// no age.
class BlockGroups {
 public:
  static constexpr std::uint8_t kAges = 8;
  static constexpr std::uint8_t kTags = 26;
  /// For blocks whose tags came when all letters were given.
  static constexpr std::uint8_t kOther = kTags + 1;
  static constexpr std::size_t kCount = kOther + 1;

  /// What is known of a group.
  struct Count {
    std::uint64_t blocks = 0;
    std::uint64_t bytes = 0;
    HandleId first = 0;  ///< The oldest block's handle; 0 where none has one.
    HandleId last = 0;
  };

  explicit BlockGroups(GroupBy by) : by_(by) {}

  /// Begins to count anew. Tags keep the groups that they have.
  void begin(const AgeScale& scale);
  /// Counts a block and returns its group; 0, uncounted, for what is no block.
  [[nodiscard]] std::uint8_t add(const PicturedBlock& block);

  [[nodiscard]] GroupBy by() const { return by_; }
  [[nodiscard]] char mark(std::uint8_t group) const;
  /// Empty for group 0, for kOther and where groups are ages.
  [[nodiscard]] std::string_view tag(std::uint8_t group) const;
  [[nodiscard]] const Count& count(std::uint8_t group) const { return counts_[group]; }

 private:
  [[nodiscard]] std::uint8_t group_of(const PicturedBlock& block);

  GroupBy by_;
  StaticVector<std::string_view, kTags> tags_;
  std::array<Count, kCount> counts_{};
  AgeScale scale_;
};

/// Makes cells of blocks that come in address order and without gaps, and keeps neither.
class CellPainter {
 public:
  /// Shown in a cell in which several blocks begin, which is too coarse for them.
  static constexpr char kSeveral = '*';
  static constexpr char kUnreadable = '?';

  /// With `to_scale`, each cell shows what its first byte belongs to.
  CellPainter(CellSink& sink, Range range, std::uint64_t cell_bytes, BlockGroups& groups,
              bool to_scale)
      : sink_(sink),
        range_(range),
        cell_bytes_(cell_bytes),
        groups_(groups),
        to_scale_(to_scale),
        at_(range.start) {}

  void add(const PicturedBlock& block);
  /// What is left of the picture could not be read.
  void give_up();
  /// Where the next block must begin.
  [[nodiscard]] std::uint64_t at() const { return at_; }

 private:
  /// A block as it is drawn to scale, over so many cells.
  class Outline {
   public:
    Outline(const PicturedBlock& block, std::uint64_t cells);
    [[nodiscard]] char mark(std::uint64_t cell) const;

   private:
    const PicturedBlock& block_;
    std::uint64_t cells_;
    FixedText<48> label_;
  };

  [[nodiscard]] std::uint64_t cell_end() const {
    return std::min(cell_start_ + cell_bytes_, range_.end);
  }
  [[nodiscard]] std::uint64_t cells_begun_in(Range range) const;
  void begin_cell(char mark, std::uint8_t group);
  void finish_cell();
  [[nodiscard]] Cell finished() const;

  CellSink& sink_;
  Range range_;
  std::uint64_t cell_bytes_;
  BlockGroups& groups_;
  bool to_scale_;
  std::uint64_t at_;
  std::uint64_t cell_start_ = range_.start;
  // Of the cell that is being filled.
  std::uint64_t full_ = 0;
  std::uint64_t metadata_ = 0;
  std::array<std::uint64_t, BlockGroups::kCount> bytes_{};
  char mark_ = '\0';
  std::uint8_t group_ = 0;
  bool odd_ = false;  // Neighbours are told apart by two colours where nothing else does.
};

}  // namespace heapscope::shell
