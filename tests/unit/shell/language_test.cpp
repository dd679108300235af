// The shell's language: words, quotes, joins, $?, and what is refused as a whole.
#include "shell/language.hpp"

#include <gtest/gtest.h>

#include <array>

#include "error_of.hpp"
#include "language_model.hpp"
#include "shell_rig.hpp"
#include "tests/unit/alloc/random_source.hpp"

namespace heapscope::shell {
namespace {

using test::LanguageModel;
using test::ModelCommand;
using test::ModelLine;
using Texts = std::vector<std::string>;

const test::ModelVariables kNone;

/// What the shell makes of a line, in the form of the model.
ModelLine parsed(std::string_view line, std::span<const int> statuses,
                 const test::ModelVariables& variables = kNone) {
  auto commands = CommandLine::parse(line);
  if (!commands) return commands.error();
  const auto kept = std::make_unique<Variables>();
  Scope scope;
  scope.variables = kept.get();
  for (const auto& [name, value] : variables) {
    if (name == kLastHandle) {
      scope.last_handle = value;
    } else if (!kept->set(name, value)) {
      throw std::runtime_error("no room for a test's variables");
    }
  }
  std::vector<ModelCommand> list;
  const auto words = std::make_unique<Words>();
  while (commands->next()) {
    scope.last_status = list.size() < statuses.size() ? statuses[list.size()] : 0;
    ModelCommand command{.join = commands->join(), .words = {}};
    const auto expanded = commands->expand(scope, *words);
    if (expanded) {
      command.words = Texts(words->words().begin(), words->words().end());
    } else {
      const bool unknown = expanded.error().kind == ExpansionError::Kind::no_variable;
      command.error = unknown ? std::string(expanded.error().word) : "too long";
    }
    list.push_back(std::move(command));
  }
  return list;
}

/// The words of a line of one command. `status` is what $? stands for.
Texts words_of(std::string_view line, int status = 0,
               const test::ModelVariables& variables = kNone) {
  const ModelLine result = parsed(line, std::array{status}, variables);
  const auto* commands = std::get_if<std::vector<ModelCommand>>(&result);
  if (commands == nullptr || commands->size() != 1) return {"not one command"};
  if (!commands->front().error.empty()) return {"error", commands->front().error};
  return commands->front().words;
}

std::optional<SyntaxError> error_of(std::string_view line) {
  return test::error_of(CommandLine::parse(line));
}

bool nothing_to_run(std::string_view line) {
  const ModelLine result = parsed(line, {});
  const auto* commands = std::get_if<std::vector<ModelCommand>>(&result);
  return commands != nullptr && commands->empty();
}

TEST(Language, BlanksSeparateWords) {
  EXPECT_EQ(words_of("alloc 64"), (Texts{"alloc", "64"}));
  EXPECT_EQ(words_of(" \t alloc \t  64\t"), (Texts{"alloc", "64"}));
  for (const std::string_view line : {"", " ", "\t \t", "# nothing", "  #"}) {
    EXPECT_TRUE(nothing_to_run(line)) << line;
  }
}

TEST(Language, Quotes) {
  EXPECT_EQ(words_of(R"(echo 'a b' "c d")"), (Texts{"echo", "a b", "c d"}));
  EXPECT_EQ(words_of(R"(echo '"' "'")"), (Texts{"echo", "\"", "'"}));
  EXPECT_EQ(words_of(R"(echo '\' "\"\\\$\a")"), (Texts{"echo", "\\", R"("\$\a)"}));
  EXPECT_EQ(words_of(R"(echo ';&&||#' "; # | &")"), (Texts{"echo", ";&&||#", "; # | &"}));
}

TEST(Language, EmptyQuotesAreEmptyWords) {
  EXPECT_EQ(words_of(R"(echo '' "" x)"), (Texts{"echo", "", "", "x"}));
  EXPECT_EQ(words_of(R"(echo ''"")"), (Texts{"echo", ""}));
  EXPECT_EQ(words_of("''"), (Texts{""}));
}

TEST(Language, AdjacentPiecesJoin) {
  EXPECT_EQ(words_of(R"(echo 'AAAA''BBBB' a"b"'c'\d)"), (Texts{"echo", "AAAABBBB", "abcd"}));
  EXPECT_EQ(words_of(R"(e"ch"'o' x)"), (Texts{"echo", "x"}));
}

TEST(Language, ABackslashTakesTheNextCharacterAsItIs) {
  EXPECT_EQ(words_of(R"(echo a\ b \; \& \| \# \' \" \\ \x)"),
            (Texts{"echo", "a b", ";", "&", "|", "#", "'", "\"", "\\", "x"}));
}

TEST(Language, ANulIsACharacterLikeAnyOther) {
  const std::string nul(1, '\0');
  EXPECT_EQ(words_of("a" + nul + "b '" + nul + "'"), (Texts{"a" + nul + "b", nul}));
}

TEST(Language, CommentsBeginAtAWordsStart) {
  EXPECT_EQ(words_of("echo a # b 'c"), (Texts{"echo", "a"}));
  EXPECT_EQ(words_of("echo a#b"), (Texts{"echo", "a#b"}));
  EXPECT_EQ(words_of("echo ''#b"), (Texts{"echo", "#b"}));
  EXPECT_EQ(words_of("echo a;# b"), (Texts{"echo", "a"}));
  EXPECT_EQ(words_of("echo a; # b && | \\"), (Texts{"echo", "a"}));
}

TEST(Language, TheLastStatus) {
  EXPECT_EQ(words_of("echo $?", 127), (Texts{"echo", "127"}));
  EXPECT_EQ(words_of(R"(echo "$?" '$?' \$? "\$?" x$?y$?)", 2),
            (Texts{"echo", "2", "$?", "$?", "$?", "x2y2"}));
  EXPECT_EQ(words_of(R"(echo $"?" "$"? $\? $'?')", 2), (Texts{"echo", "$?", "$?", "$?", "$?"}));
  EXPECT_EQ(words_of(R"(echo $$? $?? $)", 1), (Texts{"echo", "$1", "1?", "$"}));
}

TEST(Language, Variables) {
  const test::ModelVariables variables{{"a", "1"}, {"a_2", "b c"}, {"_", ""}, {"last", "a7"}};
  EXPECT_EQ(words_of("echo $a $a_2 $_ $last", 0, variables), (Texts{"echo", "1", "b c", "", "a7"}));
  EXPECT_EQ(words_of("echo ${a} x${a}y $a-$a.$a$a", 0, variables),
            (Texts{"echo", "1", "x1y", "1-1.11"}));
  EXPECT_EQ(words_of(R"(echo "$a ${a_2}" '$a ${a}' \$a "\$a" $a"b"'c')", 0, variables),
            (Texts{"echo", "1 b c", "$a ${a}", "$a", "$a", "1bc"}));
  // What a value holds is no syntax.
  EXPECT_EQ(words_of("echo $x", 0, {{"x", "; a && 'b $x # \\"}}),
            (Texts{"echo", "; a && 'b $x # \\"}));
  EXPECT_EQ(words_of("$x 1", 0, {{"x", "echo"}}), (Texts{"echo", "1"}));
}

TEST(Language, AVariableThatIsNotThereIsAnError) {
  EXPECT_EQ(words_of("echo $a $b", 0, {{"a", "1"}}), (Texts{"error", "b"}));
  EXPECT_EQ(words_of("echo ${a}x", 0), (Texts{"error", "a"}));
  EXPECT_EQ(words_of("echo \"$last\"", 0), (Texts{"error", "last"}));
  EXPECT_EQ(words_of("echo $ab", 0, {{"a", "1"}}), (Texts{"error", "ab"}));
}

TEST(Language, OtherDollarsAreLeftAsTheyAre) {
  const test::ModelVariables variables{{"x", "1"}};
  EXPECT_EQ(words_of("echo $ \"$\" $(y) $1 $- a$", 0, variables),
            (Texts{"echo", "$", "$", "$(y)", "$1", "$-", "a$"}));
  EXPECT_EQ(words_of("echo ${} ${1} ${?} ${x ${x-} $}", 0, variables),
            (Texts{"echo", "${}", "${1}", "${?}", "${x", "${x-}", "$}"}));
  EXPECT_EQ(words_of(R"(echo $"x" "$"x ${"x}" ${x"}" $$x)", 0, variables),
            (Texts{"echo", "$x", "$x", "${x}", "${x}", "$1"}));
}

TEST(Language, WordsThatGrowTooLongAreAnError) {
  const std::string half(512, 'h');
  const test::ModelVariables variables{{"half", half}, {"x", "1"}};
  EXPECT_EQ(words_of("$half $half", 0, variables), (Texts{half, half}));
  EXPECT_EQ(words_of("$half$half", 0, variables), (Texts{half + half}));
  EXPECT_EQ(words_of("$half $half 1", 0, variables), (Texts{"error", "too long"}));
  EXPECT_EQ(words_of("1$half$half", 0, variables), (Texts{"error", "too long"}));
  EXPECT_EQ(words_of("$half $half $x", 0, variables), (Texts{"error", "too long"}));
  EXPECT_EQ(words_of("$half$half '' \"\"", 0, variables), (Texts{half + half, "", ""}));
}

TEST(Language, JoinsNeedNoBlanks) {
  const std::vector<ModelCommand> expected{{.join = Join::always, .words = {"a"}},
                                           {.join = Join::always, .words = {"b"}},
                                           {.join = Join::on_success, .words = {"c"}},
                                           {.join = Join::on_failure, .words = {"d", "e"}}};
  EXPECT_EQ(parsed("a;b&&c||d e", {}), ModelLine(expected));
  EXPECT_EQ(parsed(" a ; b\t&& c  ||d e ; ", {}), ModelLine(expected));
}

TEST(Language, WhatIsRefused) {
  const std::vector<std::pair<std::string_view, SyntaxError>> lines{
      {"echo 'a", SyntaxError::unclosed_quote},
      {"echo \"a", SyntaxError::unclosed_quote},
      {"echo \"a\\\"", SyntaxError::unclosed_quote},
      {"echo \"a\\", SyntaxError::unclosed_quote},
      {"echo 'a\\' 'b", SyntaxError::unclosed_quote},
      {"'", SyntaxError::unclosed_quote},
      {"echo \\", SyntaxError::nothing_escaped},
      {"\\", SyntaxError::nothing_escaped},
      {"a & b", SyntaxError::lone_operator},
      {"a | b", SyntaxError::lone_operator},
      {"a &", SyntaxError::lone_operator},
      {"a|", SyntaxError::lone_operator},
      {"a &| b", SyntaxError::lone_operator},
      {"a &&& b", SyntaxError::lone_operator},
      {"; a", SyntaxError::missing_command},
      {";", SyntaxError::missing_command},
      {"a ;; b", SyntaxError::missing_command},
      {"a ; ; b", SyntaxError::missing_command},
      {"&& a", SyntaxError::missing_command},
      {"|| a", SyntaxError::missing_command},
      {"a &&", SyntaxError::missing_command},
      {"a ||", SyntaxError::missing_command},
      {"a && # b", SyntaxError::missing_command},
      {"a && ; b", SyntaxError::missing_command},
      {"a && || b", SyntaxError::missing_command},
      {"a |||| b", SyntaxError::missing_command},
  };
  for (const auto& [line, error] : lines) {
    EXPECT_EQ(error_of(line), error) << line;
    EXPECT_FALSE(describe(error).empty());
  }
}

std::string numbered_words(std::size_t count) {
  std::string line = "echo";
  for (std::size_t i = 1; i < count; ++i) line += " " + std::to_string(i);
  return line;
}

TEST(Language, SixtyFourWordsALine) {
  EXPECT_EQ(words_of(numbered_words(64)).size(), 64U);
  EXPECT_EQ(error_of(numbered_words(65)), SyntaxError::too_many_words);
  // Of the line, not of the command; an operator is no word.
  EXPECT_EQ(error_of(numbered_words(60) + " ; a && b || c ; d # e"), std::nullopt);
  EXPECT_EQ(error_of(numbered_words(60) + " ; a && b || c ; d e"), SyntaxError::too_many_words);
}

TEST(Language, AWholeLineOfVariablesHasRoom) {
  std::string line = "echo ";
  while (line.size() + 2 <= 512) line += "$?";
  const Texts words = words_of(line, 127);
  ASSERT_EQ(words.size(), 2U);
  EXPECT_EQ(words[1].size(), 253U * 3);
}

TEST(Language, FirstWordAsTyped) {
  EXPECT_EQ(first_word("  alloc 64"), "alloc");
  EXPECT_EQ(first_word("'al'\"loc\"; x"), "'al'\"loc\"");
  EXPECT_EQ(first_word("a&&b"), "a");
  EXPECT_EQ(first_word("\t"), "");
  EXPECT_EQ(first_word(""), "");
  EXPECT_EQ(first_word("; x"), "");
  EXPECT_EQ(first_word("'a b'c d"), "'a b'c");
  EXPECT_EQ(first_word("'a b"), "'a");
}

/// A line of pieces that are likely to matter to one another.
std::string random_line(alloc::RandomSource& random) {
  static constexpr std::array<std::string_view, 38> kPieces{
      " ", " ",  " ",    "\t",  ";",    ";",  "&&",  "&&", "||", "||",   "&",    "|",    "'",
      "'", "\"", "\"",   "\\",  "$",    "?",  "$?",  "$?", "#",  "a",    "b1",   "x",    "echo",
      "_", "''", "\"\"", "' '", "\\\"", "$a", "$b1", "${", "}",  "${a}", "${x}", "$last"};
  std::string line;
  const std::uint64_t pieces = random.below(24);
  for (std::uint64_t i = 0; i < pieces; ++i) line += random.pick(kPieces);
  return line;
}

/// A line of words around the limit, few of them malformed.
std::string random_long_line(alloc::RandomSource& random) {
  std::string line = "w";
  const std::uint64_t words = random.between(55, 72);
  for (std::uint64_t i = 1; i < words; ++i) {
    static constexpr std::array<std::string_view, 8> kGaps{" ",  " ", "  ", " ",
                                                           "\t", ";", "&&", " || "};
    line += random.pick(kGaps);
    line += random.percent(5) ? "''" : random.percent(2) ? "'" : "ab";
  }
  return line;
}

TEST(Language, RandomLinesAgreeWithTheModel) {
  constexpr std::array kStatuses{0, 1, 2, 127, 255, 3, 0, 1, 2, 127, 0, 0};
  const test::ModelVariables variables{
      {"a", "1"}, {"x", " \"y"}, {"_", ""}, {"ab1", std::string(300, 'z')}, {"last", "a9"}};
  for (const std::uint64_t seed : alloc::kSeeds) {
    alloc::RandomSource random(seed);
    std::size_t accepted = 0;
    const std::uint64_t count = alloc::rounds(30'000);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::string line = i % 8 == 0 ? random_long_line(random) : random_line(random);
      const ModelLine ours = parsed(line, kStatuses, variables);
      ASSERT_EQ(ours, LanguageModel::read(line, kStatuses, variables))
          << "seed " << seed << ", line " << i << ": [" << line << "]";
      accepted += ours.index() == 0 ? 1U : 0U;
    }
    // The comparison is worth something only where both kinds are frequent.
    EXPECT_GT(accepted, count / 10);
    EXPECT_LT(accepted, count * 9 / 10);
  }
}

TEST(Language, ModelKnowsTheExamplesToo) {
  const ModelLine expected(std::vector<ModelCommand>{{.join = Join::always, .words = {"a b", ""}},
                                                     {.join = Join::on_success, .words = {"1x"}}});
  EXPECT_EQ(LanguageModel::read(R"('a b' "" && $?x # y)", std::array{0, 1}), expected);
}

/// What a line prints, one echo a line; blanks instead of line ends.
std::string echoed(std::string_view line) {
  test::ShellRig rig;
  std::string output = rig.plain(line);
  for (char& c : output) c = c == '\n' ? ' ' : c;
  return output;
}

TEST(LanguageInTheShell, ChainsRunWhatTheirJoinsSay) {
  EXPECT_EQ(echoed("echo 1; echo 2"), "1 2 ");
  EXPECT_EQ(echoed("echo 1 && echo 2"), "1 2 ");
  EXPECT_EQ(echoed("echo 1 || echo 2"), "1 ");
  EXPECT_EQ(echoed("nope && echo 2"), "unknown command: nope ");
  EXPECT_EQ(echoed("nope || echo 2"), "unknown command: nope 2 ");
  EXPECT_EQ(echoed("nope; echo 2"), "unknown command: nope 2 ");
  // What is skipped leaves the status alone, so that the next join sees it.
  EXPECT_EQ(echoed("echo 1 || echo 2 && echo 3"), "1 3 ");
  EXPECT_EQ(echoed("nope && echo 2 || echo 3"), "unknown command: nope 3 ");
  EXPECT_EQ(echoed("nope && echo 2; echo 3"), "unknown command: nope 3 ");
  EXPECT_EQ(echoed("echo 1 || echo 2 || echo 3 && echo 4 && echo 5"), "1 4 5 ");
  EXPECT_EQ(echoed("nope || nada || echo 3"), "unknown command: nope unknown command: nada 3 ");
}

TEST(LanguageInTheShell, StatusFlowsAlongTheChain) {
  EXPECT_EQ(echoed("nope; echo $? $?; echo $?"), "unknown command: nope 127 127 0 ");
  EXPECT_EQ(echoed("free a9; echo $?"), "error: there is no block a9 1 ");
  EXPECT_EQ(echoed("nope && echo 2; echo $?"), "unknown command: nope 127 ");
  EXPECT_EQ(echoed("nope || echo $? '$?' \"$?\""), "unknown command: nope 127 $? 127 ");
}

TEST(LanguageInTheShell, StatusIsKeptBetweenLinesAndByEmptyOnes) {
  test::ShellRig rig;
  rig.plain("nope");
  EXPECT_EQ(rig.plain(""), "");
  EXPECT_EQ(rig.plain("   # a comment"), "");
  EXPECT_EQ(rig.status(), "127");
  EXPECT_EQ(rig.status(), "0");
  rig.plain("echo 'a");
  EXPECT_EQ(rig.status(), "2");
}

TEST(LanguageInTheShell, AMalformedLineRunsNothing) {
  for (const std::string_view end :
       {"; echo 'a", "; echo \"a", " && echo a\\", "; a & b", "; a | b", "; ; b", " &&", " ||"}) {
    test::ShellRig rig;
    const std::string output = rig.plain("alloc 64" + std::string(end));
    EXPECT_TRUE(output.starts_with("error: ")) << output;
    EXPECT_EQ(test::split_lines(output).size(), 1U) << output;
    EXPECT_EQ(rig.heap.stats().allocations, 0U) << end;
    EXPECT_EQ(rig.status(), "2") << end;
  }
}

TEST(LanguageInTheShell, TooManyWordsRunNothing) {
  test::ShellRig rig;
  std::string line = "alloc 64; echo";
  for (int i = 0; i < 62; ++i) line += " x";
  EXPECT_EQ(rig.plain(line), "error: too many arguments\n");
  EXPECT_EQ(rig.heap.stats().allocations, 0U);
  EXPECT_EQ(rig.status(), "2");
  line.resize(line.size() - 2);
  EXPECT_TRUE(rig.plain(line).ends_with("x x\n"));
  EXPECT_EQ(rig.heap.stats().allocations, 1U);
}

TEST(LanguageInTheShell, CommandNamesMayBeQuoted) {
  EXPECT_EQ(echoed("'ec'\"ho\" a"), "a ");
  EXPECT_EQ(echoed("''"), "unknown command:  ");
}

}  // namespace
}  // namespace heapscope::shell
