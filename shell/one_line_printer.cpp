// One line, written as it comes.
#include "shell/one_line_printer.hpp"

#include <algorithm>

#include "shell/printed_value.hpp"

namespace heapscope::shell {

void OneLinePrinter::begin(std::string_view) { begun_ = in_list_ = in_line_ = false; }

void OneLinePrinter::end() {
  if (!begun_) out_.write("ok=yes");
  if (in_line_ || !begun_) end_line();
}

void OneLinePrinter::end_line() {
  out_.write("\n");
  in_line_ = false;
}

void OneLinePrinter::give_up() {
  if (in_list_) end_list();
}

void OneLinePrinter::unknown_command(std::string_view name) {
  FixedText<1200> message;
  format(message, "unknown command: {}", name);
  show_error(kUnknownCommand, "unknown-command", message.view(), {});
}

void OneLinePrinter::separate() {
  if (in_line_) out_.write(" ");
  begun_ = in_line_ = true;
}

void OneLinePrinter::name(std::string_view name) {
  separate();
  format(out_, "{}=", name);
}

/// What stands before the value of an item's field.
void OneLinePrinter::item_field(std::string_view name) {
  if (fields_ > 0) out_.write(":");
  const bool named = fields_ < columns_.size() && columns_[fields_].name == name;
  if (!named) format(out_, "{}=", name);
  ++fields_;
}

/// Words of letters, digits and a few signs stand as they are.
void OneLinePrinter::text(std::string_view text) {
  constexpr std::string_view kSigns = "-_.+/";
  const bool plain = !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kSigns.contains(c);
  });
  if (plain) return out_.write(text);
  out_.write("\"");
  while (!text.empty()) {
    const std::size_t special = std::min(text.find_first_of("\"\\"), text.size());
    write_safely(out_, text.substr(0, special));
    if (special < text.size()) format(out_, "\\{}", text.substr(special, 1));
    text.remove_prefix(std::min(special + 1, text.size()));
  }
  out_.write("\"");
}

void OneLinePrinter::field(std::string_view field_name, const Value& value) {
  if (in_list_) {
    item_field(field_name);
  } else {
    name(field_name);
  }
  if (value.kind() == Value::Kind::text) return text(value.text());
  if (value.kind() == Value::Kind::words) {
    for (std::size_t i = 0; i < value.words().size(); ++i) {
      format(out_, "{}{:#x}", i == 0 ? "" : "/", value.words()[i]);
    }
    return;
  }
  write_value(out_, value);
}

void OneLinePrinter::begin_list(std::string_view list, std::span<const Column> columns) {
  separate();
  out_.write(list);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    format(out_, "{}{}", i == 0 ? "(" : ":", columns[i].name);
  }
  out_.write(columns.empty() ? "=[" : ")=[");
  columns_ = columns;
  in_list_ = first_item_ = true;
}

void OneLinePrinter::begin_item() {
  if (!first_item_) out_.write(",");
  first_item_ = false;
  fields_ = 0;
}

void OneLinePrinter::end_list() {
  out_.write("]");
  in_list_ = false;
}

void OneLinePrinter::begin_cells(std::string_view cells, const CellGrid& grid) {
  field("cell_bytes", Value::bytes(grid.cell_bytes));
  name(cells);
}

void OneLinePrinter::cell(const Cell& cell) {
  const char c = shade_of(cell);
  out_.write({&c, 1});
}

/// The first frame stands behind the picture itself. A line is ended at once: who reads a
/// log waits for that.
void OneLinePrinter::frame(const LiveFrame& frame) {
  const bool first = in_line_;
  const bool differs = !std::ranges::equal(frame.cells, frame.shown);
  if (!first && !differs && !frame.heap_changed) return;
  field("frame", Value::count(frame.number));
  field("used_bytes", Value::bytes(frame.used_bytes));
  field("live_blocks", Value::count(frame.live_blocks));
  field("changed_meanwhile", Value::boolean(frame.changed_meanwhile));
  if (!first) {
    name("cells");
    for (const Cell& each : frame.cells) cell(each);
    std::ranges::copy(frame.cells, frame.shown.begin());
  }
  end_line();
}

void OneLinePrinter::line(std::string_view field_name, std::string_view text) {
  field(field_name, Value::text(text));
}

void OneLinePrinter::show_error(int, std::string_view kind, std::string_view message,
                                std::string_view) {
  field("error", Value::text(kind));
  field("message", Value::text(message));
}

void OneLinePrinter::begin_failure(int status, std::string_view kind, std::string_view message) {
  show_error(status, kind, message, {});
}

void OneLinePrinter::show_problem(std::string_view kind, std::string_view message) {
  show_error(kFailed, kind, message, {});
}

}  // namespace heapscope::shell
