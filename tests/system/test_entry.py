"""How the kernel takes being entered: at each exception level, with all cores at
once, where it was not linked to be, and with nobody listening to semihosting.
"""

import subprocess
from pathlib import Path

import pytest

from harness import KERNEL
from qemu import program

ELF = KERNEL.with_suffix(".elf")
SECONDS = 60

# What comes while the UART is set up is dropped; the line ends before take that.
TYPED = "\r" * 16

# From EL3, where QEMU's loader starts, to the kernel at EL1.
ENTER_AT_EL1 = """
    mov x0, #0x5b1
    msr scr_el3, x0
    mov x0, #(1 << 31)
    msr hcr_el2, x0
    mov x0, #3
    msr cnthctl_el2, x0
    ldr x0, =0x30d00800
    msr sctlr_el1, x0
    mov x0, #0x3c5
    msr spsr_el3, x0
    mov x0, #0x80000
    msr elr_el3, x0
    mov x0, xzr
    eret
"""


def boot(arguments: list[str], commands: str) -> tuple[str, int]:
    """What the machine prints until it is off, and QEMU's exit status."""
    done = subprocess.run(
        [program(), "-M", "raspi3b", *arguments, "-serial", "null", "-serial", "stdio",
         "-display", "none", "-monitor", "none"],
        input=TYPED + commands, capture_output=True, text=True, timeout=SECONDS, check=False)
    return done.stdout, done.returncode


def loader(file: Path, address: int, *more: str) -> list[str]:
    return ["-device", ",".join(("loader", f"file={file}", f"addr={address:#x}", "force-raw=on", *more))]


@pytest.fixture
def semihosting() -> list[str]:
    return ["-semihosting-config", "enable=on,target=native"]


def test_at_el2_as_the_firmware_does(semihosting: list[str]) -> None:
    output, status = boot(["-kernel", str(KERNEL), *semihosting], "atags\rpoweroff 2\r")
    assert "atags" in output
    assert status == 2


def test_at_el3_and_without_tags(semihosting: list[str]) -> None:
    arguments = [*loader(KERNEL, 0x80000, "cpu-num=0"), *semihosting]
    output, status = boot(arguments, "atags; selftest && poweroff 3\r")
    assert "mailbox" in output
    assert "no tag list" in output or "CORE" in output
    assert status == 3


def test_at_el1(tmp_path: Path, semihosting: list[str]) -> None:
    source, made, stub = (tmp_path / name for name in ("stub.S", "stub.o", "stub.bin"))
    source.write_text(ENTER_AT_EL1)
    subprocess.run(["aarch64-linux-gnu-as", "-o", made, source], check=True)
    subprocess.run(["aarch64-linux-gnu-objcopy", "-O", "binary", made, stub], check=True)
    arguments = [*loader(KERNEL, 0x80000), *loader(stub, 0x1000000, "cpu-num=0"), *semihosting]
    output, status = boot(arguments, "selftest && poweroff 4\r")
    assert "the heap is as before" in output
    assert status == 4


def test_an_elf_with_all_cores_at_once(semihosting: list[str]) -> None:
    output, status = boot(["-kernel", str(ELF), *semihosting], "selftest && poweroff 5\r")
    assert output.count("Type help") == 1
    assert status == 5


def test_where_it_was_not_linked() -> None:
    process = subprocess.Popen(
        [program(), "-M", "raspi3b", *loader(KERNEL, 0x200000, "cpu-num=0"),
         "-serial", "null", "-serial", "stdio", "-display", "none", "-monitor", "none"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = ""
        while "halted" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
    finally:
        process.kill()
        process.wait()
    assert "fatal: the kernel was loaded at 0x200000, but is linked for 0x80000." in said
    assert "kernel_address=0x80000" in said


def test_poweroff_without_semihosting() -> None:
    output, status = boot(["-kernel", str(KERNEL)], "poweroff 6\r")
    assert "powering off" in output
    assert status == 0


def test_reboot_starts_again(semihosting: list[str]) -> None:
    output, status = boot(["-kernel", str(KERNEL), "-no-reboot", *semihosting], "reboot\r")
    assert "rebooting" in output
    assert status == 0
