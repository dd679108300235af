// What the head of an arm64 kernel image says of the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.hpp"

namespace heapscope::shell {

/// The header that Linux defined (Documentation/arm64/booting.rst), as far as it says
/// where a kernel is to be.
struct KernelImage {
  std::uint64_t text_offset = 0;   ///< From the start of memory.
  std::uint64_t memory_bytes = 0;  ///< From there on, with what it has beyond the file.
};

enum class ImageError : std::uint8_t {
  too_short,  ///< Not even a header.
  no_kernel,  ///< The header is not there.
};

/// Reads it from the beginning of the image.
[[nodiscard]] Result<KernelImage, ImageError> read_kernel_image(std::span<const std::byte> bytes);

/// In words: lower case, without a full stop.
[[nodiscard]] std::string_view describe(ImageError error);

}  // namespace heapscope::shell
