"""Input that must be refused: one clear line, the right status, and a heap in
which nothing has changed.
"""

import pytest

from harness import Shell
from texts import FAILED, WRONG_USAGE, address_in, assert_error, handle_in

HUGE = 18446744073709551615


def figures(shell: Shell) -> list[str]:
    """The statistics but for the count of failures."""
    return [line for line in shell.ok("stats") if "failures" not in line]


def assert_refused(shell: Shell, line: str, status: int) -> None:
    before = figures(shell)
    assert_error(shell.run(line), status)
    assert figures(shell) == before


@pytest.mark.parametrize("line, status", [
    ("alloc 0", FAILED),
    ("alloc 3G", FAILED),
    (f"alloc {HUGE}", FAILED),
    (f"alloc {HUGE - 15}", FAILED),
    (f"alloc {HUGE} 4K", FAILED),
    ("alloc 0xffff_ffff_ffff_fff0 16", FAILED),
    ("alloc 16 3", FAILED),
    ("alloc 16 0", FAILED),
    (f"alloc 16 {1 << 63}", FAILED),
    (f"alloc 16 {HUGE}", FAILED),
    (f"alloc {HUGE} -n 2", FAILED),
    ("alloc 1G -n 3", FAILED),
    ("alloc 16 -n 4294967295", FAILED),
    ("alloc -1", WRONG_USAGE),
    ("alloc 1e3", WRONG_USAGE),
    ("alloc 0x", WRONG_USAGE),
    ("alloc ''", WRONG_USAGE),
    (f"alloc {HUGE + 1}", WRONG_USAGE),
    ("alloc 16 -n -1", WRONG_USAGE),
    ("alloc 16 -n 0", WRONG_USAGE),
    ("alloc 16 -f 256", WRONG_USAGE),
    ("alloc 16 x", WRONG_USAGE),
])
def test_alloc_refuses(shell: Shell, line: str, status: int) -> None:
    assert_refused(shell, line, status)


@pytest.mark.parametrize("line, status", [
    ("free a4000000000", FAILED),
    ("free 0x0", FAILED),
    ("free 0x10", FAILED),
    ("free 0x3f000000", FAILED),
    (f"free {HUGE}", FAILED),
    ("free -t nosuch", FAILED),
    ("free xyz", WRONG_USAGE),
    ("free 0x", WRONG_USAGE),
    (f"free {HUGE + 1}", WRONG_USAGE),
    ("free -t", WRONG_USAGE),
    ("free", WRONG_USAGE),
])
def test_free_refuses(shell: Shell, line: str, status: int) -> None:
    assert_refused(shell, line, status)


@pytest.mark.parametrize("offset", [1, 8, 16, 255])
def test_free_refuses_an_address_inside_a_block(shell: Shell, offset: int) -> None:
    lines = shell.ok("alloc 256")
    assert_refused(shell, f"free {int(address_in(lines), 16) + offset:#x}", FAILED)
    shell.ok(f"free {handle_in(lines)}")


def test_free_refuses_what_is_free_already(shell: Shell) -> None:
    lines = shell.ok("alloc 256")
    shell.ok(f"free {handle_in(lines)}")
    assert_refused(shell, f"free {handle_in(lines)}", FAILED)
    assert_refused(shell, f"free {address_in(lines)}", FAILED)


def test_free_refuses_a_block_named_twice(shell: Shell) -> None:
    handle = handle_in(shell.ok("alloc 256"))
    assert_refused(shell, f"free {handle} {handle}", FAILED)
    shell.ok(f"free {handle}")


@pytest.mark.parametrize("line, status", [
    ("heapmap 0x0 16", FAILED),
    ("heapmap a4000000000", FAILED),
    ("heapmap x", WRONG_USAGE),
    ("heapmap 0x100000 0", WRONG_USAGE),
    ("heapmap -w x", WRONG_USAGE),
    ("heapmap -r 0", WRONG_USAGE),
])
def test_heapmap_refuses(shell: Shell, line: str, status: int) -> None:
    assert_refused(shell, line, status)


def test_the_shell_goes_on_after_any_of_it(shell: Shell) -> None:
    shell.run("alloc 3G; free zzz; heapmap 0; nosuch; alloc 'x")
    handle = handle_in(shell.ok("alloc 64"))
    shell.ok(f"free {handle}")
