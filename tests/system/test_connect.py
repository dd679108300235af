"""`./heapscope connect`: picocom attached to a serial line that is already there."""

import os
from pathlib import Path
from typing import Iterator

import pytest

from command import assert_one_line, heapscope
from connect import check_device
from failure import MACHINE_STATUS, USAGE_STATUS, Failure
from harness import KERNEL
from person import LEAVE, Person
from picocom import pseudo_terminal
from qemu import Hardware, SocketMachine


@pytest.fixture
def person() -> Iterator[Person]:
    """At a board whose cable is a pseudo-terminal."""
    with SocketMachine(Hardware(kernel=KERNEL)) as machine:
        with pseudo_terminal(machine) as device:
            person = Person("connect", str(device))
            yield person
            person.close()


def test_a_command_is_typed_and_answered(person: Person) -> None:
    person.sees("Ctrl-A")
    person.type("alloc 65\x7f4\r")
    person.sees("heapscope> alloc 64", "a1")
    person.type(LEAVE)
    assert person.exit_status() == 0


def test_the_end_of_the_line_is_said(person: Person) -> None:
    person.sees()
    person.type("poweroff\r")
    assert person.exit_status() == MACHINE_STATUS
    person.shows("heapscope: picocom: ")


@pytest.mark.parametrize("arguments, reason", [
    ((), "DEVICE"),
    (("/dev/nosuch",), "there is no /dev/nosuch"),
    (("/dev",), "not a character device"),
    ((__file__,), "not a character device"),
    ((f"{__file__}/ttyUSB0",), "cannot look at"),
    (("/dev/tty", "--baud", "0"), "--baud"),
    (("/dev/tty", "--baud", "fast"), "--baud"),
    (("/dev/tty",), "needs a terminal"),
])
def test_wrong_use_is_one_line_and_status_2(arguments: tuple[str, ...], reason: str) -> None:
    result = heapscope("connect", *arguments)
    assert (result.returncode, result.stdout) == (USAGE_STATUS, "")
    assert_one_line(result.stderr)
    assert reason in result.stderr


def test_a_line_without_permission_names_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever runs the tests may be allowed everything.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(Failure, match="dialout") as caught:
        check_device(Path("/dev/tty"))
    assert caught.value.status == USAGE_STATUS


def test_a_line_that_is_no_terminal_is_said() -> None:
    person = Person("connect", "/dev/null")
    assert person.exit_status() == MACHINE_STATUS
    person.shows("heapscope: picocom: ")
    person.close()
