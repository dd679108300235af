// The line discipline.
#include "shell/line_reader.hpp"

#include "shell/utf8.hpp"

namespace heapscope::shell {
namespace {

constexpr char kKillLine = 0x15;
constexpr std::size_t kTabStop = 8;

}  // namespace

bool LineReader::take(const KeyPress& key) {
  if (key.after_invalid) ring();
  switch (key.key) {
    case Key::enter:
      echo("\r\n");
      return true;
    case Key::text:
    case Key::tab:
      insert(key.text());
      break;
    case Key::backspace:
      erase_last();
      break;
    case Key::control:
      if (key.byte() == kKillLine) {
        erase_all();
      } else {
        ring();
      }
      break;
    case Key::erase_word_left:
      // The Escape key, and then Backspace.
      ring();
      erase_last();
      break;
    case Key::paste_begins:
    case Key::paste_ends:
    case Key::position:
    case Key::status:
      break;
    default:
      ring();
      // The Escape key, and then a key that is meant as it is.
      insert(key.text());
  }
  return false;
}

void LineReader::insert(std::string_view text) {
  if (text.empty()) return;
  if (line_.insert(text)) {
    echo(text);
  } else {
    ring();
  }
}

std::size_t LineReader::column_of(std::size_t index) const {
  std::size_t column = start_column_;
  std::string_view text = line_.text().substr(0, index);
  while (!text.empty()) {
    const Character character = first_character(text);
    column = text[0] == '\t' ? (column / kTabStop + 1) * kTabStop : column + character.columns;
    text.remove_prefix(character.bytes);
  }
  return column;
}

void LineReader::erase_last() {
  const std::size_t before = column_of(line_.size());
  if (!line_.erase_left()) return ring();
  const std::size_t columns = before - column_of(line_.size());
  for (std::size_t i = 0; i < columns; ++i) echo("\b \b");
}

void LineReader::erase_all() {
  while (!line_.empty()) erase_last();
}

}  // namespace heapscope::shell
