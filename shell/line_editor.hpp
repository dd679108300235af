// The line discipline of terminal mode: keys edit the line on the screen, call lines
// back from the history, and complete words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/format.hpp"
#include "shell/completion.hpp"
#include "shell/console.hpp"
#include "shell/history.hpp"
#include "shell/key.hpp"
#include "shell/line_buffer.hpp"
#include "shell/line_view.hpp"

namespace heapscope::shell {

/// Edits a line that others may share. A character typed at the line's end is echoed as
/// it is, before anything else is done.
class LineEditor {
 public:
  LineEditor(Console& console, LineBuffer& line, History& history, const Completion& completion)
      : console_(console),
        line_(line),
        history_(history),
        completion_(completion),
        view_(console) {}

  /// Starts to edit the line; `prompt` and its text were just written. What is pasted
  /// is marked as such by the terminal from here on, until the line ends.
  void begin(std::string_view prompt);
  /// Takes a key; true where it ended the line. Then the cursor is below it.
  [[nodiscard]] bool take(const KeyPress& key);
  /// Whether a hint may be missing.
  [[nodiscard]] bool hint_due() const { return hint_due_; }
  /// Shows what the command still takes, where that is known.
  void show_hint();
  /// Leaves the line, which is given up.
  void cancel();
  /// Takes the line off the screen; begin() goes on with it when it was written again.
  void withdraw();

  /// Asks the terminal how large it is. The answer is one of the next keys.
  void ask_size();
  [[nodiscard]] std::size_t columns() const { return view_.columns(); }
  [[nodiscard]] std::size_t rows() const { return view_.rows(); }

 private:
  static constexpr std::size_t kNowhere = ~std::size_t{0};

  [[nodiscard]] bool edit(const KeyPress& key);
  [[nodiscard]] bool control(char byte);
  void paste(const KeyPress& key);
  void insert(std::string_view text);
  [[nodiscard]] bool changed(bool done, std::size_t before);
  [[nodiscard]] bool moved(bool done);
  void replace(std::string_view text);
  [[nodiscard]] bool finish();
  void ring() { console_.write("\a"); }
  void answer(const KeyPress& key);

  // History.
  [[nodiscard]] bool recall_older();
  [[nodiscard]] bool recall_newer();
  void keep_own_line();
  void begin_search();
  [[nodiscard]] bool search_key(const KeyPress& key);
  void look_for(std::size_t age);
  void end_search();

  // Completion.
  [[nodiscard]] bool complete();
  void insert_escaped(std::string_view text);
  void show_candidates(const Completion::Point& point, bool with_notes, std::size_t widest);

  Console& console_;
  LineBuffer& line_;
  History& history_;
  const Completion& completion_;
  LineView view_;
  std::string_view prompt_;

  std::size_t age_ = kNowhere;  // Of the line that was called back.
  std::size_t prefix_ = 0;      // Bytes that lines called back begin with.
  LineBuffer::Text own_line_;   // What was typed before one was called back.
  bool searching_ = false;
  FixedText<64> wanted_;
  FixedText<96> search_prompt_;
  bool pasting_ = false;
  bool hint_due_ = false;
  bool size_asked_ = false;
};

}  // namespace heapscope::shell
