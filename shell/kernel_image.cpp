// Reading the header field by field: an image need not be aligned.
#include "shell/kernel_image.hpp"

namespace heapscope::shell {
namespace {

constexpr std::size_t kTextOffset = 8;
constexpr std::size_t kMemoryBytes = 16;
constexpr std::size_t kMagic = 56;
constexpr std::size_t kHeaderBytes = 64;
constexpr std::uint64_t kMagicValue = 0x644d'5241;  // "ARM\x64"

std::uint64_t little_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  }
  return value;
}

}  // namespace

Result<KernelImage, ImageError> read_kernel_image(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeaderBytes) return fail(ImageError::too_short);
  if (little_endian(bytes.subspan(kMagic, 4)) != kMagicValue) return fail(ImageError::no_kernel);
  return KernelImage{.text_offset = little_endian(bytes.subspan(kTextOffset, 8)),
                     .memory_bytes = little_endian(bytes.subspan(kMemoryBytes, 8))};
}

std::string_view describe(ImageError error) {
  return error == ImageError::too_short ? "it is shorter than the header of a kernel image"
                                        : "it does not have the header of an arm64 kernel image";
}

}  // namespace heapscope::shell
