// A libFuzzer target: bytes are statuses, variables and a line, which the shell's
// parser and the reference model of the unit tests must take for the same commands.
#include "shell/language.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "base/panic.hpp"
#include "tests/unit/shell/language_model.hpp"

namespace heapscope {

void panic_handler(std::string_view message) {
  std::fprintf(stderr, "panic: %.*s\n", static_cast<int>(message.size()), message.data());
  std::abort();
}

namespace shell {
namespace {

using test::LanguageModel;
using test::ModelCommand;
using test::ModelLine;
using test::ModelVariables;

void require(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "wrong: %s\n", what);
  std::abort();
}

/// Takes what stands before a line feed.
std::string take_field(std::string_view& input) {
  const std::size_t end = std::min(input.find('\n'), input.size());
  const std::string field(input.substr(0, end));
  input.remove_prefix(std::min(end + 1, input.size()));
  return field;
}

ModelLine parsed(std::string_view line, int status, const ModelVariables& variables,
                 const Variables& kept) {
  auto commands = CommandLine::parse(line);
  if (!commands) return commands.error();
  Scope scope;
  scope.variables = &kept;
  scope.last_status = status;
  const auto last = variables.find(std::string(kLastHandle));
  if (last != variables.end()) scope.last_handle = last->second;
  std::vector<ModelCommand> list;
  const auto words = std::make_unique<Words>();
  while (commands->next()) {
    require(!commands->name().empty(), "a command without a first word");
    ModelCommand command{.join = commands->join(), .words = {}};
    const auto expanded = commands->expand(scope, *words);
    if (expanded) {
      command.words.assign(words->words().begin(), words->words().end());
    } else {
      const bool unknown = expanded.error().kind == ExpansionError::Kind::no_variable;
      command.error = unknown ? std::string(expanded.error().word) : "too long";
    }
    list.push_back(std::move(command));
  }
  return list;
}

/// The first two lines are the values of $a and $last, the third is what is run.
void compare(std::string_view input) {
  const int status = input.empty() ? 0 : static_cast<unsigned char>(input.front());
  if (!input.empty()) input.remove_prefix(1);
  ModelVariables variables{{"a", take_field(input)}, {"last", take_field(input)}};
  const auto kept = std::make_unique<Variables>();
  if (!kept->set("a", variables["a"])) variables.erase("a");
  // The shell has no handle without a name.
  if (variables["last"].empty()) variables.erase("last");
  const std::vector<int> statuses(kMaxWords, status);
  require(
      parsed(input, status, variables, *kept) == LanguageModel::read(input, statuses, variables),
      "the parser and the model do not agree");
  (void)text_delimiter(input);
  const std::string_view first = first_word(input);
  require(first.empty() || input.find(first) != std::string_view::npos, "another first word");
}

}  // namespace
}  // namespace shell
}  // namespace heapscope

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  heapscope::shell::compare({reinterpret_cast<const char*>(data), size});
  return 0;
}
