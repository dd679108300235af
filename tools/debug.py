"""`heapscope gdb`: GDB on a kernel in QEMU, on one behind a debug port, or on a core dump,
with the commands that read a heap (tools/gdb).

The kernel's serial line is a pseudo-terminal, whose name is said: GDB has this terminal.
"""

import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from build import PROJECT_ROOT
from failure import MACHINE_STATUS, USAGE_STATUS, Failure
from processes import exit_status, stop
from qemu import Hardware, check_file, command_for

_EXTENSION = PROJECT_ROOT / "tools" / "gdb" / "extension.py"
_DEVICE = re.compile(rb"redirected to (\S+) \(label con\)")
_START_SECONDS = 30
# A debug port is slower than the 2 s that GDB waits.
_ANSWER_SECONDS = 30


def run_gdb(hardware: Hardware, log: Path | None, arguments: list[str]) -> int:
    """Boots QEMU, halted before the kernel's first instruction."""
    symbols = symbols_of(hardware.kernel)
    with _halted_machine(hardware, log) as (device, debugger):
        print(f"heapscope: the serial line is {device} (./heapscope connect {device})\n"
              "heapscope: the kernel is halted before its first instruction: continue starts it",
              file=sys.stderr, flush=True)
        return _gdb([str(symbols), *_attached_to(str(debugger)), *arguments])


def attach_gdb(kernel: Path, port: str, arguments: list[str]) -> int:
    """To whatever listens there: QEMU, or OpenOCD before a real board."""
    return _gdb([str(symbols_of(kernel)), *_attached_to(port), *arguments])


def open_core(program: Path, core: Path, arguments: list[str]) -> int:
    check_file("program", program)
    check_file("core", core)
    return _gdb([str(program), "-core", str(core), "-ex", f"source {_EXTENSION}", *arguments])


def symbols_of(kernel: Path) -> Path:
    """What GDB knows of an image is in the .elf beside it."""
    symbols = kernel.with_suffix(".elf")
    if not symbols.is_file():
        raise Failure(f"--kernel: there is no {symbols}, which GDB needs", USAGE_STATUS)
    return symbols


def _attached_to(port: str) -> list[str]:
    return ["-ex", f"source {_EXTENSION}", "-ex", f"set remotetimeout {_ANSWER_SECONDS}",
            "-ex", f"target remote {port}"]


def _gdb(arguments: list[str]) -> int:
    """Ctrl-C is GDB's."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        # A signal that is ignored stays so in a program that is started.
        process = subprocess.Popen(["gdb-multiarch", "-q", *arguments],
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    except FileNotFoundError:
        raise Failure("there is no gdb-multiarch: install the Debian package of this name") from None
    try:
        return exit_status(process.wait())
    finally:
        stop(process)
        signal.signal(signal.SIGINT, before)


@contextmanager
def _halted_machine(hardware: Hardware, log: Path | None) -> Iterator[tuple[str, Path]]:
    """The name of its serial line, and the socket that its debugger listens on."""
    with tempfile.TemporaryDirectory(prefix="heapscope-", dir="/tmp") as directory:
        debugger = Path(directory) / "debugger"
        kept = "" if log is None else f",logfile={str(log).replace(',', ',,')}"
        command = command_for(hardware, ["-chardev", f"pty,id=con{kept}"])
        command += ["-S", "-gdb", f"unix:{debugger},server=on,wait=off"]
        # In a process group of its own, which Ctrl-C does not reach.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, process_group=0)
        try:
            yield _serial_device(process), debugger
        finally:
            stop(process)
            assert process.stdout is not None
            process.stdout.close()


def _serial_device(process: "subprocess.Popen[bytes]") -> str:
    """QEMU says what it made, once it can be attached to."""
    assert process.stdout is not None
    said = b""
    deadline = time.monotonic() + _START_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([process.stdout], [], [], left)[0]:
            break
        piece = process.stdout.read1(4096)  # type: ignore[attr-defined]
        if not piece:
            break
        said += piece
        if match := _DEVICE.search(said):
            return match[1].decode()
    last = said.decode(errors="replace").strip().splitlines()[-1:] or ["it says nothing"]
    raise Failure(f"QEMU did not start: {last[0]}", MACHINE_STATUS)
