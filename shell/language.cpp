// The lexer, the check of a whole line, and the expansion of words.
#include "shell/language.hpp"

#include <algorithm>
#include <charconv>

namespace heapscope::shell {
namespace {

enum class TokenKind : std::uint8_t { word, semicolon, and_then, or_else, end };

struct Token {
  TokenKind kind = TokenKind::end;
  std::string_view raw;  // A word as typed, quotes and escapes still in it.
};

constexpr bool blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool ends_word(char c) { return blank(c) || c == ';' || c == '&' || c == '|'; }

/// The length of the word at the start of `text`.
Result<std::size_t, SyntaxError> word_length(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size() && !ends_word(text[i])) {
    if (text[i] == '\\') {
      if (i + 1 == text.size()) return fail(SyntaxError::nothing_escaped);
      i += 2;
      continue;
    }
    if (text[i] != '\'' && text[i] != '"') {
      ++i;
      continue;
    }
    const char quote = text[i++];
    while (i < text.size() && text[i] != quote) {
      i += quote == '"' && text[i] == '\\' && i + 1 < text.size() ? 2U : 1U;
    }
    if (i >= text.size()) return fail(SyntaxError::unclosed_quote);
    ++i;
  }
  return i;
}

Result<Token, SyntaxError> take_operator(std::string_view& text) {
  if (text.front() == ';') {
    text.remove_prefix(1);
    return Token{.kind = TokenKind::semicolon, .raw = {}};
  }
  const bool doubled = text.size() > 1 && text[1] == text[0];
  if (!doubled) return fail(SyntaxError::lone_operator);
  const TokenKind kind = text.front() == '&' ? TokenKind::and_then : TokenKind::or_else;
  text.remove_prefix(2);
  return Token{.kind = kind, .raw = {}};
}

Result<Token, SyntaxError> take_token(std::string_view& text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  if (text.empty() || text.front() == '#') {
    text = {};
    return Token{};
  }
  if (ends_word(text.front())) return take_operator(text);
  const auto length = word_length(text);
  if (!length) return fail(length.error());
  const Token token{.kind = TokenKind::word, .raw = text.substr(0, *length)};
  text.remove_prefix(*length);
  return token;
}

/// A variable named in a word: $NAME, ${NAME} or $?.
struct Reference {
  std::string_view name;
  std::size_t length = 0;  // Of all of it; 0 where there is none.
};

Reference reference_at(std::string_view text) {
  if (text.starts_with("$?")) return {.name = text.substr(1, 1), .length = 2};
  const bool braced = text.starts_with("${");
  const std::size_t start = braced ? 2 : 1;
  const std::string_view name = leading_name(text.substr(start));
  if (name.empty()) return {};
  const std::size_t end = start + name.size();
  if (!braced) return {.name = name, .length = end};
  if (!text.substr(end).starts_with('}')) return {};
  return {.name = name, .length = end + 1};
}

constexpr Join join_after(TokenKind kind) {
  if (kind == TokenKind::and_then) return Join::on_success;
  if (kind == TokenKind::or_else) return Join::on_failure;
  return Join::always;
}

/// Commands must stand on both sides of && and ||, and before every ;.
Result<void, SyntaxError> check(std::string_view text) {
  std::size_t words = 0;
  bool command_before = false;
  bool command_needed = false;
  for (;;) {
    const auto token = take_token(text);
    if (!token) return fail(token.error());
    if (token->kind == TokenKind::end) break;
    if (token->kind == TokenKind::word) {
      if (++words > kMaxWords) return fail(SyntaxError::too_many_words);
      command_before = true;
      continue;
    }
    if (!command_before) return fail(SyntaxError::missing_command);
    command_before = false;
    command_needed = token->kind != TokenKind::semicolon;
  }
  if (command_needed && !command_before) return fail(SyntaxError::missing_command);
  return {};
}

}  // namespace

std::string_view describe(SyntaxError error) {
  switch (error) {
    case SyntaxError::unclosed_quote:
      return "unclosed quote";
    case SyntaxError::nothing_escaped:
      return "nothing follows the \\ at the end";
    case SyntaxError::missing_command:
      return "a command is missing beside ; && or ||";
    case SyntaxError::lone_operator:
      return "& and | stand only in && and ||; quote them to mean the character";
    case SyntaxError::too_many_words:
      return "too many arguments";
  }
  return "syntax error";
}

Result<CommandLine, SyntaxError> CommandLine::parse(std::string_view text) {
  if (const auto checked = check(text); !checked) return fail(checked.error());
  return CommandLine(text);
}

bool CommandLine::next() {
  join_ = next_join_;
  name_ = {};
  const std::string_view start = rest_;
  for (;;) {
    const std::size_t left = rest_.size();
    // The whole line was checked, so that no token of it is an error.
    const Token token = take_token(rest_).value_or(Token{});
    if (token.kind == TokenKind::word) {
      if (name_.empty()) name_ = token.raw;
      continue;
    }
    next_join_ = join_after(token.kind);
    command_ = start.substr(0, start.size() - left);
    return !name_.empty();
  }
}

Result<void, ExpansionError> CommandLine::expand(const Scope& scope, Words& words) const {
  words.clear();
  std::string_view rest = command_;
  for (;;) {
    const Token token = take_token(rest).value_or(Token{});
    if (token.kind != TokenKind::word) return {};
    if (const auto expanded = expand(token.raw, scope, words); !expanded) return expanded;
  }
}

Result<void, ExpansionError> CommandLine::expand(std::string_view raw, const Scope& scope,
                                                 Words& words) {
  const std::size_t begin = words.used_;
  char quote = '\0';
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const char c = raw[i];
    const char following = i + 1 < raw.size() ? raw[i + 1] : '\0';
    const Reference reference =
        c == '$' && quote != '\'' ? reference_at(raw.substr(i)) : Reference{};
    if (quote != '\0' && c == quote) {
      quote = '\0';
    } else if (quote == '\0' && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == '\\' &&
               (quote == '\0' ||
                (quote == '"' && (following == '"' || following == '\\' || following == '$')))) {
      words.put(raw.substr(++i, 1));
    } else if (reference.length > 0) {
      if (!put_value(reference.name, scope, words)) {
        return fail(
            ExpansionError{.kind = ExpansionError::Kind::no_variable, .word = reference.name});
      }
      i += reference.length - 1;
    } else {
      words.put(raw.substr(i, 1));
    }
  }
  if (words.overflowed_) {
    return fail(ExpansionError{.kind = ExpansionError::Kind::too_long, .word = raw});
  }
  words.end_word(begin);
  return {};
}

bool CommandLine::put_value(std::string_view name, const Scope& scope, Words& words) {
  if (name == "?") {
    std::array<char, 12> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), scope.last_status);
    words.put({digits.data(), end.ptr});
    return true;
  }
  if (name == kLastHandle) {
    words.put(scope.last_handle);
    return !scope.last_handle.empty();
  }
  const auto value = scope.variables == nullptr ? std::nullopt : scope.variables->find(name);
  if (value) words.put(*value);
  return value.has_value();
}

void Words::put(std::string_view text) {
  if (text.size() > kRoom - used_) {
    overflowed_ = true;
    return;
  }
  std::ranges::copy(text, text_.begin() + used_);
  used_ += text.size();
}

std::string_view CommandLine::delimiter() const {
  std::string_view rest = command_;
  if (take_token(rest).value_or(Token{}).raw != "source") return {};
  const std::string_view word = take_token(rest).value_or(Token{}).raw;
  if (!word.starts_with("<<")) return {};
  const std::string_view name = word.substr(2);
  return name == leading_name(name) ? name : std::string_view();
}

std::string_view text_delimiter(std::string_view line) {
  if (line.find("<<") == std::string_view::npos) return {};
  auto commands = CommandLine::parse(line);
  if (!commands) return {};
  while (commands->next()) {
    if (const std::string_view name = commands->delimiter(); !name.empty()) return name;
  }
  return {};
}

std::string_view first_word(std::string_view text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  if (const auto length = word_length(text)) return text.substr(0, *length);
  std::size_t length = 0;
  while (length < text.size() && !ends_word(text[length])) ++length;
  return text.substr(0, length);
}

}  // namespace heapscope::shell
