"""A sender of lrzsz at the other end of a machine's line, and lines that are bad."""

import os
import random
import select
import subprocess
from pathlib import Path
from typing import Callable

from harness import SILENCE_SECONDS, Shell
from session import Silence

# What becomes of bytes on their way.
Wire = Callable[[bytes], bytes]

# What the shell says before it is raw.
ASKS = b"Ctrl-C gives up.\r\n"


def good_line(data: bytes) -> bytes:
    return data


class NoisyLine:
    """Flips a bit of one byte in `one_in`, and drops another one in `one_in`."""

    def __init__(self, one_in: int, seed: int) -> None:
        print(f"noise of one in {one_in}, seed {seed}")
        self._one_in = one_in
        self._random = random.Random(seed)
        self.harmed = 0

    def __call__(self, data: bytes) -> bytes:
        return b"".join(self._byte(byte) for byte in data)

    def _byte(self, byte: int) -> bytes:
        chance = self._random.randrange(self._one_in)
        if chance > 1:
            return bytes([byte])
        self.harmed += 1
        return b"" if chance == 0 else bytes([byte ^ 1 << self._random.randrange(8)])


def send_file(shell: Shell, file: Path, *program: str, forth: Wire = good_line,
              back: Wire = good_line, killed_after: int | None = None,
              asks: bytes = ASKS) -> int:
    """Waits until the shell asks for a file, and sends it by sx or sb; their exit status.
    `killed_after` is how many bytes come through before the program is killed."""
    shell.read_until(asks)
    with subprocess.Popen([*program, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, bufsize=0) as process:
        assert process.stdin is not None and process.stdout is not None
        sent = silent = 0.0
        while process.poll() is None:
            if asked := back(shell.read_some(0.01)):
                try:
                    process.stdin.write(asked)
                except BrokenPipeError:
                    break
            ready = select.select([process.stdout], [], [], 0.01)[0]
            data = os.read(process.stdout.fileno(), 65536) if ready else b""
            if killed_after is not None and sent + len(data) >= killed_after:
                shell.send(data[:killed_after - int(sent)])
                process.kill()
                break
            shell.send(forth(data))
            sent += len(data)
            silent = 0.0 if asked or data else silent + 0.02
            if silent > SILENCE_SECONDS:
                process.kill()
                raise Silence("the sender and the shell wait for each other")
        shell.send(forth(process.stdout.read() or b"") if killed_after is None else b"")
        return process.wait()
