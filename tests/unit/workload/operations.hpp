// Workloads as vectors, for tests to look at and to make.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "alloc/workload/generator.hpp"
#include "alloc/workload/trace_reader.hpp"
#include "alloc/workload/trace_writer.hpp"

namespace heapscope::workload {

using Operations = std::vector<Operation>;

inline Operation a(BlockId id, std::uint64_t size, std::uint64_t align = 16) {
  return {.kind = OperationKind::allocate, .id = id, .size = size, .align = align};
}
inline Operation f(BlockId id) { return {.kind = OperationKind::free, .id = id}; }
inline Operation r(BlockId id, std::uint64_t size) {
  return {.kind = OperationKind::reallocate, .id = id, .size = size};
}

class StringSink final : public TextSink {
 public:
  void write(std::string_view text) override { text_ += text; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

inline std::string written(const Operations& operations) {
  StringSink sink;
  for (const Operation& operation : operations) write_operation(sink, operation);
  return sink.text();
}

inline void PrintTo(const Operation& operation, std::ostream* out) { *out << written({operation}); }

/// All operations of a source that has nothing wrong in it.
inline Operations all_of(Source& source) {
  Operations all;
  for (;;) {
    const auto operation = source.next();
    if (!operation) {
      ADD_FAILURE() << "at " << source.position() << ": it " << fault_text(operation.error().fault);
      return all;
    }
    if (!*operation) return all;
    all.push_back(**operation);
  }
}

inline Operations generated(std::string_view name, std::uint64_t seed, std::uint64_t count) {
  const GeneratorRecord* record = find_generator(name);
  if (record == nullptr) return {};
  Generator generator(*record, seed, count);
  return all_of(generator);
}

/// A source of operations that are there already.
class ListSource final : public Source {
 public:
  explicit ListSource(Operations operations) : operations_(std::move(operations)) {}
  Result<std::optional<Operation>, TraceError> next() override {
    if (position_ == operations_.size()) return std::nullopt;
    return operations_[position_++];
  }
  [[nodiscard]] std::uint64_t position() const override { return position_; }

 private:
  Operations operations_;
  std::uint64_t position_ = 0;
};

}  // namespace heapscope::workload
