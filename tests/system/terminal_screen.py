"""A person at a terminal: a screen of a size of its own, kept by a terminal emulator
that answers what the kernel asks, on the serial line of a booted kernel.
"""

import pyte

from harness import Shell

QUIET_SECONDS = 0.7  # longer than the kernel waits before it hints
PROMPT = "heapscope> "


class Terminal:
    def __init__(self, shell: Shell, columns: int, rows: int) -> None:
        self._shell = shell
        self._screen = pyte.Screen(columns, rows)
        self._screen.write_process_input = lambda answer: shell.send(answer.encode())
        self._stream = pyte.ByteStream(self._screen)
        self.settle()

    def type(self, keys: str) -> None:
        """Types, and looks until nothing more is shown."""
        self._shell.send(keys.encode())
        self.settle()

    def settle(self) -> None:
        while data := self._shell.read_for(QUIET_SECONDS):
            self._stream.feed(data)

    def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(rows, columns)

    def rows(self) -> list[str]:
        return [row.rstrip() for row in self._screen.display]

    def here(self) -> str:
        """The row that the cursor is in."""
        return self.rows()[self._screen.cursor.y]

    def picture(self) -> str:
        """All rows and where the cursor is, counted from 0."""
        rows = "\n".join(self.rows()).rstrip("\n")
        return f"{rows}\ncursor {self._screen.cursor.y} {self._screen.cursor.x}\n"
