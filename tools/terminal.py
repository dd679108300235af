"""Keeps the user's terminal sane around a program that sets it up for itself.

QEMU and picocom restore it when they end well; this is for when they do not.
"""

import fcntl
import os
import sys
import termios
from contextlib import contextmanager
from typing import Iterator

# Bracketed paste off, plain characters, cursor visible: the kernel's terminal
# mode may have left them otherwise when the machine ended.
_RESET = "\x1b[?2004l\x1b[0m\x1b[?25h"


@contextmanager
def preserved_terminal() -> Iterator[None]:
    if not sys.stdin.isatty():
        yield
        return
    descriptor = sys.stdin.fileno()
    attributes = termios.tcgetattr(descriptor)
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)
        if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
            print(_RESET, end="", flush=True)
