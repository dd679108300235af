"""Terminal mode on the booted kernel, as a terminal shows it. What the screens must look
like is kept in screens/, for each size; HEAPSCOPE_UPDATE_SCREENS=1 writes them anew, to
be looked at before they are committed.
"""

import os
from pathlib import Path

import pytest

from harness import Machines
from terminal_screen import PROMPT, Terminal

SCREENS = Path(__file__).resolve().parent / "screens"
SIZES = [(80, 24), (40, 10), (132, 50)]
LONG = "echo " + " ".join(f"word{number}" for number in range(1, 26))

# What is typed before each picture, each scene on a screen that Ctrl-L has emptied.
SCENES: dict[str, list[str]] = {
    "edit_in_the_middle": ["echo one three", "\x1b[1;5D", "two ", "\x01\x06\x1b[3~x"],
    "wrap": [LONG, "\x1b[H\x1b[1;5C inserted", "\x05 more"],
    "wrap_with_wide_characters": ["echo " + "中文字符" * 12, "\x1b[D" * 8 + "é", "\x7f\x7f"],
    "history_search": ["history -c\recho first\recho second\recho x; clear\r",
                       "\x12ec", "\x12", "\x1b[C!"],
    "history_by_prefix": ["history -c\recho one\recho x; clear\r", "ec\x1b[A"],
    "completion_of_commands": ["al\t", "\t", "loc\t"],
    "completion_of_blocks": ["alloc 64 -t page; alloc 100 -n 3; clear\r\x15", "free a\t", "2\t"],
    "completion_of_options": ["alloc 64 -\t", "t \t"],
    "hint": ["alloc ", "64 "],
    "help_page": ["help free\r"],
    "pages": ["help\r", " ", "q"],
    "watch": ["set n 1\rwatch -n 0 -c 3 echo tick $n\r"],
    "source": ["source <<END\r", "echo one; nosuch\r", "set -e; free a9\r", "echo two\rEND\r"],
    "errors": ["free a999\ralloc\rnosuch\r"],
}


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    return request.param


@pytest.fixture
def terminal(own_machines: Machines, size: tuple[int, int]) -> Terminal:
    return Terminal(own_machines.boot(ready=False), *size)


@pytest.mark.parametrize("name", SCENES)
def test_the_screens_are_as_ever(
        terminal: Terminal, name: str, size: tuple[int, int]) -> None:
    pictures = []
    terminal.type("\x0c")
    for keys in SCENES[name]:
        terminal.type(keys)
        pictures.append(f"--- {keys!a}\n{terminal.picture()}")
    shown = "".join(pictures)
    golden = SCREENS / f"{name}-{size[0]}x{size[1]}.txt"
    if os.environ.get("HEAPSCOPE_UPDATE_SCREENS"):
        golden.write_text(shown)
    assert shown == golden.read_text()


def test_terminal_mode_is_entered_by_itself(terminal: Terminal) -> None:
    assert terminal.here() == PROMPT.rstrip()
    terminal.type("mode\r")
    assert any(row.split() == ["mode", "terminal"] for row in terminal.rows())


@pytest.mark.parametrize("mode", ["plain", "json"])
def test_a_mode_that_was_asked_for_sends_no_escape_sequence(
        own_machines: Machines, mode: str) -> None:
    shell = own_machines.boot(f"shell.mode={mode}", ready=False)
    assert b"\x1b" not in shell.read_for(2)


def test_nothing_of_the_question_is_left_where_it_is_not_understood(
        own_machines: Machines) -> None:
    shell = own_machines.boot(ready=False)
    said = shell.read_until(PROMPT.encode())
    # A dumb terminal shows the bytes and then the greeting over them.
    question, rest = said.split(b"\r", 1)
    greeting = rest.split(b"\r\n")[0]
    assert question == b"\x1b[6n" and len(greeting) > len("^[[6n")
    assert b"\x1b" not in rest


def test_a_terminal_that_comes_late_is_found_by_its_first_arrow_key(
        own_machines: Machines) -> None:
    shell = own_machines.boot()
    late = Terminal(shell, 80, 24)
    late.type("\x1b[A")
    late.type("mode\r")
    assert any(row.split() == ["mode", "terminal"] for row in late.rows())


def test_a_resized_terminal_is_asked_again_with_ctrl_l(own_machines: Machines) -> None:
    terminal = Terminal(own_machines.boot(ready=False), 80, 24)
    terminal.type(LONG)
    terminal.resize(40, 10)
    terminal.type("\x0c")
    terminal.type("\x01\x1b[C\x1b[C!\x05")
    shown = "".join(row.ljust(40) for row in terminal.rows()).rstrip()
    assert shown.replace(" ", "") == (PROMPT + LONG.replace("echo", "ec!ho")).replace(" ", "")


def test_4000_pasted_lines_give_4000_replies(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=terminal")
    lines = b"".join(b"echo line %d\r" % number for number in range(4000))
    shell.send(b"\x1b[200~" + lines + b"\x1b[201~")
    for number in range(4000):
        shell.read_until(b"\r\nline %d\r\n" % number)


def test_long_output_ends_with_ctrl_c(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=plain")
    shell.send(b"alloc 16 -n 100000\r")
    shell.read_until(b"a1000 ")
    shell.send(b"\x03")
    rest = shell.read_until(b"^C\r\n" + PROMPT.encode())
    assert b"a100000" not in rest
    assert shell.ok("echo on") == ["on"]
