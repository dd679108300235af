// A short list.
#include "shell/marks.hpp"

#include <algorithm>

namespace heapscope::shell {
namespace {

constinit std::optional<Marks> the_marks;

}  // namespace

const Mark* Marks::find(std::string_view name) const {
  const auto* const found =
      std::ranges::find_if(marks_, [&](const Mark& mark) { return mark.name.view() == name; });
  return found == marks_.end() ? nullptr : found;
}

bool Marks::set(const Mark& mark) {
  (void)remove(mark.name.view());
  return marks_.push_back(mark);
}

bool Marks::remove(std::string_view name) {
  const Mark* const found = find(name);
  if (found == nullptr) return false;
  marks_.erase(static_cast<std::size_t>(found - marks_.begin()));
  return true;
}

Marks& marks() {
  if (!the_marks) the_marks.emplace();
  return *the_marks;
}

}  // namespace heapscope::shell
