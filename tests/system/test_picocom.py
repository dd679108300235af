"""A person at picocom: `./heapscope picocom` in a pseudo-terminal whose screen
is kept by a terminal emulator.
"""

import time
from typing import Iterator

import pexpect
import pyte
import pytest

from harness import HEAPSCOPE, KERNEL

SECONDS = 30
LEAVE = "\x01\x18"  # Ctrl-A Ctrl-X


class Person:
    """Types, and looks at the screen until it shows what is awaited."""

    def __init__(self) -> None:
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.Stream(self._screen)
        self._process = pexpect.spawn(
            str(HEAPSCOPE), ["picocom", "--kernel", str(KERNEL)], encoding="latin-1",
            dimensions=(24, 80))

    def type(self, keys: str) -> None:
        self._process.send(keys)

    def sees(self, *texts: str, last: str = "heapscope>") -> None:
        """Waits until the screen shows these in lines above the last, that of the cursor."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            self._look(0.1)
            lines = [line.rstrip() for line in self._screen.display if line.strip()]
            if lines and lines[-1] == last and all(
                    any(text in line for line in lines[:-1]) for text in texts):
                return
        raise AssertionError(f"not {texts} above {last!r} but:\n" + "\n".join(self._screen.display))

    def exit_status(self) -> int | None:
        self._process.expect(pexpect.EOF, timeout=SECONDS)
        self._process.close()
        return self._process.exitstatus

    def close(self) -> None:
        self._process.close(force=True)

    def _look(self, seconds: float) -> None:
        try:
            self._stream.feed(self._process.read_nonblocking(4096, seconds))
        except pexpect.TIMEOUT:
            pass


@pytest.fixture
def person() -> Iterator[Person]:
    person = Person()
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
