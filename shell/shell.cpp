// The way of a line: frame, syntax, commands, replies.
#include "shell/shell.hpp"

#include <algorithm>
#include <utility>

#include "shell/argument_values.hpp"
#include "shell/help_page.hpp"
#include "shell/human_size.hpp"

namespace heapscope::shell {
namespace {

std::string_view without_leading_blanks(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t");
  return start == std::string_view::npos ? std::string_view() : text.substr(start);
}

/// Asks a terminal where its cursor is; every VT100 answers.
constexpr std::string_view kAskPosition = "\x1b[6n";

constexpr std::size_t kFewestColumns = 40;

/// A line split at the blank behind the "@TAG" that it begins with.
struct Frame {
  std::string_view tag;  // With its "@"; empty where the line has no frame.
  std::string_view line;
};

Frame split_frame(std::string_view line) {
  const std::string_view text = without_leading_blanks(line);
  if (!text.starts_with('@')) return {.tag = {}, .line = line};
  const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
  return {.tag = text.substr(0, end), .line = text.substr(end)};
}

/// Takes the next line off a script, whatever ends its lines.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find_first_of("\r\n");
  const std::string_view line = text.substr(0, end);
  if (end == std::string_view::npos) {
    text = {};
    return line;
  }
  text.remove_prefix(text.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  return line;
}

/// Takes the lines up to one that is `delimiter` off a script, and that one too.
/// `lines` is how many it took.
Shell::Attached take_text(std::string_view& text, std::string_view delimiter,
                          std::uint64_t& lines) {
  const std::string_view whole = text;
  while (!text.empty()) {
    const std::size_t size = whole.size() - text.size();
    ++lines;
    if (take_line(text) == delimiter) {
      return {
          .kind = Shell::Attached::Kind::whole, .name = delimiter, .text = whole.substr(0, size)};
    }
  }
  return {.kind = Shell::Attached::Kind::unfinished, .name = delimiter, .text = {}};
}

}  // namespace

bool is_script(std::string_view text) { return take_line(text) == Shell::kScriptMark; }

std::string_view mode_name(Mode mode) {
  switch (mode) {
    case Mode::plain:
      return "plain";
    case Mode::terminal:
      return "terminal";
    case Mode::json:
      break;
  }
  return "json";
}

std::optional<Mode> mode_named(std::string_view name) {
  for (const Mode mode : {Mode::plain, Mode::terminal, Mode::json}) {
    if (name == mode_name(mode)) return mode;
  }
  return std::nullopt;
}

Shell::Shell(Environment& environment, Console& console, Mode mode, Purpose purpose)
    : environment_(environment),
      console_(console),
      output_(console, this),
      plain_(output_),
      json_(output_),
      one_line_(output_),
      reader_(console, line_),
      completion_(environment, *this),
      editor_(console, line_, environment.history, completion_),
      mode_(mode),
      purpose_(purpose) {
  told_alarms_ = environment.heap.alarms();
  reader_.set_start_column(prompt_text().size());
  set_mode(mode);
}

ReplyPrinter& Shell::printer() {
  if (mode_ == Mode::json) return json_;
  return plain_;
}

void Shell::set_mode(Mode mode) {
  mode_ = mode;
  probing_ = false;
  reader_.set_echo(mode != Mode::json);
  output_.allow_rows(0, 0);
  plain_.set_style({});
  if (mode == Mode::terminal) editor_.ask_size();
}

void Shell::probe_terminal() {
  probing_ = true;
  console_.write(kAskPosition);
  console_.write("\r");
}

void Shell::greet() {
  if (mode_ == Mode::json) return;
  const BuildInfo build = environment_.platform.build();
  const alloc::Stats stats = environment_.heap.stats();
  format(output_, "heapscope {} ({}) on {}\n", build.version, build.revision,
         environment_.platform.board());
  format(output_, "{} heap of ", environment_.heap.allocator_name());
  write_human_size(output_, stats.heap_bytes);
  format(output_, " at {:#010x}. Type help for the commands.\n", stats.start);
}

void Shell::report(std::string_view source, std::string_view kind, std::string_view message) {
  output_.begin_line();
  printer().begin(source);
  printer().error(kFailed, kind, message);
  printer().end();
}

void Shell::prompt() {
  if (mode_ == Mode::json) return;
  output_.begin_line();
  console_.write(prompt_text());
  if (mode_ != Mode::terminal) return;
  console_.write(line_.before_cursor());
  editor_.begin(prompt_text());
}

bool Shell::interrupted() {
  interrupted_ = console_.take_interrupt() || interrupted_;
  return interrupted_;
}

bool Shell::poll() {
  if (console_.take_interrupt()) cancel_line();
  if (held_key_) {
    act(*std::exchange(held_key_, std::nullopt));
    return true;
  }
  const auto byte = console_.read();
  if (!byte) {
    if (has_alarm() || environment_.platform.has_notice()) tell_notices();
    return false;
  }
  if (escape_was_alone()) {
    act(decoder_.end_escape());
  }
  if (const auto key = decoder_.feed(*byte)) act(*key);
  if (decoder_.after_escape()) escape_us_ = environment_.platform.uptime_us();
  return true;
}

bool Shell::escape_was_alone() {
  return decoder_.after_escape() &&
         environment_.platform.uptime_us() - escape_us_ >= KeyDecoder::kEscapeAloneUs;
}

void Shell::act(const KeyPress& key) {
  if (mode_ == Mode::terminal) {
    if (editor_.take(key)) finish_line();
    return;
  }
  if (probing_ && key.key == Key::position) return enter_terminal();
  // Whoever sends escape sequences may understand them.
  if (probing_ && key.size == 0 && key.key != Key::status && key.key != Key::invalid) {
    console_.write(kAskPosition);
  }
  if (reader_.take(key)) finish_line();
}

/// The line stays as it is, typed so far as it may be.
void Shell::enter_terminal() {
  set_mode(Mode::terminal);
  editor_.begin(prompt_text());
}

/// Writes what a patrol of the heap has found; false where that is forgotten already.
bool Shell::take_alarm(TextSink& out) {
  told_alarms_ = environment_.heap.alarms();
  std::optional<alloc::PatrolFinding> finding;
  environment_.heap.with_instruments(
      [&](alloc::Instruments& all) { finding = all.patrol().finding(); });
  if (!finding) return false;
  format(out, "heap damaged at {:#x}: {}", finding->damage.address, finding->damage.what);
  return true;
}

/// Behind the command in which it was found. A round that is drawn over would take it away.
void Shell::tell_alarm() {
  if (!has_alarm() || mode_ == Mode::json || in_round_) return;
  FixedText<160> notice;
  if (!take_alarm(notice)) return;
  output_.begin_line();
  format(output_, "notice: {}\n", notice.view());
}

/// Nothing is told in the middle of a line that no escape sequence can take away.
void Shell::tell_notices() {
  if (mode_ == Mode::json || (mode_ == Mode::plain && !line_.empty())) return;
  FixedText<160> notice;
  if (has_alarm()) {
    if (!take_alarm(notice)) return;
  } else {
    environment_.platform.take_notice(notice);
  }
  if (mode_ == Mode::terminal) {
    editor_.withdraw();
  } else {
    console_.write("\r\n");
  }
  format(output_, "notice: {}\n", notice.view());
  prompt();
}

void Shell::cancel_line() {
  decoder_.reset();
  held_key_.reset();
  set_collecting(false);
  if (mode_ == Mode::terminal) {
    editor_.cancel();
  } else if (mode_ == Mode::plain) {
    console_.write("^C\r\n");
  }
  line_.clear();
  prompt();
}

void Shell::finish_line() {
  interrupted_ = false;
  const bool framed = split_frame(line_.text()).line.data() != line_.text().data();
  if (mode_ != Mode::json && !framed && !collecting_) environment_.history.add(line_.text());
  if (mode_ == Mode::terminal && !framed) {
    plain_.set_style({.columns = std::max(editor_.columns(), kFewestColumns),
                      .rows = editor_.rows(),
                      .colour = true});
    if (!console_.has_input()) output_.allow_rows(editor_.rows() - 1, editor_.columns());
  }
  accept_line(line_.text(), line_.too_long());
  output_.allow_rows(0, 0);
  plain_.set_style({});
  line_.clear();
  if (interrupted() && mode_ != Mode::json) {
    output_.begin_line();
    output_.write("^C\n");
  }
  prompt();
}

/// After Ctrl-C the rest of what is for people is not shown; a line of JSON stays whole.
bool Shell::line_ended() {
  if (mode_ == Mode::json || answering_ == nullptr || !interrupted()) return true;
  plain_.hush();
  return false;
}

KeyPress Shell::wait_for_key() {
  constexpr std::uint64_t kLookUs = 100'000;
  for (;;) {
    if (interrupted()) return {.key = Key::escape};
    const auto byte = console_.read();
    if (!byte) {
      console_.wait(kLookUs);
      if (escape_was_alone()) return decoder_.end_escape();
      continue;
    }
    if (const auto key = decoder_.feed(*byte)) return *key;
    if (decoder_.after_escape()) escape_us_ = environment_.platform.uptime_us();
  }
}

/// A screenful: waits for somebody to have read it. Whoever types on is not kept waiting.
bool Shell::rows_used_up() {
  const std::size_t columns = editor_.columns();
  output_.allow_rows(0, 0);
  if (in_round_) {
    plain_.hush();
    return false;
  }
  if (console_.has_input()) return true;
  console_.write("\x1b[7m-- more --\x1b[27m");
  const KeyPress key = wait_for_key();
  console_.write("\r\x1b[K");
  const char letter = key.size == 1 ? key.byte() : '\0';
  if (key.key == Key::escape || (key.key == Key::text && letter == 'q')) {
    plain_.hush();
    return false;
  }
  if (key.key == Key::enter || key.key == Key::down) {
    output_.allow_rows(1, columns);
  } else if ((key.key == Key::text && letter == ' ') || key.key == Key::page_down) {
    output_.allow_rows(editor_.rows() - 1, columns);
  } else {
    held_key_ = key;
  }
  return true;
}

void Shell::set_collecting(bool collecting) {
  collecting_ = collecting;
  reader_.set_start_column(prompt_text().size());
}

/// A typed line is run, or is part of the text of a `source <<NAME`.
void Shell::accept_line(std::string_view line, bool too_long) {
  ScriptBuffer& script = environment_.typed_script;
  if (!collecting_) {
    const bool plain = too_long || purpose_ == Purpose::panic;
    const std::string_view delimiter =
        plain ? std::string_view() : text_delimiter(split_frame(line).line);
    if (delimiter.empty()) {
      execute(line, too_long, words_);
      stop_if_asked();
      return;
    }
    script.begin(line, delimiter);
    set_collecting(true);
    return;
  }
  if (too_long || line != script.delimiter()) {
    script.add(line, too_long);
    return;
  }
  set_collecting(false);
  state_.attached = {.kind = script.too_long() ? Attached::Kind::too_long : Attached::Kind::whole,
                     .name = script.delimiter(),
                     .text = script.text()};
  execute(script.line(), false, words_);
  state_.attached = {};
  stop_if_asked();
}

int Shell::run_line(std::string_view line) {
  interrupted_ = false;
  const int status = execute(line, false, words_);
  stop_if_asked();
  return status;
}

int Shell::execute(std::string_view line, bool too_long, Words& words) {
  const auto [tag, text] = split_frame(line);
  if (!tag.empty()) return run_framed(tag, text, too_long, words);
  return run_commands(line, too_long || line.size() > LineBuffer::kMaxLine, words);
}

int Shell::run_framed(std::string_view tag, std::string_view text, bool too_long, Words& words) {
  if (tag.size() == 1 || tag.size() > LineBuffer::kMaxTag + 1) {
    return reject(tag, "bad-tag", "a frame's tag is 1 to 32 characters right behind the @");
  }
  output_.begin_line();
  format(output_, "{} BEGIN\n", tag);
  const Frame frame{.tag = tag, .outer = state_.frame};
  state_.frame = &frame;
  // The blank behind the tag belongs to the frame, not to the line.
  const bool longer = too_long || text.size() > LineBuffer::kMaxLine + 1;
  const int status = run_commands(text, longer, words);
  state_.frame = frame.outer;
  end_frame(tag, status);
  return status;
}

void Shell::end_frame(std::string_view tag, int status) {
  output_.begin_line();
  format(output_, "{} END status={}\n", tag, status);
}

void Shell::break_off(std::string_view message) {
  output_.allow_rows(0, 0);
  if (answering_ != nullptr) answering_->give_up();
  if (mode_ == Mode::json && answering_ != nullptr) {
    if (answering_->begun()) {
      (void)answering_->problem("panic", "{}", message);
    } else {
      (void)answering_->fail("panic", "{}", message);
    }
    answering_->end();
  }
  answering_ = nullptr;
  for (; state_.frame != nullptr; state_.frame = state_.frame->outer)
    end_frame(state_.frame->tag, kFailed);
  output_.begin_line();
}

void Shell::stop_if_asked() {
  if (!stop_) return;
  const Stop stop = *stop_;
  stop_.reset();
  if (stop.kernel) {
    environment_.platform.boot(*stop.kernel);
  } else if (stop.reboot) {
    environment_.platform.reboot();
  } else {
    environment_.platform.poweroff(stop.status);
  }
}

/// A line that cannot be run gives one reply, whatever it holds. `name` is the
/// first word as typed.
int Shell::reject(std::string_view name, std::string_view kind, std::string_view message) {
  FixedText<160> text;
  if (state_.place != nullptr) {
    format(text, "{}: line {}: ", state_.place->script.source, state_.place->line);
    state_.place->failed = true;
    state_.place->status = kWrongUsage;
  }
  text.write(message);
  printer().begin(name);
  printer().error(kWrongUsage, kind, text.view());
  printer().end();
  last_status_ = kWrongUsage;
  return last_status_;
}

int Shell::run_commands(std::string_view line, bool too_long, Words& words) {
  if (too_long) {
    return reject(first_word(line), "line-too-long", "line too long: 512 bytes at most");
  }
  auto commands = CommandLine::parse(line);
  if (!commands) {
    const bool many = commands.error() == SyntaxError::too_many_words;
    return reject(first_word(line), many ? "too-many-arguments" : "syntax",
                  describe(commands.error()));
  }
  int status = kSuccess;
  while (commands->next()) {
    const Join join = commands->join();
    const bool skipped = (join == Join::on_success && last_status_ != kSuccess) ||
                         (join == Join::on_failure && last_status_ == kSuccess);
    if (!skipped) last_status_ = run_next(*commands, words);
    status = last_status_;
    // As in other shells, a failure that && or || asks for is none.
    const bool failed = !skipped && status != kSuccess && !commands->decides();
    if (state_.place != nullptr) {
      state_.place->status = status;
      state_.place->failed = state_.place->failed || failed;
    }
    if (stop_ || interrupted() || (state_.strict && state_.place != nullptr && failed)) break;
  }
  return status;
}

int Shell::run_next(const CommandLine& commands, Words& words) {
  const HandleId next = environment_.handles.next_id();
  const HandleName newest(next - 1);
  const Scope scope{.last_status = last_status_,
                    .last_handle = next > 1 ? newest.view() : std::string_view(),
                    .variables = &environment_.variables};
  const auto expanded = commands.expand(scope, words);
  if (expanded) return run_command(words.words(), commands.name());
  reject_expansion(commands.name(), expanded.error());
  return kWrongUsage;
}

/// Apart from run_next(), whose stack a script's commands all stand on.
[[gnu::noinline]] void Shell::reject_expansion(std::string_view name, const ExpansionError& error) {
  FixedText<640> text;
  const bool unknown = error.kind == ExpansionError::Kind::no_variable;
  if (unknown) {
    format(text, "there is no variable {}", error.word);
  } else {
    format(text, "too long: the words of a command are {} bytes at most", Words::kRoom);
  }
  printer().begin(name);
  printer().error(kWrongUsage, unknown ? "no-variable" : "too-long", text.view());
  printer().end();
}

/// `name` is the first word as typed, for the case that it is no command's.
int Shell::run_command(std::span<const std::string_view> words, std::string_view name) {
  const CommandRecord* command = find_command(words.front());
  answering_ = &printer();
  answering_->begin(command == nullptr ? name : command->name);
  int status = kUnknownCommand;
  if (command == nullptr) {
    answering_->unknown_command(words.front());
  } else if (!runs(*command)) {
    status = answering_->fail("not-in-panic", "{} does not work in the panic shell; try help",
                              command->name);
  } else if (state_.nested == kMaxNested) {
    status =
        answering_->fail("too-deep", "{} commands within one another are the most", kMaxNested);
  } else {
    ++state_.nested;
    status = call(*command, words.subspan(1));
    --state_.nested;
  }
  answering_->end();
  answering_ = nullptr;
  tell_alarm();
  return status;
}

Shell::Nested Shell::run_nested(std::span<const std::string_view> words, std::string_view command) {
  ReplyPrinter* const outer = answering_;
  const int status = run_command(words, words.front());
  answer_again(outer, command);
  return {.status = status, .reply = *answering_};
}

/// The answer of a command goes on after that of another, which may have changed the mode.
void Shell::answer_again(const ReplyPrinter* before, std::string_view command) {
  const bool one_line = before == &one_line_ && mode_ != Mode::json;
  answering_ = one_line ? &one_line_ : &printer();
  answering_->begin(command);
}

Shell::NestedScript Shell::run_nested_script(const Script& script, std::string_view command) {
  ReplyPrinter* const outer = answering_;
  const ScriptEnd end = run_lines(script);
  answer_again(outer, command);
  return {.end = end, .reply = *answering_};
}

bool Shell::pause(std::uint64_t microseconds) {
  Platform& platform = environment_.platform;
  const std::uint64_t begin = platform.uptime_us();
  while (!interrupted()) {
    const std::uint64_t passed = platform.uptime_us() - begin;
    if (passed >= microseconds) return true;
    console_.wait(microseconds - passed);
  }
  return false;
}

void Shell::begin_round(bool first, bool as_lines) {
  if (as_lines) return;
  if (mode_ == Mode::terminal) {
    console_.write("\x1b[H");
    output_.erase_line_ends(true);
    // What the screen has no room for would scroll the rest away.
    output_.allow_rows(editor_.rows() - 1, editor_.columns());
    in_round_ = true;
  } else if (mode_ == Mode::plain && !first) {
    output_.begin_line();
    output_.write("---\n");
  }
}

void Shell::end_round() {
  if (!in_round_) return;
  in_round_ = false;
  output_.allow_rows(0, 0);
  output_.begin_line();
  output_.erase_line_ends(false);
  console_.write("\x1b[J");
}

Reply& Shell::switch_mode(Mode mode, std::string_view command) {
  set_mode(mode);
  if (mode == Mode::json && answering_ != &json_) {
    answering_ = &json_;
    json_.begin(command);
  }
  return *answering_;
}

int Shell::call(const CommandRecord& command, std::span<const std::string_view> words) {
  const auto arguments = Arguments::parse(words, command.options, command.command_at(),
                                          command.takes_words_as_they_are);
  const bool outer_one_line = state_.one_line;
  state_.one_line |= arguments ? arguments->one_line() : arguments.error().one_line;
  if (state_.one_line && mode_ != Mode::json) {
    answering_ = &one_line_;
    answering_->begin(command.name);
  }
  const int status = call_with(command, arguments);
  state_.one_line = outer_one_line;
  return status;
}

int Shell::call_with(const CommandRecord& command,
                     const Result<Arguments, Arguments::Error>& arguments) {
  Reply& reply = *answering_;
  if (!arguments) {
    const std::string_view word = arguments.error().word;
    switch (arguments.error().kind) {
      case Arguments::Error::Kind::unknown_option:
        if (word == "--help" || word == "-h") {
          show_help_page(reply, command);
          return kSuccess;
        }
        return reply.refuse(command.usage, "unknown option {}", word);
      case Arguments::Error::Kind::missing_value:
        return reply.refuse(command.usage, "{} needs a value", word);
      case Arguments::Error::Kind::repeated_option:
        return reply.refuse(command.usage, "{} is given twice", word);
    }
  }
  if (arguments->size() < command.min_arguments) {
    return reply.refuse(command.usage, "{} needs more arguments", command.name);
  }
  if (arguments->size() > command.max_arguments) {
    return reply.refuse(command.usage, "{} does not take '{}'", command.name,
                        (*arguments)[command.max_arguments]);
  }
  Context context{.environment = environment_, .reply = reply, .shell = *this};
  return run_guarded(command, context, *arguments);
}

int Shell::run_guarded(const CommandRecord& command, Context& context, const Arguments& arguments) {
  class Run final : public Work {
   public:
    Run(const CommandRecord& record, Context& in, const Arguments& with)
        : record_(record), context_(in), arguments_(with) {}
    void run() override { status_ = record_.run(context_, arguments_); }
    [[nodiscard]] int status() const { return status_; }

   private:
    const CommandRecord& record_;
    Context& context_;
    const Arguments& arguments_;
    int status_ = kFailed;
  };
  Run work(command, context, arguments);
  const bool detailed = answering_ == &plain_ && purpose_ == Purpose::usual;
  TextSink* const details = detailed ? &output_ : nullptr;
  const State before = state_;
  ReplyPrinter* const answering = answering_;
  const auto fault = environment_.platform.run_guarded(work, details);
  if (!fault) return work.status();
  state_ = before;
  if (answering_ == nullptr) answering_ = answering;
  console_.set_raw(false);
  answering_->give_up();
  if (answering_ == &plain_) output_.begin_line();
  if (answering_->begun()) return answering_->problem(fault->kind, "{}", fault->summary.view());
  return answering_->fail(fault->kind, "{}", fault->summary.view());
}

bool Shell::run_script(std::string_view source, std::string_view text) {
  if (!is_script(text)) {
    report(source, "not-a-script", kNoScript);
    return false;
  }
  run_text(source, text);
  return true;
}

void Shell::run_text(std::string_view source, std::string_view text) {
  interrupted_ = false;
  const ScriptEnd end = run_lines({.source = source, .text = text});
  if (end.kind == ScriptEnd::Kind::stopped) {
    report(source, "stopped", StopMessage(source, end).view());
  }
  stop_if_asked();
}

bool Shell::gone(const Script& script) const {
  return script.block && !environment_.handles.find(*script.block);
}

std::optional<HandleId> Shell::script_block() const {
  return state_.place == nullptr ? std::nullopt : state_.place->script.block;
}

Shell::ScriptEnd Shell::run_lines(const Script& script) {
  const State outer = state_;
  Place place{.script = script};
  state_.place = &place;
  ++state_.scripts;
  // The words of the command that runs this script are still in use.
  Words words;
  std::string_view rest = script.text;
  ScriptEnd end;
  while (!rest.empty() && !stop_ && end.kind == ScriptEnd::Kind::reached) {
    if (interrupted()) {
      end.kind = ScriptEnd::Kind::interrupted;
    } else if (gone(script)) {
      end.kind = ScriptEnd::Kind::freed;
    } else {
      run_script_line(rest, words);
      if (state_.strict && place.failed) end.kind = ScriptEnd::Kind::stopped;
    }
  }
  state_ = outer;
  end.line = place.line + (end.kind == ScriptEnd::Kind::reached ? place.text_lines : 0);
  end.status = place.status;
  return end;
}

/// Runs the next line, and takes the text of its `source <<NAME` off too.
void Shell::run_script_line(std::string_view& rest, Words& words) {
  // A copy: the line may free the block that it lies in.
  FixedText<LineBuffer::kMaxLine + LineBuffer::kMaxTag + 2> copy;
  const std::string_view original = take_line(rest);
  copy.write(original);
  const bool whole = copy.view().size() == original.size();
  const std::string_view line = whole ? copy.view() : original;
  Place& place = *state_.place;
  place.line += 1 + place.text_lines;
  place.text_lines = 0;
  place.failed = false;
  state_.attached = {};
  const std::string_view delimiter = text_delimiter(split_frame(line).line);
  if (!delimiter.empty()) state_.attached = take_text(rest, delimiter, place.text_lines);
  execute(line, false, words);
}

}  // namespace heapscope::shell
