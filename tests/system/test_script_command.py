"""`./heapscope script` from end to end: its output, its exit status, and that
it leaves nothing behind.
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from command import assert_one_line, heapscope
from harness import HEAPSCOPE, KERNEL

USAGE = 2
MACHINE = 125


def script(text: str, *options: str) -> "subprocess.CompletedProcess[str]":
    return heapscope("script", "-", "--kernel", str(KERNEL), *options, typed=text)


def test_replies_and_only_those(tmp_path: Path) -> None:
    file = tmp_path / "demo.hs"
    file.write_text("#!heapscope\necho one\n\n  # a comment\necho two; echo three\n")
    result = heapscope("script", str(file), "--kernel", str(KERNEL))
    assert (result.stdout, result.stderr, result.returncode) == ("one\ntwo\nthree\n", "", 0)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_any_line_end_will_do_and_the_last_may_lack(end: str) -> None:
    result = script(end.join(["echo a", "", "echo b"]))
    assert (result.stdout, result.returncode) == ("a\nb\n", 0)


@pytest.mark.parametrize("text, status", [
    ("echo a\n", 0),
    ("", 0),
    ("free a99\n", 1),
    ("alloc\n", 2),
    ("nosuch\n", 127),
    ("echo a\nalloc\nnosuch\necho b\n", 2),
    ("nosuch || echo a\n", 0),
    ("poweroff 9\n", 9),
    ("poweroff\necho never\n", 0),
    ("nosuch\npoweroff 9\n", 127),
])
def test_the_status_is_that_of_the_first_failure(text: str, status: int) -> None:
    result = script(text)
    assert result.returncode == status
    assert result.stderr == ""
    assert "never" not in result.stdout


def test_errors_of_the_shell_are_replies() -> None:
    result = script("nosuch\necho on\n")
    assert result.stdout == "unknown command: nosuch\non\n"


def test_json_mode_gives_a_line_of_json_for_each_command() -> None:
    result = script("alloc 64\nstats\nnosuch\n", "--mode", "json")
    replies = [json.loads(line) for line in result.stdout.splitlines()]
    assert [reply["command"] for reply in replies] == ["alloc", "stats", "nosuch"]


def test_the_mode_may_change_in_the_script() -> None:
    result = script("echo a\nmode json\necho b\nmode plain\necho c\n")
    lines = result.stdout.splitlines()
    assert (lines[0], lines[-1], result.returncode) == ("a", "c", 0)
    assert any(line.startswith("{") and '"b"' in line for line in lines)


def test_the_options_reach_the_kernel() -> None:
    result = script("stats\natags\n", "--mode", "json", "--allocator", "bump", "--heap", "64K",
                    "--board", "raspi3ap", "--append", "some.word=1")
    stats, atags = (json.loads(line)["result"] for line in result.stdout.splitlines())
    assert (stats["allocator"], stats["heap_bytes"]) == ("bump", 64 << 10)
    assert atags["memory"][0]["end"] == "0x1c000000"
    assert "some.word=1" in json.dumps(atags)


def test_what_the_boot_prints_is_no_reply() -> None:
    result = script("echo a\n", "--append", 'shell.run="echo boot"')
    assert (result.stdout, result.returncode) == ("a\n", 0)


def test_replies_come_while_the_script_runs(tmp_path: Path) -> None:
    file = tmp_path / "long.hs"
    # More than the pipe holds, so that the command cannot have ended.
    file.write_text("echo first\n" + 1000 * f"echo {400 * 'x'}\n")
    with subprocess.Popen([HEAPSCOPE, "script", str(file), "--kernel", str(KERNEL)],
                          stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "first\n"
        assert process.poll() is None
        process.terminate()
    assert process.returncode == 128 + signal.SIGTERM


def test_a_large_reply_is_whole() -> None:
    result = script("alloc 16 -n 2000\n", "--mode", "json")
    assert len(json.loads(result.stdout)["result"]["blocks"]) == 2000


def test_a_script_within_the_script_is_one_command() -> None:
    result = script("echo 1\nsource <<END && echo 4\n\n# echo\necho 2\nnosuch\nEND\necho 3\n")
    assert result.stdout == ("1\n2\nunknown command: nosuch\nlines                  4\n"
                             "status                 127\n3\n")
    assert result.returncode == 127


def test_a_script_within_the_script_must_end() -> None:
    result = script("echo 1\nsource <<END\necho 2\n")
    assert result.returncode == USAGE
    assert_one_line(result.stderr)


def test_a_line_too_long_is_an_error_like_any_other() -> None:
    result = script("echo " + 600 * "x" + "\necho on\n")
    assert result.returncode == 2
    assert result.stdout.splitlines()[-1] == "on"


@pytest.mark.parametrize("arguments", [
    ("script",),
    ("script", "/nosuch/file"),
    ("script", "/"),
    ("script", "-", "--nosuch"),
    ("script", "-", "--board", "raspi9"),
    ("script", "-", "--allocator", "nosuch"),
    ("script", "-", "--heap", "64Q"),
    ("script", "-", "--timeout", "0"),
    ("script", "-", "--kernel", "/nosuch/kernel8.img"),
    ("script", "-", "--initrd", "/nosuch/initrd"),
    ("script", "-", "--append", 460 * "x"),
    ("nosuch",),
])
def test_wrong_use_is_one_line_and_status_2(arguments: tuple[str, ...]) -> None:
    result = heapscope(*arguments)
    assert (result.returncode, result.stdout) == (USAGE, "")
    assert_one_line(result.stderr)


@pytest.mark.parametrize("byte", ["\0", "\x03", "\b", "\x7f"])
def test_bytes_that_cannot_be_typed_are_refused(byte: str) -> None:
    result = script(f"echo a\necho b{byte}c\n")
    assert (result.returncode, result.stdout) == (USAGE, "")
    assert_one_line(result.stderr)


def test_a_kernel_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    image = tmp_path / "kernel8.img"
    image.write_bytes(b"\x00\x00\x00\x14")  # b .
    result = heapscope("script", "-", "--kernel", str(image), "--timeout", "2", typed="echo a\n")
    assert (result.returncode, result.stdout) == (MACHINE, "")
    assert_one_line(result.stderr)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_ends_qemu_too(tmp_path: Path, number: signal.Signals) -> None:
    image = tmp_path / "kernel8.img"
    image.write_bytes(b"\x00\x00\x00\x14")  # b .
    process = subprocess.Popen(
        [HEAPSCOPE, "script", "-", "--kernel", str(image)], stdin=subprocess.DEVNULL,
        env=os.environ | {"TMPDIR": str(tmp_path)})
    machine = _only_child(process.pid)
    process.send_signal(number)
    process.wait(10)
    _wait_for_end(machine)
    if number != signal.SIGKILL:
        assert process.returncode == 128 + number
        assert not list(tmp_path.glob("heapscope-*"))


@pytest.mark.parametrize("arguments", [
    ("--help",), ("run", "--help"), ("script", "--help"), ("picocom", "-h"), ("test", "--help"),
    ("connect", "--help"), ("sdcard", "--help")])
def test_help(arguments: tuple[str, ...]) -> None:
    result = heapscope(*arguments)
    assert result.returncode == 0
    assert "heapscope" in result.stdout and result.stderr == ""


def _only_child(parent: int) -> int:
    """QEMU, once the command has started it (and has become Python before)."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text().startswith("qemu"):
                return int(child)
        time.sleep(0.05)
    raise AssertionError("QEMU was not started")


def _wait_for_end(process: int) -> None:
    """Whoever adopted it may be slow to collect it: a zombie has ended."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if ") Z " in Path(f"/proc/{process}/stat").read_text():
                return
        except FileNotFoundError:
            return
        time.sleep(0.05)
    raise AssertionError(f"process {process} is still there")
