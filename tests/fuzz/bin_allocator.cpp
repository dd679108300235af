// A libFuzzer target: bytes are a program of calls to a bin allocator, right and
// wrong ones and writes to memory that is free, checked after each against a model of
// the live blocks. Where free memory was written to, a panic is an answer as well.
#include "alloc/bin_allocator.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/panic.hpp"

namespace heapscope {

namespace {

struct Panicked {};
bool panic_is_expected = false;

}  // namespace

void panic_handler(std::string_view message) {
  if (panic_is_expected) throw Panicked{};
  std::fprintf(stderr, "panic: %.*s\n", static_cast<int>(message.size()), message.data());
  std::abort();
}

namespace alloc {
namespace {

void require(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "wrong: %s\n", what);
  std::abort();
}

struct Input {
  const std::uint8_t* at;
  const std::uint8_t* end;

  std::size_t byte() { return at < end ? *at++ : 0; }
  std::size_t word() { return byte() | byte() << 8; }
};

struct Block {
  Address address;
  std::size_t size;
  std::uint8_t fill;
};

class Program {
 public:
  explicit Program(Input input) : input_(input) {
    const std::size_t shape = input_.byte();
    const auto start = reinterpret_cast<Address>(memory_) + shape % 16;
    // Without slabs, with some classes of them, or with all.
    const std::size_t factor = shape / 16 % 2 == 0 ? 1 : 6;
    panic_is_expected = false;
    bin_.initialize({.start = start, .end = start + 1024 + input_.word() * factor});
    range_ = bin_.stats();
  }

  void run() {
    for (std::size_t i = 0; input_.at < input_.end; ++i) {
      step();
      if (i % 8 == 0) check();
    }
    while (!blocks_.empty()) deallocate(blocks_.size() - 1);
    check();
  }

 private:
  void step() {
    switch (input_.byte() % 10) {
      case 0:
      case 1:
        return allocate({.size = input_.byte() + 1});
      case 2:
        return allocate({.size = input_.word(), .align = std::size_t{1} << input_.byte() % 14});
      case 3:
      case 4:
        if (!blocks_.empty()) deallocate(input_.byte() % blocks_.size());
        return;
      case 5:
        if (!blocks_.empty()) resize(input_.byte() % blocks_.size(), input_.word());
        return;
      case 6:
        return misuse();
      case 7:
        if (!blocks_.empty()) deallocate_unsized(input_.byte() % blocks_.size());
        return;
      case 8:
        return write_to_free_memory();
      default:
        return bin_.settle();
    }
  }

  static std::size_t rounded(std::size_t size) { return (size + 15) / 16 * 16; }

  void allocate(Layout layout) {
    const auto address = bin_.allocate(layout);
    if (!address) return;
    require(*address % layout.align == 0, "misaligned");
    add({.address = *address, .size = layout.size, .fill = ++fill_});
  }
  void add(const Block& block) {
    const std::size_t size = rounded(block.size);
    require(block.address >= range_.start && block.address + size <= range_.end, "outside");
    for (const Block& other : blocks_) {
      require(block.address + size <= other.address ||
                  other.address + rounded(other.size) <= block.address,
              "overlap");
    }
    std::memset(reinterpret_cast<void*>(block.address), block.fill, size);
    blocks_.push_back(block);
  }
  Block take(std::size_t index) {
    const Block block = blocks_[index];
    intact(block, rounded(block.size));
    blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(index));
    return block;
  }
  void deallocate(std::size_t index) {
    const Block block = take(index);
    require(bin_.deallocate(block.address, {.size = block.size}).has_value(), "free refused");
  }
  void deallocate_unsized(std::size_t index) {
    const Block block = take(index);
    require(bin_.deallocate_unsized(block.address).has_value(), "unsized free refused");
  }
  void resize(std::size_t index, std::size_t size) {
    const Block block = blocks_[index];
    if (!bin_.resize_in_place(block.address, {.size = block.size}, size)) return;
    intact(block, std::min(rounded(size), rounded(block.size)));
    blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(index));
    add({.address = block.address, .size = size, .fill = block.fill});
  }
  /// Frees any address with any size.
  void misuse() {
    const Address address = range_.start + input_.word();
    const std::size_t size = input_.word() - 8;
    for (const Block& block : blocks_) {
      if (block.address == address && rounded(block.size) == rounded(size)) return;
    }
    require(!bin_.deallocate(address, {.size = size}), "a wrong free was taken");
    const bool live = std::ranges::any_of(
        blocks_, [address](const Block& block) { return block.address == address; });
    require(live || !bin_.deallocate_unsized(address), "a wrong unsized free was taken");
  }
  /// As a program does that uses what it has freed, or writes beyond its block.
  void write_to_free_memory() {
    const Extent extent =
        bin_.extent_at(range_.start + input_.word() % (range_.end - range_.start));
    if (extent.state != ExtentState::free) return;
    panic_is_expected = true;
    const std::size_t at = input_.byte() % extent.size;
    std::uint32_t value = static_cast<std::uint32_t>(input_.word());
    if (input_.byte() % 2 != 0) value |= value << 16;
    std::memcpy(reinterpret_cast<void*>(extent.start + at), &value,
                std::min(sizeof(value), extent.size - at));
  }
  static void intact(const Block& block, std::size_t size) {
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(block.address);
    for (std::size_t i = 0; i < size; ++i) require(bytes[i] == block.fill, "overwritten");
  }
  void check() {
    const Stats stats = bin_.stats();
    std::size_t used = 0;
    for (const Block& block : blocks_) used += rounded(block.size);
    require(stats.used_bytes == used && stats.live_blocks == blocks_.size(), "figures");
    for (Address at = stats.start; at < stats.end;) {
      const Extent extent = bin_.extent_at(at);
      require(extent.start == at && extent.size != 0, "extents do not tile");
      const auto next = bin_.check(at);
      require(panic_is_expected || (next && *next == extent.end()), "damage");
      at = extent.end();
    }
  }

  alignas(8192) inline static std::byte memory_[512 * 1024];
  Input input_;
  BinAllocator bin_;
  std::vector<Block> blocks_;
  std::uint8_t fill_ = 0;
  Stats range_;
};

}  // namespace
}  // namespace alloc
}  // namespace heapscope

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    heapscope::alloc::Program({.at = data, .end = data + size}).run();
  } catch (const heapscope::Panicked&) {
    heapscope::panic_is_expected = false;
  }
  return 0;
}
