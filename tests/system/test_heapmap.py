"""`heapmap` on a terminal: as wide as that, coloured, to scale, and live. The screens hold
addresses, which move with the kernel's size, so that what they show is looked at by parts.
"""

import re

import pyte
import pytest

from harness import Machines, Shell
from terminal_screen import PROMPT, Terminal

ROW = re.compile(r"0x[0-9a-f]{8}  (\S.*)")
CELLS = 12  # where they begin in a row
WIDTHS = [(80, 24, 64), (40, 10, 24), (132, 50, 112)]


def picture(rows: list[str]) -> list[str]:
    return [match[1] for row in rows if (match := ROW.fullmatch(row))]


@pytest.fixture
def shell(own_machines: Machines) -> Shell:
    return own_machines.boot("heap.size=64K", ready=False)


def colours(terminal: Terminal, mark: str) -> set[tuple[str, bool]]:
    """What every cell with this mark is drawn in."""
    screen: pyte.Screen = terminal._screen
    found = set()
    for number, row in enumerate(terminal.rows()):
        if ROW.fullmatch(row):
            for column in range(CELLS, len(row)):
                cell = screen.buffer[number][column]
                if cell.data == mark:
                    found.add((cell.fg, cell.reverse))
    return found


@pytest.mark.parametrize("columns, rows, cells", WIDTHS)
def test_it_is_as_wide_as_the_terminal(
        shell: Shell, columns: int, rows: int, cells: int) -> None:
    terminal = Terminal(shell, columns, rows)
    terminal.type("heapmap -r 3\r")
    assert {len(row) for row in picture(terminal.rows())[:-1]} == {cells}


def test_tags_have_colours_and_letters(shell: Shell) -> None:
    terminal = Terminal(shell, 80, 50)
    terminal.type("alloc 4K -t one; alloc 4K -t two; alloc 4K; heapmap -k tag\r")
    (first,), (second,) = colours(terminal, "A"), colours(terminal, "B")
    assert first != second and "default" not in (first[0], second[0])
    assert colours(terminal, "#") == colours(terminal, ".") == {("default", False)}
    legend = [row.split() for row in terminal.rows()]
    assert ["A", "1", "1", "4096", "a1", "a1", "one"] in legend
    assert ["B", "2", "1", "4096", "a2", "a2", "two"] in legend


def test_ages_have_eight_different_colours(shell: Shell) -> None:
    terminal = Terminal(shell, 80, 50)
    terminal.type("alloc 2K -n 16; clear; heapmap -k age\r")
    seen = [colours(terminal, str(age)) for age in range(1, 9)]
    assert all(len(each) == 1 for each in seen)
    assert len(set.union(*seen)) == 8


def test_fullness_has_colours_and_what_is_empty_has_none(shell: Shell) -> None:
    terminal = Terminal(shell, 80, 50)
    terminal.type("alloc 4K; clear; heapmap\r")
    assert colours(terminal, "#") == {("red", False)}
    assert colours(terminal, ".") == colours(terminal, "m") == {("default", False)}


def test_blocks_are_drawn_to_scale(shell: Shell) -> None:
    terminal = Terminal(shell, 80, 24)
    terminal.type("alloc 128 -t page; alloc 128; clear; heapmap a1 128\r")
    assert picture(terminal.rows()) == ["[a1 page-------]"]


def test_a_live_picture_goes_on_below_itself_until_ctrl_c(shell: Shell) -> None:
    terminal = Terminal(shell, 80, 24)
    shell.send(b"alloc 3000 -t x; heapmap --live -i 200\r")
    data = b""
    while data.count(b"frame ") < 5:
        data += shell.read_some(5)
    frames = [b"frame " + each for each in data.split(b"frame ")[2:]]
    assert max(len(each) for each in frames) < 200
    terminal._stream.feed(data)
    terminal.type("\x03")
    rows = [row for row in terminal.rows() if row]
    assert len(picture(rows)) == 16
    assert rows[-1] == PROMPT.rstrip() and rows[-2] == "^C"
    assert re.fullmatch(r"frame \d+  3008 bytes in 1 blocks", rows[-3])


def test_all_of_memory(shell: Shell) -> None:
    terminal = Terminal(shell, 80, 50)
    terminal.type("clear; heapmap --ram\r")
    shown = "\n".join(terminal.rows())
    for what in ("spin table", "boot tags", "kernel text", "kernel constants", "kernel data",
                 "kernel stacks", "heap", "handles", "free", "GPU memory", "peripherals"):
        assert re.search(rf"^.  +0x\w+  0x\w+ +\d+  {what}  ", shown, re.MULTILINE), what
    assert re.search("GPU memory +GPU's, unmapped", shown)
    assert re.search("kernel stacks +guard pages", shown)


def test_what_is_told_to_be_unmapped_is(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json")
    regions = shell.result("heapmap --ram")["regions"]
    assert regions[0]["start"] == "0x0" and regions[-1]["what"] == "peripherals"
    for region, after in zip(regions, regions[1:]):
        assert region["end"] == after["start"]
    for region in regions:
        for address in (int(region["start"], 16), int(region["end"], 16) - 1):
            status = shell.run(f"peek {address} -w 1").status
            reason = region["unreadable"] or ""
            if reason == "":
                assert status == 0, (region, hex(address))
            elif "unmapped" in reason:
                assert status == 1, (region, hex(address))
