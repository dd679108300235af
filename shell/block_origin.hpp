// Who allocated and freed a block, as far as the heap's instruments recorded it.
#pragma once

#include <optional>
#include <string_view>

#include "alloc/heap.hpp"
#include "base/text_sink.hpp"
#include "shell/environment.hpp"

namespace heapscope::shell {

/// The origin of the live block that starts at `address`, else of the one that was freed
/// last of those that `address` was in. Looks through all records, in steps.
[[nodiscard]] std::optional<alloc::Origin> origin_of(alloc::Heap& heap, alloc::Address address);

/// Who made a call, innermost first: "run+0x40 < main+0x8". The shell, which calls every
/// command, is left out behind its commands.
class CallersText {
 public:
  CallersText(const Platform& platform, alloc::CallPath path);
  [[nodiscard]] std::string_view view() const { return text_.view(); }

 private:
  FixedText<200> text_;
};

}  // namespace heapscope::shell
