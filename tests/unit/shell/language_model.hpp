// The shell's language a second time, for tests to compare with: one state
// machine over characters that builds words as it goes, written from DESIGN.md.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "shell/language.hpp"

namespace heapscope::shell::test {

/// One command: how it is joined to the one before, and its words.
struct ModelCommand {
  Join join = Join::always;
  std::vector<std::string> words;
  friend bool operator==(const ModelCommand&, const ModelCommand&) = default;
};

using ModelLine = std::variant<std::vector<ModelCommand>, SyntaxError>;

class LanguageModel {
 public:
  /// `statuses` holds what $? stands for in each command.
  [[nodiscard]] static ModelLine read(std::string_view line, std::span<const int> statuses) {
    LanguageModel model(statuses);
    for (const char c : line) {
      model.step(c);
      if (model.failed_) return model.error_;
    }
    model.finish();
    if (model.failed_) return model.error_;
    return model.commands_;
  }

 private:
  enum class State { between, bare, escape, single, twofold, twofold_escape, comment };

  explicit LanguageModel(std::span<const int> statuses) : statuses_(statuses) {}

  void step(char c) {
    if (pending_operator_ != '\0' && c != pending_operator_)
      return stop(SyntaxError::lone_operator);
    if (std::exchange(pending_operator_, '\0') != '\0') {
      return join(c == '&' ? Join::on_success : Join::on_failure);
    }
    switch (state_) {
      case State::comment:
        return;
      case State::between:
        if (c == '#') {
          state_ = State::comment;
          return;
        }
        [[fallthrough]];
      case State::bare:
        return step_outside_quotes(c);
      case State::escape:
        word_ += c;
        dollar_ = false;
        state_ = State::bare;
        return;
      case State::single:
        if (c == '\'') {
          state_ = State::bare;
        } else {
          word_ += c;
        }
        return;
      case State::twofold:
        return step_in_double_quotes(c);
      case State::twofold_escape:
        if (c != '"' && c != '\\' && c != '$') word_ += '\\';
        word_ += c;
        state_ = State::twofold;
        return;
    }
  }

  void step_outside_quotes(char c) {
    if (c == ' ' || c == '\t') return end_word();
    if (c == ';') {
      end_word();
      return failed_ ? void() : join(Join::always);
    }
    if (c == '&' || c == '|') {
      end_word();
      pending_operator_ = c;
      return;
    }
    state_ = c == '\\'   ? State::escape
             : c == '\'' ? State::single
             : c == '"'  ? State::twofold
                         : State::bare;
    in_word_ = true;
    if (state_ != State::bare) {
      dollar_ = false;
      return;
    }
    put_variable_or(c);
  }

  void step_in_double_quotes(char c) {
    if (c == '"') {
      state_ = State::bare;
      dollar_ = false;
    } else if (c == '\\') {
      state_ = State::twofold_escape;
      dollar_ = false;
    } else {
      put_variable_or(c);
    }
  }

  /// A $ stands for itself until a ? follows it.
  void put_variable_or(char c) {
    if (c == '?' && dollar_) {
      word_.pop_back();
      const std::size_t number = commands_.size();
      word_ += std::to_string(number < statuses_.size() ? statuses_[number] : 0);
      dollar_ = false;
      return;
    }
    word_ += c;
    dollar_ = c == '$';
  }

  void end_word() {
    state_ = State::between;
    dollar_ = false;
    if (!std::exchange(in_word_, false)) return;
    words_.push_back(std::exchange(word_, {}));
    if (++count_ > kMaxWords) stop(SyntaxError::too_many_words);
  }

  void join(Join next) {
    if (words_.empty()) return stop(SyntaxError::missing_command);
    end_command();
    next_join_ = next;
  }

  void end_command() {
    commands_.push_back({.join = next_join_, .words = std::exchange(words_, {})});
  }

  void finish() {
    if (pending_operator_ != '\0') return stop(SyntaxError::lone_operator);
    if (state_ == State::escape) return stop(SyntaxError::nothing_escaped);
    if (state_ == State::single || state_ == State::twofold || state_ == State::twofold_escape) {
      return stop(SyntaxError::unclosed_quote);
    }
    end_word();
    if (failed_) return;
    if (!words_.empty()) return end_command();
    if (next_join_ != Join::always) stop(SyntaxError::missing_command);
  }

  void stop(SyntaxError error) {
    if (failed_) return;
    failed_ = true;
    error_ = error;
  }

  std::span<const int> statuses_;
  State state_ = State::between;
  char pending_operator_ = '\0';
  bool dollar_ = false;  // The last character of the word is a $ that is no other's.
  bool in_word_ = false;
  std::string word_;
  std::vector<std::string> words_;
  std::size_t count_ = 0;
  Join next_join_ = Join::always;
  std::vector<ModelCommand> commands_;
  bool failed_ = false;
  SyntaxError error_ = SyntaxError::unclosed_quote;
};

}  // namespace heapscope::shell::test
