"""`heapscope run`: boots the shell in this terminal.

Every key but Ctrl-] goes to the kernel. When the input is a pipe, it is typed
and the machine is powered off at its end.
"""

import os
import socket
import subprocess
import sys
import threading

from failure import MACHINE_STATUS, Failure
from processes import exit_status, stop
from qemu import Hardware, SocketMachine, command_for
from session import receive
from terminal import preserved_terminal

_ESCAPE_KEY = "0x1d"  # Ctrl-]
_CONSOLE = ["-echr", _ESCAPE_KEY, "-chardev", "stdio,id=con,mux=on,signal=off"]

_BOOT_SECONDS = 2


def run(hardware: Hardware) -> int:
    return _run_in_terminal(hardware) if sys.stdin.isatty() else _run_piped(hardware)


def _run_in_terminal(hardware: Hardware) -> int:
    command = command_for(hardware, _CONSOLE)
    print("heapscope: to leave: type poweroff, or press Ctrl-] and then x", file=sys.stderr, flush=True)
    with preserved_terminal():
        process = subprocess.Popen(command)
        try:
            return exit_status(process.wait())
        finally:
            stop(process)


def _run_piped(hardware: Hardware) -> int:
    with SocketMachine(hardware) as machine:
        console = machine.connect()
        awake = threading.Event()
        # A thread, because the machine may end before the input does.
        threading.Thread(target=_type_input, args=(console, awake), daemon=True).start()
        while data := receive(console):
            awake.set()
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        status = machine.wait()
        if status is None:
            raise Failure("QEMU closed the serial line", MACHINE_STATUS)
        return status


def _type_input(console: socket.socket, awake: threading.Event) -> None:
    """Begins when the kernel speaks: what is typed while it sets up its UART is
    lost. In json mode it may never speak unasked."""
    awake.wait(_BOOT_SECONDS)
    last = b"\n"
    try:
        # Not sys.stdin: its lock, held here for ever, would block the exit.
        while data := os.read(0, 4096):
            console.sendall(data)
            last = data[-1:]
        console.sendall((b"" if last in b"\r\n" else b"\r") + b"poweroff\r")
    except OSError:
        pass  # the machine has ended
