"""A person at picocom: a subcommand of ./heapscope in a pseudo-terminal whose
screen is kept by a terminal emulator.
"""

import time

import pexpect
import pyte

from harness import HEAPSCOPE

SECONDS = 30
LEAVE = "\x01\x18"  # Ctrl-A Ctrl-X


class Person:
    """Types, and looks at the screen until it shows what is awaited."""

    def __init__(self, *arguments: str) -> None:
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.Stream(self._screen)
        self._process = pexpect.spawn(
            str(HEAPSCOPE), list(arguments), encoding="latin-1", dimensions=(24, 80))

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

    def awaits(self, text: str, seconds: float = SECONDS) -> None:
        """Waits until the screen shows this anywhere."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._look(0.1)
            if any(text in line for line in self._screen.display):
                return
        raise AssertionError(f"not {text!r} but:\n" + "\n".join(self._screen.display))

    def rests(self, seconds: float) -> None:
        """Does nothing for a while, and lets the program go on."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._look(0.1)

    def shows(self, text: str) -> None:
        """Looks once, at what the screen shows in the end."""
        assert any(text in line for line in self._screen.display), self._screen.display

    def exit_status(self) -> int | None:
        self._process.expect(pexpect.EOF, timeout=SECONDS)
        self._stream.feed(self._process.before)
        self._process.close()
        return self._process.exitstatus

    def close(self) -> None:
        self._process.close(force=True)

    def _look(self, seconds: float) -> None:
        try:
            self._stream.feed(self._process.read_nonblocking(4096, seconds))
        except pexpect.TIMEOUT:
            pass
