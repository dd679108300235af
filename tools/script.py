"""`heapscope script`: runs a file of shell commands in a freshly booted kernel.

Prints the replies and only those; its status is that of the first line that
failed, QEMU's if the script ended the machine, 125 if the machine went wrong.
"""

import re
import sys
from pathlib import Path
from typing import Iterator

from failure import MACHINE_STATUS, USAGE_STATUS, Failure
from qemu import Hardware, SocketMachine
from session import KernelStopped, MachineEnded, Session, Silence

# Typed, these would not stand in the line but edit or abandon it, frame and all:
# NUL, Ctrl-C, backspace, Ctrl-U, delete.
_UNTYPABLE = re.compile(rb"[\x00\x03\x08\x15\x7f]")


# A line that takes those behind it, up to one that is the name, as its text.
_TEXT_FOLLOWS = re.compile(rb"(?:^|[;&|])[ \t]*source[ \t]+<<([A-Za-z_][A-Za-z0-9_]*)(?=[ \t;&|]|$)")

_LAST_TAG = b"end"

ScriptLines = list[tuple[int, bytes]]


def read_lines(file: str) -> ScriptLines:
    """The numbered lines that have something to run in them; `-` is standard input."""
    lines = re.split(rb"\r\n|\r|\n", _read(file))
    for number, line in enumerate(lines, 1):
        if found := _UNTYPABLE.search(line):
            raise Failure(
                f"{_name(file)}: line {number} holds byte 0x{found[0][0]:02x}, which cannot be typed",
                USAGE_STATUS)
    return list(_commands(file, enumerate(lines, 1)))


def _commands(file: str, numbered: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Leaves out what runs nothing, and joins a `source <<NAME` with its text."""
    for number, line in numbered:
        if not line.strip(b" \t") or line.lstrip(b" \t").startswith(b"#"):
            continue
        if follows := _TEXT_FOLLOWS.search(line):
            text = [line]
            while text[-1] != follows[1] or len(text) == 1:
                if (behind := next(numbered, None)) is None:
                    raise Failure(f"{_name(file)}: no line {follows[1].decode()} ends the script "
                                  f"of line {number}", USAGE_STATUS)
                text.append(behind[1])
            line = b"\r".join(text)
        yield number, line


def run_script(hardware: Hardware, lines: ScriptLines, timeout: float) -> int:
    # A reboot would run on without the script's state; here it ends the machine.
    with SocketMachine(hardware, ["-no-reboot"]) as machine:
        session = Session(machine.connect(), timeout)
        first_failure = 0
        number = answered = 0
        try:
            session.wait_until_ready()
            for number, line in lines:
                status = session.run_framed(b"h%d" % number, line, _print_line)
                first_failure = first_failure or status
                answered = number
            # `poweroff` is carried out after its reply: is the machine still there?
            session.run_framed(_LAST_TAG, b"#", lambda line: None)
        except MachineEnded:
            return first_failure or _end_of(machine, number)
        except KernelStopped as error:
            _show_report(error)
            place = _place(answered if error.after_reply else number)
            raise Failure(f"{place}: the kernel stopped: {error}", MACHINE_STATUS) from None
        except Silence as error:
            raise Failure(f"{_place(number)}: {error}", MACHINE_STATUS) from None
        return first_failure


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise Failure(f"{_name(file)}: {error.strerror}", USAGE_STATUS) from None


def _print_line(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def _show_report(stop: KernelStopped) -> None:
    sys.stdout.flush()
    sys.stderr.buffer.write(b"".join(line + b"\n" for line in stop.report))
    sys.stderr.flush()


def _end_of(machine: SocketMachine, number: int) -> int:
    """The status of a machine that the script, or something else, has ended."""
    status = machine.wait()
    if status is None:
        raise Failure(f"{_place(number)}: the serial line was closed", MACHINE_STATUS)
    if number == 0 or machine.process.returncode < 0:
        raise Failure(f"{_place(number)}: QEMU ended (status {status})", MACHINE_STATUS)
    return status


def _name(file: str) -> str:
    return "standard input" if file == "-" else file


def _place(number: int) -> str:
    return f"line {number}" if number else "before the first line"
