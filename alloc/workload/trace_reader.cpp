// One pass over the text; nothing is kept of a line that has been read.
#include "alloc/workload/trace_reader.hpp"

#include <algorithm>
#include <limits>

namespace heapscope::workload {
namespace {

constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/// The words of one line, comment cut off.
class Line {
 public:
  explicit Line(std::string_view text) : rest_(text.substr(0, text.find('#'))) { skip_blanks(); }

  [[nodiscard]] bool empty() const { return rest_.empty(); }

  std::string_view take_word() {
    std::size_t end = 0;
    while (end < rest_.size() && !is_blank(rest_[end])) ++end;
    const std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(end);
    skip_blanks();
    return word;
  }

  Result<std::uint64_t, TraceFault> take_number() {
    const std::string_view word = take_word();
    if (word.empty()) return fail(TraceFault::missing_number);
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t value = 0;
    for (const char c : word) {
      const auto digit = static_cast<std::uint64_t>(c - '0');
      if (c < '0' || c > '9' || value > (kMost - digit) / 10) {
        return fail(TraceFault::malformed_number);
      }
      value = value * 10 + digit;
    }
    return value;
  }

  Result<std::uint64_t, TraceFault> take_size() {
    const auto size = take_number();
    if (size && (*size == 0 || *size >= kMaxSize)) return fail(TraceFault::bad_size);
    return size;
  }

 private:
  void skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }

  std::string_view rest_;
};

Result<OperationKind, TraceFault> kind_named(std::string_view word) {
  if (word == "a") return OperationKind::allocate;
  if (word == "f") return OperationKind::free;
  if (word == "r") return OperationKind::reallocate;
  return fail(TraceFault::unknown_operation);
}

Result<Operation, TraceFault> parse(Line line) {
  Operation operation;
  const auto kind = kind_named(line.take_word());
  if (!kind) return fail(kind.error());
  operation.kind = *kind;
  const auto id = line.take_number();
  if (!id) return fail(id.error());
  if (*id >= kMaxBlocks) return fail(TraceFault::id_too_large);
  operation.id = static_cast<BlockId>(*id);
  if (*kind != OperationKind::free) {
    const auto size = line.take_size();
    if (!size) return fail(size.error());
    operation.size = *size;
  }
  if (*kind == OperationKind::allocate && !line.empty()) {
    const auto align = line.take_number();
    if (!align) return fail(align.error());
    const bool good = *align <= kMaxAlign && alloc::is_power_of_two(*align);
    if (!good) return fail(TraceFault::bad_alignment);
    operation.align = *align;
  }
  if (!line.empty()) return fail(TraceFault::trailing_text);
  return operation;
}

}  // namespace

Result<std::optional<Operation>, TraceError> TraceReader::next() {
  while (!rest_.empty()) {
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    const Line line(rest_.substr(0, end));
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++line_;
    if (line.empty()) continue;
    const auto operation = parse(line);
    if (operation) return *operation;
    rest_ = {};
    return fail(TraceError{.position = line_, .fault = operation.error()});
  }
  return std::nullopt;
}

bool is_trace(std::string_view text) {
  if (text.starts_with(kTraceMark)) return true;
  const auto first = TraceReader(text).next();
  return first && *first;
}

}  // namespace heapscope::workload
