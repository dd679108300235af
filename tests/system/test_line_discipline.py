"""The serial line as a terminal sees it, byte for byte, in plain mode: line
ends, echo, erasing, the bell, Ctrl-C and the prompt.
"""

import re

import pytest

from harness import Shell
from session import PROMPT
from texts import BELL, ERASE

CTRL_C = b"\x03"
MAX_LINE = 512

# Ctrl-C, backspace, tab, LF, CR have a meaning of their own; Ctrl-U and escape
# may be given one by a line editor.
OTHER_CONTROL_BYTES = sorted(set(range(0x20)) - {0x03, 0x08, 0x09, 0x0A, 0x0D, 0x15, 0x1B})


@pytest.fixture
def line(shell: Shell) -> Shell:
    shell.settle()
    return shell


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"], ids=["CR", "LF", "CRLF"])
def test_each_line_end_ends_a_line_once(line: Shell, end: bytes) -> None:
    line.send(b"echo one" + end)
    assert line.read_until(PROMPT) == b"echo one\r\none\r\n" + PROMPT
    assert line.read_for(0.2) == b""


def test_line_ends_may_be_mixed(line: Shell) -> None:
    line.send(b"echo 1\r\necho 2\recho 3\necho 4\n\r\r\n")
    expected = b"".join(b"echo %d\r\n%d\r\n" % (n, n) + PROMPT for n in (1, 2, 3, 4))
    expected += 2 * (b"\r\n" + PROMPT)
    assert line.read_until(expected[-40:]) == expected
    assert line.read_for(0.2) == b""


def test_an_empty_line_just_prompts_again(line: Shell) -> None:
    assert line.type(b"\r") == b"\r\n" + PROMPT
    assert line.type(b"  \t \r").endswith(b"\r\n" + PROMPT)


def test_an_empty_line_leaves_the_last_status(line: Shell) -> None:
    line.type(b"nosuch\r")
    line.type(b"\r")
    assert line.type(b"echo $?\r") == b"echo $?\r\n127\r\n" + PROMPT


def test_typed_bytes_are_echoed_exactly(line: Shell) -> None:
    typed = b"# " + bytes(range(0x20, 0x7F))
    line.send(typed)
    assert line.read_until(typed[-5:]) == typed
    line.send(CTRL_C)
    line.read_until(PROMPT)


@pytest.mark.parametrize("key", [b"\x08", b"\x7f"], ids=["backspace", "delete"])
def test_both_erase_keys_erase(line: Shell, key: bytes) -> None:
    assert line.type(b"echo ab" + key + b"c\r") == b"echo ab" + ERASE + b"c\r\nac\r\n" + PROMPT


@pytest.mark.parametrize("key", [b"\x08", b"\x7f"], ids=["backspace", "delete"])
def test_erasing_stops_at_the_prompt(line: Shell, key: bytes) -> None:
    answer = line.type(b"xy" + 5 * key + b"echo a\r")
    assert answer.count(ERASE) == 2
    assert answer.endswith(b"echo a\r\na\r\n" + PROMPT)


def test_a_byte_too_many_rings_the_bell_and_is_not_taken(line: Shell) -> None:
    full = b"echo " + (MAX_LINE - 5) * b"x"
    line.send(full)
    assert line.read_until(full) == full
    line.send(b"yz")
    assert line.read_until(2 * BELL) == 2 * BELL
    line.send(CTRL_C)
    line.read_until(PROMPT)


def test_a_line_of_full_length_runs(line: Shell) -> None:
    words = (MAX_LINE - 5) * b"x"
    assert line.type(b"echo " + words + b"\r") == b"echo %s\r\n%s\r\n" % (words, words) + PROMPT


def test_a_full_line_can_be_erased_and_refilled(line: Shell) -> None:
    words = (MAX_LINE - 5) * b"x"
    answer = line.type(b"echo " + words + 2 * b"\x7f" + b"yz\r")
    assert answer.endswith(words[:-2] + b"yz\r\n" + PROMPT)


@pytest.mark.parametrize("byte", OTHER_CONTROL_BYTES, ids=hex)
def test_control_bytes_ring_the_bell_and_are_not_taken(line: Shell, byte: int) -> None:
    answer = line.type(b"echo a" + bytes([byte]) + b"b\r")
    assert answer == b"echo a" + BELL + b"b\r\nab\r\n" + PROMPT


@pytest.mark.parametrize("byte", [0x80, 0x9B, 0xA0, 0xC3, 0xFE, 0xFF], ids=hex)
def test_bytes_above_ascii_ring_the_bell_and_are_not_taken(line: Shell, byte: int) -> None:
    answer = line.type(b"echo a" + bytes([byte]) + b"b\r")
    assert answer == b"echo a" + BELL + b"b\r\nab\r\n" + PROMPT


def test_ctrl_c_gives_up_the_line(line: Shell) -> None:
    line.send(b"echo lost")
    line.read_until(b"echo lost")
    line.send(CTRL_C)
    line.read_until(b"\r\n" + PROMPT)
    assert line.type(b"\r") == b"\r\n" + PROMPT


def test_ctrl_c_in_a_burst_gives_up_what_came_before_it(line: Shell) -> None:
    line.send(b"echo lost" + CTRL_C + b"echo kept\r")
    assert b"\nlost" not in line.read_until(b"\r\nkept\r\n" + PROMPT)
    assert line.type(b"\r") == b"\r\n" + PROMPT


def test_ctrl_c_on_an_empty_line_gives_a_fresh_prompt(line: Shell) -> None:
    line.send(CTRL_C)
    line.read_until(b"\r\n" + PROMPT)
    assert line.type(b"echo on\r") == b"echo on\r\non\r\n" + PROMPT


def test_a_burst_of_lines_is_answered_completely(line: Shell) -> None:
    line.send(b"".join(b"echo line %d\r" % n for n in range(200)))
    seen = line.read_until(b"\r\nline 199\r\n" + PROMPT)
    assert re.findall(rb"\r\nline (\d+)\r\n", seen) == [b"%d" % n for n in range(200)]


@pytest.mark.parametrize("command", [
    b"help", b"atags", b"atags -x", b"stats", b"heapmap", b"heapmap -b", b"alloc 64 -n 3", b"memmap",
    b"free a1 a1 a1", b"alloc", b"nosuch", b"echo", b"version",
])
def test_output_has_no_bare_line_feed_no_escape_and_a_prompt_at_column_0(
        line: Shell, command: bytes) -> None:
    answer = line.type(command + b"\r")
    assert not re.search(rb"(?<!\r)\n", answer)
    assert b"\x1b" not in answer
    assert answer.count(PROMPT) == 1


def test_a_frame_is_made_of_whole_lines(line: Shell) -> None:
    answer = line.type(b"@x1 echo hi\r")
    assert answer == b"@x1 echo hi\r\n@x1 BEGIN\r\nhi\r\n@x1 END status=0\r\n" + PROMPT
