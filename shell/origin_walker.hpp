// Going over the origins that a heap has recorded, without keeping others from the heap.
#pragma once

#include <array>
#include <optional>

#include "shell/command.hpp"

namespace heapscope::shell {

/// Reads the records in no order that means anything, a few at a time, so that the heap's
/// lock is never held for long.
class OriginWalker {
 public:
  explicit OriginWalker(Context& context) : context_(context) {}

  /// The next one; nothing after the last, or on Ctrl-C.
  std::optional<alloc::Origin> next() {
    while (taken_ == count_) {
      if (over_ || stopped_ || !fetch()) return std::nullopt;
    }
    return origins_[taken_++];
  }
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  bool fetch() {
    stopped_ = context_.interrupted();
    if (stopped_) return false;
    taken_ = 0;
    count_ = context_.environment.heap.with_instruments([&](const alloc::Instruments& all) {
      const std::size_t found = all.origins().read(next_, origins_);
      over_ = next_ > all.origins().capacity();
      return found;
    });
    return true;
  }

  Context& context_;
  std::size_t next_ = 1;
  std::array<alloc::Origin, 16> origins_;
  std::size_t count_ = 0;
  std::size_t taken_ = 0;
  bool over_ = false;
  bool stopped_ = false;
};

}  // namespace heapscope::shell
