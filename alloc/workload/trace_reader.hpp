// Reads the text form of a workload, one line an operation:
//     a ID SIZE [ALIGN]   allocate      f ID   free      r ID SIZE   reallocate
// Numbers are decimal; `#` begins a comment; blank lines mean nothing.
#pragma once

#include <string_view>

#include "alloc/workload/operation.hpp"

namespace heapscope::workload {

/// The first line by which a trace can name itself. To the reader a comment.
inline constexpr std::string_view kTraceMark = "#!heapscope trace";

/// Reads a text that stays where it is. Lines end with LF or CR LF. It checks
/// each line by itself; whether blocks are live is for the player to know.
class TraceReader final : public Source {
 public:
  explicit TraceReader(std::string_view text) : rest_(text) {}

  Result<std::optional<Operation>, TraceError> next() override;
  /// The line.
  [[nodiscard]] std::uint64_t position() const override { return line_; }
  /// Bytes that have not been read yet.
  [[nodiscard]] std::size_t remaining() const { return rest_.size(); }

 private:
  std::string_view rest_;
  std::uint64_t line_ = 0;
};

/// Whether a text means to be a trace: it begins with the mark, or the first
/// line that is neither blank nor a comment is an operation.
[[nodiscard]] bool is_trace(std::string_view text);

}  // namespace heapscope::workload
