// The translation tables: what is mapped is found with its rights, to the page,
// and everything else faults.
#include "kernel/page_tables.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace heapscope::kernel {
namespace {

constexpr std::uint64_t kPage = PageTables::kPageBytes;
constexpr std::uint64_t kBlock = PageTables::kBlockBytes;

class PageTablesTest : public testing::Test {
 protected:
  void map(std::uint64_t start, std::uint64_t end, PageUse use) {
    ASSERT_TRUE(tables().map({.start = start, .end = end}, use).has_value());
  }
  MapError error_of(std::uint64_t start, std::uint64_t end) {
    const auto mapped = tables().map({.start = start, .end = end}, PageUse::data);
    EXPECT_FALSE(mapped.has_value());
    return mapped ? MapError{} : mapped.error();
  }
  /// The descriptor that the CPU would end at, by a walk of its own.
  std::uint64_t descriptor(std::uint64_t address) {
    const std::uint64_t* table = tables().root();
    for (const unsigned shift : {30U, 21U, 12U}) {
      const std::uint64_t entry = table[address >> shift & 511];
      const bool leaf = shift == 12 || (entry & 2) == 0;
      if (leaf) return entry;
      table = reinterpret_cast<const std::uint64_t*>(entry & 0x0000'ffff'ffff'f000);
    }
    return 0;
  }
  PageTables& tables() { return *tables_; }

 private:
  std::unique_ptr<PageTables> tables_ = std::make_unique<PageTables>();
};

TEST_F(PageTablesTest, NothingIsMappedAtFirst) {
  for (const std::uint64_t address : {0ULL, 0x80000ULL, 0x3f000000ULL, (1ULL << 39) - 1}) {
    EXPECT_EQ(tables().use_of(address), std::nullopt);
    EXPECT_EQ(descriptor(address) & 1, 0U);
  }
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tables().root()) % kPage, 0U);
}

TEST_F(PageTablesTest, APageEndsWhereItEnds) {
  map(kPage, 2 * kPage, PageUse::data);
  EXPECT_EQ(tables().use_of(0), std::nullopt);
  EXPECT_EQ(tables().use_of(kPage - 1), std::nullopt);
  EXPECT_EQ(tables().use_of(kPage), PageUse::data);
  EXPECT_EQ(tables().use_of(2 * kPage - 1), PageUse::data);
  EXPECT_EQ(tables().use_of(2 * kPage), std::nullopt);
}

TEST_F(PageTablesTest, TheDescriptorsSayWhatTheArchitectureSays) {
  map(0x1000, 0x2000, PageUse::data);
  map(0x2000, 0x3000, PageUse::constants);
  map(0x3000, 0x4000, PageUse::code);
  map(0x4000, 0x5000, PageUse::device);
  map(kBlock, 2 * kBlock, PageUse::data);
  // Bits: 54 UXN, 53 PXN, 10 AF, 9:8 SH, 7 AP[2] read-only, 4:2 AttrIndx, 1:0 type.
  EXPECT_EQ(descriptor(0x1000), 0x60'0000'0000'0000ULL | 0x1000 | 0x400 | 0x300 | 0x3);
  EXPECT_EQ(descriptor(0x2000), 0x60'0000'0000'0000ULL | 0x2000 | 0x400 | 0x300 | 0x80 | 0x3);
  EXPECT_EQ(descriptor(0x3000), 0x40'0000'0000'0000ULL | 0x3000 | 0x400 | 0x300 | 0x80 | 0x3);
  EXPECT_EQ(descriptor(0x4000), 0x60'0000'0000'0000ULL | 0x4000 | 0x400 | 0x4 | 0x3);
  EXPECT_EQ(descriptor(kBlock), 0x60'0000'0000'0000ULL | kBlock | 0x400 | 0x300 | 0x1);
}

TEST_F(PageTablesTest, LargeRangesTakeBlocksAndFewTables) {
  map(kPage, 948 * 512 * kPage / 2, PageUse::data);
  EXPECT_EQ(tables().use_of(kPage), PageUse::data);
  EXPECT_EQ(tables().use_of(0x3b3f'ffff), PageUse::data);
  EXPECT_EQ(tables().use_of(0x3b40'0000), std::nullopt);
  EXPECT_EQ(tables().use_of(0), std::nullopt);
  EXPECT_EQ(tables().table_count(), 3U);
}

TEST_F(PageTablesTest, NothingIsMappedTwice) {
  map(kBlock, 2 * kBlock, PageUse::data);
  map(2 * kBlock, 2 * kBlock + kPage, PageUse::code);
  EXPECT_EQ(error_of(kBlock, 2 * kBlock), MapError::already_mapped);
  EXPECT_EQ(error_of(kBlock + kPage, kBlock + 2 * kPage), MapError::already_mapped);
  EXPECT_EQ(error_of(2 * kBlock, 2 * kBlock + kPage), MapError::already_mapped);
  EXPECT_EQ(error_of(2 * kBlock, 3 * kBlock), MapError::already_mapped);
  EXPECT_EQ(tables().use_of(2 * kBlock), PageUse::code);
}

TEST_F(PageTablesTest, OnlyWholePagesWithinReach) {
  EXPECT_EQ(error_of(1, kPage), MapError::misaligned);
  EXPECT_EQ(error_of(0, kPage + 8), MapError::misaligned);
  EXPECT_EQ(error_of(0, PageTables::kReach + kPage), MapError::out_of_range);
  EXPECT_EQ(tables().use_of(PageTables::kReach), std::nullopt);
}

TEST_F(PageTablesTest, TooManyPiecesAreRefused) {
  Result<void, MapError> mapped;
  for (std::uint64_t piece = 0; mapped && piece < 100; ++piece) {
    const std::uint64_t start = piece * kBlock + kPage;
    mapped = tables().map({.start = start, .end = start + kPage}, PageUse::data);
  }
  ASSERT_FALSE(mapped.has_value());
  EXPECT_EQ(mapped.error(), MapError::too_many_tables);
  EXPECT_EQ(tables().table_count(), PageTables::kMaxTables);
}

}  // namespace
}  // namespace heapscope::kernel
