// Where formatted text goes: a console, a fixed buffer, a test's string.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace heapscope {

/// Receives text piece by piece.
class TextSink {
 public:
  virtual void write(std::string_view text) = 0;

 protected:
  ~TextSink() = default;
};

/// Collects up to `N` bytes of text; what does not fit is dropped.
template <std::size_t N>
class FixedText final : public TextSink {
 public:
  void write(std::string_view text) override {
    const std::size_t taken = std::min(text.size(), N - size_);
    std::copy_n(text.data(), taken, text_.data() + size_);
    size_ += taken;
  }
  void clear() { size_ = 0; }
  /// Keeps the first `size` bytes, where there are more.
  void shorten(std::size_t size) { size_ = std::min(size, size_); }
  [[nodiscard]] std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::array<char, N> text_{};
  std::size_t size_ = 0;
};

}  // namespace heapscope
