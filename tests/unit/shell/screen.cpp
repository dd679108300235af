// The tests' terminal.
#include "screen.hpp"

#include <algorithm>
#include <stdexcept>

namespace heapscope::shell::test {
namespace {

std::size_t number(std::string_view text, std::size_t otherwise) {
  return text.empty() ? otherwise : std::stoul(std::string(text));
}

}  // namespace

void Screen::feed(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const char c = bytes[at];
    if (c == '\x1b') {
      at += sequence(bytes.substr(at));
      continue;
    }
    if (c == '\r') {
      column_ = 0;
    } else if (c == '\n') {
      line_feed();
    } else if (c == '\b') {
      if (column_ > 0) column_ = std::min(column_, columns_ - 1) - (column_ < columns_ ? 1 : 0);
    } else if (c != '\a') {
      if (static_cast<unsigned char>(c) < 0x20) throw std::runtime_error("an unknown control byte");
      const Character character = first_character(bytes.substr(at));
      put(bytes.substr(at, character.bytes), character.columns);
      at += character.bytes;
      continue;
    }
    ++at;
  }
}

void Screen::put(std::string_view character, std::size_t width) {
  if (width == 0) {
    if (column_ > 0) cells_[row_][column_ - 1] += character;
    return;
  }
  if (column_ + width > columns_) {
    column_ = 0;
    line_feed();
  }
  cells_[row_][column_] = character;
  for (std::size_t i = 1; i < width; ++i) cells_[row_][column_ + i].clear();
  column_ += width;
}

void Screen::line_feed() {
  if (++row_ < cells_.size()) return;
  --row_;
  ++scrolled_;
  cells_.erase(cells_.begin());
  cells_.emplace_back(columns_, " ");
}

void Screen::erase(std::size_t row, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) cells_[row][i] = " ";
}

/// Obeys one sequence; returns its length.
std::size_t Screen::sequence(std::string_view bytes) {
  if (bytes.size() < 2) throw std::runtime_error("half a sequence");
  if (bytes[1] == '7') {
    saved_row_ = row_;
    saved_column_ = column_;
    return 2;
  }
  if (bytes[1] == '8') {
    row_ = saved_row_;
    column_ = saved_column_;
    return 2;
  }
  if (bytes[1] != '[') throw std::runtime_error("an unknown sequence");
  const std::size_t end = bytes.find_first_not_of("0123456789;?", 2);
  if (end == std::string_view::npos) throw std::runtime_error("half a sequence");
  control(bytes[end], bytes.substr(2, end - 2));
  return end + 1;
}

void Screen::control(char final, std::string_view parameters) {
  const std::size_t last_row = cells_.size() - 1;
  const std::size_t count = parameters.starts_with('?') || parameters.contains(';')
                                ? 1
                                : number(parameters, final == 'J' || final == 'K' ? 0 : 1);
  switch (final) {
    case 'A':
      if (count > row_) throw std::runtime_error("up off the screen");
      row_ -= count;
      break;
    case 'B':
      if (row_ + count > last_row) throw std::runtime_error("down off the screen");
      row_ += count;
      break;
    case 'C':
      if (column_ + count >= columns_) throw std::runtime_error("right off the screen");
      column_ += count;
      break;
    case 'D':
      column_ = std::min(column_, columns_ - 1);
      if (count > column_) throw std::runtime_error("left off the screen");
      column_ -= count;
      break;
    case 'H': {
      const std::size_t semicolon = parameters.find(';');
      row_ = std::min(number(parameters.substr(0, semicolon), 1) - 1, last_row);
      const bool both = semicolon != std::string_view::npos;
      column_ = std::min(both ? number(parameters.substr(semicolon + 1), 1) - 1 : 0, columns_ - 1);
      break;
    }
    case 'J':
      if (count == 0) erase(row_, std::min(column_, columns_ - 1), columns_);
      for (std::size_t i = count == 0 ? row_ + 1 : 0; i <= last_row; ++i) erase(i, 0, columns_);
      break;
    case 'K':
      erase(row_, std::min(column_, columns_ - 1), columns_);
      break;
    case 'n':
      ++questions_;
      break;
    case 'm':
    case 'h':
    case 'l':
      break;
    default:
      throw std::runtime_error("an unknown sequence");
  }
}

}  // namespace heapscope::shell::test
