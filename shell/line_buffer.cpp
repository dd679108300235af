// Editing a line.
#include "shell/line_buffer.hpp"

#include <algorithm>

#include "shell/utf8.hpp"

namespace heapscope::shell {
namespace {

constexpr bool blank(char c) { return c == ' ' || c == '\t'; }

/// Letters and digits, and whatever is beyond ASCII.
constexpr bool of_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

std::size_t LineBuffer::limit(std::string_view text) {
  if (!text.starts_with('@')) return kMaxLine;
  const std::size_t blank_at = text.substr(0, kMaxTag + 2).find_first_of(" \t");
  const std::size_t prefix =
      blank_at == std::string_view::npos ? std::min(text.size(), kMaxTag + 1) : blank_at + 1;
  return kMaxLine + prefix;
}

void LineBuffer::assign(std::string_view text) {
  clear();
  while (text.size() > limit(text))
    text.remove_suffix(text.size() - character_before(text, text.size()));
  (void)insert(text);
  std::replace(text_.data(), text_.data() + size_, '\t', ' ');
}

bool LineBuffer::insert(std::string_view text) {
  const bool first = cursor_ == 0 && !text.empty();
  const std::size_t most = limit(first ? text : this->text());
  if (text.empty()) return false;
  if (size_ + text.size() > most) {
    too_long_ = true;
    return false;
  }
  std::copy_backward(text_.data() + cursor_, text_.data() + size_,
                     text_.data() + size_ + text.size());
  std::ranges::copy(text, text_.data() + cursor_);
  size_ += text.size();
  cursor_ += text.size();
  return true;
}

void LineBuffer::remove(std::size_t from, std::size_t to) {
  std::copy(text_.data() + to, text_.data() + size_, text_.data() + from);
  size_ -= to - from;
  cursor_ = from;
  too_long_ = false;
}

bool LineBuffer::move_left() {
  if (cursor_ == 0) return false;
  cursor_ = character_before(text(), cursor_);
  return true;
}

bool LineBuffer::move_right() {
  if (at_end()) return false;
  cursor_ = character_after(text(), cursor_);
  return true;
}

std::size_t LineBuffer::word_left() const {
  std::size_t at = cursor_;
  while (at > 0 && !of_word(text_[at - 1])) --at;
  while (at > 0 && of_word(text_[at - 1])) --at;
  return at;
}

std::size_t LineBuffer::word_right() const {
  std::size_t at = cursor_;
  while (at < size_ && !of_word(text_[at])) ++at;
  while (at < size_ && of_word(text_[at])) ++at;
  return at;
}

bool LineBuffer::move_word_left() {
  if (cursor_ == 0) return false;
  cursor_ = word_left();
  return true;
}

bool LineBuffer::move_word_right() {
  if (at_end()) return false;
  cursor_ = word_right();
  return true;
}

bool LineBuffer::erase_left() {
  if (cursor_ == 0) return false;
  remove(character_before(text(), cursor_), cursor_);
  return true;
}

bool LineBuffer::erase_right() {
  if (at_end()) return false;
  remove(cursor_, character_after(text(), cursor_));
  return true;
}

bool LineBuffer::kill(std::size_t from, std::size_t to) {
  if (from == to) return false;
  killed_size_ = to - from;
  std::copy(text_.data() + from, text_.data() + to, killed_.data());
  remove(from, to);
  return true;
}

bool LineBuffer::kill_to_start() { return kill(0, cursor_); }
bool LineBuffer::kill_to_end() { return kill(cursor_, size_); }
bool LineBuffer::kill_word_left() { return kill(word_left(), cursor_); }
bool LineBuffer::kill_word_right() { return kill(cursor_, word_right()); }

bool LineBuffer::kill_blank_word() {
  std::size_t from = cursor_;
  while (from > 0 && blank(text_[from - 1])) --from;
  while (from > 0 && !blank(text_[from - 1])) --from;
  return kill(from, cursor_);
}

bool LineBuffer::yank() { return insert({killed_.data(), killed_size_}); }

bool LineBuffer::transpose() {
  if (cursor_ == 0) return false;
  const std::size_t middle = at_end() ? character_before(text(), cursor_) : cursor_;
  if (middle == 0) return false;
  const std::size_t first = character_before(text(), middle);
  const std::size_t last = character_after(text(), middle);
  std::rotate(text_.data() + first, text_.data() + middle, text_.data() + last);
  cursor_ = last;
  return true;
}

}  // namespace heapscope::shell
