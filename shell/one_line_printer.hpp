// Replies as one line of text, for logs.
#pragma once

#include "base/text_sink.hpp"
#include "shell/reply.hpp"

namespace heapscope::shell {

/// Prints "name=value name=value" and ends the line with the reply; "ok=yes" where there is
/// nothing to say. A list is "name(x:y)=[a:b,c:d]": the names of the fields between round
/// brackets, those of each item between colons; an item's further fields bring their names.
/// Cells are the characters of the picture, and a live one is a line for every frame that
/// shows something else. A text that could be taken for more than one word, or for nothing,
/// is quoted. A failure is "error=KIND message=\"…\"".
class OneLinePrinter final : public ReplyPrinter {
 public:
  explicit OneLinePrinter(TextSink& out) : out_(out) {}

  void begin(std::string_view command) override;
  void end() override;
  void give_up() override;
  [[nodiscard]] bool begun() const override { return begun_; }
  void unknown_command(std::string_view name) override;
  void field(std::string_view name, const Value& value) override;
  void begin_list(std::string_view name, std::span<const Column> columns) override;
  void begin_item() override;
  void end_item() override {}
  void end_list() override;
  void begin_cells(std::string_view name, const CellGrid& grid) override;
  void cell(const Cell& cell) override;
  void end_cells() override {}
  void frame(const LiveFrame& frame) override;
  void line(std::string_view name, std::string_view text) override;
  void nested_failed(int) override {}
  [[nodiscard]] bool in_one_line() const override { return true; }

 private:
  void show_error(int status, std::string_view kind, std::string_view message,
                  std::string_view usage) override;
  void begin_failure(int status, std::string_view kind, std::string_view message) override;
  void show_problem(std::string_view kind, std::string_view message) override;

  void separate();
  void name(std::string_view name);
  void item_field(std::string_view name);
  void text(std::string_view text);
  void end_line();

  TextSink& out_;
  bool begun_ = false;
  bool in_line_ = false;  // Something stands in the line that is being written.
  bool in_list_ = false;
  bool first_item_ = true;
  std::span<const Column> columns_;  // Of the list.
  std::size_t fields_ = 0;           // Of the item.
};

}  // namespace heapscope::shell
