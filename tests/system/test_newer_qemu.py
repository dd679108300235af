"""How the second QEMU is got, and what is said where it cannot be: with an apt-get
that only pretends.
"""

import os
import subprocess
from pathlib import Path

import newer_qemu
import pytest


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is installed or unpacked; apt-get is what a test puts there."""
    folder = tmp_path / "newer qemu"
    monkeypatch.setattr(newer_qemu, "FOLDER", folder)
    monkeypatch.setattr(newer_qemu, "_WRAPPER", folder / "qemu-system-aarch64")
    monkeypatch.setattr(newer_qemu, "_UNPACKED", folder / "root")
    monkeypatch.setattr(newer_qemu, "_REASON", folder / "reason")
    monkeypatch.setattr(newer_qemu, "_INSTALLED", "no-such-qemu")
    monkeypatch.setattr(newer_qemu, "_codename", lambda: "bookworm")
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return tmp_path


def pretend(folder: Path, name: str, script: str) -> None:
    file = folder / "bin" / name
    file.write_text(f"#!/bin/sh\necho x >> {folder}/calls\n{script}\n")
    file.chmod(0o755)


def calls(folder: Path) -> int:
    return len((folder / "calls").read_text().splitlines())


MIRROR = "case $* in *indextargets*) echo 'bookworm main http://mirror.invalid/debian'; exit;; esac\n"


@pytest.mark.parametrize("script, reason", [
    ("exit 100", "apt does not say what its sources are"),
    ("exit 0", "apt has no source of bookworm"),
    (MIRROR + "exit 100", "the list of backports cannot be fetched"),
    (MIRROR + "exec sleep 60", "the list of backports cannot be fetched"),
    (MIRROR + "case $* in *download*) exit 100;; esac", "the packages cannot be fetched"),
    (MIRROR, "the one from the backports does not run here"),
])
def test_a_failure_is_one_line_and_not_repeated(
        nowhere: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
        script: str, reason: str) -> None:
    monkeypatch.setattr(newer_qemu, "_PATIENCE_SECONDS", 2)
    pretend(nowhere, "apt-get", script)
    newer_qemu.provide()
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == "heapscope: fetching QEMU 9 or newer for the tests ..."
    assert len(lines) == 2
    assert lines[1].startswith(f"heapscope: no QEMU 9 or newer: {reason} (tried again after a day")
    assert newer_qemu.find() == (None, lines[1].removeprefix("heapscope: "))
    before = calls(nowhere)
    newer_qemu.provide()
    assert capfd.readouterr().err.splitlines() == lines[1:]
    assert calls(nowhere) == before
    assert sorted(path.name for path in newer_qemu.FOLDER.iterdir() if path.name == "apt") == []


def test_an_old_failure_is_tried_again(nowhere: Path) -> None:
    pretend(nowhere, "apt-get", "exit 100")
    newer_qemu.provide()
    before = calls(nowhere)
    os.utime(newer_qemu.FOLDER / "reason", (0, 0))
    newer_qemu.provide()
    assert calls(nowhere) > before


def test_what_is_fetched_is_unpacked_beside_the_system(
        nowhere: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The wrapper works from a path with a blank in it, and says where things are."""
    pretend(nowhere, "apt-get", MIRROR + "case $* in *download*) touch qemu.deb;; esac")
    program = "usr/bin/qemu-system-aarch64"
    pretend(nowhere, "dpkg", f"""
mkdir -p "$3/usr/bin" "$3/usr/lib/x/qemu" "$3/usr/share/qemu"
printf '%s\\n' '#!/bin/sh' 'echo "QEMU emulator version 10.0.2 ($*) $QEMU_MODULE_DIR"' > "$3/{program}"
chmod +x "$3/{program}" """)
    newer_qemu.provide()
    assert len(capfd.readouterr().err.splitlines()) == 1
    wrapper, reason = newer_qemu.find()
    assert (wrapper, reason) == (str(newer_qemu.FOLDER / "qemu-system-aarch64"), "")
    said = subprocess.run([wrapper, "-M", "a b"], capture_output=True, text=True).stdout
    assert f"(-L {newer_qemu.FOLDER}/root/usr/share/qemu -M a b)" in said
    assert said.strip().endswith(f"{newer_qemu.FOLDER}/modules")
    assert (newer_qemu.FOLDER / "modules").is_dir()
    before = calls(nowhere)
    newer_qemu.provide()
    assert calls(nowhere) == before


def test_an_installed_one_will_do(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(nowhere, "new-enough", "echo QEMU emulator version 10.0.2")
    monkeypatch.setattr(newer_qemu, "_INSTALLED", "new-enough")
    pretend(nowhere, "apt-get", "exit 100")
    newer_qemu.provide()
    assert newer_qemu.find() == ("new-enough", "")
