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

class Shell final : private OutputWatcher {
 public:
  static constexpr std::string_view kPrompt = "heapscope> ";
  static constexpr std::string_view kPanicPrompt = "panic> ";
  /// What the first line of a script must be, before anything else in it.
  static constexpr std::string_view kScriptMark = "#!heapscope";

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
  int run_line(std::string_view line) {
    interrupted_ = false;
    return execute(line, false);
  }
  /// Runs the lines of a script, up to its end or Ctrl-C. False, and one line of
  /// error, where the text is no script.
  bool run_script(std::string_view source, std::string_view text);

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

  /// How the machine is to stop.
  struct Stop {
    bool reboot = false;
    std::uint8_t status = 0;
  };
  /// Stops the machine when the reply of this command, and the frame around it,
  /// are complete. What is left of the line is not run.
  void stop_after_line(Stop stop) { stop_ = stop; }

  [[nodiscard]] int last_status() const { return last_status_; }
  /// Whether Ctrl-C has arrived since the line began.
  [[nodiscard]] bool interrupted();

 private:
  void set_mode(Mode mode);
  void finish_line();
  void cancel_line();
  void act(const KeyPress& key);
  void enter_terminal();
  void tell_notices();
  [[nodiscard]] bool line_ended() override;
  void rows_used_up() override;
  [[nodiscard]] KeyPress wait_for_key();
  int execute(std::string_view line, bool too_long);
  int run_framed(std::string_view tag, std::string_view text, bool too_long);
  void stop_if_asked();
  int run_commands(std::string_view line, bool too_long);
  int run_command(std::span<const std::string_view> words);
  int call(const CommandRecord& command, std::span<const std::string_view> words, Reply& reply);
  int run_guarded(const CommandRecord& command, Context& context, const Arguments& arguments);
  int reject(std::string_view line, std::string_view kind, std::string_view message);
  [[nodiscard]] ReplyPrinter& printer();
  void end_frame(int status);
  [[nodiscard]] std::string_view prompt_text() const {
    return purpose_ == Purpose::panic ? kPanicPrompt : kPrompt;
  }

  Environment& environment_;
  Console& console_;
  Output output_;
  PlainPrinter plain_;
  JsonPrinter json_;
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
  std::string_view frame_;             // The tag of the frame that is open.
  int last_status_ = kSuccess;
  std::optional<Stop> stop_;
  bool interrupted_ = false;
};

}  // namespace heapscope::shell
