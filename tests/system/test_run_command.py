"""`./heapscope run` from end to end, in a terminal and with a pipe."""

import subprocess
from typing import Iterator

import pexpect
import pytest

from harness import HEAPSCOPE, KERNEL

PROMPT = "heapscope> "
# QEMU lets the terminal turn the kernel's LF into a CRLF of its own.
END = "\r+\n"


@pytest.fixture
def run() -> Iterator[pexpect.spawn]:
    process = pexpect.spawn(
        str(HEAPSCOPE), ["run", "--kernel", str(KERNEL)], timeout=30, encoding="latin-1")
    yield process
    process.close(force=True)


def end(process: pexpect.spawn) -> int | None:
    process.expect(pexpect.EOF)
    process.close()
    return process.exitstatus


def test_it_says_how_to_leave_and_poweroff_gives_its_status(run: pexpect.spawn) -> None:
    run.expect("leave: .*poweroff")
    run.expect(f"{END}{PROMPT}")
    run.send("echo hi\r")
    run.expect(f"echo hi{END}hi{END}{PROMPT}")
    run.send("poweroff 5\r")
    assert end(run) == 5


def test_ctrl_c_reaches_the_kernel(run: pexpect.spawn) -> None:
    run.expect(PROMPT)
    run.send("echo lost\x03")
    run.expect(f"{END}{PROMPT}")
    run.send("\x01poweroff 2\r")
    assert end(run) == 2


def test_ctrl_bracket_and_x_always_leave(run: pexpect.spawn) -> None:
    run.expect(PROMPT)
    run.send("\x1dx")
    assert end(run) == 0


@pytest.mark.parametrize("text, status", [
    (b"echo hi\n", 0), (b"echo hi", 0), (b"echo hi\npoweroff 3\n", 3), (b"echo hi;poweroff 3", 3)])
def test_a_pipe_is_typed_and_its_end_powers_off(text: bytes, status: int) -> None:
    result = subprocess.run(
        [HEAPSCOPE, "run", "--kernel", KERNEL], input=text, capture_output=True, timeout=60)
    assert b"\r\nhi\r\n" in result.stdout
    assert (result.returncode, result.stderr) == (status, b"")
