// The system registers of translation (Arm ARM, DDI0487, D17.2) and the cache
// maintenance that a core owes when it switches its caches on.
#include "kernel/mmu.hpp"

namespace heapscope::kernel {
namespace {

// TCR_EL1.
constexpr std::uint64_t kAddressBits39 = 25;                       // T0SZ.
constexpr std::uint64_t kInnerWriteBack = std::uint64_t{1} << 8;   // IRGN0.
constexpr std::uint64_t kOuterWriteBack = std::uint64_t{1} << 10;  // ORGN0.
constexpr std::uint64_t kInnerShareable = std::uint64_t{3} << 12;  // SH0.
constexpr std::uint64_t kNoUpperHalf = std::uint64_t{1} << 23;     // EPD1.
constexpr std::uint64_t kTranslation =
    kAddressBits39 | kInnerWriteBack | kOuterWriteBack | kInnerShareable | kNoUpperHalf;

// SCTLR_EL1; the others are in the header.
constexpr std::uint64_t kInstructionCache = std::uint64_t{1} << 12;
constexpr std::uint64_t kNothingWritableRuns = std::uint64_t{1} << 19;

constexpr std::size_t kCacheLine = 64;

/// Drops whatever one level of the data cache holds, line by line. Nothing in it
/// is ours yet, and stale lines would be taken for memory.
void invalidate_data_cache(std::uint64_t level) {
  std::uint64_t geometry = 0;
  asm volatile("msr csselr_el1, %1\n isb\n mrs %0, ccsidr_el1" : "=r"(geometry) : "r"(level << 1));
  const std::uint64_t line_shift = (geometry & 7) + 4;
  const std::uint64_t ways = (geometry >> 3 & 0x3ff) + 1;
  const std::uint64_t sets = (geometry >> 13 & 0x7fff) + 1;
  const auto way_shift =
      ways > 1 ? static_cast<unsigned>(__builtin_clz(static_cast<unsigned>(ways - 1))) : 0;
  for (std::uint64_t way = 0; way < ways; ++way) {
    for (std::uint64_t set = 0; set < sets; ++set) {
      const std::uint64_t line = way << way_shift | set << line_shift | level << 1;
      asm volatile("dc isw, %0" ::"r"(line) : "memory");
    }
  }
  asm volatile("dsb sy" ::: "memory");
}

}  // namespace

void enable_mmu(const PageTables& tables) {
  invalidate_data_cache(0);
  invalidate_data_cache(1);
  asm volatile(
      "dsb sy\n"
      "ic iallu\n"
      "tlbi vmalle1\n"
      "dsb sy\n"
      "isb\n"
      "msr mair_el1, %0\n"
      "msr tcr_el1, %1\n"
      "msr ttbr0_el1, %2\n"
      "isb\n" ::"r"(PageTables::kMemoryAttributes),
      "r"(kTranslation), "r"(tables.root())
      : "memory");
  const std::uint64_t control = system_control::read() | system_control::kMmu |
                                system_control::kDataCache | system_control::kStackAlignment |
                                kInstructionCache | kNothingWritableRuns;
  asm volatile("msr sctlr_el1, %0\n isb" ::"r"(control) : "memory");
}

Translation this_translation() {
  Translation now{};
  asm volatile("mrs %0, ttbr0_el1" : "=r"(now.root));
  asm volatile("mrs %0, mair_el1" : "=r"(now.memory_attributes));
  asm volatile("mrs %0, tcr_el1" : "=r"(now.translation));
  now.control = system_control::read();
  return now;
}

void clean_and_invalidate(std::span<const std::byte> bytes) {
  auto line = reinterpret_cast<std::uintptr_t>(bytes.data()) & ~(kCacheLine - 1);
  const auto end = reinterpret_cast<std::uintptr_t>(bytes.data() + bytes.size());
  asm volatile("dsb sy" ::: "memory");
  for (; line < end; line += kCacheLine) asm volatile("dc civac, %0" ::"r"(line) : "memory");
  asm volatile("dsb sy" ::: "memory");
}

}  // namespace heapscope::kernel
