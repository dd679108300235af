"""A booted kernel for the system tests, and the two ways to talk to its shell.

Framed commands give whole replies; raw bytes show what a terminal would see.
"""

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterator

from qemu import Hardware, SocketMachine
from session import PROMPT, MachineEnded, Reply, Session, SessionError

PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
KERNEL = Path(os.environ.get("HEAPSCOPE_KERNEL", PROJECT_ROOT / "build/pi3/kernel/kernel8.img"))
HEAPSCOPE = PROJECT_ROOT / "heapscope"

# Two machines may share one core with a compiler: generous, for a failure only.
SILENCE_SECONDS = 30

# A kernel that does not boot must not take that long in every single test.
_PATIENCE = 3
_silent_boots: list["Shell"] = []

Json = dict[str, Any]


class Shell:
    def __init__(self, hardware: Hardware, extra: list[str] | None = None) -> None:
        self.hardware = hardware
        self.transcript = bytearray()
        self.usable = True
        self._tags = 0
        self._machine = SocketMachine(hardware, extra)
        try:
            connection = self._machine.connect()
        except BaseException:
            self._machine.close()
            raise
        self._session = Session(connection, SILENCE_SECONDS, self.transcript.extend)

    def run(self, line: str) -> Reply:
        """Runs a line framed, which works in every mode."""
        self._tags += 1
        with self._watched():
            return self._session.run(line, f"t{self._tags}")

    def ok(self, line: str) -> list[str]:
        reply = self.run(line)
        assert reply.status == 0, f"{line}: {reply}"
        return reply.lines

    def replies(self, line: str) -> list[Json]:
        """In json mode: one object for every command of the line."""
        documents = [json.loads(text) for text in self.run(line).lines]
        for document in documents:
            assert document["schema"] == 1
        return documents

    def json(self, line: str) -> Json:
        """In json mode: the one object that the line gives."""
        documents = self.replies(line)
        assert len(documents) == 1, documents
        return documents[0]

    def result(self, line: str) -> Json:
        document = self.json(line)
        assert document["status"] == 0, document
        return document["result"]

    def settle(self) -> None:
        """In plain mode: leaves nothing unread, the cursor behind a fresh prompt."""
        self.send(b"echo settled\r")
        self.read_until(b"\r\nsettled\r\n" + PROMPT)

    def wait_until_ready(self) -> None:
        with self._watched():
            self._session.wait_until_ready()

    def send(self, data: bytes) -> None:
        with self._watched():
            self._session.send(data)

    def expect(self, pattern: bytes) -> bytes:
        with self._watched():
            return self._session.expect(pattern)

    def read_until(self, text: bytes) -> bytes:
        with self._watched():
            return self._session.read_until(text)

    def read_for(self, seconds: float) -> bytes:
        return self._session.read_for(seconds)

    def read_some(self, seconds: float) -> bytes:
        return self._session.read_some(seconds)

    def type(self, data: bytes) -> bytes:
        """Types bytes that end a line; everything up to and with the next prompt."""
        self.send(data)
        return self.read_until(b"\r\n" + PROMPT)

    def exit_status(self) -> int | None:
        """Reads what is left of a machine that is ending."""
        try:
            self._session.expect(rb"(?!)")
        except MachineEnded:
            pass
        self.usable = False
        return self._machine.wait()

    def close(self) -> None:
        self.usable = False
        self._session.close()
        self._machine.close()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """After a silence every further wait would only be as long again."""
        if not self.usable:
            raise SessionError("this machine has failed or ended before")
        try:
            yield
        except SessionError:
            self.usable = False
            raise


@dataclass
class Machines:
    """The machines of one module, all switched off at its end."""

    shells: list[Shell] = field(default_factory=list)
    _shared: dict[str, Shell] = field(default_factory=dict)

    def boot(self, append: str = "", ready: bool = True, extra: list[str] | None = None,
             **hardware: Any) -> Shell:
        """A machine of its own; `ready=False` leaves all that it says unread, `extra`
        are more options for QEMU."""
        if len(_silent_boots) >= _PATIENCE:
            raise SessionError("the kernel did not answer after earlier boots")
        shell = Shell(Hardware(**{"kernel": KERNEL, "command_line": append, **hardware}), extra)
        self.shells.append(shell)
        if ready:
            try:
                shell.wait_until_ready()
            except SessionError:
                _silent_boots.append(shell)
                raise
        return shell

    def shared(self, append: str, clean: Callable[[Shell], None]) -> Shell:
        """The module's machine with that command line; a new one after a failure."""
        shell = self._shared.get(append)
        if shell is None or not shell.usable:
            shell = self._shared[append] = self.boot(append)
        clean(shell)
        return shell

    def close(self) -> None:
        for shell in self.shells:
            shell.close()
