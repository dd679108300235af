// Building and walking the translation tables.
#include "kernel/page_tables.hpp"

namespace heapscope::kernel {
namespace {

// Descriptors: Arm ARM (DDI0487), D8.3.1 and D8.3.2.
constexpr std::uint64_t kValid = 1U << 0;
constexpr std::uint64_t kTableOrPage = 1U << 1;
constexpr std::uint64_t kDeviceAttributes = std::uint64_t{1} << 2;
constexpr std::uint64_t kReadOnly = std::uint64_t{1} << 7;
constexpr std::uint64_t kInnerShareable = std::uint64_t{3} << 8;
constexpr std::uint64_t kAccessed = std::uint64_t{1} << 10;
constexpr std::uint64_t kNeverByKernel = std::uint64_t{1} << 53;
constexpr std::uint64_t kNeverByUser = std::uint64_t{1} << 54;
constexpr std::uint64_t kAddressMask = 0x0000'ffff'ffff'f000;

constexpr std::size_t index_at(std::uint64_t address, unsigned shift) {
  return static_cast<std::size_t>(address >> shift & 511);
}
constexpr std::size_t level1(std::uint64_t address) { return index_at(address, 30); }
constexpr std::size_t level2(std::uint64_t address) { return index_at(address, 21); }
constexpr std::size_t level3(std::uint64_t address) { return index_at(address, 12); }

constexpr std::uint64_t attributes_of(PageUse use) {
  constexpr std::uint64_t kAlways = kValid | kAccessed | kNeverByUser;
  switch (use) {
    case PageUse::data:
      return kAlways | kInnerShareable | kNeverByKernel;
    case PageUse::constants:
      return kAlways | kInnerShareable | kNeverByKernel | kReadOnly;
    case PageUse::code:
      return kAlways | kInnerShareable | kReadOnly;
    case PageUse::device:
      return kAlways | kNeverByKernel | kDeviceAttributes;
  }
  return 0;
}

constexpr PageUse use_from(std::uint64_t entry) {
  if ((entry & kDeviceAttributes) != 0) return PageUse::device;
  if ((entry & kReadOnly) == 0) return PageUse::data;
  return (entry & kNeverByKernel) != 0 ? PageUse::constants : PageUse::code;
}

}  // namespace

/// The table that `entry` leads to; made where there is none yet.
PageTables::Table* PageTables::table_below(std::uint64_t& entry) {
  if ((entry & kValid) != 0) {
    const Table* found = find_table(entry);
    return const_cast<Table*>(found);
  }
  if (table_count() == kMaxTables) return nullptr;
  Table& table = tables_[++below_root_];
  entry = reinterpret_cast<std::uintptr_t>(table.data()) | kValid | kTableOrPage;
  return &table;
}

const PageTables::Table* PageTables::find_table(std::uint64_t entry) const {
  if ((entry & kTableOrPage) == 0) return nullptr;
  for (std::size_t i = 1; i < table_count(); ++i) {
    if ((entry & kAddressMask) == reinterpret_cast<std::uintptr_t>(tables_[i].data())) {
      return &tables_[i];
    }
  }
  return nullptr;
}

Result<void, MapError> PageTables::map(Range range, PageUse use) {
  if (range.start % kPageBytes != 0 || range.end % kPageBytes != 0) {
    return fail(MapError::misaligned);
  }
  if (range.end > kReach) return fail(MapError::out_of_range);
  for (std::uint64_t address = range.start; address < range.end;) {
    const bool block = address % kBlockBytes == 0 && range.end - address >= kBlockBytes;
    if (const auto mapped = map_one(address, block, use); !mapped) return mapped;
    address += block ? kBlockBytes : kPageBytes;
  }
  return {};
}

Result<void, MapError> PageTables::map_one(std::uint64_t address, bool block, PageUse use) {
  Table* const second = table_below(tables_[0][level1(address)]);
  if (second == nullptr) return fail(MapError::too_many_tables);
  std::uint64_t& entry = (*second)[level2(address)];
  if (block) {
    if (entry != 0) return fail(MapError::already_mapped);
    entry = address | attributes_of(use);
    return {};
  }
  if ((entry & kValid) != 0 && (entry & kTableOrPage) == 0) return fail(MapError::already_mapped);
  Table* const third = table_below(entry);
  if (third == nullptr) return fail(MapError::too_many_tables);
  std::uint64_t& page = (*third)[level3(address)];
  if (page != 0) return fail(MapError::already_mapped);
  page = address | attributes_of(use) | kTableOrPage;
  return {};
}

std::optional<PageUse> PageTables::use_of(std::uint64_t address) const {
  if (address >= kReach) return std::nullopt;
  const Table* const second = find_table(tables_[0][level1(address)]);
  if (second == nullptr) return std::nullopt;
  const std::uint64_t entry = (*second)[level2(address)];
  if ((entry & kValid) == 0) return std::nullopt;
  if ((entry & kTableOrPage) == 0) return use_from(entry);
  const Table* const third = find_table(entry);
  if (third == nullptr) return std::nullopt;
  const std::uint64_t page = (*third)[level3(address)];
  if ((page & kValid) == 0) return std::nullopt;
  return use_from(page);
}

}  // namespace heapscope::kernel
