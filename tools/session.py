"""Talks to the shell over its serial line: raw bytes, and framed commands.

A framed command `@TAG line` is answered by `@TAG BEGIN`, the reply's lines and
`@TAG END status=N`, in every mode; what is echoed before BEGIN does not count.
"""

import itertools
import re
import select
import socket
import time
from dataclasses import dataclass
from typing import Callable

PROMPT = b"heapscope> "

_READY_TAGS = "h{}"
_FIRST_PAUSE = 0.1
_AFTER_STOP_SECONDS = 1.0
_STOPPED = re.compile(rb"(panic|fatal):")
_REPORT_ENDS = re.compile(rb"The panic shell:|halted")
_ESCAPE_SEQUENCE = re.compile(rb"\x1b\[[0-9;?]*[@-~]|\x1b[78=>]")


class SessionError(Exception):
    """The conversation cannot go on."""


class MachineEnded(SessionError):
    """The other end closed the line."""


class Silence(SessionError):
    """Nothing came for too long."""


class KernelStopped(SessionError):
    """The kernel said `panic:` or `fatal:`.

    `report` is all that it said of it; `after_reply` whether the command that did it
    had been answered: its frame is ended before the report.
    """

    def __init__(self, report: list[bytes], after_reply: bool) -> None:
        super().__init__(report[0].decode("latin-1"))
        self.report = report
        self.after_reply = after_reply


@dataclass(frozen=True)
class Reply:
    lines: list[str]
    status: int


def receive(connection: socket.socket) -> bytes:
    """Nothing when QEMU has ended, with or without having read all its input."""
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


class Session:
    def __init__(self, connection: socket.socket, timeout: float,
                 on_bytes: Callable[[bytes], None] = lambda data: None) -> None:
        """`timeout` is how long the line may be silent; `on_bytes` sees all that arrives."""
        connection.setblocking(False)
        self._connection = connection
        self._timeout = timeout
        self._on_bytes = on_bytes
        self._received = bytearray()
        self._last_words: bytes | None = None  # a panic, unless more follows
        self._ended = False

    def send(self, data: bytes) -> None:
        """Reads while it writes: a kernel that is waited for stops reading."""
        rest = memoryview(data)
        while rest:
            readable, writable, _ = select.select(
                [] if self._ended else [self._connection], [self._connection], [], self._timeout)
            if not readable and not writable:
                raise Silence(f"the kernel took no input for {self._timeout:g} s")
            if readable:
                self._receive()
            if writable:
                rest = rest[self._write(rest):]

    def expect(self, pattern: bytes, within: float | None = None) -> bytes:
        """Everything up to and with the first match of a regular expression."""
        compiled = re.compile(pattern)
        while not (match := compiled.search(self._received)):
            self._fill(within)
        return self._take(match.end())

    def read_until(self, text: bytes, within: float | None = None) -> bytes:
        return self.expect(re.escape(text), within)

    def read_for(self, seconds: float) -> bytes:
        """Whatever comes in that time, to show that nothing more does."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self._ended:
            if select.select([self._connection], [], [], left)[0]:
                self._receive()
        return self._take(len(self._received))

    def read_some(self, seconds: float) -> bytes:
        """What has come, or comes first within that time."""
        if not self._received and not self._ended:
            if select.select([self._connection], [], [], seconds)[0]:
                self._receive()
        return self._take(len(self._received))

    def read_line(self, within: float | None = None) -> bytes:
        """The next line without its end; what came last counts as one."""
        while (end := self._received.find(b"\n")) < 0:
            try:
                self._fill(within)
            except MachineEnded:
                if not self._received:
                    raise
                return self._take(len(self._received))
        line = self._take(end + 1)[:-1].removesuffix(b"\r")
        if _STOPPED.match(line):
            self._last_words = line
        return line

    def wait_until_ready(self) -> None:
        """Repeats a framed no-op until it is answered.

        There is no prompt in json mode, and a UART that is set up empties its
        queue, so what is typed before that may be lost. Only an answer to what was typed
        last counts: whatever comes late of the others comes before it.
        """
        deadline = time.monotonic() + self._timeout
        pause = _FIRST_PAUSE
        for attempt in itertools.count():
            tag = _READY_TAGS.format(attempt).encode()
            self.send(b"@" + tag + b" #\r")
            try:
                self._skip_to(tag + b" BEGIN", pause)
                self._finish(tag, lambda line: None)
                return
            except Silence:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Silence(f"no shell answered for {self._timeout:g} s") from None
                pause = min(2 * pause, left)

    def run_framed(self, tag: bytes, line: bytes, on_line: Callable[[bytes], None]) -> int:
        """Types one line, hands over the reply's lines as they come, returns the status."""
        self.send(b"@" + tag + b" " + line + b"\r")
        self._skip_to(tag + b" BEGIN")
        return self._finish(tag, on_line)

    def run(self, line: str, tag: str) -> Reply:
        """The same for those who want the whole reply at once."""
        lines: list[str] = []
        status = self.run_framed(
            tag.encode(), line.encode("latin-1"), lambda text: lines.append(text.decode("latin-1")))
        return Reply(lines, status)

    def close(self) -> None:
        self._connection.close()

    def _skip_to(self, mark: bytes, within: float | None = None) -> None:
        """What stands between two replies is no reply: a panic there is one."""
        while _bare(line := self.read_line(within)) != b"@" + mark:
            if _STOPPED.match(line):
                raise KernelStopped(self._report_from(line), after_reply=True)

    def _report_from(self, line: bytes) -> list[bytes]:
        report = [line]
        try:
            while not _REPORT_ENDS.match(line):
                line = self.read_line()
                report.append(line)
        except SessionError:
            pass  # it is as long as it is
        return report

    def _finish(self, tag: bytes, on_line: Callable[[bytes], None]) -> int:
        end = re.compile(rb"@" + re.escape(tag) + rb" END status=(\d+)")
        while True:
            line = self.read_line()
            if match := end.fullmatch(_bare(line)):
                self._last_words = None
                return int(match[1])
            on_line(line)

    def _fill(self, within: float | None) -> None:
        """Waits for more bytes."""
        seconds = self._timeout if within is None else within
        if self._last_words is not None:
            seconds = min(seconds, _AFTER_STOP_SECONDS)
        if not self._ended and select.select([self._connection], [], [], seconds)[0]:
            self._receive()
            if not self._ended:
                return
        if self._last_words is not None:
            raise KernelStopped([self._last_words], after_reply=False)
        if self._ended:
            raise MachineEnded("QEMU ended")
        raise Silence(f"nothing came from the kernel for {seconds:g} s")

    def _receive(self) -> None:
        try:
            data = receive(self._connection)
        except BlockingIOError:
            return
        self._ended = not data
        self._received += data
        self._on_bytes(data)

    def _write(self, data: memoryview) -> int:
        try:
            return self._connection.send(data)
        except BlockingIOError:
            return 0
        except (BrokenPipeError, ConnectionResetError):
            # What the machine said before it ended is still to be read.
            return len(data)

    def _take(self, count: int) -> bytes:
        data = bytes(self._received[:count])
        del self._received[:count]
        return data


def _bare(line: bytes) -> bytes:
    """A line without the escape sequences that terminal mode puts around it."""
    return _ESCAPE_SEQUENCE.sub(b"", line).strip(b"\r")
