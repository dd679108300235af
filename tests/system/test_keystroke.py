"""What a keystroke at the end of a line costs, counted on QEMU's own record of every
instruction that runs: all of it, from the interrupt to the next wait, and how much of it
comes before the echo.
"""

import re
import socket
import time
from pathlib import Path

import pytest

from harness import Machines
from session import PROMPT

MOST_INSTRUCTIONS = 2000
LINE = b"alloc 64 -t keys"
# The mini UART's data register.
DATA_REGISTER = 0x3F215040

_STEP = re.compile(r"(Trace|Stopped execution) ")
_WRITE = re.compile(r"memory_region_ops_write .* addr (0x[0-9a-f]+) value (0x[0-9a-f]+)")
# A keystroke is over by far in the first time; what the kernel does when nobody has typed
# for 0.4 s, a hint of the usage in terminal mode, in the second.
_KEY_SECONDS = 0.2
_PAUSE_SECONDS = 0.8


class Monitor:
    """QEMU's, to begin and end the record."""

    def __init__(self, path: Path) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(str(path))
        self._read_prompt()

    def run(self, command: str) -> None:
        self._connection.sendall(command.encode() + b"\n")
        self._read_prompt()

    def close(self) -> None:
        self._connection.close()

    def _read_prompt(self) -> None:
        seen = b""
        while not seen.endswith(b"(qemu) "):
            seen += self._connection.recv(4096)


class Recording:
    """What is recorded, piece by piece."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0

    def after(self, seconds: float) -> list[str]:
        """The lines since the last call, so many seconds from now."""
        time.sleep(seconds)
        with self._path.open() as lines:
            lines.seek(self._place)
            text = lines.read()
            self._place += len(text.encode())
        return text.splitlines()


def instructions(lines: list[str]) -> int:
    """Each step is one; one that is stopped has not been carried out."""
    steps = [match[1] for line in lines if (match := _STEP.match(line))]
    return steps.count("Trace") - steps.count("Stopped execution")


def sent(lines: list[str]) -> list[tuple[int, int]]:
    """The bytes that were given to the UART, and how many instructions before each."""
    bytes_sent = []
    for number, line in enumerate(lines):
        match = _WRITE.search(line)
        if match and int(match[1], 16) == DATA_REGISTER:
            bytes_sent.append((int(match[2], 16), instructions(lines[:number])))
    return bytes_sent


@pytest.mark.parametrize("mode", ["plain", "terminal"])
def test_a_keystroke_at_the_end_of_a_line(
        own_machines: Machines, tmp_path: Path, mode: str) -> None:
    log = tmp_path / "record"
    control = tmp_path / "control"
    shell = own_machines.boot(counts_instructions=True, extra=[
        "-singlestep", "-D", str(log), "-monitor", f"unix:{control},server=on,wait=off"])
    shell.run(f"mode {mode}")
    shell.read_for(2 * _PAUSE_SECONDS)
    monitor = Monitor(control)
    monitor.run("log exec,nochain,trace:memory_region_ops_write")
    recording = Recording(log)
    assert instructions(recording.after(_PAUSE_SECONDS)) == 0, "somebody works while nobody types"
    costs, before_echo, pauses = [], [], []
    for key in LINE:
        shell.send(bytes([key]))
        lines = recording.after(_KEY_SECONDS)
        costs.append(instructions(lines))
        first, before = sent(lines)[0]
        assert first == key
        before_echo.append(before)
        pauses.append(instructions(recording.after(_PAUSE_SECONDS)))
    monitor.run("log none")
    monitor.close()
    print(f"{mode}: instructions of a keystroke: {costs}, before its echo: {before_echo}, "
          f"of the pause behind it: {pauses}")
    assert min(before_echo) > 50
    assert max(costs) <= MOST_INSTRUCTIONS
    assert mode == "terminal" or not any(pauses)
    shell.send(b"\r")
    assert b"keys" in shell.expect(rb"keys\r\n" + PROMPT)
