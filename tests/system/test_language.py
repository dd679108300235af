"""The shell's language: words, quotes, comments, chains, statuses, numbers,
and the limits of a line.
"""

import pytest

from harness import Shell
from texts import TOO_MANY_ARGUMENTS, UNKNOWN, UNKNOWN_COMMAND, WRONG_USAGE, assert_error

MAX_LINE = 512
MAX_WORDS = 64
TWO_TO_64 = 1 << 64


@pytest.mark.parametrize("line, output", [
    ("echo a   b", "a b"),
    ("  echo\ta\t b  ", "a b"),
    ("echo 'a   b'", "a   b"),
    ('echo "a   b"', "a   b"),
    (r"echo a\ \ b", "a  b"),
    (r"echo \a\'\"\\", "a'\"\\"),
    (r"""echo 'a\b"c'""", r'a\b"c'),
    (r'''echo "a\"b'c"''', '''a"b'c'''),
    (r'echo "a\\b"', r"a\b"),
    ("echo 'ab''cd'", "abcd"),
    ("""echo a'b'"c"d""", "abcd"),
    ("echo '' b", " b"),
    ("'echo' a", "a"),
    ("ec'ho' a", "a"),
    ("echo a # b", "a"),
    ("echo a#b", "a#b"),
    (r"echo \# '#' a", "# # a"),
    ("echo ';' '&&' '||'", "; && ||"),
    (r"echo a\;b", "a;b"),
    ("echo -n -x --", "-n -x --"),
])
def test_words(shell: Shell, line: str, output: str) -> None:
    assert shell.ok(line) == [output]


@pytest.mark.parametrize("line", ["", "   ", "# a comment", "  # 'unclosed", "#;nosuch"])
def test_a_line_without_a_command_does_nothing(shell: Shell, line: str) -> None:
    assert shell.ok(line) == []


@pytest.mark.parametrize("line, output, status", [
    ("echo a; echo b", ["a", "b"], 0),
    ("echo a;echo b;", ["a", "b"], 0),
    ("echo a && echo b", ["a", "b"], 0),
    ("echo a&&echo b||echo c", ["a", "b"], 0),
    ("echo a || echo b", ["a"], 0),
    ("nosuch; echo b", [UNKNOWN_COMMAND + "nosuch", "b"], 0),
    ("nosuch && echo b", [UNKNOWN_COMMAND + "nosuch"], UNKNOWN),
    ("nosuch || echo b", [UNKNOWN_COMMAND + "nosuch", "b"], 0),
    ("nosuch && echo b || echo c", [UNKNOWN_COMMAND + "nosuch", "c"], 0),
    ("echo a; nosuch", ["a", UNKNOWN_COMMAND + "nosuch"], UNKNOWN),
    ("echo a && echo b # c", ["a", "b"], 0),
])
def test_chains(shell: Shell, line: str, output: list[str], status: int) -> None:
    reply = shell.run(line)
    assert (reply.lines, reply.status) == (output, status)


@pytest.mark.parametrize("line, status", [
    ("echo", 0), ("free a4000000000", 1), ("alloc", 2), ("nosuch", 127),
])
def test_dollar_question_is_the_last_status(shell: Shell, line: str, status: int) -> None:
    assert shell.run(line).status == status
    assert shell.ok("echo $?") == [str(status)]
    assert shell.run(line + "; echo $?").lines[-1] == str(status)


def test_dollar_question_in_quotes(shell: Shell) -> None:
    shell.run("nosuch")
    assert shell.ok("""echo "$?" '$?' x$?y""") == ["127 $? x127y"]


@pytest.mark.parametrize("word, value", [
    ("64", 64), ("0064", 64), ("0x40", 64), ("0xfF", 255), ("0b100_0000", 64),
    ("1_000", 1000), ("0x1_00", 256), ("2K", 2048), ("0x2K", 2048), ("1M", 1 << 20),
])
def test_numbers(json_shell: Shell, word: str, value: int) -> None:
    assert json_shell.result(f"alloc {word}")["blocks"][0]["size"] == value


@pytest.mark.parametrize("word", [
    "x", "K", "0x", "0b", "0b2", "0xg", "1e3", "1.5", "-1", "+1", "_1", "1_", "1__0", "1KK", "1 K x",
    "''", "64B", str(TWO_TO_64), f"{TWO_TO_64 >> 10}K", f"{TWO_TO_64 >> 30}G", "9" * 100,
    "0x1" + 16 * "0",
])
def test_no_numbers(shell: Shell, word: str) -> None:
    assert_error(shell.run(f"alloc {word}"), WRONG_USAGE)


def test_64_words_are_taken(shell: Shell) -> None:
    words = ["w"] * (MAX_WORDS - 1)
    assert shell.ok("echo " + " ".join(words)) == [" ".join(words)]


@pytest.mark.parametrize("count", [MAX_WORDS + 1, 250])
def test_more_words_are_too_many(shell: Shell, count: int) -> None:
    reply = shell.run(" ".join(["echo"] + ["w"] * (count - 1)))
    assert (reply.lines, reply.status) == ([TOO_MANY_ARGUMENTS], WRONG_USAGE)


def test_the_frame_does_not_count_in_a_lines_length(shell: Shell) -> None:
    word = "x" * (MAX_LINE - 5)
    assert shell.ok(f"echo {word}") == [word]


@pytest.mark.parametrize("length", [MAX_LINE + 1, 2000])
def test_a_line_too_long_is_one_error(shell: Shell, length: int) -> None:
    reply = shell.run("echo " + "x" * (length - 5))
    assert_error(reply, WRONG_USAGE)
    assert len(reply.lines) == 1
    assert shell.ok("echo on") == ["on"]


@pytest.mark.parametrize("line", [
    "echo 'a", 'echo "a', "echo a'", 'echo "a\\"', "echo a; echo 'b", "echo \\", "; echo a",
    "echo a &&", "echo a || ; echo b", "&&", "echo a & echo b", "echo a | echo b",
])
def test_a_line_that_cannot_be_parsed_is_one_error_and_runs_nothing(
        shell: Shell, line: str) -> None:
    reply = shell.run(line)
    assert_error(reply, WRONG_USAGE)
    assert len(reply.lines) == 1
    assert shell.ok("echo $?") == [str(WRONG_USAGE)]


@pytest.mark.parametrize("name", ["nosuch", "ALLOC", "alloc64", "a1", "help.", "stats2"])
def test_an_unknown_command(shell: Shell, name: str) -> None:
    reply = shell.run(f"{name} 1 2")
    assert (reply.lines, reply.status) == ([UNKNOWN_COMMAND + name], UNKNOWN)
