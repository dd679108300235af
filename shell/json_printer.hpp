// Replies as JSON: exactly one line for every command.
#pragma once

#include "base/text_sink.hpp"
#include "shell/reply.hpp"

namespace heapscope::shell {

/// Prints {"schema":1,"command":…,"status":…,"result":{…}} or, with an error
/// in place of the result, the same for a command that failed.
class JsonPrinter final : public ReplyPrinter {
 public:
  explicit JsonPrinter(TextSink& out) : out_(out) {}

  void begin(std::string_view command) override;
  void end() override;
  void give_up() override;
  [[nodiscard]] bool begun() const override { return begun_; }
  void unknown_command(std::string_view name) override;
  void field(std::string_view name, const Value& value) override;
  void begin_list(std::string_view name, std::span<const Column> columns) override;
  void begin_item() override;
  void end_item() override;
  void end_list() override;
  void begin_cells(std::string_view name, const CellGrid& grid) override;
  void cell(const Cell& cell) override;
  void end_cells() override;
  [[nodiscard]] bool begin_groups(std::string_view name) override;
  void begin_frames(std::string_view name) override;
  void frame(const LiveFrame& frame) override;
  void end_frames() override { end_list(); }
  void line(std::string_view name, std::string_view text) override;
  void nested_failed(int status) override;

 private:
  void show_error(int status, std::string_view kind, std::string_view message,
                  std::string_view usage) override;
  void begin_failure(int status, std::string_view kind, std::string_view message) override;
  void show_problem(std::string_view kind, std::string_view message) override;

  void head(int status);
  void name(std::string_view name);
  void separate();
  void value(const Value& value);
  void text(std::string_view text);

  TextSink& out_;
  std::string_view command_;
  bool begun_ = false;
  bool failed_ = false;
  bool comma_ = false;
  // What of a list is open, for give_up(): no list lies in another's item.
  bool in_list_ = false;
  bool in_item_ = false;
  bool groups_ = false;  // Cells are shown by their groups.
};

}  // namespace heapscope::shell
