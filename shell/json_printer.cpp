// JSON, written as it comes: nothing is collected, however long the answer.
#include "shell/json_printer.hpp"

#include "shell/utf8.hpp"

namespace heapscope::shell {
void JsonPrinter::begin(std::string_view command) {
  command_ = command;
  begun_ = failed_ = comma_ = in_list_ = in_item_ = groups_ = false;
}

void JsonPrinter::head(int status) {
  begun_ = true;
  format(out_, "{{\"schema\":1,\"command\":");
  text(command_);
  format(out_, ",\"status\":{}", status);
  if (status != kSuccess) return;
  out_.write(",\"result\":{");
  comma_ = false;
}

void JsonPrinter::end() {
  if (!begun_) head(kSuccess);
  out_.write(failed_ ? "}\n" : "}}\n");
}

void JsonPrinter::unknown_command(std::string_view name) {
  FixedText<1200> message;
  format(message, "unknown command: {}", name);
  show_error(kUnknownCommand, "unknown-command", message.view(), {});
}

void JsonPrinter::give_up() {
  if (in_item_) end_item();
  if (in_list_) end_list();
}

void JsonPrinter::separate() {
  if (comma_) out_.write(",");
  comma_ = true;
}

void JsonPrinter::name(std::string_view name) {
  if (!begun_) head(kSuccess);
  separate();
  text(name);
  out_.write(":");
}

void JsonPrinter::field(std::string_view field_name, const Value& field_value) {
  name(field_name);
  value(field_value);
}

void JsonPrinter::value(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::none:
      out_.write("null");
      return;
    case Value::Kind::boolean:
      out_.write(value.number() != 0 ? "true" : "false");
      return;
    case Value::Kind::count:
    case Value::Kind::bytes:
      format(out_, "{}", value.number());
      return;
    case Value::Kind::signed_count:
      format(out_, "{}", value.signed_number());
      return;
    case Value::Kind::address:
      format(out_, "\"{:#x}\"", value.number());
      return;
    case Value::Kind::text:
      text(value.text());
      return;
    case Value::Kind::words:
      out_.write("[");
      for (std::size_t i = 0; i < value.words().size(); ++i) {
        format(out_, "{}\"{:#010x}\"", i == 0 ? "" : ",", value.words()[i]);
      }
      out_.write("]");
      return;
  }
}

void JsonPrinter::text(std::string_view text) {
  out_.write("\"");
  while (!text.empty()) {
    const char c = text.front();
    const std::size_t length = utf8_length(text);
    if (c == '"' || c == '\\') {
      format(out_, "\\{}", c);
    } else if (length == 0) {
      out_.write("\\ufffd");
    } else if (length == 1 && (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)) {
      format(out_, "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out_.write(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out_.write("\"");
}

void JsonPrinter::begin_list(std::string_view list_name, std::span<const Column>) {
  name(list_name);
  out_.write("[");
  comma_ = false;
  in_list_ = true;
}

void JsonPrinter::begin_item() {
  separate();
  out_.write("{");
  comma_ = false;
  in_item_ = true;
}

void JsonPrinter::end_item() {
  out_.write("}");
  comma_ = true;
  in_item_ = false;
}

void JsonPrinter::end_list() {
  out_.write("]");
  comma_ = true;
  in_list_ = false;
}

void JsonPrinter::begin_cells(std::string_view cells_name, const CellGrid& grid) {
  field("cell_bytes", Value::count(grid.cell_bytes));
  begin_list(cells_name, {});
}

void JsonPrinter::cell(const Cell& cell) {
  separate();
  format(out_, "{}", groups_ ? cell.group : cell.permille);
}

void JsonPrinter::end_cells() {
  groups_ = false;
  end_list();
}

bool JsonPrinter::begin_groups(std::string_view groups_name) {
  begin_list(groups_name, {});
  return groups_ = true;
}

void JsonPrinter::begin_frames(std::string_view frames_name) { begin_list(frames_name, {}); }

/// Written at once, so that no command is given up in its middle.
void JsonPrinter::frame(const LiveFrame& frame) {
  begin_item();
  field("frame", Value::count(frame.number));
  field("used_bytes", Value::count(frame.used_bytes));
  field("live_blocks", Value::count(frame.live_blocks));
  field("heap_changed", Value::boolean(frame.heap_changed));
  field("changed_meanwhile", Value::boolean(frame.changed_meanwhile));
  name("changes");
  out_.write("[");
  comma_ = false;
  for (std::size_t i = 0; i < frame.cells.size(); ++i) {
    const Cell& cell = frame.cells[i];
    if (cell == frame.shown[i]) continue;
    separate();
    format(out_, "{{\"cell\":{},\"permille\":{},\"group\":{}}}", i, cell.permille, cell.group);
    frame.shown[i] = cell;
  }
  out_.write("]");
  comma_ = true;
  end_item();
}

void JsonPrinter::line(std::string_view line_name, std::string_view line_text) {
  field(line_name, Value::text(line_text));
}

void JsonPrinter::nested_failed(int status) {
  FixedText<64> message;
  format(message, "the command ended with status {}", status);
  begin_failure(status, "nested", message.view());
}

/// The error is left open for fields, and ended like a result.
void JsonPrinter::begin_failure(int status, std::string_view kind, std::string_view message) {
  head(status);
  out_.write(",\"error\":{");
  comma_ = false;
  field("kind", Value::text(kind));
  field("message", Value::text(message));
}

void JsonPrinter::show_error(int status, std::string_view kind, std::string_view message,
                             std::string_view usage) {
  head(status);
  failed_ = true;
  out_.write(",\"error\":{");
  comma_ = false;
  field("kind", Value::text(kind));
  field("message", Value::text(message));
  if (!usage.empty()) field("usage", Value::text(usage));
  out_.write("}");
}

void JsonPrinter::show_problem(std::string_view kind, std::string_view message) {
  name("problem");
  out_.write("{");
  comma_ = false;
  field("kind", Value::text(kind));
  field("message", Value::text(message));
  out_.write("}");
  comma_ = true;
}

}  // namespace heapscope::shell
