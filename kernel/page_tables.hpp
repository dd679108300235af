// The translation tables of AArch64 as a pure computation: ranges and rights in,
// descriptors out. Knows no register and no address of any board.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/range.hpp"
#include "base/result.hpp"

namespace heapscope::kernel {

/// What a range of memory is used for, and so what may be done with it.
enum class PageUse : std::uint8_t {
  data,       ///< Cacheable, shared between the cores; read and written, never executed.
  constants,  ///< Cacheable; only read.
  code,       ///< Cacheable; read and executed.
  device,     ///< Registers: neither cached nor gathered, reordered or executed.
};

enum class MapError : std::uint8_t {
  misaligned,       ///< Start or end is no multiple of a page.
  out_of_range,     ///< Beyond what the tables can describe.
  already_mapped,   ///< Part of the range has been mapped before.
  too_many_tables,  ///< More tables than there is room for.
};

/// An identity map in pages of 4 KiB and blocks of 2 MiB, of 39 bits of address.
/// What is not mapped faults. Source of all layouts: Arm ARM (DDI0487), D8.3.
class PageTables {
 public:
  static constexpr std::uint64_t kPageBytes = 4096;
  static constexpr std::uint64_t kBlockBytes = 512 * kPageBytes;
  static constexpr std::uint64_t kReach = std::uint64_t{1} << 39;
  static constexpr std::size_t kMaxTables = 12;

  /// MAIR_EL1, which gives the attribute indexes in the descriptors a meaning:
  /// 0 write-back, read and write allocate; 1 Device-nGnRE.
  static constexpr std::uint64_t kMemoryAttributes = 0x04ff;

  /// Maps whole pages. On an error, what was mapped of the range before stays
  /// mapped: the tables are then not for use.
  [[nodiscard]] Result<void, MapError> map(Range range, PageUse use);

  /// The address of the first table, for TTBR0_EL1.
  [[nodiscard]] const std::uint64_t* root() const { return tables_[0].data(); }
  [[nodiscard]] std::size_t table_count() const { return 1 + below_root_; }

  /// What the tables say of an address, as the CPU would walk them; nothing
  /// where it faults.
  [[nodiscard]] std::optional<PageUse> use_of(std::uint64_t address) const;

 private:
  using Table = std::array<std::uint64_t, 512>;

  [[nodiscard]] Table* table_below(std::uint64_t& entry);
  [[nodiscard]] const Table* find_table(std::uint64_t entry) const;
  [[nodiscard]] Result<void, MapError> map_one(std::uint64_t address, bool block, PageUse use);

  alignas(kPageBytes) std::array<Table, kMaxTables> tables_{};
  std::size_t below_root_ = 0;  // All zero at the start, so that no image holds the tables.
};

}  // namespace heapscope::kernel
