// The shell: reads lines from the console, runs their commands, and prints the
// replies in the mode that is set. Scripts enter at the same door.
#pragma once

#include <cstdint>
#include <string_view>

#include "shell/command.hpp"
#include "shell/completion.hpp"
#include "shell/console.hpp"
#include "shell/environment.hpp"
#include "shell/json_printer.hpp"
#include "shell/key_decoder.hpp"
#include "shell/line_buffer.hpp"
#include "shell/line_editor.hpp"
#include "shell/line_reader.hpp"
#include "shell/one_line_printer.hpp"
#include "shell/output.hpp"
#include "shell/plain_printer.hpp"

namespace heapscope::shell {

enum class Mode : std::uint8_t { plain, terminal, json };

/// What a shell is for: all commands, or only those that are safe when the kernel
/// is broken.
enum class Purpose : std::uint8_t { usual, panic };

/// The mode's name: "plain", "terminal", "json".
[[nodiscard]] std::string_view mode_name(Mode mode);
[[nodiscard]] std::optional<Mode> mode_named(std::string_view name);

/// Whether a text says, in its first line, that it is a script.
[[nodiscard]] bool is_script(std::string_view text);

class Shell final : private OutputWatcher {
 public:
  static constexpr std::string_view kPrompt = "heapscope> ";
  static constexpr std::string_view kPanicPrompt = "panic> ";
  /// The prompt while the lines of a `source <<NAME` are awaited.
  static constexpr std::string_view kMorePrompt = "> ";
  /// How deep scripts may start scripts, the first one included.
  static constexpr int kMaxScripts = 4;
  /// How many commands may run within one another.
  static constexpr int kMaxNested = 8;
  /// What the first line of a script must be, before anything else in it.
  static constexpr std::string_view kScriptMark = "#!heapscope";
  /// What is said of an initrd that is none.
  static constexpr std::string_view kNoScript =
      "the initrd is not a script: its first line is not #!heapscope";

  Shell(Environment& environment, Console& console, Mode mode, Purpose purpose = Purpose::usual);

  /// Says who is there and, where people type, that commands are awaited.
  void greet();
  /// An error outside of any command, of the boot for example.
  void report(std::string_view source, std::string_view kind, std::string_view message);
  /// Shows the prompt, where the mode has one. Call before the first poll().
  void prompt();
  /// Asks the terminal a question; once it has answered, plain mode becomes terminal
  /// mode. For column 0 and before greet(), whose first line covers the question where it
  /// is shown instead of understood. A key that sends an escape sequence repeats it.
  void probe_terminal();

  /// Takes one byte that has arrived on the console and acts on it; false where
  /// there was none.
  bool poll();
  /// Whether pause() is to be called when nothing has arrived for a moment.
  [[nodiscard]] bool wants_pause() const { return mode_ == Mode::terminal && editor_.hint_due(); }
  /// Nobody types at the moment: time for what is not urgent.
  void pause() { editor_.show_hint(); }

  /// Runs a line as if it had been typed. Returns the status of its last command.
  int run_line(std::string_view line);
  /// Runs the lines of a script, up to its end, Ctrl-C or, where it asks for that,
  /// its first failure. False, and one line of error, where the text is no script.
  bool run_script(std::string_view source, std::string_view text);
  /// The same for a text that need not say that it is a script.
  void run_text(std::string_view source, std::string_view text);

  /// The command that runs, if any, will never end: ends its answer, in json with
  /// an error of kind "panic", and the frame around it, so that nobody waits for
  /// them. What is said next begins on a line of its own.
  void break_off(std::string_view message);

  /// Whether this shell runs that command.
  [[nodiscard]] bool runs(const CommandRecord& command) const {
    return purpose_ == Purpose::usual || command.safe_in_panic;
  }
  [[nodiscard]] Mode mode() const { return mode_; }
  /// Sends escape sequences, in terminal mode; nothing in the others.
  void control_screen(std::string_view sequences) {
    if (mode_ == Mode::terminal) console_.write(sequences);
  }
  /// Changes the mode while `command` is answering, before it has answered
  /// anything. Returns what it answers through: going to json is answered in
  /// json already, and leaving it still is.
  [[nodiscard]] Reply& switch_mode(Mode mode, std::string_view command);
  /// Runs another command, with its own reply, while `command` is answering and
  /// has not answered anything yet. Returns its status; what `command` answers
  /// afterwards goes through `reply`.
  struct Nested {
    int status;
    Reply& reply;
  };
  [[nodiscard]] Nested run_nested(std::span<const std::string_view> words,
                                  std::string_view command);

  /// A text whose lines are to be run.
  struct Script {
    std::string_view source;  ///< What it is called in errors.
    std::string_view text;
    /// The block that the text lies in: when it is freed, the script ends.
    std::optional<HandleId> block = std::nullopt;
  };
  /// How running a script ended.
  struct ScriptEnd {
    enum class Kind : std::uint8_t {
      reached,      ///< All lines were run.
      stopped,      ///< At the first failure, as `set -e` asks.
      interrupted,  ///< By Ctrl-C.
      freed,        ///< The block that it lay in is free.
    };
    Kind kind = Kind::reached;
    std::uint64_t line = 0;  ///< The last one that was run, counted from 1.
    int status = kSuccess;   ///< Of the last command, if there was one.
  };
  /// What is said of a script that stopped at a failure.
  class StopMessage {
   public:
    StopMessage(std::string_view source, const ScriptEnd& end) {
      format(text_, "{}: line {}: stopped at status {}", source, end.line, end.status);
    }
    [[nodiscard]] std::string_view view() const { return text_.view(); }

   private:
    FixedText<96> text_;
  };
  /// Runs a script's lines while `command` is answering, as run_nested() does.
  struct NestedScript {
    ScriptEnd end;
    Reply& reply;
  };
  [[nodiscard]] NestedScript run_nested_script(const Script& script, std::string_view command);
  /// Whether one more script may be run within those that run.
  [[nodiscard]] bool script_allowed() const { return state_.scripts < kMaxScripts; }

  /// The text that stands behind the line that runs, for its `source <<NAME`.
  struct Attached {
    enum class Kind : std::uint8_t {
      none,
      whole,
      too_long,    ///< It did not fit where typed lines are kept.
      unfinished,  ///< The script ended before it did.
    };
    Kind kind = Kind::none;
    std::string_view name;
    std::string_view text;
  };
  [[nodiscard]] const Attached& attached() const { return state_.attached; }
  /// The block that the running script lies in, if it does.
  [[nodiscard]] std::optional<HandleId> script_block() const;
  /// Whether scripts stop at their first failure. Set in a script, it holds until
  /// that script's end.
  void set_strict(bool strict) { state_.strict = strict; }
  [[nodiscard]] bool strict() const { return state_.strict; }

  /// Waits so many microseconds; false where Ctrl-C came first.
  bool pause(std::uint64_t microseconds);
  /// Between two rounds of a command that is watched, and before the first: a
  /// terminal is drawn over from its top, plain blocks are set apart. Rounds `as_lines`,
  /// of one line each, stay one below the other.
  void begin_round(bool first, bool as_lines);
  void end_round();

  /// How the machine is to stop.
  struct Stop {
    bool reboot = false;
    std::uint8_t status = 0;
    std::optional<Range> kernel = std::nullopt;  ///< To start in this one's place.
  };
  /// Stops the machine when the reply of this command, and the frame around it,
  /// are complete. What is left of the line is not run.
  void stop_after_line(Stop stop) { stop_ = stop; }
  /// Whether nothing more is to be run, because the machine is to stop.
  [[nodiscard]] bool stopping() const { return stop_.has_value(); }

  [[nodiscard]] int last_status() const { return last_status_; }
  /// Whether Ctrl-C has arrived since the line began.
  [[nodiscard]] bool interrupted();
  /// A command that made the line raw has met Ctrl-C itself.
  void interrupt() { interrupted_ = true; }
  /// The line, for a command that talks to a program at its other end.
  [[nodiscard]] Console& console() { return console_; }

 private:
  void set_mode(Mode mode);
  void finish_line();
  void cancel_line();
  void act(const KeyPress& key);
  void enter_terminal();
  [[nodiscard]] bool has_alarm() const { return environment_.heap.alarms() != told_alarms_; }
  bool take_alarm(TextSink& out);
  void tell_alarm();
  void tell_notices();
  [[nodiscard]] bool line_ended() override;
  [[nodiscard]] bool rows_used_up() override;
  [[nodiscard]] KeyPress wait_for_key();
  [[nodiscard]] bool escape_was_alone();
  /// Where in a script the shell is.
  struct Place {
    const Script& script;
    std::uint64_t line = 0;
    std::uint64_t text_lines = 0;  // Of the text behind that line, its end included.
    int status = kSuccess;         // Of the last command.
    bool failed = false;           // This line, in a way that `set -e` stops at.
  };
  struct Frame {
    std::string_view tag;
    const Frame* outer;
  };
  /// Where the shell is. A command that faults leaves it as it found it.
  struct State {
    const Frame* frame = nullptr;  // The innermost that is open.
    Place* place = nullptr;        // Null outside of scripts.
    Attached attached;
    int scripts = 0;  // That run within one another.
    int nested = 0;   // Commands likewise.
    bool strict = false;
    bool one_line = false;  // Commands answer in one line: the one around them is to.
  };

  void accept_line(std::string_view line, bool too_long);
  void set_collecting(bool collecting);
  int execute(std::string_view line, bool too_long, Words& words);
  int run_framed(std::string_view tag, std::string_view text, bool too_long, Words& words);
  void stop_if_asked();
  int run_commands(std::string_view line, bool too_long, Words& words);
  int run_next(const CommandLine& commands, Words& words);
  void reject_expansion(std::string_view name, const ExpansionError& error);
  int run_command(std::span<const std::string_view> words, std::string_view name);
  ScriptEnd run_lines(const Script& script);
  void run_script_line(std::string_view& rest, Words& words);
  [[nodiscard]] bool gone(const Script& script) const;
  void answer_again(const ReplyPrinter* before, std::string_view command);
  int call(const CommandRecord& command, std::span<const std::string_view> words);
  int call_with(const CommandRecord& command, const Result<Arguments, Arguments::Error>& arguments);
  int run_guarded(const CommandRecord& command, Context& context, const Arguments& arguments);
  int reject(std::string_view name, std::string_view kind, std::string_view message);
  [[nodiscard]] ReplyPrinter& printer();
  void end_frame(std::string_view tag, int status);
  [[nodiscard]] std::string_view prompt_text() const {
    if (collecting_) return kMorePrompt;
    return purpose_ == Purpose::panic ? kPanicPrompt : kPrompt;
  }

  Environment& environment_;
  Console& console_;
  Output output_;
  PlainPrinter plain_;
  JsonPrinter json_;
  OneLinePrinter one_line_;
  LineBuffer line_;
  LineReader reader_;
  Completion completion_;
  LineEditor editor_;
  KeyDecoder decoder_;
  std::optional<KeyPress> held_key_;  // Pressed while output was waiting.
  std::uint64_t escape_us_ = 0;       // When the decoder got an Escape.
  bool probing_ = false;              // An answer would show that there is a terminal.
  Words words_;
  Mode mode_;
  Purpose purpose_;
  ReplyPrinter* answering_ = nullptr;  // Null between two commands.
  State state_;
  int last_status_ = kSuccess;
  std::optional<Stop> stop_;
  bool in_round_ = false;  // Of a command that is shown in place, again and again.
  bool interrupted_ = false;
  bool collecting_ = false;
  std::uint32_t told_alarms_ = 0;  // Of the heap.
};

}  // namespace heapscope::shell
