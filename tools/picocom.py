"""`heapscope picocom`: boots QEMU behind a pseudo-terminal, as a board behind a cable.

socat makes the pseudo-terminal and connects it to QEMU's socket; picocom, the
real one, is attached to it in the foreground.
"""

import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from failure import MACHINE_STATUS, Failure
from line import attach, check_terminal
from processes import stop
from qemu import Hardware, SocketMachine

_LINK_SECONDS = 10
_END_SECONDS = 1


def run_picocom(hardware: Hardware) -> int:
    check_terminal()
    with SocketMachine(hardware) as machine, pseudo_terminal(machine) as device:
        print("heapscope: to leave: type poweroff, or press Ctrl-A and then Ctrl-X",
              file=sys.stderr, flush=True)
        complaint = attach(device)
        if complaint is None:
            return 0
        # The line goes away: that is how `poweroff` looks from this side.
        status = machine.wait(_END_SECONDS)
        if status is None:
            raise Failure(f"picocom: {complaint}", MACHINE_STATUS)
        return status


@contextmanager
def pseudo_terminal(machine: SocketMachine) -> Iterator[Path]:
    """A device that is the machine's serial line; opening it switches the machine on."""
    device = machine.directory / "board"
    relay = _start_relay(machine.socket_path, device)
    try:
        _wait_for(device, relay)
        yield device
    finally:
        stop(relay)


def _start_relay(socket_path: Path, device: Path) -> "subprocess.Popen[bytes]":
    """picocom empties the line when it opens it, so the machine is switched on
    (QEMU waits for the connection) only after that: wait-slave."""
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", "socat", "-t", "0.2",
         f"PTY,link={device},raw,echo=0,wait-slave,pty-interval=0.05",
         f"UNIX-CONNECT:{socket_path},retry=100,interval=0.1"],
        stdin=subprocess.DEVNULL)


def _wait_for(device: Path, relay: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _LINK_SECONDS
    while not device.exists():
        if relay.poll() is not None or time.monotonic() > deadline:
            raise Failure("socat made no pseudo-terminal", MACHINE_STATUS)
        time.sleep(0.02)
