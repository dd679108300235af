// What the keys do in terminal mode.
#include "shell/line_editor.hpp"

#include <algorithm>

#include "shell/utf8.hpp"

namespace heapscope::shell {
namespace {

constexpr char control_of(char letter) { return static_cast<char>(letter & 0x1f); }

constexpr std::string_view kMarkPastes = "\x1b[?2004h";
constexpr std::string_view kLeavePastes = "\x1b[?2004l";
// Saves the cursor, goes as far as there is, asks where that is, and comes back.
constexpr std::string_view kAskSize =
    "\x1b"
    "7\x1b[999;999H\x1b[6n\x1b"
    "8";

bool needs_escape(char c) { return std::string_view(" \t;&|'\"\\$#").contains(c); }

/// What all candidates have in common, and how they look in a list.
class Survey final : public Candidates {
 public:
  bool candidate(std::string_view word, std::string_view note) override {
    if (count_++ == 0) {
      common_.write(word);
    } else {
      const auto [end, other] = std::ranges::mismatch(common_.view(), word);
      shorten(static_cast<std::size_t>(end - common_.view().begin()));
    }
    widest_ = std::max(widest_, columns_of(word));
    notes_ = notes_ || !note.empty();
    return true;
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::string_view common() const { return common_.view(); }
  [[nodiscard]] std::size_t widest() const { return widest_; }
  [[nodiscard]] bool notes() const { return notes_; }

 private:
  /// Ends between two characters.
  void shorten(std::size_t size) {
    std::size_t whole = 0;
    for (const std::string_view text = common_.view(); whole < size;) {
      const std::size_t next = whole + first_character(text.substr(whole)).bytes;
      if (next > size) break;
      whole = next;
    }
    common_.shorten(whole);
  }

  FixedText<64> common_;
  std::size_t count_ = 0;
  std::size_t widest_ = 0;
  bool notes_ = false;
};

/// Writes candidates in rows, as many as there is room for, and counts the others.
class Rows final : public Candidates {
 public:
  Rows(Console& console, std::size_t columns, std::size_t rows, std::size_t widest, bool notes)
      : console_(console),
        columns_(columns - 1),
        rows_(rows),
        width_(widest + kGap),
        in_row_(notes ? 1 : std::max<std::size_t>(1, columns_ / width_)) {}

  bool candidate(std::string_view word, std::string_view note) override {
    if (shown_ == rows_ * in_row_) {
      ++hidden_;
      return true;
    }
    if (shown_ % in_row_ == 0) end_row();
    FixedText<256> cell;
    cell.write(word);
    for (std::size_t used = columns_of(word); used < width_; ++used) cell.write(" ");
    cell.write(note);
    std::string_view text = cell.view();
    while (columns_of(text) > columns_) text = text.substr(0, character_before(text, text.size()));
    console_.write(text.substr(0, text.find_last_not_of(' ') + 1));
    if (++shown_ % in_row_ != 0) console_.write(cell.view().substr(text.find_last_not_of(' ') + 1));
    return true;
  }
  void end() {
    end_row();
    if (hidden_ == 0) return;
    FixedText<64> line;
    format(line, "and {} more", hidden_);
    console_.write(line.view());
    end_row();
  }

 private:
  static constexpr std::size_t kGap = 2;

  void end_row() {
    if (shown_ != 0) console_.write("\r\n");
  }

  Console& console_;
  std::size_t columns_;
  std::size_t rows_;
  std::size_t width_;
  std::size_t in_row_;
  std::size_t shown_ = 0;
  std::size_t hidden_ = 0;
};

}  // namespace

void LineEditor::begin(std::string_view prompt) {
  prompt_ = prompt;
  age_ = kNowhere;
  searching_ = false;
  hint_due_ = true;
  view_.begin(prompt, line_.before_cursor());
  if (!pasting_) console_.write(kMarkPastes);
  if (!line_.at_end()) view_.change(line_.text(), line_.cursor(), line_.cursor());
}

void LineEditor::ask_size() {
  size_asked_ = true;
  console_.write(kAskSize);
}

/// The terminal's own wrapping was right all the time: only where things are is known
/// better now. Answers come in the order of the questions, and one to an earlier question
/// may still be on its way: the last counts, up to the next key.
void LineEditor::answer(const KeyPress& key) {
  if (!size_asked_) return;
  view_.set_size(key.column, key.row);
  view_.begin(searching_ ? search_prompt_.view() : prompt_, line_.before_cursor());
}

void LineEditor::show_hint() {
  hint_due_ = false;
  if (searching_ || pasting_ || !line_.at_end()) return;
  view_.hint(completion_.hint(line_.text()));
}

void LineEditor::cancel() {
  if (searching_) end_search();
  view_.move(line_.text(), line_.size());
  pasting_ = false;
  console_.write("^C");
  console_.write(kLeavePastes);
  console_.write("\r\n");
}

void LineEditor::withdraw() {
  if (searching_) end_search();
  view_.withdraw();
}

bool LineEditor::finish() {
  if (!pasting_) console_.write(kLeavePastes);
  view_.leave(line_.text());
  return true;
}

bool LineEditor::take(const KeyPress& key) {
  if (key.after_invalid) ring();
  switch (key.key) {
    case Key::position:
      answer(key);
      return false;
    case Key::status:
      return false;
    case Key::paste_begins:
      pasting_ = true;
      return false;
    case Key::paste_ends:
      pasting_ = false;
      hint_due_ = true;
      return false;
    default:
      size_asked_ = false;
      break;
  }
  if (searching_ && search_key(key)) return false;
  if (key.key == Key::enter) return finish();
  if (pasting_) {
    paste(key);
  } else if (!edit(key)) {
    ring();
  }
  return false;
}

/// Within a paste keys are text, and what is none is left out.
void LineEditor::paste(const KeyPress& key) {
  if (key.key == Key::text) insert(key.text());
  if (key.key == Key::tab) insert(" ");
}

void LineEditor::insert(std::string_view text) {
  const bool at_end = line_.at_end();
  const std::size_t before = line_.cursor();
  age_ = kNowhere;
  if (!line_.insert(text)) return ring();
  hint_due_ = true;
  if (!at_end) return view_.change(line_.text(), before, line_.cursor());
  view_.append(text);
  view_.clear_hint();
}

/// Shows that the text was changed, by an edit that began with the cursor at `before`.
bool LineEditor::changed(bool done, std::size_t before) {
  if (!done) return false;
  age_ = kNowhere;
  hint_due_ = true;
  view_.change(line_.text(), std::min(before, line_.cursor()), line_.cursor());
  return true;
}

bool LineEditor::moved(bool done) {
  if (!done) return false;
  hint_due_ = true;
  view_.move(line_.text(), line_.cursor());
  return true;
}

void LineEditor::replace(std::string_view text) {
  line_.assign(text);
  hint_due_ = true;
  view_.change(line_.text(), 0, line_.cursor());
}

/// False where the key can do nothing here.
bool LineEditor::edit(const KeyPress& key) {
  const std::size_t before = line_.cursor();
  switch (key.key) {
    case Key::text:
      insert(key.text());
      return true;
    case Key::tab:
      return complete();
    case Key::backspace:
      return changed(line_.erase_left(), before);
    case Key::erase:
      return changed(line_.erase_right(), before);
    case Key::left:
      return moved(line_.move_left());
    case Key::right:
      return moved(line_.move_right());
    case Key::word_left:
      return moved(line_.move_word_left());
    case Key::word_right:
      return moved(line_.move_word_right());
    case Key::home:
      line_.move_home();
      return moved(true);
    case Key::end:
      line_.move_end();
      return moved(true);
    case Key::up:
      return recall_older();
    case Key::down:
      return recall_newer();
    case Key::erase_word_left:
      return changed(line_.kill_word_left(), before);
    case Key::erase_word_right:
      return changed(line_.kill_word_right(), before);
    case Key::control:
      return control(key.byte());
    case Key::escape:
      return true;
    default:
      return false;
  }
}

bool LineEditor::control(char byte) {
  const std::size_t before = line_.cursor();
  switch (byte) {
    case control_of('A'):
      return edit({.key = Key::home});
    case control_of('B'):
      return edit({.key = Key::left});
    case control_of('D'):
      return edit({.key = Key::erase});
    case control_of('E'):
      return edit({.key = Key::end});
    case control_of('F'):
      return edit({.key = Key::right});
    case control_of('K'):
      return changed(line_.kill_to_end(), before);
    case control_of('L'):
      view_.clear_screen(line_.text(), line_.cursor());
      ask_size();
      return true;
    case control_of('N'):
      return recall_newer();
    case control_of('P'):
      return recall_older();
    case control_of('R'):
      begin_search();
      return true;
    case control_of('T'): {
      // The character on the left moves as well.
      const std::size_t from = before == 0 ? 0 : character_before(line_.text(), before);
      const std::size_t start = from == 0 ? 0 : character_before(line_.text(), from);
      return changed(line_.transpose(), start);
    }
    case control_of('U'):
      return changed(line_.kill_to_start(), before) || line_.empty();
    case control_of('W'):
      return changed(line_.kill_blank_word(), before);
    case control_of('Y'):
      return changed(line_.yank(), before);
    default:
      return false;
  }
}

// --- History ---

void LineEditor::keep_own_line() {
  own_line_.clear();
  own_line_.write(line_.text());
}

bool LineEditor::recall_older() {
  const bool first = age_ == kNowhere;
  const std::size_t prefix = first ? line_.cursor() : prefix_;
  const std::size_t found = history_.find_prefix(
      first ? line_.before_cursor() : own_line_.view().substr(0, prefix), first ? 0 : age_ + 1);
  if (found == history_.size()) return false;
  if (first) keep_own_line();
  prefix_ = prefix;
  age_ = found;
  replace(history_.line(found));
  return true;
}

bool LineEditor::recall_newer() {
  if (age_ == kNowhere) return false;
  const std::string_view prefix = own_line_.view().substr(0, prefix_);
  while (age_ > 0) {
    if (!history_.line(--age_).starts_with(prefix)) continue;
    replace(history_.line(age_));
    return true;
  }
  age_ = kNowhere;
  replace(own_line_.view());
  return true;
}

void LineEditor::begin_search() {
  keep_own_line();
  searching_ = true;
  age_ = 0;
  wanted_.clear();
  look_for(0);
}

/// Shows the newest line, of those at least that old, that holds what is wanted.
void LineEditor::look_for(std::size_t age) {
  const bool nothing = wanted_.view().empty();
  const std::size_t found = nothing ? age : history_.find_part(wanted_.view(), age);
  const bool failed = !nothing && found == history_.size();
  if (failed) {
    ring();
  } else if (!nothing) {
    age_ = found;
    line_.assign(history_.line(found));
    line_.move_to(line_.text().find(wanted_.view()));
  }
  search_prompt_.clear();
  format(search_prompt_, "{}search '{}': ", failed ? "failed " : "", wanted_.view());
  view_.change_prompt(search_prompt_.view(), line_.text(), line_.cursor());
}

void LineEditor::end_search() {
  searching_ = false;
  age_ = kNowhere;
  hint_due_ = true;
  view_.change_prompt(prompt_, line_.text(), line_.cursor());
}

/// Whether the key was one of the search; any other ends it and counts as ever.
bool LineEditor::search_key(const KeyPress& key) {
  if (key.key == Key::text) {
    wanted_.write(key.text());
    look_for(age_);
    return true;
  }
  if (key.key == Key::backspace) {
    const std::string_view wanted = wanted_.view();
    if (!wanted.empty()) wanted_.shorten(character_before(wanted, wanted.size()));
    look_for(0);
    return true;
  }
  const char control = key.key == Key::control ? key.byte() : '\0';
  if (control == control_of('R')) {
    look_for(wanted_.view().empty() ? 0 : age_ + 1);
    return true;
  }
  const bool dropped = control == control_of('G');
  if (dropped) line_.assign(own_line_.view());
  end_search();
  return dropped || key.key == Key::escape;
}

// --- Completion ---

bool LineEditor::complete() {
  const Completion::Point point = completion_.at_end_of(line_.before_cursor());
  Survey survey;
  completion_.list(point, survey);
  if (survey.count() == 0) return false;
  if (survey.common().size() > point.typed.size()) {
    FixedText<64> more;
    more.write(survey.common().substr(point.typed.size()));
    insert_escaped(more.view());
  } else if (survey.count() > 1) {
    show_candidates(point, survey.notes(), survey.widest());
  }
  const std::string_view rest = line_.text().substr(line_.cursor());
  if (survey.count() == 1 && !rest.starts_with(' ')) insert(" ");
  return true;
}

void LineEditor::insert_escaped(std::string_view text) {
  while (!text.empty()) {
    const std::size_t bytes = first_character(text).bytes;
    if (needs_escape(text[0])) insert("\\");
    insert(text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
}

void LineEditor::show_candidates(const Completion::Point& point, bool with_notes,
                                 std::size_t widest) {
  constexpr std::size_t kOtherRows = 3;  // The line above, the one below, and the count.
  const std::size_t rows = view_.rows() > kOtherRows ? view_.rows() - kOtherRows : 1;
  view_.leave(line_.text());
  Rows list(console_, view_.columns(), rows, widest, with_notes);
  completion_.list(point, list);
  list.end();
  console_.write(prompt_);
  console_.write(line_.before_cursor());
  view_.begin(prompt_, line_.before_cursor());
  if (!line_.at_end()) view_.change(line_.text(), line_.cursor(), line_.cursor());
}

}  // namespace heapscope::shell
