// Receiving a file by XMODEM over the line that the shell talks over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "shell/command.hpp"

namespace heapscope::shell {

/// Whether the bytes that fill the last block up are taken for part of the file.
enum class Padding : std::uint8_t { strip, keep };

/// A file as it arrived. It lies in HeapSetup::workspace(), and so until the next
/// handle is added.
struct ReceivedFile {
  std::span<const std::byte> bytes;
  std::uint64_t blocks = 0;
  std::uint64_t retries = 0;       ///< Blocks asked for again, or sent twice.
  std::uint64_t microseconds = 0;  ///< From its first block on.
  bool crc = true;                 ///< Else every block had a checksum of 8 bits.
};

/// Tells a person to send, and receives a file of up to `most` bytes. While it does, the line is
/// raw. Nothing, and the reply has failed, where no whole file came; the heap and its handles have
/// not been touched in any case.
[[nodiscard]] std::optional<ReceivedFile> receive_file(Context& context, Padding padding,
                                                       std::uint64_t most);

/// How the file came, as fields.
void show_transfer(Reply& reply, const ReceivedFile& file);

}  // namespace heapscope::shell
