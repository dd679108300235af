"""The real picocom in a real terminal: tmux, which answers what the kernel asks, so that
the shell is in terminal mode by itself. With the mappings that people use.
"""

import shlex
import subprocess
import time
from pathlib import Path
from typing import Iterator

import pytest

from harness import KERNEL
from picocom import pseudo_terminal
from qemu import Hardware, SocketMachine

SECONDS = 30
PROMPT = "heapscope>"


class Pane:
    def __init__(self, directory: Path, command: list[str]) -> None:
        self._tmux = ["tmux", "-S", str(directory / "tmux"), "-f", "/dev/null"]
        self._call("new-session", "-d", "-x", "80", "-y", "24", shlex.join(command))

    def keys(self, *names: str) -> None:
        """Keys by tmux's names: BSpace, Up, Tab, Enter, C-r, or text."""
        self._call("send-keys", *names)

    def byte(self, value: int) -> None:
        self._call("send-keys", "-H", f"{value:02x}")

    def rows(self) -> list[str]:
        return self._call("capture-pane", "-p").rstrip("\n").split("\n")

    def sees(self, *rows: str, last: str = PROMPT) -> None:
        """Waits until the last row is that, and all others are among those above."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            shown = self.rows()
            if shown[-1] == last and all(row in shown[:-1] for row in rows):
                return
            time.sleep(0.1)
        raise AssertionError(f"not {rows} above {last!r} but:\n" + "\n".join(self.rows()))

    def close(self) -> None:
        self._call("kill-server")

    def _call(self, *arguments: str) -> str:
        return subprocess.run([*self._tmux, *arguments], check=True, text=True,
                              capture_output=True, timeout=SECONDS).stdout


@pytest.fixture(params=[[], ["--omap", "delbs"], ["--omap", "crlf,delbs"], ["--omap", "crcrlf"]],
                ids=["plain", "delbs", "crlf,delbs", "crcrlf"])
def pane(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pane]:
    with SocketMachine(Hardware(kernel=KERNEL)) as machine, pseudo_terminal(machine) as device:
        pane = Pane(tmp_path, ["picocom", "-q", "-b", "115200", *request.param, str(device)])
        try:
            yield pane
        finally:
            pane.close()


def test_editing_history_and_completion(pane: Pane) -> None:
    pane.sees()
    pane.keys("mode", "Enter")
    pane.sees("mode                   terminal")
    pane.keys("echo 65", "BSpace", "4", "Left", "Left", "BSpace", "x", "Enter")
    pane.sees("heapscope> echox64", "unknown command: echox64")
    pane.keys("echo no")
    pane.byte(0x08)
    pane.byte(0x08)
    pane.keys("yes", "Enter")
    pane.sees("heapscope> echo yes", "yes")
    pane.keys("echo", "Up")
    pane.sees(last="heapscope> echo yes")
    pane.keys("Up", "Home", "Delete", "Delete", "End", "!", "Enter")
    pane.sees("heapscope> hox64!", "unknown command: hox64!")
    pane.keys("C-r", "yes")
    pane.sees(last="search 'yes': echo yes")
    pane.keys("Enter")
    pane.sees("heapscope> echo yes")
    pane.keys("slee", "Tab")
    pane.sees(last="heapscope> sleep MS")
    pane.keys("C-c")
    pane.sees("heapscope> sleep ^C")
    pane.keys("alloc 64 -t page; clear", "Enter")
    pane.sees()
    pane.keys("free ", "Tab", "Enter")
    pane.sees("heapscope> free a1", last=PROMPT)
