"""`./heapscope sdcard`: the files that it writes, keeps and asks for."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

import sdcard
from command import assert_one_line, heapscope
from failure import USAGE_STATUS, Failure
from harness import KERNEL

FIRMWARE = ("bootcode.bin", "start.elf", "fixup.dat")
SETTINGS = [
    "arm_64bit=1", "kernel=kernel8.img", "kernel_address=0x80000", "enable_uart=1",
    "core_freq=250", "initial_turbo=0", "device_tree=",
]


@pytest.fixture
def card(tmp_path: Path) -> Path:
    card = tmp_path / "card"
    card.mkdir()
    return card


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    firmware = tmp_path / "boot"
    firmware.mkdir()
    for name in FIRMWARE:
        (firmware / name).write_text(f"this is {name}")
    return firmware


def write(card: Path, *options: str) -> str:
    """The report of a run that succeeds."""
    result = heapscope("sdcard", str(card), "--kernel", str(KERNEL), *options)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def refusal(*arguments: str) -> str:
    result = heapscope("sdcard", *arguments, "--kernel", str(KERNEL))
    assert (result.returncode, result.stdout) == (USAGE_STATUS, "")
    assert_one_line(result.stderr)
    return result.stderr


def names(directory: Path) -> list[str]:
    return sorted(file.name for file in directory.iterdir())


def test_the_three_files(card: Path) -> None:
    write(card)
    assert names(card) == ["cmdline.txt", "config.txt", "kernel8.img"]
    assert (card / "kernel8.img").read_bytes() == KERNEL.read_bytes()
    assert (card / "cmdline.txt").read_bytes() == b""


def test_each_setting_has_a_comment_on_a_line_of_its_own(card: Path) -> None:
    """The firmware takes what follows a value for a part of it."""
    write(card)
    lines = (card / "config.txt").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == SETTINGS
    for setting in SETTINGS:
        assert lines[lines.index(setting) - 1].startswith("# ")


def test_the_keys_reach_cmdline_txt(card: Path) -> None:
    write(card, "--allocator", "bump", "--heap", "64K", "--append", 'shell.run="alloc 64; stats"')
    assert (card / "cmdline.txt").read_text() == (
        'heap.allocator=bump heap.size=64K shell.run="alloc 64; stats"\n')


def test_the_firmware_that_is_missing_is_named(card: Path) -> None:
    (card / "start.elf").touch()
    report = write(card)
    assert "there: start.elf\n" in report
    assert "missing: bootcode.bin, fixup.dat\n" in report
    assert "raspberrypi/firmware" in report


def test_the_firmware_is_copied(card: Path, firmware: Path) -> None:
    (firmware / "start4.elf").touch()
    report = write(card, "--firmware", str(firmware))
    assert names(card) == sorted([*FIRMWARE, "cmdline.txt", "config.txt", "kernel8.img"])
    assert (card / "start.elf").read_text() == "this is start.elf"
    assert "missing" not in report


def test_the_firmware_may_lie_on_the_card_itself(card: Path, firmware: Path) -> None:
    assert "missing" not in write(firmware, "--firmware", str(firmware))


@pytest.mark.parametrize("name", ["config.txt", "cmdline.txt", "kernel8.img"])
def test_what_the_user_had_is_kept(card: Path, name: str) -> None:
    (card / name).write_text("first")
    assert f"{name} was another one: kept as {name}.bak\n" in write(card)
    (card / name).write_text("second")
    assert f"kept as {name}.bak2\n" in write(card)
    assert (card / f"{name}.bak").read_text() == "first"
    assert (card / f"{name}.bak2").read_text() == "second"


def test_an_older_kernel_of_ours_is_simply_replaced(card: Path) -> None:
    (card / "kernel8.img").write_bytes(KERNEL.read_bytes() + b"older")
    assert "kept" not in write(card)
    assert (card / "kernel8.img").read_bytes() == KERNEL.read_bytes()


def test_a_second_time_changes_nothing(card: Path, firmware: Path) -> None:
    write(card, "--firmware", str(firmware))
    times = {file: file.stat().st_mtime_ns for file in card.iterdir()}
    report = write(card, "--firmware", str(firmware))
    assert "written" not in report and "up to date: kernel8.img" in report
    assert {file: file.stat().st_mtime_ns for file in card.iterdir()} == times


def test_device_trees_are_warned_of(card: Path) -> None:
    assert "warning" not in write(card)
    (card / "bcm2710-rpi-3-b.dtb").touch()
    assert "warning: device trees are there (bcm2710-rpi-3-b.dtb)" in write(card)


def test_the_report_ends_with_what_to_do_next(card: Path) -> None:
    last = write(card).splitlines()[-1]
    assert last.startswith("next: ") and "sync" in last and "unmount" in last and "connect" in last


def test_a_directory_that_is_not_there(card: Path) -> None:
    assert "no directory" in refusal(str(card / "nosuch"))
    assert "no directory" in refusal(__file__)


def test_a_directory_that_cannot_be_written_to() -> None:
    # Not even by root.
    assert "cannot write to /proc" in refusal("/proc")


def test_a_directory_in_the_place_of_a_file(card: Path) -> None:
    (card / "config.txt").mkdir()
    assert "in the way" in refusal(str(card))
    assert names(card) == ["config.txt"]


def test_firmware_that_is_not_whole(card: Path, firmware: Path) -> None:
    (firmware / "fixup.dat").unlink()
    (firmware / "start.elf").unlink()
    line = refusal(str(card), "--firmware", str(firmware))
    assert line.endswith("lacks start.elf, fixup.dat\n")
    assert "no directory" in refusal(str(card), "--firmware", str(firmware / "nosuch"))
    assert names(card) == []


def test_a_command_line_of_two_lines_is_refused(card: Path) -> None:
    assert "one line" in refusal(str(card), "--append", "a=1\nb=2")


def test_a_card_without_room(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=100 << 10))
    with pytest.raises(Failure, match="not enough room") as caught:
        sdcard.write_card(card, None, KERNEL, "")
    assert caught.value.status == USAGE_STATUS
    assert names(card) == []


def test_a_wrong_kernel_is_known_before_anything_is_written(card: Path) -> None:
    result = heapscope("sdcard", str(card), "--kernel", str(card / "nosuch"))
    assert result.returncode == USAGE_STATUS
    assert_one_line(result.stderr)
    assert names(card) == []
