"""What a fault says: the kernel with an instruction of `uptime` replaced by one
that cannot be carried out.
"""

import re
import struct
import subprocess
from pathlib import Path

import pytest

from harness import KERNEL

LINK_ADDRESS = 0x80000
SECONDS = 60

UNDEFINED = [0x00000000]  # udf #0
ABORT = [0xD2AA0000, 0xF9400000]  # mov x0, #0x50000000; ldr x0, [x0]
BREAKPOINT = [0xD4200000]  # brk #0


def address_of(symbol_part: str) -> int:
    symbols = subprocess.run(["aarch64-linux-gnu-nm", KERNEL.with_suffix(".elf")],
                             check=True, capture_output=True, text=True).stdout
    found = [line for line in symbols.splitlines() if symbol_part in line]
    assert len(found) == 1, found
    return int(found[0].split()[0], 16)


def patched(directory: Path, instructions: list[int]) -> tuple[Path, int]:
    """The kernel with `instructions` where uptime_us begins, and that address."""
    address = address_of("uptime_us")
    image = bytearray(KERNEL.read_bytes())
    offset = address - LINK_ADDRESS
    code = struct.pack(f"<{len(instructions)}I", *instructions)
    image[offset:offset + len(code)] = code
    path = directory / "kernel8.img"
    path.write_bytes(image)
    return path, address


def report_of(kernel: Path) -> str:
    """What the machine says from the fault until it has halted."""
    process = subprocess.Popen(
        ["timeout", str(SECONDS), "qemu-system-aarch64", "-M", "raspi3b", "-kernel", kernel,
         "-serial", "null", "-serial", "stdio", "-display", "none", "-monitor", "none"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin and process.stdout
    try:
        process.stdin.write(b"\r" * 16 + b"uptime\r")
        process.stdin.flush()
        said = b""
        while b"halted\r\n" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
    finally:
        process.terminate()
        process.wait()
    return said[said.index(b"fatal:"):].decode().replace("\r\n", "\n")


@pytest.mark.parametrize("instructions, offset, words, exception_class", [
    (UNDEFINED, 0, "undefined instruction", 0x00),
    (BREAKPOINT, 0, "breakpoint instruction", 0x3C),
    (ABORT, 4, "data abort", 0x25),
])
def test_a_fault_is_reported(
        tmp_path: Path, instructions: list[int], offset: int, words: str,
        exception_class: int) -> None:
    kernel, address = patched(tmp_path, instructions)
    report = report_of(kernel)
    assert report.startswith(f"fatal: synchronous exception: {words}\n")
    match = re.search(r"ESR (0x[0-9a-f]+)  ELR (0x[0-9a-f]+)  SPSR (0x[0-9a-f]+)", report)
    assert match
    assert int(match[1], 16) >> 26 == exception_class
    assert int(match[2], 16) == address + offset
    assert len(re.findall(r"^x\d+ |  x\d+ ", report, re.MULTILINE)) == 31
    if instructions == ABORT:
        assert "FAR 0x0000000050000000\n" in report
    assert max(map(len, report.splitlines())) <= 80
