// The history's room.
#include "shell/history.hpp"

#include <algorithm>

namespace heapscope::shell {
namespace {

constexpr char kEnd = '\n';

}  // namespace

void History::remove(std::size_t at, std::size_t count) {
  std::copy(text_.data() + at + count, text_.data() + used_, text_.data() + at);
  used_ -= count;
}

void History::add(std::string_view line) {
  const bool blank = line.find_first_not_of(" \t") == std::string_view::npos;
  if (blank || line.size() >= kRoom || line.contains(kEnd)) return;
  for (std::size_t at = 0; at < used_;) {
    const std::string_view rest{text_.data() + at, used_ - at};
    const std::size_t length = rest.find(kEnd);
    if (rest.substr(0, length) == line) {
      remove(at, length + 1);
      break;
    }
    at += length + 1;
  }
  while (used_ + line.size() + 1 > kRoom) {
    remove(0, std::string_view(text_.data(), used_).find(kEnd) + 1);
  }
  std::ranges::copy(line, text_.data() + used_);
  used_ += line.size();
  text_[used_++] = kEnd;
}

std::size_t History::size() const {
  return static_cast<std::size_t>(std::count(text_.data(), text_.data() + used_, kEnd));
}

std::string_view History::line(std::size_t age) const {
  std::size_t end = used_;
  while (end > 0) {
    const std::string_view older{text_.data(), end - 1};
    const std::size_t before = older.rfind(kEnd);
    const std::size_t start = before == std::string_view::npos ? 0 : before + 1;
    if (age-- == 0) return older.substr(start);
    end = start;
  }
  return {};
}

std::size_t History::find_prefix(std::string_view prefix, std::size_t age) const {
  const std::size_t count = size();
  while (age < count && !line(age).starts_with(prefix)) ++age;
  return age;
}

std::size_t History::find_part(std::string_view part, std::size_t age) const {
  const std::size_t count = size();
  while (age < count && !line(age).contains(part)) ++age;
  return age;
}

}  // namespace heapscope::shell
