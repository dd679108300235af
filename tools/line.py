"""picocom in the foreground, on a serial line or on what stands in for one."""

import subprocess
import sys
from pathlib import Path

from failure import USAGE_STATUS, Failure
from processes import stop
from terminal import preserved_terminal

BAUD = 115200

# As the kernel sets its UART: 8 bits, no parity, no handshake. The kernel ends
# its lines with CR and LF and takes CR and either key for erasing, so there is
# nothing to map. Files go by XMODEM: Ctrl-A Ctrl-S for `receive` and `boot`.
_SETTINGS = ["--quiet", "--flow", "n", "--parity", "n", "--databits", "8", "--stopbits", "1",
             "--send-cmd", "sx -vv", "--receive-cmd", "rx -vv"]


def check_terminal() -> None:
    if not sys.stdin.isatty():
        raise Failure("picocom needs a terminal; to run commands from a file: heapscope script FILE",
                      USAGE_STATUS)


def attach(device: Path, baud: int = BAUD) -> str | None:
    """Until the user leaves it: None. Otherwise what it complained about, which
    is also how the end of the line looks to it."""
    with preserved_terminal():
        process = subprocess.Popen(
            ["picocom", *_SETTINGS, "--baud", str(baud), str(device)], stderr=subprocess.PIPE)
        try:
            _, complaint = process.communicate()
        finally:
            stop(process)
    print(flush=True)
    if process.returncode == 0:
        return None
    return " ".join(complaint.decode(errors="replace").split())
