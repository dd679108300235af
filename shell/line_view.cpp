// Drawing the line.
#include "shell/line_view.hpp"

#include <algorithm>

#include "base/format.hpp"

namespace heapscope::shell {

void LineView::set_size(std::size_t columns, std::size_t rows) {
  columns_ = std::max<std::size_t>(columns, 2);
  rows_ = std::max<std::size_t>(rows, 1);
}

/// Where a character begins that is written when the cursor is at `place`.
LineView::Place LineView::start_of(Place place, Character character) const {
  // A wide character does not fit in the last column.
  const bool fits = place.column + character.columns <= columns_;
  return fits ? place : Place{.row = place.row + 1, .column = 0};
}

/// Where the cursor is when `text` was written from `place` on.
LineView::Place LineView::behind(Place place, std::string_view text) const {
  while (!text.empty()) {
    const Character character = first_character(text);
    place = start_of(place, character);
    place.column += character.columns;
    text.remove_prefix(character.bytes);
  }
  return place;
}

/// The cell of the character at byte `at`, or of the next one that will be typed.
LineView::Place LineView::place_of(std::string_view text, std::size_t at) const {
  const Place place = behind(behind({}, prompt_), text.substr(0, at));
  const std::string_view rest = text.substr(at);
  return start_of(place,
                  rest.empty() ? Character{.bytes = 1, .columns = 1} : first_character(rest));
}

void LineView::begin(std::string_view prompt, std::string_view text) {
  prompt_ = prompt;
  hinted_ = false;
  cursor_ = behind(behind({}, prompt_), text);
  top_ = 0;
  follow_cursor();
}

/// The terminal has scrolled where the cursor went below its last row.
void LineView::follow_cursor() {
  if (cursor_.row >= top_ + rows_) top_ = cursor_.row - rows_ + 1;
}

void LineView::append(std::string_view character) {
  console_.write(character);
  cursor_ = behind(cursor_, character);
  follow_cursor();
}

void LineView::send(std::size_t count, char final) {
  FixedText<16> sequence;
  format(sequence, "\x1b[{}{}", count, final);
  console_.write(sequence.view());
}

/// Goes to a cell of a row that is shown, or of the one below a full last row.
void LineView::go_to(Place place) {
  if (cursor_.column >= columns_) {
    // The terminal waits at the end of the row, and a blank makes it go on.
    const bool below = place.row > cursor_.row;
    console_.write(below ? " \r" : "\r");
    cursor_ = {.row = cursor_.row + (below ? 1 : 0), .column = 0};
    follow_cursor();
  }
  if (place.row < cursor_.row) send(cursor_.row - place.row, 'A');
  if (place.row > cursor_.row) send(place.row - cursor_.row, 'B');
  if (place.column < cursor_.column) {
    if (place.column == 0) {
      console_.write("\r");
    } else {
      send(cursor_.column - place.column, 'D');
    }
  }
  if (place.column > cursor_.column) send(place.column - cursor_.column, 'C');
  cursor_ = place;
}

/// Writes what begins at the cursor or behind it, in rows that are shown.
LineView::Place LineView::write_visible(Place place, Place from, std::string_view text) {
  std::size_t first = text.size();
  std::size_t last = text.size();
  for (std::size_t at = 0; at < text.size();) {
    const Character character = first_character(text.substr(at));
    place = start_of(place, character);
    const bool early =
        place.row < from.row || (place.row == from.row && place.column < from.column);
    if (place.row >= top_ + rows_) {
      last = std::min(last, at);
    } else if (!early && first == text.size()) {
      first = at;
    }
    place.column += character.columns;
    at += character.bytes;
    if (first < text.size() && last == text.size()) cursor_ = place;
  }
  if (first < last) console_.write(text.substr(first, last - first));
  return place;
}

/// Draws from a cell on, and puts the cursor before byte `cursor`. Where the cursor
/// would leave the rows that are shown, others are.
void LineView::draw(std::string_view text, Place from, std::size_t cursor) {
  const std::size_t row = place_of(text, cursor).row;
  const bool in_sight = row >= top_ && row < top_ + rows_;
  if (!in_sight || from.row < top_) {
    go_to({.row = top_, .column = 0});
    if (!in_sight) top_ = row < top_ ? row : row - rows_ + 1;
    from = {.row = top_, .column = 0};
    cursor_ = from;
  } else if (from.row < top_ + rows_) {
    go_to(from);
  } else {
    return go_to(place_of(text, cursor));
  }
  console_.write("\x1b[J");
  const Place behind_prompt = write_visible({}, from, prompt_);
  write_visible(behind_prompt, from, text);
  go_to(place_of(text, cursor));
}

void LineView::change(std::string_view text, std::size_t from, std::size_t cursor) {
  clear_hint();
  // Not where the next character begins: a wide one may leave a cell before it.
  draw(text, place_of(text.substr(0, from), from), cursor);
}

void LineView::change_prompt(std::string_view prompt, std::string_view text, std::size_t cursor) {
  clear_hint();
  prompt_ = prompt;
  draw(text, {}, cursor);
}

void LineView::move(std::string_view text, std::size_t cursor) {
  clear_hint();
  const Place place = place_of(text, cursor);
  if (place.row >= top_ && place.row < top_ + rows_) return go_to(place);
  draw(text, {}, cursor);
}

void LineView::hint(std::string_view hint) {
  const std::size_t room = columns_ > cursor_.column + 1 ? columns_ - 1 - cursor_.column : 0;
  std::size_t columns = 0;
  std::size_t bytes = 0;
  while (bytes < hint.size()) {
    const Character character = first_character(hint.substr(bytes));
    if (columns + character.columns > room) break;
    columns += character.columns;
    bytes += character.bytes;
  }
  if (columns == 0) return;
  console_.write("\x1b[90m");
  console_.write(hint.substr(0, bytes));
  console_.write("\x1b[39m");
  send(columns, 'D');
  hinted_ = true;
}

void LineView::clear_hint() {
  if (!hinted_) return;
  hinted_ = false;
  console_.write("\x1b[K");
}

void LineView::leave(std::string_view text) {
  clear_hint();
  // Behind a full row, the line's end is where the cursor waits already.
  if (cursor_.column < columns_) move(text, text.size());
  console_.write("\r\n");
}

void LineView::withdraw() {
  clear_hint();
  go_to({.row = top_, .column = 0});
  console_.write("\x1b[J");
}

void LineView::clear_screen(std::string_view text, std::size_t cursor) {
  console_.write("\x1b[H\x1b[2J");
  hinted_ = false;
  cursor_ = {};
  top_ = 0;
  draw(text, {}, cursor);
}

}  // namespace heapscope::shell
