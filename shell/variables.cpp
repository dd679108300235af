// Variables, packed in the order of their names.
#include "shell/variables.hpp"

#include <algorithm>

namespace heapscope::shell {
namespace {

constexpr bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
constexpr bool continues_name(char c) { return begins_name(c) || (c >= '0' && c <= '9'); }

}  // namespace

std::string_view leading_name(std::string_view text) {
  if (text.empty() || !begins_name(text.front())) return {};
  const auto end = std::ranges::find_if_not(text, continues_name);
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

std::size_t Variables::start_of(std::size_t index) const {
  std::size_t start = 0;
  for (std::size_t i = 0; i < index; ++i) start += lengths_[i].both();
  return start;
}

Variables::Variable Variables::at(std::size_t index) const {
  const char* const start = text_.data() + start_of(index);
  return {.name = {start, lengths_[index].name},
          .value = {start + lengths_[index].name, lengths_[index].value}};
}

std::size_t Variables::lower_bound(std::string_view name) const {
  std::size_t index = 0;
  while (index < count_ && at(index).name < name) ++index;
  return index;
}

std::optional<std::string_view> Variables::find(std::string_view name) const {
  const std::size_t index = lower_bound(name);
  if (!is_at(index, name)) return std::nullopt;
  return at(index).value;
}

void Variables::erase(std::size_t index) {
  char* const start = text_.data() + start_of(index);
  std::copy(start + lengths_[index].both(), text_.data() + used_, start);
  used_ -= lengths_[index].both();
  std::copy(lengths_.begin() + index + 1, lengths_.begin() + count_, lengths_.begin() + index);
  --count_;
}

void Variables::insert(std::size_t index, std::string_view name, std::string_view value) {
  char* const start = text_.data() + start_of(index);
  const std::size_t length = name.size() + value.size();
  std::copy_backward(start, text_.data() + used_, text_.data() + used_ + length);
  std::ranges::copy(value, std::ranges::copy(name, start).out);
  used_ += length;
  std::copy_backward(lengths_.begin() + index, lengths_.begin() + count_,
                     lengths_.begin() + count_ + 1);
  lengths_[index] = {.name = static_cast<std::uint16_t>(name.size()),
                     .value = static_cast<std::uint16_t>(value.size())};
  ++count_;
}

Result<void, VariableError> Variables::set(std::string_view name, std::string_view value) {
  const std::size_t index = lower_bound(name);
  const bool known = is_at(index, name);
  if (!known && count_ == kMaxCount) return fail(VariableError::too_many);
  const std::size_t others = used_ - (known ? lengths_[index].both() : 0);
  if (name.size() + value.size() > kRoom - others) return fail(VariableError::no_room);
  if (known) erase(index);
  insert(index, name, value);
  return {};
}

void Variables::remove(std::string_view name) {
  const std::size_t index = lower_bound(name);
  if (is_at(index, name)) erase(index);
}

}  // namespace heapscope::shell
