"""`heapscope picocom`: boots QEMU behind a pseudo-terminal, as a board behind a cable.

socat makes the pseudo-terminal and connects it to QEMU's socket; picocom, the
real one, is attached to it in the foreground.
"""

import subprocess
import sys
import time
from pathlib import Path

from failure import MACHINE_STATUS, USAGE_STATUS, Failure
from processes import stop
from qemu import Hardware, SocketMachine
from terminal import preserved_terminal

_LINK_SECONDS = 10
_END_SECONDS = 1


def run_picocom(hardware: Hardware) -> int:
    if not sys.stdin.isatty():
        raise Failure("picocom needs a terminal; to run commands from a file: heapscope script FILE",
                      USAGE_STATUS)
    with SocketMachine(hardware) as machine:
        device = machine.directory / "board"
        relay = _start_relay(machine.socket_path, device)
        try:
            _wait_for(device, relay)
            print("heapscope: to leave: type poweroff, or press Ctrl-A and then Ctrl-X",
                  file=sys.stderr, flush=True)
            with preserved_terminal():
                return _attach(device, machine)
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


def _attach(device: Path, machine: SocketMachine) -> int:
    """picocom complains when the line goes away, which is how `poweroff` looks to it."""
    process = subprocess.Popen(
        ["picocom", "--quiet", "--baud", "115200", str(device)], stderr=subprocess.PIPE)
    try:
        _, complaint = process.communicate()
    finally:
        stop(process)
    print(flush=True)
    if process.returncode == 0:
        return 0
    status = machine.wait(_END_SECONDS)
    if status is not None:
        return status
    raise Failure(f"picocom: {complaint.decode(errors='replace').strip()}", MACHINE_STATUS)
