// Tag lists for tests, as words: tags to put together, and lists seen on machines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace heapscope::atags::test {

using Words = std::vector<std::uint32_t>;

inline Words join(std::initializer_list<Words> parts) {
  Words all;
  for (const Words& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

inline Words core() { return {5, 0x54410001, 1, 0x1000, 0}; }
inline Words empty_core() { return {2, 0x54410001}; }
inline Words mem(std::uint32_t size, std::uint32_t start) { return {4, 0x54410002, size, start}; }
inline Words initrd(std::uint32_t start, std::uint32_t size) {
  return {4, 0x54420005, start, size};
}
inline Words none() { return {0, 0}; }

/// A CMDLINE as the firmware lays it out: a NUL, then zeros up to a whole word.
inline Words cmd_line(std::string_view text) {
  const std::size_t words = 2 + (text.size() + 1 + 3) / 4;
  Words tag(words, 0);
  tag[0] = static_cast<std::uint32_t>(words);
  tag[1] = 0x54410009;
  std::memcpy(&tag[2], text.data(), text.size());
  return tag;
}

/// What QEMU 7.2 writes for -M raspi3b -append "hello world".
inline Words qemu_list() {
  return {5, 0x54410001, 1,          0x1000,     0,          4,          0x54410002, 0x3c000000,
          0, 5,          0x54410009, 0x6c6c6568, 0x6f77206f, 0x00646c72, 0,          0};
}

/// The command line of a real Pi 3B: longer than 256 bytes, with a double space.
inline constexpr std::string_view kPi3CommandLine =
    "bcm2708_fb.fbwidth=656 bcm2708_fb.fbheight=416 bcm2708_fb.fbswap=1 dma.dmachans=0x7f35 "
    "bcm2709.boardrev=0xa02082 bcm2709.serial=0xe5da193c bcm2709.uart_clock=48000000 "
    "smsc95xx.macaddr=B8:27:EB:DA:19:3C vc_mem.mem_base=0x3ec00000 vc_mem.mem_size=0x40000000  "
    "console=ttyS0,115200 kgdboc=ttyS0,115200 console=tty1 root=/dev/mmcblk0p2 "
    "rootfstype=ext4 rootwait";

inline constexpr std::uint32_t kPi3MemorySize = 0x3b400000;

/// The list of a real Pi 3B.
inline Words pi3_list() {
  return join({core(), mem(kPi3MemorySize, 0), cmd_line(kPi3CommandLine), none()});
}

/// One of each of the ten tags, and one that is none of them.
inline Words all_tags_list() {
  return join(
      {core(),
       mem(0x1000, 0x2000),
       {5, 0x54410003, 0x1234'0201, 0x5678'0403, 0x9abc'0605},
       {5, 0x54410004, 3, 4096, 7},
       initrd(0x08000000, 0x1234),
       {4, 0x54410006, 0xe5da193c, 0x10},
       {3, 0x54410007, 0xa02082},
       {8, 0x54410008, 0x01e0'0280, 0x0500'0010, 0x3c100000, 0x96000, 0x0506'0b05, 0x0100'0005},
       cmd_line("root=/dev/sda"),
       {3, 0x41000402, 66'000'000},
       none()});
}

}  // namespace heapscope::atags::test
