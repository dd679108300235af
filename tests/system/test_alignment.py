"""That the second QEMU enforces alignment while the MMU is off, which is what it is
for, and that the other one does not.
"""

import subprocess
from pathlib import Path

import newer_qemu
from qemu import program

FINE, FAULTED = 20, 21

# At EL3, where QEMU's loader starts; ends QEMU with the status.
UNALIGNED_WITH_MMU_OFF = f"""
    adr x0, vectors
    msr vbar_el3, x0
    mov x1, #0x200000
    ldr x2, [x1, #1]
    mov x3, #{FINE}
    b leave
    .balign 0x800
vectors:
    .space 0x200
    mov x3, #{FAULTED}
leave:
    adr x1, arguments
    ldr x0, =0x20026
    str x0, [x1]
    str x3, [x1, #8]
    mov w0, #0x18
    hlt #0xf000
    .balign 16
arguments:
    .space 16
"""


def test_unaligned_accesses_fault_on_the_newer_one_only(tmp_path: Path) -> None:
    source, made, stub = (tmp_path / name for name in ("stub.S", "stub.o", "stub.bin"))
    source.write_text(UNALIGNED_WITH_MMU_OFF)
    subprocess.run(["aarch64-linux-gnu-as", "-o", made, source], check=True)
    subprocess.run(["aarch64-linux-gnu-objcopy", "-O", "binary", made, stub], check=True)
    status = subprocess.run(
        [program(), "-M", "raspi3b", "-device",
         f"loader,file={stub},addr=0x80000,force-raw=on,cpu-num=0", "-serial", "null",
         "-display", "none", "-monitor", "none", "-semihosting-config",
         "enable=on,target=native"], stdin=subprocess.DEVNULL, timeout=60).returncode
    enforces = newer_qemu.version(program()) >= newer_qemu.FIRST_VERSION
    assert status == (FAULTED if enforces else FINE)
