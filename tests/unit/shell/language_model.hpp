// The shell's language a second time, for tests to compare with: one state
// machine over characters that builds words as it goes, written from DESIGN.md.
#pragma once

#include <cctype>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "shell/language.hpp"

namespace heapscope::shell::test {

/// One command: how it is joined to the one before, and its words, or what is wrong
/// with one of them: the name of a variable that there is not, or "too long".
struct ModelCommand {
  Join join = Join::always;
  std::vector<std::string> words;
  std::string error = {};
  friend bool operator==(const ModelCommand&, const ModelCommand&) = default;
};

using ModelVariables = std::map<std::string, std::string>;
using ModelLine = std::variant<std::vector<ModelCommand>, SyntaxError>;

class LanguageModel {
 public:
  /// `statuses` holds what $? stands for in each command.
  [[nodiscard]] static ModelLine read(std::string_view line, std::span<const int> statuses,
                                      const ModelVariables& variables = {}) {
    LanguageModel model(statuses, variables);
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

  LanguageModel(std::span<const int> statuses, const ModelVariables& variables)
      : statuses_(statuses), variables_(variables) {}

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
    if (state_ != State::bare) return end_reference();
    put_or_refer(c);
  }

  void step_in_double_quotes(char c) {
    if (c != '"' && c != '\\') return put_or_refer(c);
    end_reference();
    state_ = c == '"' ? State::bare : State::twofold_escape;
  }

  static bool letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
  static bool digit(char c) { return c >= '0' && c <= '9'; }

  /// reference_ is what may yet become $?, $NAME or ${NAME}.
  void put_or_refer(char c) {
    const bool braced = reference_.starts_with("${");
    const std::size_t name = reference_.size() - (braced ? 2 : 1);
    if (reference_.empty()) {
      (c == '$' ? reference_ : word_) += c;
    } else if (reference_ == "$" && (c == '?' || c == '{')) {
      reference_ += c;
      if (c == '?') end_reference();
    } else if (letter(c) || (name > 0 && digit(c))) {
      reference_ += c;
    } else if (braced && name > 0 && c == '}') {
      refer(std::exchange(reference_, {}).substr(2));
    } else {
      end_reference();
      put_or_refer(c);
    }
  }

  /// What was begun with a $ goes no further.
  void end_reference() {
    const std::string begun = std::exchange(reference_, {});
    if (begun == "$?") {
      const std::size_t number = commands_.size();
      word_ += std::to_string(number < statuses_.size() ? statuses_[number] : 0);
    } else if (begun.size() < 2 || begun[1] == '{') {
      word_ += begun;
    } else {
      refer(begun.substr(1));
    }
  }

  void refer(const std::string& name) {
    const auto found = variables_.find(name);
    if (found != variables_.end()) {
      word_ += found->second;
    } else {
      note(name);
    }
  }

  /// Only the first thing wrong with a command counts.
  void note(const std::string& what) {
    if (wrong_.empty()) wrong_ = what;
  }

  void end_word() {
    state_ = State::between;
    end_reference();
    if (!std::exchange(in_word_, false)) return;
    bytes_ += word_.size();
    if (bytes_ > Words::kRoom) note("too long");
    words_.push_back(std::exchange(word_, {}));
    if (++count_ > kMaxWords) stop(SyntaxError::too_many_words);
  }

  void join(Join next) {
    if (words_.empty()) return stop(SyntaxError::missing_command);
    end_command();
    next_join_ = next;
  }

  void end_command() {
    if (!wrong_.empty()) words_.clear();
    commands_.push_back({.join = next_join_,
                         .words = std::exchange(words_, {}),
                         .error = std::exchange(wrong_, {})});
    bytes_ = 0;
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
  const ModelVariables& variables_;
  State state_ = State::between;
  char pending_operator_ = '\0';
  std::string reference_;
  bool in_word_ = false;
  std::string word_;
  std::vector<std::string> words_;
  std::string wrong_;
  std::size_t bytes_ = 0;
  std::size_t count_ = 0;
  Join next_join_ = Join::always;
  std::vector<ModelCommand> commands_;
  bool failed_ = false;
  SyntaxError error_ = SyntaxError::unclosed_quote;
};

}  // namespace heapscope::shell::test
