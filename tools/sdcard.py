"""`heapscope sdcard`: what a Pi 3 needs on its card, written into a folder.

The folder is a mounted FAT partition or any other. The firmware's own files are
not part of this project: they are copied from where the user has them, or named.
"""

import shutil
import tempfile
from pathlib import Path

from failure import USAGE_STATUS, Failure

FIRMWARE_FILES = ("bootcode.bin", "start.elf", "fixup.dat")
_FIRMWARE_HOME = "github.com/raspberrypi/firmware, folder boot"

# The firmware takes all that is behind the = for the value: a comment needs a
# line of its own.
_CONFIG = """\
# heapscope on a Raspberry Pi 3; written by `heapscope sdcard`.

# Start the cores in 64 bits.
arm_64bit=1
# The file to start.
kernel=kernel8.img
# Load it where it is linked to be; newer firmware has another default.
kernel_address=0x80000
# Switch the mini UART on, and hold the core clock still.
enable_uart=1
# The core clock in MHz: the UART's baud rate is made from it.
core_freq=250
# No turbo after the start, which would change that clock for a minute.
initial_turbo=0
# No device tree: the firmware then leaves boot tags at 0x100.
device_tree=
"""

# FAT gives a file whole clusters, of 64 KiB at most.
_CLUSTER = 64 << 10

# What every image of heapscope has in it.
_KERNEL_MARK = b"heapscope"


def check_card(directory: Path, firmware: Path | None, command_line: str) -> None:
    """All that can be wrong before a kernel is there."""
    if not directory.is_dir():
        raise Failure(f"there is no directory {directory}", USAGE_STATUS)
    try:
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise Failure(f"cannot write to {directory}: {error.strerror}", USAGE_STATUS) from error
    if not command_line.isprintable():
        raise Failure("the kernel command line must be one line of text", USAGE_STATUS)
    if firmware is not None:
        _check_firmware(firmware)


def write_card(directory: Path, firmware: Path | None, kernel: Path, command_line: str) -> int:
    files = {
        "kernel8.img": _read(kernel),
        "config.txt": _CONFIG.encode(),
        # Never left out: without one the firmware has a command line of its own.
        "cmdline.txt": f"{command_line}\n".encode() if command_line else b"",
    }
    if firmware is not None:
        files |= {name: _read(firmware / name) for name in FIRMWARE_FILES}
    changed = {name: data for name, data in files.items() if not _holds(directory / name, data)}
    _check_room(directory, changed)
    for name, data in changed.items():
        _keep_other(directory / name)
        _replace(directory / name, data)
    _tell(directory, list(files), list(changed))
    return 0


def _check_firmware(firmware: Path) -> None:
    if not firmware.is_dir():
        raise Failure(f"--firmware: there is no directory {firmware}", USAGE_STATUS)
    missing = _missing_firmware(firmware)
    if missing:
        raise Failure(f"--firmware: {firmware} lacks {', '.join(missing)}", USAGE_STATUS)


def _missing_firmware(directory: Path) -> list[str]:
    return [name for name in FIRMWARE_FILES if not (directory / name).is_file()]


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Failure(f"cannot read {file}: {error.strerror}", USAGE_STATUS) from error


def _holds(file: Path, data: bytes) -> bool:
    if file.exists() and not file.is_file():
        raise Failure(f"{file} is in the way: it is no file", USAGE_STATUS)
    return file.is_file() and _read(file) == data


def _check_room(directory: Path, changed: dict[str, bytes]) -> None:
    """A file that is replaced stays until the new one is whole, so it counts too."""
    needed = sum(-(-len(data) // _CLUSTER) * _CLUSTER for data in changed.values())
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise Failure(f"there is not enough room in {directory}: {needed >> 10} KiB are needed, "
                      f"{free >> 10} KiB are free", USAGE_STATUS)


def _keep_other(file: Path) -> None:
    """The user's settings, and another system's kernel, are not lost."""
    if not file.exists() or file.name in FIRMWARE_FILES:
        return
    if file.name == "kernel8.img" and _KERNEL_MARK in _read(file):
        return
    kept = _free_name(file)
    try:
        file.rename(kept)
    except OSError as error:
        raise Failure(f"cannot rename {file}: {error.strerror}", USAGE_STATUS) from error
    print(f"{file.name} was another one: kept as {kept.name}")


def _free_name(file: Path) -> Path:
    kept = file.with_name(f"{file.name}.bak")
    number = 2
    while kept.exists():
        kept = file.with_name(f"{file.name}.bak{number}")
        number += 1
    return kept


def _replace(file: Path, data: bytes) -> None:
    """Under another name at first: a card pulled out early has no half of a file."""
    new = file.with_name(f"{file.name}.new")
    try:
        new.write_bytes(data)
        new.replace(file)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise Failure(f"cannot write {file}: {error.strerror}", USAGE_STATUS) from error


def _tell(directory: Path, files: list[str], changed: list[str]) -> None:
    unchanged = [name for name in files if name not in changed]
    if changed:
        print(f"written to {directory}: {', '.join(changed)}")
    if unchanged:
        print(f"up to date: {', '.join(unchanged)}")
    missing = _missing_firmware(directory)
    there = [name for name in FIRMWARE_FILES if name not in missing]
    print(f"the firmware's files, there: {', '.join(there) or 'none'}")
    if missing:
        print(f"the firmware's files, missing: {', '.join(missing)}\n"
              f"  they are in {_FIRMWARE_HOME}; copy them, or use --firmware DIRECTORY")
    _warn_of_device_trees(directory)
    print(_next_steps(directory, bool(missing)))


def _warn_of_device_trees(directory: Path) -> None:
    trees = sorted(file.name for file in directory.glob("*.dtb"))
    if trees:
        others = f" and {len(trees) - 1} more" if len(trees) > 1 else ""
        print(f"warning: device trees are there ({trees[0]}{others}): the firmware may pass one "
              "instead of boot tags; that works, but `atags` shows less")


def _next_steps(directory: Path, lacks_firmware: bool) -> str:
    first = "add the missing files, then " if lacks_firmware else ""
    unmount = f"umount {directory}" if directory.is_mount() else "unmount the card"
    return (f"next: {first}`sync`, {unmount}, put the card into the Pi, "
            "`heapscope connect /dev/ttyUSB0`, and switch the Pi on")
