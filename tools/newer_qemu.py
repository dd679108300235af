"""A second QEMU for the tests, of version 9 or newer: it refuses unaligned accesses
before the MMU is on, as a board does and Debian 12's QEMU does not.

It comes from Debian's backports and is unpacked into build/newer-qemu, not
installed. Where it cannot be had, the tests on it are skipped and say why.
"""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from build import PROJECT_ROOT

FIRST_VERSION = 9
FOLDER = PROJECT_ROOT / "build" / "newer-qemu"

_INSTALLED = "qemu-system-aarch64"
_PACKAGES = ("qemu-system-arm", "qemu-system-common", "qemu-system-data")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_WRAPPER = FOLDER / _INSTALLED
_UNPACKED = FOLDER / "root"
_REASON = FOLDER / "reason"

_PATIENCE_SECONDS = 120
_SECONDS_BETWEEN_ATTEMPTS = 24 * 3600
_BOUNDED = ("-o", "Acquire::http::Timeout=15", "-o", "Acquire::https::Timeout=15",
            "-o", "Acquire::Retries=0")

# Its modules and its firmware lie beside it and not where it was built for.
_WRAPPER_TEXT = """#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
export QEMU_MODULE_DIR="$here/modules"
exec "$here/root/usr/bin/qemu-system-aarch64" -L "$here/root/usr/share/qemu" "$@"
"""


class _Unavailable(Exception):
    """Why there is none."""


def find() -> tuple[str | None, str]:
    """The program, or None and why; nothing is fetched."""
    if version(_INSTALLED) >= FIRST_VERSION:
        return _INSTALLED, ""
    if version(str(_WRAPPER)) >= FIRST_VERSION:
        return str(_WRAPPER), ""
    reason = _REASON.read_text() if _REASON.is_file() else "`./heapscope test` fetches it"
    return None, f"no QEMU {FIRST_VERSION} or newer: {reason}"


def provide() -> None:
    """Fetches it if need be. What goes wrong is one line and not tried again for a
    day: the tests then run without."""
    if find()[0] is not None:
        return
    if not _tried_lately():
        FOLDER.mkdir(parents=True, exist_ok=True)
        try:
            _fetch()
            _REASON.unlink(missing_ok=True)
            return
        except (_Unavailable, OSError) as error:
            _REASON.write_text(f"{error} (tried again after a day, or without {_REASON})")
    print(f"heapscope: {find()[1]}", file=sys.stderr, flush=True)


def _tried_lately() -> bool:
    return _REASON.is_file() and time.time() - _REASON.stat().st_mtime < _SECONDS_BETWEEN_ATTEMPTS


def _fetch() -> None:
    print(f"heapscope: fetching QEMU {FIRST_VERSION} or newer for the tests ...", file=sys.stderr,
          flush=True)
    codename = _codename()
    apt = FOLDER / "apt"
    shutil.rmtree(apt, ignore_errors=True)
    (apt / "lists" / "partial").mkdir(parents=True)
    (apt / "archives" / "partial").mkdir(parents=True)
    try:
        signed = f"[signed-by={_KEYRING}] " if _KEYRING.is_file() else ""
        (apt / "sources.list").write_text(
            f"deb {signed}{_mirror(codename)} {codename}-backports main\n")
        # The system's own sources and lists are neither used nor changed.
        private = ("-qq", *_BOUNDED, "-o", f"Dir::Etc::sourcelist={apt / 'sources.list'}",
                   "-o", "Dir::Etc::sourceparts=-", "-o", f"Dir::State::lists={apt / 'lists'}",
                   "-o", f"Dir::Cache={apt}", "-o", "APT::Sandbox::User=root")
        _output(["apt-get", *private, "update"], "the list of backports cannot be fetched")
        _output(["apt-get", *private, "-t", f"{codename}-backports", "download", *_PACKAGES],
                "the packages cannot be fetched", apt)
        _unpack(sorted(apt.glob("*.deb")))
    finally:
        shutil.rmtree(apt, ignore_errors=True)
    if version(str(_WRAPPER)) < FIRST_VERSION:
        raise _Unavailable("the one from the backports does not run here")


def _unpack(packages: list[Path]) -> None:
    shutil.rmtree(_UNPACKED, ignore_errors=True)
    for package in packages:
        _output(["dpkg", "-x", str(package), str(_UNPACKED)], "the packages cannot be unpacked")
    modules = FOLDER / "modules"
    modules.unlink(missing_ok=True)
    for folder in _UNPACKED.glob("usr/lib/*/qemu"):
        modules.symlink_to(folder.relative_to(FOLDER))
    _WRAPPER.write_text(_WRAPPER_TEXT)
    _WRAPPER.chmod(0o755)


def _codename() -> str:
    """Of this Debian."""
    try:
        release = Path("/etc/os-release").read_text()
    except OSError:
        release = ""
    match = re.search(r"^VERSION_CODENAME=\"?(\w+)", release, re.MULTILINE)
    if match is None or re.search(r"^ID=\"?debian\"?$", release, re.MULTILINE) is None:
        raise _Unavailable("this is no Debian release")
    return match[1]


def _mirror(codename: str) -> str:
    """Where the system's own packages come from has the backports as well."""
    targets = _output(["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)",
                       "Created-By: Packages"], "apt does not say what its sources are")
    for line in targets.splitlines():
        release, component, uri = line.split(" ", 2)
        if (release, component) == (codename, "main"):
            return uri
    raise _Unavailable(f"apt has no source of {codename}")


def _output(command: list[str], failure: str, folder: Path | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=_PATIENCE_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        raise _Unavailable(failure) from None
    if done.returncode != 0:
        raise _Unavailable(failure)
    return done.stdout


def version(program: str) -> int:
    """The first number of it; 0 for none that runs."""
    try:
        said = subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=_PATIENCE_SECONDS).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r"version (\d+)\.", said)
    return int(match[1]) if match else 0
