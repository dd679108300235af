"""QEMU as a Raspberry Pi: its command line, and the life of one machine.

The mini UART is the second serial port; only a raw image gets boot tags.
The environment variable HEAPSCOPE_QEMU names another QEMU to use.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from failure import MACHINE_STATUS, USAGE_STATUS, Failure
from processes import exit_status, stop

BOARDS = ("raspi3b", "raspi3ap")

# QEMU writes the boot tags from 0x100 on and its spin table over them at 0x300,
# so the tags CORE (20 bytes), MEM (16), INITRD2 (16, if there is one), CMDLINE
# (8 and the text with its NUL) and NONE (8) must fit between.
_BOOT_TAG_BYTES = 0x300 - 0x100
_OTHER_TAG_BYTES = 20 + 16 + 8 + 1 + 8
_INITRD_TAG_BYTES = 16

_START_SECONDS = 30
_END_SECONDS = 3


@dataclass(frozen=True)
class Hardware:
    """What is put into the machine before it is switched on."""

    kernel: Path
    board: str = "raspi3b"
    command_line: str = ""
    initrd: Path | None = None
    dtb: Path | None = None
    counts_instructions: bool = False  # one a tick, and all cores in one thread


def program() -> str:
    """The QEMU to use; whether it exists is not checked."""
    return os.environ.get("HEAPSCOPE_QEMU", "qemu-system-aarch64")


def check_inputs(hardware: Hardware) -> None:
    """Everything but the kernel, which may not be built yet."""
    check_file("initrd", hardware.initrd)
    check_file("dtb", hardware.dtb)
    limit = _command_line_limit(hardware)
    length = len(os.fsencode(hardware.command_line))
    if limit is not None and length > limit:
        raise Failure(
            f"the kernel command line is {length} bytes long; QEMU's boot tags have room for {limit}",
            USAGE_STATUS)


def check_file(option: str, path: Path | None) -> None:
    if path is not None and not path.is_file():
        raise Failure(f"--{option}: no such file: {path}", USAGE_STATUS)


def command_for(hardware: Hardware, console: list[str]) -> list[str]:
    """The QEMU command; `console` are the options that define chardev `con`."""
    check_inputs(hardware)
    check_file("kernel", hardware.kernel)
    command = [
        *_starting_program(),
        *_acceleration(hardware),
        "-M", hardware.board, "-kernel", str(hardware.kernel),
        *console, "-serial", "null", "-serial", "chardev:con",
        "-display", "none", "-monitor", "none",
        "-semihosting-config", "enable=on,target=native",
    ]
    if hardware.command_line:
        command += ["-append", hardware.command_line]
    if hardware.initrd:
        command += ["-initrd", str(hardware.initrd)]
    if hardware.dtb:
        command += ["-dtb", str(hardware.dtb)]
    return command


class SocketMachine:
    """A machine whose console is a unix socket; it starts when that is connected."""

    def __init__(self, hardware: Hardware, extra: list[str] | None = None) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="heapscope-", dir=_socket_home()))
        self.socket_path = self.directory / "serial"
        self._messages = self.directory / "messages"
        path = str(self.socket_path).replace(",", ",,")
        console = ["-chardev", f"socket,id=con,path={path},server=on,wait=on"]
        try:
            # QEMU says on standard error that it waits and that it was ended:
            # kept for the one case in which it matters.
            with self._messages.open("wb") as messages:
                self.process = subprocess.Popen(
                    command_for(hardware, console) + (extra or []),
                    stdin=subprocess.DEVNULL, stdout=messages, stderr=messages)
        except BaseException:
            self._remove_directory()
            raise

    def __enter__(self) -> "SocketMachine":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def connect(self) -> socket.socket:
        """Waits until QEMU listens; the machine is switched on by this."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Failure(f"QEMU ended at once: {self._last_message()}", MACHINE_STATUS)
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self.socket_path))
            except OSError:
                connection.close()
                time.sleep(0.02)
                continue
            # Not needed any more, and left behind if this tool were killed.
            self._remove_directory()
            return connection
        raise Failure("QEMU does not listen on its socket", MACHINE_STATUS)

    def wait(self, seconds: float = _END_SECONDS) -> int | None:
        """The exit status of a machine that is ending by itself; None if it is not."""
        try:
            return exit_status(self.process.wait(seconds))
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        stop(self.process)
        self._remove_directory()

    def _last_message(self) -> str:
        lines = self._messages.read_text(errors="replace").splitlines()
        return lines[-1] if lines else f"status {exit_status(self.process.returncode)}"

    def _remove_directory(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)


def _acceleration(hardware: Hardware) -> list[str]:
    """A thread for each core, so that they really run at the same time, where QEMU
    can do that. Cores that have nothing to do sleep and take no time of the host's."""
    if hardware.counts_instructions:
        return ["-accel", "tcg,thread=single", "-icount", "shift=0"]
    return ["-accel", "tcg,thread=multi"]


def _starting_program() -> list[str]:
    name = program()
    if shutil.which(name) is None:
        raise Failure(f"there is no {name}: install the Debian package qemu-system-arm")
    # The kernel of the host ends QEMU with its parent, even one that was killed
    # outright (a test runner's time limit does that).
    return ["setpriv", "--pdeathsig", "TERM", name]


def _command_line_limit(hardware: Hardware) -> int | None:
    if hardware.dtb is not None:
        return None  # QEMU puts it into the device tree instead
    return _BOOT_TAG_BYTES - _OTHER_TAG_BYTES - (_INITRD_TAG_BYTES if hardware.initrd else 0)


def _socket_home() -> str:
    """A unix socket's path holds 107 bytes at most."""
    home = tempfile.gettempdir()
    return home if len(home) < 70 else "/tmp"
