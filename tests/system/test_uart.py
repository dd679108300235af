"""The serial line under load: nothing lost of what is pasted, Ctrl-C heard behind
it, and `uart`, which says what the line is set up with and what it has lost.
"""

import re

import pytest

from harness import Shell
from session import PROMPT

CTRL_C = b"\x03"

FIELDS = [
    "core_clock_hz", "clock_source", "divisor", "baud", "error_basis_points", "received", "sent",
    "overruns", "ring_overflows", "unsent", "attentions", "stops", "waiting",
]
LOSSES = ["overruns", "ring_overflows", "unsent"]

PASTE_BYTES = 64 * 1024


@pytest.fixture
def line(shell: Shell) -> Shell:
    shell.settle()
    return shell


def numbered_lines(size: int = PASTE_BYTES) -> tuple[bytes, int]:
    """A paste of that many `echo line N` commands."""
    count = 0
    paste = bytearray()
    while len(paste) < size:
        paste += b"echo line %d\r" % count
        count += 1
    return bytes(paste), count


def numbers_answered(seen: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb"\r\nline (\d+)\r\n", seen)]


def figures(shell: Shell) -> dict[str, str]:
    """In plain mode."""
    return dict(line.split(maxsplit=1) for line in shell.ok("uart"))


def losses(shell: Shell) -> dict[str, str]:
    return {name: value for name, value in figures(shell).items() if name in LOSSES}


def test_plain_shows_every_figure(shell: Shell) -> None:
    shown = figures(shell)
    assert list(shown) == FIELDS
    assert shown.pop("clock_source") in ("measured", "nominal", "assumed")
    assert all(re.fullmatch(r"-?\d+", value) for value in shown.values()), shown


def test_json_gives_integers(json_shell: Shell) -> None:
    result = json_shell.result("uart")
    assert list(result) == FIELDS
    assert result.pop("clock_source") in ("measured", "nominal", "assumed")
    assert all(type(value) is int for value in result.values()), result


def test_the_rate_is_what_the_divisor_makes_of_the_clock(json_shell: Shell) -> None:
    result = json_shell.result("uart")
    rate = result["core_clock_hz"] / (8 * (result["divisor"] + 1))
    assert result["baud"] == int(rate)
    assert abs(result["error_basis_points"] - (rate / 115200 - 1) * 10000) <= 0.5
    assert abs(result["error_basis_points"]) < 200


def test_input_and_output_are_counted(json_shell: Shell) -> None:
    before = json_shell.result("uart")
    json_shell.ok("echo " + 100 * "x")
    after = json_shell.result("uart")
    assert after["received"] - before["received"] >= 105
    assert after["sent"] - before["sent"] >= 100
    assert after["waiting"] == 0


def test_input_behind_the_command_is_counted_as_waiting(line: Shell) -> None:
    line.send(b"alloc 16 -n 2000\ruart\r" + 20 * b"# later\r" + b"echo end\r")
    seen = line.read_until(b"\r\nend\r\n" + PROMPT)
    match = re.search(rb"\r\nwaiting +(\d+)\r\n", seen)
    assert match and int(match[1]) > 0


def test_ctrl_c_is_counted(line: Shell) -> None:
    before = int(figures(line)["attentions"])
    line.settle()
    line.send(CTRL_C)
    line.read_until(b"^C\r\n" + PROMPT)
    assert int(figures(line)["attentions"]) == before + 1


def test_uart_takes_no_arguments(shell: Shell) -> None:
    assert shell.run("uart 115200").status == 2


def test_a_long_paste_is_answered_completely_and_in_order(line: Shell) -> None:
    paste, count = numbered_lines()
    line.send(paste + b"echo end\r")
    seen = line.read_until(b"\r\nend\r\n" + PROMPT)
    assert numbers_answered(seen) == list(range(count))
    assert set(losses(line).values()) == {"0"}


@pytest.mark.parametrize("output", [
    b"alloc 16 -n 3000\rheapmap -b\r", b";".join(60 * [b"help"]) + b"\r",
], ids=["heapmap", "help"])
def test_a_paste_during_a_long_output_is_answered_completely(line: Shell, output: bytes) -> None:
    paste, count = numbered_lines()
    line.send(output + paste + b"echo end\r")
    seen = line.read_until(b"\r\nend\r\n" + PROMPT)
    assert len(seen) > 3 * PASTE_BYTES, "the output was not long"
    assert numbers_answered(seen) == list(range(count))
    assert set(losses(line).values()) == {"0"}


def test_ctrl_c_behind_a_paste_drops_it(line: Shell) -> None:
    # The kernel answers as fast as QEMU hands a paste over, a few bytes at a time:
    # only while it is busy with something long does a backlog build up in the ring.
    paste, _ = numbered_lines(8 * 1024)
    line.send(b";".join(10 * [b"alloc 512M -f 1;free all"]) + b"\r" + paste + CTRL_C)
    seen = line.read_until(b"^C\r\n" + PROMPT)
    assert b"\nline " not in seen
    assert line.read_for(0.5) == b""
    assert line.type(b"echo on\r") == b"echo on\r\non\r\n" + PROMPT


def test_ctrl_c_behind_a_paste_that_is_being_answered_gives_a_prompt(line: Shell) -> None:
    paste, _ = numbered_lines()
    line.send(paste + CTRL_C)
    seen = line.read_until(b"^C\r\n" + PROMPT)
    answered = numbers_answered(seen)
    assert answered == list(range(len(answered)))
    assert line.read_for(0.5) == b""
    assert line.type(b"echo on\r") == b"echo on\r\non\r\n" + PROMPT
