// `boot`: which images it takes for kernels, and that it changes nothing where it
// cannot start one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "alloc_state.hpp"
#include "shell/kernel_image.hpp"
#include "shell_rig.hpp"
#include "xmodem_sender.hpp"

namespace heapscope::shell {
namespace {

using test::JsonReply;
using test::ShellRig;
using test::state_of;

constexpr std::uint64_t kPlace = 0x8'0000;
constexpr std::uint64_t kMemory = 0x12'0000;

void put(std::string& image, std::size_t at, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) image[at++] = static_cast<char>(value >> 8 * i);
}

std::string kernel(std::size_t size = 4096, std::uint64_t place = kPlace,
                   std::uint64_t memory = kMemory) {
  std::string image(size, 'k');
  put(image, 8, place);
  put(image, 16, memory);
  image.replace(56, 4, "ARM\x64");
  return image;
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// A block that holds the image, as `receive` would have made it.
void load(ShellRig& rig, std::string_view image) {
  ASSERT_EQ(rig.run("alloc " + std::to_string(image.size())), 0);
  const auto handle = rig.handles.find(rig.handles.next_id() - 1);
  std::memcpy(reinterpret_cast<void*>(handle->address), image.data(), image.size());
}

TEST(KernelImage, IsReadFieldByField) {
  const auto image = read_kernel_image(bytes_of(kernel(64)));
  ASSERT_TRUE(image.has_value());
  EXPECT_EQ(image->text_offset, kPlace);
  EXPECT_EQ(image->memory_bytes, kMemory);
}

TEST(KernelImage, IsNoneWithoutItsHeader) {
  for (std::size_t size = 0; size < 64; ++size) {
    const std::string start = kernel().substr(0, size);
    EXPECT_EQ(read_kernel_image(bytes_of(start)).error(), ImageError::too_short);
  }
  for (std::size_t at = 56; at < 60; ++at) {
    std::string other = kernel();
    other[at] = 'x';
    EXPECT_EQ(read_kernel_image(bytes_of(other)).error(), ImageError::no_kernel);
  }
}

TEST(Boot, StartsABlockWhenItsReplyIsComplete) {
  ShellRig rig({.mode = Mode::json});
  load(rig, kernel());
  const JsonReply reply = rig.json("boot a1");
  ASSERT_EQ(reply.status, 0U);
  EXPECT_EQ(reply.result["size"].number(), 4096U);
  EXPECT_EQ(reply.result["memory_bytes"].number(), kMemory);
  EXPECT_EQ(reply.result["entry"].address(), kPlace);
  EXPECT_EQ(reply.result["action"].text(), "booting");
  EXPECT_EQ(rig.platform.events(), std::vector<std::string>{"boot 4096"});
  EXPECT_TRUE(rig.platform.output_before().ends_with("}\r\n"));
  EXPECT_EQ(rig.platform.kernel_memory(), (Range{.start = kPlace, .end = kPlace + kMemory}));
}

TEST(Boot, TakesAnAddressAndEndsTheLine) {
  ShellRig rig;
  load(rig, kernel());
  const std::string address = test::hex(rig.handles.find(1)->address);
  (void)rig.type("@x boot " + address + "; alloc 64\r");
  EXPECT_EQ(rig.platform.events(), std::vector<std::string>{"boot 4096"});
  EXPECT_TRUE(rig.platform.output_before().ends_with("booting\r\n@x END status=0\r\n"));
  EXPECT_EQ(rig.handles.size(), 1U);
}

TEST(Boot, NeedsAsMuchMemoryAsTheImageWhereThatIsMore) {
  ShellRig rig({.mode = Mode::json});
  load(rig, kernel(4096, kPlace, 1000));
  EXPECT_EQ(rig.json("boot a1").result["memory_bytes"].number(), 4096U);
}

TEST(Boot, RefusesWhatIsNoKernelForThisBoard) {
  for (const std::string& image :
       {std::string(4096, 'k'), std::string(10, 'k'), kernel(4096, 0x20'0000), kernel(4096, 0)}) {
    ShellRig rig({.mode = Mode::json});
    load(rig, image);
    const auto before = state_of(rig);
    const JsonReply reply = rig.json("boot a1");
    EXPECT_EQ(reply.status, 1U);
    EXPECT_EQ(reply.kind(), "not-a-kernel");
    EXPECT_EQ(state_of(rig), before);
    EXPECT_TRUE(rig.platform.events().empty());
    EXPECT_EQ(rig.json("boot -f a1").result["memory_bytes"].number(), image.size());
    EXPECT_EQ(rig.platform.events().size(), 1U);
  }
}

TEST(Boot, RefusesWhatTheMachineCannotStart) {
  for (const std::string_view line : {"boot a1", "boot a1 -f"}) {
    ShellRig rig({.mode = Mode::json});
    load(rig, kernel());
    rig.platform.obstruct_boot("it cannot be");
    const JsonReply reply = rig.json(line);
    EXPECT_EQ(reply.kind(), "cannot-boot");
    EXPECT_EQ(reply.message(), "it cannot be");
    EXPECT_TRUE(rig.platform.events().empty());
  }
}

TEST(Boot, AMemorySizeThatIsNoneDoesNotWrap) {
  ShellRig rig({.mode = Mode::json});
  load(rig, kernel(4096, kPlace, UINT64_MAX));
  rig.platform.obstruct_boot("too much");
  EXPECT_EQ(rig.json("boot a1").kind(), "cannot-boot");
  EXPECT_EQ(rig.platform.kernel_memory(), (Range{.start = kPlace, .end = UINT64_MAX}));
}

TEST(Boot, OfWhatIsNoBlock) {
  ShellRig rig({.mode = Mode::json});
  EXPECT_EQ(rig.json("boot a1").kind(), "not-allocated");
  EXPECT_EQ(rig.json("boot 0x1000").kind(), "outside-heap");
  EXPECT_EQ(rig.json("boot x").status, 2U);
  EXPECT_TRUE(rig.platform.events().empty());
}

TEST(Boot, ReceivesAKernelBesideTheHeap) {
  ShellRig rig;
  const auto before = state_of(rig);
  test::XmodemSender sender(kernel(5000), {.block = 1024, .knows_crc = true});
  rig.console.connect([&](std::string_view bytes, std::uint64_t microseconds) {
    return microseconds > 0 ? sender.pass(microseconds) : sender.hear(bytes);
  });
  const std::string output = rig.type("boot\r");
  rig.console.connect(nullptr);
  EXPECT_EQ(rig.platform.events(), std::vector<std::string>{"boot 5120"}) << output;
  EXPECT_NE(output.find("received_blocks        5\r\n"), std::string::npos) << output;
  EXPECT_EQ(state_of(rig), before);
}

TEST(Boot, OfAReceivedFileThatIsNoKernelChangesNothing) {
  ShellRig rig({.mode = Mode::json});
  const auto before = state_of(rig);
  test::XmodemSender sender("no kernel");
  rig.console.connect([&](std::string_view bytes, std::uint64_t microseconds) {
    return microseconds > 0 ? sender.pass(microseconds) : sender.hear(bytes);
  });
  const std::string output = rig.type("boot\r");
  rig.console.connect(nullptr);
  EXPECT_NE(output.find("\"kind\":\"not-a-kernel\""), std::string::npos) << output;
  EXPECT_EQ(state_of(rig), before);
  EXPECT_TRUE(rig.platform.events().empty());
}

TEST(Boot, WithoutASenderFails) {
  ShellRig rig({.mode = Mode::json});
  EXPECT_NE(rig.type("boot\r").find("\"kind\":\"no-sender\""), std::string::npos);
  EXPECT_TRUE(rig.platform.events().empty());
}

}  // namespace
}  // namespace heapscope::shell
