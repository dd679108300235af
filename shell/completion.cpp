// Finding the word at the end of a line, and what it may become.
#include "shell/completion.hpp"

#include <algorithm>

#include "alloc/workload/generator.hpp"
#include "shell/argument_values.hpp"
#include "shell/human_size.hpp"
#include "shell/marks.hpp"
#include "shell/shell.hpp"
#include "shell/utf8.hpp"
#include "shell/workload_choice.hpp"

namespace heapscope::shell {
namespace {

constexpr bool blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool joins(char c) { return c == ';' || c == '&' || c == '|'; }

/// The words of the last command of a line, as they were typed; the last one may be
/// empty. No words at all where the line ends in a quote or a comment.
class LastCommand {
 public:
  explicit LastCommand(std::string_view line) {
    std::size_t start = 0;
    bool in_word = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      if (quote_ != '\0') {
        if (c == quote_) quote_ = '\0';
        if (c == '\\' && quote_ == '"') ++i;
        continue;
      }
      if (blank(c) || joins(c)) {
        if (in_word) add(line.substr(start, i - start));
        in_word = false;
        if (joins(c)) words_.clear();
        continue;
      }
      if (!in_word) {
        if (c == '#') {
          lost_ = true;
          return;
        }
        start = i;
        in_word = true;
      }
      if (c == '\'' || c == '"') quote_ = c;
      if (c == '\\') ++i;
    }
    add(in_word ? line.substr(start) : line.substr(line.size()));
    lost_ = lost_ || quote_ != '\0';
    const bool framed = words_.size() > 1 && words_[0].starts_with('@');
    first_ = framed ? 1 : 0;
  }

  [[nodiscard]] std::span<const std::string_view> words() const {
    if (lost_) return {};
    return std::span<const std::string_view>(words_).subspan(first_);
  }

 private:
  void add(std::string_view word) {
    if (!words_.push_back(word)) lost_ = true;
  }

  StaticVector<std::string_view, kMaxWords + 1> words_;
  std::size_t first_ = 0;
  char quote_ = '\0';
  bool lost_ = false;
};

/// The command that follows `name` in alphabetical order, of those that `shell` runs.
const CommandRecord* next_command(const Shell& shell, std::string_view name) {
  const CommandRecord* next = nullptr;
  for (const CommandRecord* command : commands()) {
    if (command->name <= name || !shell.runs(*command)) continue;
    if (next == nullptr || command->name < next->name) next = command;
  }
  return next;
}

Completes completes_of(const CommandRecord& command, std::size_t argument) {
  if (argument >= command.max_arguments || command.arguments.empty()) return {};
  return command.arguments[std::min(argument, command.arguments.size() - 1)];
}

bool offer(std::string_view typed, Candidates& candidates, std::string_view word,
           std::string_view note) {
  return !word.starts_with(typed) || candidates.candidate(word, note);
}

/// Scripts may make tags that no key can, and that a terminal would obey.
bool can_be_typed(std::string_view tag) {
  const bool some = !tag.empty();
  while (!tag.empty()) {
    const std::size_t length = shown_length(tag);
    if (length == 0) return false;
    tag.remove_prefix(length);
  }
  return some;
}

/// The part of a usage at its start that belongs together: a word, or all of […].
std::string_view take_part(std::string_view& usage) {
  usage.remove_prefix(std::min(usage.find_first_not_of(' '), usage.size()));
  int depth = 0;
  std::size_t end = 0;
  for (; end < usage.size() && (depth > 0 || usage[end] != ' '); ++end) {
    if (usage[end] == '[') ++depth;
    if (usage[end] == ']') --depth;
  }
  const std::string_view part = usage.substr(0, end);
  usage.remove_prefix(end);
  return part;
}

}  // namespace

Completion::Point Completion::at_end_of(std::string_view line) const {
  const LastCommand last(line);
  const auto words = last.words();
  if (words.empty()) return {};
  return argument_point(words.first(words.size() - 1), words.back());
}

/// `words` are those before the one that is being typed.
Completion::Point Completion::argument_point(std::span<const std::string_view> words,
                                             std::string_view typed) const {
  Point point{.typed = typed};
  if (words.empty()) {
    point.completes = {.kind = Completes::Kind::command};
    return point;
  }
  const CommandRecord* command = find_command(words.front());
  if (command == nullptr || !shell_.runs(*command)) return point;
  point.command = command;
  const OptionRecord* awaiting = nullptr;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (awaiting != nullptr) {
      awaiting = nullptr;
    } else if (is_option(words[i])) {
      const OptionWord option = read_option(command->options, words[i]);
      const bool apart =
          option.option != nullptr && !option.option->value_name.empty() && !option.value;
      awaiting = apart ? option.option : nullptr;
    } else if (completes_of(*command, point.argument).kind == Completes::Kind::command) {
      return argument_point(words.subspan(i), typed);
    } else {
      ++point.argument;
    }
  }
  if (awaiting != nullptr) {
    point.value_of = awaiting;
    point.completes = awaiting->completes;
  } else if (typed.starts_with(command->options.empty() ? "--" : "-") &&
             !command->takes_words_as_they_are) {
    point.option = true;
  } else {
    point.completes = completes_of(*command, point.argument);
  }
  return point;
}

void Completion::list(const Point& point, Candidates& candidates) const {
  if (point.option) return list_options(point, candidates);
  switch (point.completes.kind) {
    case Completes::Kind::nothing:
      return;
    case Completes::Kind::values:
      for (const std::string_view value : point.completes.values) {
        if (!offer(point.typed, candidates, value, {})) return;
      }
      return;
    case Completes::Kind::command:
    case Completes::Kind::topic:
      return list_commands(point.typed, candidates);
    case Completes::Kind::block:
      return list_blocks(point.typed, candidates);
    case Completes::Kind::tag:
      return list_tags(point.typed, candidates);
    case Completes::Kind::workload:
      for (const std::string_view value : point.completes.values) {
        if (!offer(point.typed, candidates, value, {})) return;
      }
      return list_workloads(point.typed, candidates);
    case Completes::Kind::mark:
      return list_marks(point.typed, candidates);
  }
}

void Completion::list_commands(std::string_view typed, Candidates& candidates) const {
  for (const CommandRecord* command = next_command(shell_, {}); command != nullptr;
       command = next_command(shell_, command->name)) {
    if (!offer(typed, candidates, command->name, command->summary)) return;
  }
}

void Completion::list_options(const Point& point, Candidates& candidates) const {
  const bool is_long = point.typed.starts_with("--");
  for (const OptionRecord& option : point.command->options) {
    FixedText<32> word;
    if (is_long && !option.word.empty()) {
      format(word, "--{}", option.word);
    } else {
      format(word, "-{}", option.letter);
    }
    if (!offer(point.typed, candidates, word.view(), option.help)) return;
  }
  if (!is_long) return;
  if (!offer(point.typed, candidates, Arguments::kOneLine, "the reply as one line")) return;
  (void)offer(point.typed, candidates, "--help", "a page about the command");
}

void Completion::list_blocks(std::string_view typed, Candidates& candidates) const {
  const HandleTable& handles = environment_.handles;
  for (auto handle = handles.oldest(); handle; handle = handles.after(handle->id)) {
    const HandleName name(handle->id);
    FixedText<64> note;
    format(note, "{} bytes", handle->size);
    if (can_be_typed(handle->tag)) format(note, "  {}", handle->tag);
    if (!offer(typed, candidates, name.view(), note.view())) return;
  }
}

void Completion::list_tags(std::string_view typed, Candidates& candidates) const {
  for (HandleTable::TagId id = 0; id < HandleTable::kMaxTags; ++id) {
    const std::string_view name = environment_.handles.tag_name(id);
    if (can_be_typed(name) && !offer(typed, candidates, name, {})) return;
  }
}

void Completion::list_workloads(std::string_view typed, Candidates& candidates) const {
  for (const workload::GeneratorRecord& record : workload::generators()) {
    if (!offer(typed, candidates, record.name, record.summary)) return;
  }
  if (!initrd_trace(environment_)) return;
  (void)offer(typed, candidates, "initrd", "the trace that was loaded");
}

void Completion::list_marks(std::string_view typed, Candidates& candidates) {
  for (const Mark& mark : marks()) {
    if (!can_be_typed(mark.name.view())) continue;
    if (!offer(typed, candidates, mark.name.view(), {})) return;
  }
}

std::string_view Completion::hint(std::string_view line) const {
  if (line.empty() || !blank(line.back())) return {};
  const Point point = at_end_of(line);
  if (point.command == nullptr) return {};
  if (point.value_of != nullptr) return point.value_of->value_name;
  std::string_view usage = point.command->usage;
  (void)take_part(usage);
  for (std::size_t i = 0; i < point.argument; ++i) {
    std::string_view rest = usage;
    const std::string_view part = take_part(rest);
    // Options stand behind the arguments; with "...", the last one goes on.
    if (part.empty() || part.starts_with("[-") || part.contains("...")) break;
    usage = rest;
  }
  usage.remove_prefix(std::min(usage.find_first_not_of(' '), usage.size()));
  return usage;
}

}  // namespace heapscope::shell
