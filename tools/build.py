"""Builds one CMake preset, quietly unless it takes a while or fails.

Used by every subcommand that needs the kernel or the host tests.
"""

import fcntl
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from failure import Failure
from processes import stop

PROJECT_ROOT = Path(__file__).resolve().parent.parent
KERNEL_IMAGE = PROJECT_ROOT / "build" / "pi3" / "kernel" / "kernel8.img"

# A build that has nothing to do takes less than that and is not worth a line.
_PATIENCE_SECONDS = 1.0


def build(preset: str, configure: bool = False) -> None:
    """Configures if need be, or if told to, and builds; a failure shows what the
    tools said."""
    directory = PROJECT_ROOT / "build" / preset
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(directory / ".heapscope.lock"):
        commands = [["cmake", "--build", "--preset", preset]]
        if configure or not _is_configured(directory):
            commands.insert(0, ["cmake", "--preset", preset])
        _run_all(commands, preset)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two commands started together must not build into one folder at once."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_configured(directory: Path) -> bool:
    """CMake does not watch the presets itself, so their age counts here."""
    ninja_file = directory / "build.ninja"
    presets = PROJECT_ROOT / "CMakePresets.json"
    return ninja_file.exists() and ninja_file.stat().st_mtime >= presets.stat().st_mtime


def _run_all(commands: list[list[str]], preset: str) -> None:
    patience: float | None = _PATIENCE_SECONDS
    for command in commands:
        process = subprocess.Popen(
            command, cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            try:
                output, _ = process.communicate(timeout=patience)
            except subprocess.TimeoutExpired:
                print(f"heapscope: building {preset} ...", file=sys.stderr, flush=True)
                patience = None
                output, _ = process.communicate()
        finally:
            stop(process)
        if process.returncode != 0:
            sys.stderr.buffer.write(output)
            raise Failure(f"building {preset} failed")
