// What the kernel command line asks of heapscope: heap.allocator, heap.hardening,
// heap.origins, heap.records, heap.size, shell.mode and shell.run. All other words of it are
// somebody else's.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "alloc/hardening.hpp"
#include "base/static_vector.hpp"
#include "shell/shell.hpp"

namespace heapscope::shell {

/// A key whose value cannot be used.
struct OptionProblem {
  std::string_view word;    ///< As it stands on the command line, "heap.size=12Q".
  std::string_view reason;  ///< Static text, lower case, without a full stop.
};

/// Views into the command line that it was read from.
struct BootOptions {
  std::optional<std::string_view> allocator;
  std::optional<alloc::Hardening> hardening;
  std::optional<std::uint64_t> heap_bytes;
  bool origins = true;                        ///< Whether the origins of blocks are recorded.
  std::optional<std::uint64_t> record_bytes;  ///< Memory for origins and trace.
  std::optional<Mode> mode;
  std::optional<std::string_view> run;
  StaticVector<OptionProblem, 8> problems;
};

/// Reads the keys. A value in double or single quotes may hold blanks; of a key
/// given twice the last one counts.
[[nodiscard]] BootOptions read_boot_options(std::string_view command_line);

}  // namespace heapscope::shell
