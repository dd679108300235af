// Replies as text for people: without a style of its own no escape sequence, and at
// most 80 columns wherever the data allows it.
#pragma once

#include <algorithm>

#include "base/text_sink.hpp"
#include "shell/reply.hpp"

namespace heapscope::shell {

class PlainPrinter final : public ReplyPrinter {
 public:
  /// How it is to look.
  struct Style {
    std::size_t columns = 80;  ///< That fields and lists are wrapped to; 40 at least.
    std::size_t rows = 0;      ///< Of a screen that may be drawn over.
    bool colour = false;       ///< Escape sequences set off headings, errors and cells.
  };

  explicit PlainPrinter(TextSink& out) : out_(out) {}

  void set_style(const Style& style) { style_ = style; }
  /// The rest of this answer is not wanted, apart from what went wrong. To be called
  /// where a line has just ended.
  void hush() { out_.close(); }

  void begin(std::string_view command) override;
  void end() override {}
  void give_up() override;
  [[nodiscard]] bool begun() const override { return !first_; }
  void unknown_command(std::string_view name) override;
  void field(std::string_view name, const Value& value) override;
  void begin_list(std::string_view name, std::span<const Column> columns) override;
  void begin_item() override;
  void end_item() override;
  void end_list() override;
  void begin_cells(std::string_view name, const CellGrid& grid) override;
  void cell(const Cell& cell) override;
  void end_cells() override;
  [[nodiscard]] Room room() const override {
    return {.columns = style_.columns, .rows = style_.rows};
  }
  void frame(const LiveFrame& frame) override;
  void end_frames() override;
  void line(std::string_view name, std::string_view text) override;
  void heading(std::string_view text, std::string_view lead) override;
  void nested_failed(int) override {}
  void progress(std::string_view text) override;

 private:
  enum class Place : std::uint8_t { top, table, item, page, page_list };
  /// Lets text through, or not.
  class Gate final : public TextSink {
   public:
    explicit Gate(TextSink& out) : out_(out) {}
    void write(std::string_view text) override {
      if (closed_) return;
      lines_ += static_cast<std::size_t>(std::ranges::count(text, '\n'));
      bytes_ += text.size();
      out_.write(text);
    }
    void close() { closed_ = true; }
    void open() { closed_ = false; }
    /// Forgets what was let through before.
    void begin() {
      open();
      lines_ = bytes_ = 0;
    }
    [[nodiscard]] std::size_t lines() const { return lines_; }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

   private:
    TextSink& out_;
    bool closed_ = false;
    std::size_t lines_ = 0;
    std::size_t bytes_ = 0;
  };
  using Text = FixedText<4200>;  // A command line of 1024 bytes, each shown as \\xNN.

  void show_error(int status, std::string_view kind, std::string_view message,
                  std::string_view usage) override;
  void begin_failure(int status, std::string_view kind, std::string_view message) override;
  void show_problem(std::string_view kind, std::string_view message) override;

  void top_field(std::string_view name, const Value& value);
  void table_field(const Value& value);
  void item_field(std::string_view name, const Value& value);
  void page_field(const Value& value);
  void page_list_field(const Value& value);
  void table_header();
  void table_cell(std::string_view text);
  void pad(std::size_t columns);
  void words(std::span<const std::uint32_t> words);
  void wrapped(std::string_view text, std::size_t indent);
  void in_style(std::string_view sequence, std::string_view text);
  void draw(const CellGrid& grid, const Cell& cell);
  void end_colour();
  void begin_row(const CellGrid& grid, std::size_t cell);
  void frame_on_screen(const LiveFrame& frame);
  void frame_by_rows(const LiveFrame& frame);
  void frame_state(const LiveFrame& frame, std::size_t behind);

  Gate out_;
  Style style_;
  Place place_ = Place::top;
  bool first_ = true;  // Nothing of this reply was shown yet.
  std::string_view list_name_;
  std::string_view lead_;  // Of the page's section, before its first field.
  std::span<const Column> columns_;
  std::size_t items_ = 0;
  std::size_t fields_ = 0;  // Of this item.
  std::size_t column_ = 0;  // Of the screen, while an item is written.
  CellGrid grid_;
  std::size_t cells_ = 0;
  std::string_view cell_colour_;  // That the last cell was drawn in.
  std::size_t picture_row_ = 0;   // Lines of the answer above the picture.
  std::size_t status_row_ = 0;    // Lines of the answer above the state of a frame.
};

}  // namespace heapscope::shell
