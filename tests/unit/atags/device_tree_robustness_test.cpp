// The device tree reader against damaged blobs: whatever it is given, it reads
// nothing outside its window, and what it accepts lies inside.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include "atags/device_tree.hpp"
#include "tests/unit/atags/device_tree_builder.hpp"
#include "tests/unit/atags/exact_buffer.hpp"

namespace heapscope::atags {
namespace {

using test::Bytes;
using test::DeviceTreeBuilder;
using test::ExactBuffer;
using Random = std::mt19937;

std::uint32_t below(Random& random, std::size_t limit) {
  return std::uniform_int_distribution<std::uint32_t>(
      0, static_cast<std::uint32_t>(limit - 1))(random);
}

DeviceTreeBuilder rich_tree() {
  DeviceTreeBuilder tree;
  tree.reserve(0x1000, 0x1000).reserve(0x3000'0000, 0x100);
  tree.begin("").cells("#address-cells", {2}).cells("#size-cells", {2}).nop();
  tree.begin("chosen").text("bootargs", "heap.size=64K").cells("linux,initrd-start", {1, 2});
  tree.cells("linux,initrd-end", {1, 9}).end();
  tree.begin("reserved-memory").begin("a@5").cells("reg", {0, 5, 0, 5}).end().end();
  tree.begin("memory@0").cells("reg", {0, 0, 0, 64, 1, 0, 0, 64}).text("device_type", "memory");
  tree.end().begin("soc").begin("x").begin("y").end().end().end();
  return tree.end();
}

// With the structure at the end, a read past a block is one past the blob.
std::vector<Bytes> sound_blobs() {
  constexpr auto kLast = DeviceTreeBuilder::Last::structure;
  return {test::pi3_tree().blob(), rich_tree().blob(), test::pi3_tree().blob(kLast),
          rich_tree().blob(kLast)};
}

bool lies_inside(std::string_view text, std::span<const std::byte> window) {
  const auto* first = reinterpret_cast<const char*>(window.data());
  return text.empty() || (std::less_equal<>{}(first, text.data()) &&
                          std::less_equal<>{}(text.data() + text.size(), first + window.size()));
}

// Reads from a buffer that ends with the blob and begins at an odd address.
bool expect_sound(const Bytes& blob) {
  ExactBuffer<std::byte> buffer(blob, 1);
  const auto facts = read_device_tree(buffer.span());
  if (!facts) {
    EXPECT_NE(describe(facts.error()), "unknown error");
    return false;
  }
  EXPECT_LE(facts->total_size, blob.size());
  EXPECT_TRUE(lies_inside(facts->command_line, buffer.span()));
  for (const Range& bank : facts->banks) EXPECT_FALSE(bank.empty());
  for (const Range& range : facts->reserved) EXPECT_FALSE(range.empty());
  return true;
}

TEST(DeviceTreeRobustness, EveryBlobCutAnywhere) {
  for (const Bytes& blob : sound_blobs()) {
    ASSERT_TRUE(expect_sound(blob));
    for (std::size_t length = 0; length < blob.size(); ++length) {
      SCOPED_TRACE(length);
      Bytes cut(blob.begin(), blob.begin() + static_cast<std::ptrdiff_t>(length));
      EXPECT_FALSE(expect_sound(cut));
      if (length < 8) continue;
      const auto total = static_cast<std::uint32_t>(length);
      test::put_word(cut, test::kTotalSizeField, total);
      EXPECT_FALSE(expect_sound(cut));
      const std::uint32_t structure = test::get_word(blob, test::kStructureField);
      if (structure > total || structure < test::get_word(blob, test::kStringsField)) continue;
      test::put_word(cut, test::kStructureSizeField, total - structure);
      EXPECT_FALSE(expect_sound(cut));
    }
  }
}

TEST(DeviceTreeRobustness, EveryByteSetToEveryExtreme) {
  for (const Bytes& blob : sound_blobs()) {
    for (std::size_t at = 0; at < blob.size(); ++at) {
      for (const unsigned value : {0U, 1U, 2U, 3U, 4U, 9U, 0x7fU, 0x80U, 0xffU}) {
        SCOPED_TRACE(testing::Message() << "byte " << at << " set to " << value);
        Bytes damaged = blob;
        damaged[at] = static_cast<std::byte>(value);
        expect_sound(damaged);
      }
    }
  }
}

std::uint32_t nasty_word(Random& random, std::size_t size) {
  switch (below(random, 4)) {
    case 0:
      return below(random, 10);
    case 1:
      return static_cast<std::uint32_t>(size) - below(random, 64);
    case 2:
      return 0xffffffff - below(random, 8);
    default:
      return static_cast<std::uint32_t>(random());
  }
}

TEST(DeviceTreeRobustness, RandomDamage) {
  const std::vector<Bytes> blobs = sound_blobs();
  for (std::uint32_t seed = 0; seed < 40'000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    Bytes blob = blobs[seed % blobs.size()];
    for (std::uint32_t damages = 1 + below(random, 4); damages > 0; --damages) {
      const std::size_t words = blob.size() / 4;
      if (below(random, 2) == 0) {
        test::put_word(blob, 4 * below(random, words), nasty_word(random, blob.size()));
      } else {
        blob[below(random, blob.size())] = static_cast<std::byte>(random());
      }
    }
    test::put_word(blob, 0, 0xd00dfeed);
    expect_sound(blob);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace heapscope::atags
