"""GDB in batch mode, with the commands that read a heap, for the tests of tools/gdb."""

import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

from harness import KERNEL, PROJECT_ROOT, Shell

EXTENSION = PROJECT_ROOT / "tools" / "gdb" / "extension.py"
KERNEL_ELF = KERNEL.with_suffix(".elf")

_SECONDS = 150
_MARK = "=== next ==="
_SETTINGS = ("set width 0", "set max-value-size unlimited", "set pagination off",
             "set confirm off", "set remotetimeout 60")


class Answers(list[list[str]]):
    """The lines that each command printed, and all lines of errors."""

    errors: list[str]


def debug(program: Path, commands: list[str], open_with: tuple[str, ...] = (),
          before: tuple[str, ...] = ()) -> Answers:
    """Runs GDB on a program: first `before`, then, each with its answer, `commands`."""
    words: list[Any] = ["gdb-multiarch", "-nx", "-q", "-batch"]
    for command in (*_SETTINGS, *before, f"source {EXTENSION}"):
        words += ["-ex", command]
    words += ["-ex", f"python gdb.write('{_MARK}\\n', gdb.STDERR)"]
    for command in commands:
        words += ["-ex", f"echo {_MARK}\\n", "-ex", command]
    done = subprocess.run([*words, *open_with, program], capture_output=True, text=True,
                          timeout=_SECONDS, stdin=subprocess.DEVNULL)
    assert "Traceback" not in done.stdout + done.stderr, done
    parts = done.stdout.split(_MARK + "\n")[1:]
    assert len(parts) == len(commands), done
    answers = Answers(part.splitlines() for part in parts)
    # What GDB says as it lets the program go belongs to no command.
    if answers and answers[-1] and "detached]" in answers[-1][-1]:
        answers[-1].pop()
    answers.errors = done.stderr.partition(_MARK + "\n")[2].splitlines()
    return answers


def debug_kernel(port: Path, commands: list[str], before: tuple[str, ...] = ()) -> Answers:
    """The same on a machine whose debugger listens on that socket. It goes on afterwards."""
    return debug(KERNEL_ELF, commands, before=(f"target remote {port}", *before))


def waiting(port: Path) -> list[str]:
    """The options that make QEMU listen there."""
    return ["-gdb", f"unix:{port},server=on,wait=off"]


@contextmanager
def read_meanwhile(shell: Shell) -> Iterator[None]:
    """Takes what the kernel says: QEMU, its debugger too, waits where nobody does."""
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            shell.read_some(0.05)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        over.set()
        reader.join()
