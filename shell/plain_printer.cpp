// Plain text: aligned fields, tables, one-line items and the picture of a heap.
#include "shell/plain_printer.hpp"

#include <algorithm>
#include <array>

#include "shell/human_size.hpp"
#include "shell/printed_value.hpp"
#include "shell/utf8.hpp"

namespace heapscope::shell {
namespace {

constexpr std::size_t kNameWidth = 22;
constexpr std::size_t kItemIndent = 10;
constexpr std::size_t kPageIndent = 4;

constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kNormal = "\x1b[0m";

constexpr std::string_view kShadesLegend =
    ". free  :-=+*% part full, from nearly empty to nearly full  # full  m metadata";

/// Of cells; each is easy to read on a dark and on a light ground.
constexpr std::array<std::string_view, 8> kColours{"\x1b[36m",   "\x1b[32m",   "\x1b[35m",
                                                   "\x1b[31m",   "\x1b[7;36m", "\x1b[7;32m",
                                                   "\x1b[7;35m", "\x1b[7;31m"};
/// Before the cells of each row.
constexpr std::size_t kAddressColumns = 12;
/// What a frame on a screen sends for cells at most, beside its state.
constexpr std::size_t kCellsBytes = 1700;
/// More than a cell takes: the cursor's way, a colour's end and beginning, the mark.
constexpr std::size_t kCellBytes = 24;

constexpr std::string_view colour_of(const Cell& cell, Colouring colouring) {
  if (colouring == Colouring::group) {
    return cell.group == 0 ? std::string_view() : kColours[(cell.group - 1U) % kColours.size()];
  }
  if (cell.permille == 0 || cell.mark != '\0') return {};
  return kColours[std::min<std::size_t>(cell.permille, 999) * 4 / 1000];
}

/// How many bytes of a text are characters in the first `columns` columns, one at least.
std::size_t bytes_in(std::string_view text, std::size_t columns) {
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    const Character character = first_character(text.substr(bytes));
    if (character.columns > columns && bytes != 0) break;
    columns -= std::min(columns, character.columns);
    bytes += character.bytes;
  }
  return bytes;
}

}  // namespace

void PlainPrinter::begin(std::string_view) {
  out_.begin();
  place_ = Place::top;
  first_ = true;
}

void PlainPrinter::field(std::string_view name, const Value& value) {
  switch (place_) {
    case Place::top:
      top_field(name, value);
      break;
    case Place::table:
      table_field(value);
      break;
    case Place::item:
      item_field(name, value);
      break;
    case Place::page:
      page_field(value);
      break;
    case Place::page_list:
      page_list_field(value);
      break;
  }
  first_ = false;
}

void PlainPrinter::top_field(std::string_view name, const Value& value) {
  format(out_, "{:22} ", name);
  Text text;
  write_value(text, value);
  wrapped(text.view(), kNameWidth + 1);
  if (value.kind() == Value::Kind::bytes && value.number() >= 1024) {
    out_.write(" (");
    write_human_size(out_, value.number());
    out_.write(")");
  }
  out_.write("\n");
}

/// Writes text whose first line begins at column `indent`.
void PlainPrinter::wrapped(std::string_view text, std::size_t indent) {
  const std::size_t room = style_.columns > indent + 1 ? style_.columns - 1 - indent : 1;
  while (columns_of(text) > room) {
    const std::size_t fitting = bytes_in(text, room);
    const std::size_t blank = text.substr(0, fitting).rfind(' ');
    const bool broken = blank == std::string_view::npos;
    format(out_, "{}\n", text.substr(0, broken ? fitting : blank));
    pad(indent);
    text.remove_prefix(broken ? fitting : blank + 1);
  }
  out_.write(text);
}

void PlainPrinter::begin_list(std::string_view name, std::span<const Column> columns) {
  list_name_ = name;
  columns_ = columns;
  items_ = 0;
  if (place_ == Place::page) {
    place_ = Place::page_list;
    return;
  }
  place_ = columns.empty() ? Place::item : Place::table;
  if (first_) return;
  in_style(kBold, name);
  out_.write(":\n");
}

void PlainPrinter::table_cell(std::string_view text) {
  const Column column = fields_ < columns_.size() ? columns_[fields_] : Column{};
  const bool last = fields_ + 1 >= columns_.size();
  if (fields_++ > 0) out_.write("  ");
  const std::size_t missing = column.width - std::min(column.width, columns_of(text));
  if (column.right) pad(missing);
  out_.write(text);
  if (!column.right && !last) pad(missing);
}

void PlainPrinter::table_header() {
  fields_ = 0;
  if (style_.colour) out_.write(kBold);
  for (const Column& column : columns_) table_cell(column.name);
  if (style_.colour) out_.write(kNormal);
  out_.write("\n");
}

void PlainPrinter::in_style(std::string_view sequence, std::string_view text) {
  if (style_.colour) out_.write(sequence);
  out_.write(text);
  if (style_.colour) out_.write(kNormal);
}

void PlainPrinter::pad(std::size_t columns) {
  for (std::size_t i = 0; i < columns; ++i) out_.write(" ");
}

void PlainPrinter::begin_item() {
  if (items_++ == 0 && place_ == Place::table) table_header();
  fields_ = 0;
  column_ = 0;
  first_ = false;
}

void PlainPrinter::table_field(const Value& value) {
  Text text;
  write_value(text, value);
  table_cell(text.view());
}

void PlainPrinter::item_field(std::string_view name, const Value& value) {
  if (value.kind() == Value::Kind::words) {
    words(value.words());
    return;
  }
  Text text;
  if (fields_ > 0) format(text, "{}=", name);
  write_value(text, value);
  if (fields_++ == 0) {
    format(out_, "{:9}", text.view());
    column_ = std::max(kItemIndent - 1, text.view().size());
    return;
  }
  if (column_ + 1 + columns_of(text.view()) >= style_.columns && column_ > kItemIndent) {
    out_.write("\n         ");
    column_ = kItemIndent - 1;
  }
  out_.write(" ");
  wrapped(text.view(), column_ + 1);
  column_ += 1 + columns_of(text.view());
}

void PlainPrinter::words(std::span<const std::uint32_t> words) {
  constexpr std::size_t kWordsInRow = 6;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i % kWordsInRow == 0) out_.write("\n         ");
    format(out_, " {:#010x}", words[i]);
  }
}

void PlainPrinter::end_item() {
  if (place_ != Place::page_list || !columns_.empty()) out_.write("\n");
}

void PlainPrinter::end_list() {
  if (place_ == Place::page_list) {
    if (columns_.empty()) out_.write("\n");
    place_ = Place::page;
    return;
  }
  if (items_ == 0) format(out_, "{}none\n", first_ ? "" : "  ");
  place_ = Place::top;
  first_ = false;
}

void PlainPrinter::begin_cells(std::string_view, const CellGrid& grid) {
  field("cell_bytes", Value::bytes(grid.cell_bytes));
  grid_ = grid;
  cells_ = 0;
  picture_row_ = out_.lines();
}

void PlainPrinter::begin_row(const CellGrid& grid, std::size_t cell) {
  format(out_, "{:#010x}  ", grid.start + cell * grid.cell_bytes);
}

/// The colour stays on until a cell has another one.
void PlainPrinter::draw(const CellGrid& grid, const Cell& cell) {
  const std::string_view colour =
      style_.colour ? colour_of(cell, grid.colouring) : std::string_view();
  if (colour != cell_colour_) {
    end_colour();
    cell_colour_ = colour;
    if (!colour.empty()) out_.write(colour);
  }
  const char mark = shade_of(cell);
  out_.write({&mark, 1});
}

void PlainPrinter::end_colour() {
  if (!cell_colour_.empty()) out_.write(kNormal);
  cell_colour_ = {};
}

void PlainPrinter::cell(const Cell& cell) {
  if (cells_ % grid_.columns == 0) {
    end_colour();
    if (cells_ > 0) out_.write("\n");
    begin_row(grid_, cells_);
  }
  draw(grid_, cell);
  ++cells_;
}

void PlainPrinter::end_cells() {
  end_colour();
  out_.write("\n");
  wrapped(grid_.legend.empty() ? kShadesLegend : grid_.legend, 0);
  out_.write("\n");
  status_row_ = out_.lines();
}

void PlainPrinter::frame(const LiveFrame& frame) {
  if (style_.rows != 0) {
    frame_on_screen(frame);
  } else {
    frame_by_rows(frame);
  }
}

/// Every row with a cell that changed, behind its address, and a line about the heap.
void PlainPrinter::frame_by_rows(const LiveFrame& frame) {
  const std::size_t columns = frame.grid.columns;
  for (std::size_t row = 0; row < frame.cells.size(); row += columns) {
    const auto cells = frame.cells.subspan(row, std::min(columns, frame.cells.size() - row));
    const auto shown = frame.shown.subspan(row, cells.size());
    if (std::ranges::equal(cells, shown)) continue;
    begin_row(frame.grid, row);
    for (const Cell& cell : cells) draw(frame.grid, cell);
    end_colour();
    out_.write("\n");
    std::ranges::copy(cells, shown.begin());
  }
  frame_state(frame, 0);
  out_.write("\n");
}

/// Draws the cells that changed over those of the screen, as many as may be sent at
/// once, and what is said of the heap below the picture.
void PlainPrinter::frame_on_screen(const LiveFrame& frame) {
  const std::size_t limit = out_.bytes() + kCellsBytes;
  const std::size_t count = frame.cells.size();
  const std::size_t columns = frame.grid.columns;
  std::size_t cursor = count;  // The cell that it stands at.
  std::size_t behind = 0;
  std::size_t next = *frame.next;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = (*frame.next + i) % count;
    const Cell& cell = frame.cells[at];
    if (cell == frame.shown[at]) continue;
    if (behind > 0 || out_.bytes() + kCellBytes > limit) {
      if (behind++ == 0) next = at;
      continue;
    }
    if (cursor != at) {
      format(out_, "\x1b[{};{}H", picture_row_ + 1 + at / columns,
             kAddressColumns + 1 + at % columns);
    }
    draw(frame.grid, cell);
    frame.shown[at] = cell;
    cursor = (at + 1) % columns == 0 ? count : at + 1;
  }
  *frame.next = next;
  end_colour();
  format(out_, "\x1b[{}H", status_row_ + 1);
  frame_state(frame, behind);
  out_.write("\x1b[K");
}

void PlainPrinter::frame_state(const LiveFrame& frame, std::size_t behind) {
  FixedText<200> text;
  format(text, "frame {}  {} bytes in {} blocks", frame.number, frame.used_bytes,
         frame.live_blocks);
  if (behind > 0) format(text, "  {} cells behind", behind);
  if (frame.changed_meanwhile) {
    text.write("  changing");
  } else if (frame.heap_changed) {
    text.write("  changed");
  }
  if (!frame.groups.empty()) format(text, "  {}", frame.groups);
  text.shorten(bytes_in(text.view(), style_.columns - 1));
  out_.write(text.view());
}

void PlainPrinter::end_frames() {
  if (style_.rows != 0) out_.write("\n");
}

void PlainPrinter::line(std::string_view, std::string_view text) {
  write_safely(out_, text);
  out_.write("\n");
  first_ = false;
}

void PlainPrinter::heading(std::string_view text, std::string_view lead) {
  if (!first_) out_.write("\n");
  in_style(kBold, text);
  out_.write("\n");
  place_ = Place::page;
  lead_ = lead;
}

void PlainPrinter::page_field(const Value& value) {
  std::size_t indent = kPageIndent;
  pad(indent);
  if (!lead_.empty()) {
    format(out_, "{} - ", lead_);
    indent += lead_.size() + 3;
    lead_ = {};
  }
  Text text;
  write_value(text, value);
  wrapped(text.view(), indent);
  out_.write("\n");
}

/// An item is a line of its own, its fields in columns; without columns, it follows
/// the one before.
void PlainPrinter::page_list_field(const Value& value) {
  Text text;
  write_value(text, value);
  if (columns_.empty()) {
    if (items_ > 1) {
      out_.write(", ");
    } else {
      pad(kPageIndent);
    }
    out_.write(text.view());
    return;
  }
  if (fields_ == 0) {
    pad(kPageIndent);
    column_ = kPageIndent;
  }
  if (fields_ + 1 < columns_.size()) {
    column_ += columns_[fields_].width + 2;
    table_cell(text.view());
    return;
  }
  if (fields_ > 0) out_.write("  ");
  wrapped(text.view(), column_);
}

void PlainPrinter::progress(std::string_view text) { format(out_, "{}\n", text); }

void PlainPrinter::give_up() {
  end_colour();
  place_ = Place::top;
}

void PlainPrinter::unknown_command(std::string_view name) {
  out_.write("unknown command: ");
  write_safely(out_, name);
  out_.write("\n");
}

void PlainPrinter::show_error(int, std::string_view, std::string_view message,
                              std::string_view usage) {
  out_.open();
  in_style(kRed, "error:");
  out_.write(" ");
  write_safely(out_, message);
  out_.write("\n");
  if (!usage.empty()) {
    in_style(kBold, "usage:");
    out_.write(" ");
    wrapped(usage, 7);
    out_.write("\n");
  }
}

void PlainPrinter::begin_failure(int status, std::string_view kind, std::string_view message) {
  show_error(status, kind, message, {});
}

void PlainPrinter::show_problem(std::string_view kind, std::string_view message) {
  show_error(kFailed, kind, message, {});
}

}  // namespace heapscope::shell
