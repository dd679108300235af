"""`heapscope record`: runs a program and writes its allocations as a trace.

The program runs under the recorder (tools/recorder/), a library that logs every
call of the malloc family of each process; one process's log becomes the trace.
"""

import heapq
import lzma
import os
import shlex
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from build import PROJECT_ROOT
from failure import Failure

_SOURCE = PROJECT_ROOT / "tools" / "recorder" / "recorder.cpp"
_LIBRARY = PROJECT_ROOT / "build" / "recorder" / "libheapscope_recorder.so"

# The layout of a record, and its events: recorder.cpp.
_RECORD = struct.Struct("<5Q")
_END, _ALLOCATE, _FREE, _REALLOCATE = range(4)

# What malloc gives without being asked; a trace names an alignment only where it
# differs.
_DEFAULT_ALIGN = 16

MARK = "#!heapscope trace"


def run_record(command: list[str], output: Path, program: str | None, limit: int) -> int:
    """The status is the program's."""
    with tempfile.TemporaryDirectory(prefix="heapscope-") as directory:
        status = _run(command, directory)
        log = _choose(_logs(directory), program)
        trace = _trace_of(log, limit)
    header = [MARK, f"# recorded from: {shlex.join(command)}"]
    if log.program != Path(command[0]).name:
        header.append(f"# its process: {log.program}")
    _write(output, "\n".join(header + trace.lines) + "\n")
    print(f"heapscope: {len(trace.lines)} operations of {log.program}, at most {trace.ids} blocks "
          f"and {trace.peak_bytes} bytes live: {output}", file=sys.stderr)
    return status


@dataclass(frozen=True)
class _Log:
    program: str
    data: bytes

    def records(self) -> Iterator[tuple[int, ...]]:
        """Up to the zeroes that end it."""
        for record in _RECORD.iter_unpack(self.data):
            if record[0] == _END:
                return
            yield record

    def length(self) -> int:
        return sum(1 for _ in self.records())


class Trace:
    """Turns records into lines. A block's number is the lowest that is free, so
    that the highest is one less than the most blocks that live together."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ids = 0
        self.peak_bytes = 0
        self._live: dict[int, tuple[int, int]] = {}  # address: number and size
        self._free_ids: list[int] = []
        self._live_bytes = 0

    def add(self, event: int, align: int, size: int, address: int, previous: int) -> None:
        size = max(size, 1)  # malloc(0) gives a block; the smallest here has one byte
        if event == _ALLOCATE:
            self._allocate(address, size, align)
        elif event == _FREE:
            self._free(address)
        elif previous not in self._live:
            self._allocate(address, size, 0)  # a block from before the recorder worked
        else:
            self._reallocate(previous, address, size)
        self.peak_bytes = max(self.peak_bytes, self._live_bytes)

    def _allocate(self, address: int, size: int, align: int) -> None:
        number = heapq.heappop(self._free_ids) if self._free_ids else self.ids
        self.ids = max(self.ids, number + 1)
        self._live[address] = (number, size)
        self._live_bytes += size
        suffix = "" if align in (0, _DEFAULT_ALIGN) else f" {align}"
        self.lines.append(f"a {number} {size}{suffix}")

    def _free(self, address: int) -> None:
        if address not in self._live:
            return  # likewise
        number, size = self._live.pop(address)
        heapq.heappush(self._free_ids, number)
        self._live_bytes -= size
        self.lines.append(f"f {number}")

    def _reallocate(self, previous: int, address: int, size: int) -> None:
        number, old_size = self._live.pop(previous)
        self._live[address] = (number, size)
        self._live_bytes += size - old_size
        self.lines.append(f"r {number} {size}")


def _recorder() -> Path:
    """The library, compiled if it is older than its source."""
    if _LIBRARY.exists() and _LIBRARY.stat().st_mtime >= _SOURCE.stat().st_mtime:
        return _LIBRARY
    _LIBRARY.parent.mkdir(parents=True, exist_ok=True)
    command = ["g++", "-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror", "-fno-exceptions",
               "-fno-builtin", "-shared", "-fPIC", "-o", str(_LIBRARY), str(_SOURCE)]
    if subprocess.run(command, check=False).returncode != 0:
        raise Failure("the recorder does not compile")
    return _LIBRARY


def _run(command: list[str], directory: str) -> int:
    preload = ":".join(filter(None, [str(_recorder()), os.environ.get("LD_PRELOAD")]))
    environment = os.environ | {"HEAPSCOPE_RECORD": directory, "LD_PRELOAD": preload}
    try:
        status = subprocess.run(command, env=environment, check=False).returncode
    except OSError as error:
        raise Failure(f"{command[0]}: {error.strerror}") from None
    return status if status >= 0 else 128 - status


def _logs(directory: str) -> list[_Log]:
    """Named PID.N.PROGRAM.log."""
    return [_Log(path.name.split(".", 2)[2].removesuffix(".log"), path.read_bytes())
            for path in sorted(Path(directory).glob("*.log"))]


def _choose(logs: list[_Log], program: str | None) -> _Log:
    """The longest, of that program if one is named."""
    wanted = [log for log in logs if program in (None, log.program)]
    if not wanted:
        found = ", ".join(sorted({log.program for log in logs})) or "nothing"
        raise Failure(f"no process of {program or 'the program'} was recorded, only: {found}")
    return max(wanted, key=_Log.length)


def _trace_of(log: _Log, limit: int) -> Trace:
    trace = Trace()
    for record in log.records():
        trace.add(*record)
        if len(trace.lines) == limit:
            break
    return trace


def _write(output: Path, text: str) -> None:
    try:
        if output.suffix == ".xz":
            output.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
        else:
            output.write_text(text)
    except OSError as error:
        raise Failure(f"{output}: {error.strerror}") from None
