"""Builds one CMake preset, quietly unless there is work or it fails.

Used by every subcommand that needs the kernel or the host tests.
"""

import fcntl
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from failure import Failure

PROJECT_ROOT = Path(__file__).resolve().parent.parent
KERNEL_IMAGE = PROJECT_ROOT / "build" / "pi3" / "kernel" / "kernel8.img"


def build(preset: str) -> None:
    """Configures if need be and builds; a failure shows what the tools said."""
    directory = PROJECT_ROOT / "build" / preset
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(directory / ".heapscope.lock"):
        configured = _is_configured(directory)
        if configured and not _has_work(directory):
            return
        print(f"heapscope: building {preset} ...", file=sys.stderr, flush=True)
        if not configured:
            _run(["cmake", "--preset", preset], preset)
        _run(["cmake", "--build", "--preset", preset], preset)


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


def _has_work(directory: Path) -> bool:
    dry_run = subprocess.run(["ninja", "-n", "-C", str(directory)], capture_output=True, text=True)
    return "no work to do" not in dry_run.stdout


def _run(command: list[str], preset: str) -> None:
    result = subprocess.run(
        command, cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode != 0:
        sys.stderr.buffer.write(result.stdout)
        raise Failure(f"building {preset} failed")
