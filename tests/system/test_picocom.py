"""`./heapscope picocom`: picocom attached to QEMU, as to a board."""

from typing import Iterator

import pytest

from harness import KERNEL
from person import LEAVE, Person


@pytest.fixture
def person() -> Iterator[Person]:
    person = Person("picocom", "--kernel", str(KERNEL))
    yield person
    person.close()


def test_alloc_backspace_free_and_leaving(person: Person) -> None:
    person.sees("Ctrl-A")
    person.type("alloc 65\x7f4\r")
    person.sees("heapscope> alloc 64", "a1")
    person.type("free a1\r")
    person.sees("heapscope> free a1")
    person.type("frei\x7f\x08\x7f\x08echo over\r")
    person.sees("heapscope> echo over")
    person.type(LEAVE)
    assert person.exit_status() == 0


def test_enter_and_ctrl_c_prompt_again(person: Person) -> None:
    person.sees()
    person.type("\rhalf a line")
    person.sees(last="heapscope> half a line")
    person.type("\x03")
    person.sees("heapscope> half a line")
    person.type("echo on\r")
    person.sees("heapscope> echo on")
    person.type(LEAVE)
    assert person.exit_status() == 0


def test_poweroff_ends_picocom_with_its_status(person: Person) -> None:
    person.sees()
    person.type("poweroff 6\r")
    assert person.exit_status() == 6
