"""`heapscope connect`: picocom, with the right settings, to a real board."""

import os
import stat
import sys
from pathlib import Path

from failure import MACHINE_STATUS, USAGE_STATUS, Failure
from line import attach, check_terminal


def run_connect(device: Path, baud: int) -> int:
    check_device(device)
    check_terminal()
    print("heapscope: to leave: press Ctrl-A and then Ctrl-X; Enter asks a board that is on "
          "for a prompt", file=sys.stderr, flush=True)
    complaint = attach(device, baud)
    if complaint is None:
        return 0
    raise Failure(f"picocom: {complaint}", MACHINE_STATUS)


def check_device(device: Path) -> None:
    try:
        mode = device.stat().st_mode
    except FileNotFoundError as error:
        raise Failure(f"there is no {device}: is the cable plugged in? (`ls /dev/ttyUSB* "
                      "/dev/ttyACM*`)", USAGE_STATUS) from error
    except OSError as error:
        raise Failure(f"cannot look at {device}: {error.strerror}", USAGE_STATUS) from error
    if not stat.S_ISCHR(mode):
        raise Failure(f"{device} is no serial line: not a character device", USAGE_STATUS)
    if not os.access(device, os.R_OK | os.W_OK):
        raise Failure(f"you may not read and write {device}: join the group dialout (`sudo adduser "
                      "$USER dialout`), then log in again", USAGE_STATUS)
