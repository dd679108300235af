// What a command answers: fields, tables and pictures, or one error. Commands
// fill a Reply and know nothing of how it is shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/format.hpp"

namespace heapscope::shell {

/// Exit statuses of commands, as $? shows them.
inline constexpr int kSuccess = 0;
inline constexpr int kFailed = 1;
inline constexpr int kWrongUsage = 2;
inline constexpr int kUnknownCommand = 127;

/// The value of a field.
class Value {
 public:
  enum class Kind : std::uint8_t {
    none,
    boolean,
    count,
    signed_count,
    bytes,
    address,
    text,
    words
  };

  static constexpr Value none() { return Value(Kind::none, 0); }
  static constexpr Value boolean(bool value) { return Value(Kind::boolean, value ? 1 : 0); }
  /// A number of things, or any number without a unit of its own.
  static constexpr Value count(std::uint64_t value) { return Value(Kind::count, value); }
  /// The same where it may be negative.
  static constexpr Value signed_count(std::int64_t value) {
    return Value(Kind::signed_count, static_cast<std::uint64_t>(value));
  }
  /// A size; people also see it in KiB or MiB.
  static constexpr Value bytes(std::uint64_t value) { return Value(Kind::bytes, value); }
  /// An address or an identifier, in hexadecimal.
  static constexpr Value address(std::uint64_t value) { return Value(Kind::address, value); }
  static constexpr Value text(std::string_view value) {
    Value made(Kind::text, 0);
    made.text_ = value;
    return made;
  }
  /// Raw 32-bit words, in hexadecimal.
  static constexpr Value words(std::span<const std::uint32_t> value) {
    Value made(Kind::words, 0);
    made.words_ = value;
    return made;
  }

  [[nodiscard]] constexpr Kind kind() const { return kind_; }
  [[nodiscard]] constexpr std::uint64_t number() const { return number_; }
  [[nodiscard]] constexpr std::int64_t signed_number() const {
    return static_cast<std::int64_t>(number_);
  }
  [[nodiscard]] constexpr std::string_view text() const { return text_; }
  [[nodiscard]] constexpr std::span<const std::uint32_t> words() const { return words_; }

 private:
  constexpr Value(Kind kind, std::uint64_t number) : kind_(kind), number_(number) {}

  Kind kind_;
  std::uint64_t number_;
  std::string_view text_;
  std::span<const std::uint32_t> words_;
};

/// A column of a table: the fields of each item, in this order, take these
/// widths. Numbers are set to the right, all else to the left.
struct Column {
  std::string_view name;
  std::size_t width = 0;
  bool right = false;
};

/// What the colours of a picture stand for, where there are colours.
enum class Colouring : std::uint8_t { fullness, group };

/// A picture of a range of memory: cells of `cell_bytes` from `start` on,
/// `columns` to a row.
struct CellGrid {
  std::uint64_t start = 0;
  std::uint64_t cell_bytes = 0;
  std::size_t columns = 0;
  Colouring colouring = Colouring::fullness;
  std::string_view legend = {};  ///< What the marks mean; empty: the shades are explained.
};

/// One cell of a picture.
struct Cell {
  std::uint16_t permille = 0;  ///< How full it is.
  std::uint8_t group = 0;      ///< What most of it belongs to; 0 for nothing in particular.
  char mark = '\0';            ///< Shown in place of the shade, where there is one.

  friend constexpr bool operator==(const Cell&, const Cell&) = default;
};

/// The next look at a picture that is drawn again and again.
struct LiveFrame {
  CellGrid grid;
  std::uint64_t number = 0;     ///< From 1 on.
  std::span<const Cell> cells;  ///< The picture as it is now.
  /// As it is shown: whoever shows a cell notes it here. What a frame has no room for
  /// stays different, and is shown by one of the next.
  std::span<Cell> shown;
  std::size_t* next = nullptr;  ///< The cell to begin with, so that each has its turn.
  std::uint64_t used_bytes = 0;
  std::uint64_t live_blocks = 0;
  bool heap_changed = false;       ///< Since the frame before.
  bool changed_meanwhile = false;  ///< While this frame was made.
  std::string_view groups = {};    ///< What the groups are, in few words.
};

/// How much room there is to show something.
struct Room {
  std::size_t columns = 80;
  std::size_t rows = 0;  ///< Of a screen that can be drawn over; 0 where there is none.
};

/// Receives one command's answer, in order. The first field, list or picture
/// says that the command succeeded; fail(), fail_with_fields() and refuse() say that it
/// did not and come first or not at all. What goes wrong later is a problem().
class Reply {
 public:
  virtual void field(std::string_view name, const Value& value) = 0;

  /// A list of items with the same fields (a table: `columns` names them) or
  /// each with its own (no columns).
  virtual void begin_list(std::string_view name, std::span<const Column> columns) = 0;
  virtual void begin_item() = 0;
  virtual void end_item() = 0;
  virtual void end_list() = 0;

  virtual void begin_cells(std::string_view name, const CellGrid& grid) = 0;
  virtual void cell(const Cell& cell) = 0;
  virtual void end_cells() = 0;
  /// The group of each cell of the same picture, by cell() and end_cells(), for those who
  /// have not seen them in it; false where nobody wants them.
  [[nodiscard]] virtual bool begin_groups(std::string_view /*name*/) { return false; }

  [[nodiscard]] virtual Room room() const { return {}; }
  /// Whether all of it becomes one line of text, which a picture is of no use in.
  [[nodiscard]] virtual bool in_one_line() const { return false; }
  /// The picture that was just shown goes on in frames, of which each shows what differs.
  virtual void begin_frames(std::string_view /*name*/) {}
  virtual void frame(const LiveFrame& /*frame*/) {}
  virtual void end_frames() {}

  /// The answer is one text, shown as it is; for scripts it is a field.
  virtual void line(std::string_view name, std::string_view text) = 0;

  /// A page to read: what follows, up to the next heading, stands below this one, with
  /// `lead` before the first field and without the names of fields and lists. Items of
  /// a list without columns become one line. For people only, and no part of the answer.
  virtual void heading(std::string_view /*text*/, std::string_view /*lead*/ = {}) {}

  /// How far long work has come. For people only, and no part of the answer.
  virtual void progress(std::string_view) {}

  /// The command ran another one, which has said why it failed with `status`. The
  /// fields that follow are this command's all the same. Comes first or not at all.
  virtual void nested_failed(int status) = 0;

  // These stay functions, so that the message takes no stack of commands that
  // run others.

  /// The command failed: `kind` is a fixed name for scripts, the text one line
  /// for people. Returns kFailed.
  template <class... Args>
  [[gnu::noinline]] int fail(std::string_view kind, FormatText<std::type_identity_t<Args>...> text,
                             const Args&... args) {
    Message message;
    format(message, text, args...);
    show_error(kFailed, kind, message.view(), {});
    return kFailed;
  }

  /// The same, and the fields that follow tell more of it.
  template <class... Args>
  [[gnu::noinline]] int fail_with_fields(std::string_view kind,
                                         FormatText<std::type_identity_t<Args>...> text,
                                         const Args&... args) {
    Message message;
    format(message, text, args...);
    begin_failure(kFailed, kind, message.view());
    return kFailed;
  }

  /// The command was called wrongly: like fail(), with `usage` shown as well.
  /// Returns kWrongUsage.
  template <class... Args>
  [[gnu::noinline]] int refuse(std::string_view usage,
                               FormatText<std::type_identity_t<Args>...> text,
                               const Args&... args) {
    Message message;
    format(message, text, args...);
    show_error(kWrongUsage, "usage", message.view(), usage);
    return kWrongUsage;
  }

  /// The answer that was begun is not complete: an error within it. Returns
  /// kFailed.
  template <class... Args>
  [[gnu::noinline]] int problem(std::string_view kind,
                                FormatText<std::type_identity_t<Args>...> text,
                                const Args&... args) {
    Message message;
    format(message, text, args...);
    show_problem(kind, message.view());
    return kFailed;
  }

  /// An error of the line itself, which belongs to no command.
  void error(int status, std::string_view kind, std::string_view message) {
    show_error(status, kind, message, {});
  }

 protected:
  using Message = FixedText<1200>;  // With all words of a command in it.

  ~Reply() = default;
  virtual void show_error(int status, std::string_view kind, std::string_view message,
                          std::string_view usage) = 0;
  virtual void begin_failure(int status, std::string_view kind, std::string_view message) = 0;
  virtual void show_problem(std::string_view kind, std::string_view message) = 0;
};

/// A Reply that prints: the shell tells it when a command's answer begins and
/// ends.
class ReplyPrinter : public Reply {
 public:
  virtual void begin(std::string_view command) = 0;
  virtual void end() = 0;
  /// The command was given up in the middle of whatever it was showing. What was
  /// begun is ended, so that fail() or problem() can follow.
  virtual void give_up() = 0;
  /// Whether anything of the answer has been shown.
  [[nodiscard]] virtual bool begun() const = 0;
  /// There is no command of the name that began.
  virtual void unknown_command(std::string_view name) = 0;

 protected:
  ~ReplyPrinter() = default;
};

}  // namespace heapscope::shell
