"""What QEMU has to say of the kernel's use of the machine (`-d guest_errors,unimp`)
while every command runs: nothing but what is listed here, and all of that.
"""

from pathlib import Path

import newer_qemu
import pytest
from harness import KERNEL, Machines, Shell
from qemu import program
from sender import send_file

# What both QEMUs say, and why it is harmless.
#
# The mini UART's registers for its clock, its format and its enabling are not
# modelled: QEMU's serial line always works. On a board they must be written;
# tests/unit/uart/ checks the values and their order.
UART = {
    "bcm2835_aux_write: AUX_MU_CNTL_REG unsupported",
    "bcm2835_aux_write: AUX_MU_LCR_REG unsupported",
    "bcm2835_aux_write: AUX_MU_MCR_REG unsupported",
    "bcm2835_aux_write: AUX_MU_BAUD_REG unsupported",
}
# The measured clock rate: QEMU's firmware does not answer, and the kernel asks for
# the nominal rate then. A board's firmware does.
MEASURED_CLOCK = {"bcm2835_property: unhandled tag 0x00030047"}
# `board`: QEMU's board has no serial number, and answers 0.
SERIAL_NUMBER = {"bcm2835_property: 0x00010004 get board serial NYI"}
# The same: the older QEMU does not know whether it is throttled, and does not answer.
THROTTLED = {"bcm2835_property: unhandled tag 0x00030046"}
# `reboot`: the watchdog that times a reset is not modelled, QEMU resets at once.
RESET = {"bcm2835_powermgt_write: WDOG"}
# `poweroff` where nobody listens to semihosting: what boot code finds behind the
# reset is not modelled, except that it means to halt.
HALT = {"bcm2835_powermgt_write: RSTS"}

ALWAYS = UART | MEASURED_CLOCK

# Every command, in an order that makes sense. Those that end the session have
# tests of their own.
SESSION = [
    "help", "help alloc", "history", "clear", "version -v", "uptime", "echo hello", "board", "atags -x", "memmap",
    "uart", "alloc 64 -t one", "alloc 4096 4096 -f 0xaa", "alloc 1K -n 8", "dump a1", "peek a1",
    "poke a1 7", "fill a2 4096 1 -w 8", "heapmap -b", "stats", "time stats", "free a1",
    "free -t one || free all", "selftest", "demo vector", "demo string 1000", "demo map 50 -v",
    "demo set 1000", "replay growing -v", "compare lifo", "allocator bump 64K", "selftest", "demo set", "allocator bin all",
    "set size 64", "alloc $size", "unset size", "assert live_blocks > 0", "repeat 2 -d 1 stats",
    "watch -n 0 -c 2 stats", "blocks --sort size --top 4", "bins", "who a3",
    "fail nth 2", "demo set", "fail every 3", "selftest", "fail off",
    "check --every 10", "latency on", "harden none", "alloc 32", "check", "latency", "latency off",
    "check --every off", "harden default",
    "mark m", "trace on", "alloc 32", "trace dump", "trace off", "diff m", "origins", "heapmap --ram",
    "heapmap --live -c 2 -i 10", "sleep 1", "source initrd", "source $last", "free $last",
    "nosuch", "free a1", "alloc 0", "crash read", "crash write", "crash jump", "crash stack",
    "crash undefined", "crash overflow", "crash underflow", "crash use-after-free",
    "lock measure on", "cores", "stress -n 2000 -s 1", "lock", "lock measure off",
    "crash read -c 2", "crash read -c all", "workload fifo -r max", "workload uniform",
    "watch -n 0 -c 2 stats", "workload stop", "workload lifo -n 10 -c 2", "workload",
    "crash spin -c 3", "cores", "mode json", "stats", "board", "demo set", "crash read", "mode plain",
]
ENDING = {"boot", "panic", "poweroff", "reboot"}
# What waits for a sender, and the Ctrl-C that ends that.
WAITING = {"receive"}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def board_facts() -> set[str]:
    """What `board` makes this QEMU say."""
    newer = newer_qemu.version(program()) >= newer_qemu.FIRST_VERSION
    return SERIAL_NUMBER if newer else SERIAL_NUMBER | THROTTLED


def boot(machines: Machines, log: Path, *extra: str, board: str = "raspi3b") -> Shell:
    return machines.boot(board=board, extra=["-d", "guest_errors,unimp", "-D", str(log), *extra])


def said(log: Path) -> set[str]:
    return set(log.read_text().splitlines())


@pytest.mark.parametrize("board", ["raspi3b", "raspi3ap"])
def test_every_command(
        own_machines: Machines, log: Path, board_facts: set[str], board: str) -> None:
    shell = boot(own_machines, log, board=board)
    for line in SESSION:
        shell.run(line)
    commands = {item["name"] for item in own_machines.boot("shell.mode=json").result("help")["commands"]}
    assert commands - {line.split()[0] for line in SESSION} == ENDING | WAITING
    for command in WAITING:
        shell.send(command.encode() + b"\r")
        shell.read_until(b"gives up.\r\n")
        shell.send(b"\x03")
        shell.read_until(b"error: interrupted")
        shell.settle()
    shell.send(b"poweroff 3\r")
    assert shell.exit_status() == 3
    assert said(log) == ALWAYS | board_facts


def test_reboot(own_machines: Machines, log: Path) -> None:
    shell = boot(own_machines, log)
    shell.send(b"reboot\r")
    shell.read_until(b"Type help")
    shell.wait_until_ready()
    shell.ok("selftest")
    assert said(log) == ALWAYS | RESET


def test_boot(own_machines: Machines, log: Path) -> None:
    shell = boot(own_machines, log)
    shell.send(b"boot\r")
    assert send_file(shell, KERNEL, "sx", "-k") == 0
    shell.read_until(b"Type help")
    shell.wait_until_ready()
    shell.ok("selftest; cores; stress -n 1000")
    assert said(log) == ALWAYS


def test_poweroff_without_semihosting(own_machines: Machines, log: Path) -> None:
    shell = boot(own_machines, log, "-semihosting-config", "enable=off")
    shell.send(b"poweroff 3\r")
    assert shell.exit_status() == 0
    assert said(log) == ALWAYS | RESET | HALT


@pytest.mark.parametrize("command", ["panic", "crash locked -c 2", "crash delete -c all"])
def test_the_panic_shell(own_machines: Machines, log: Path, command: str) -> None:
    shell = boot(own_machines, log)
    shell.send(command.encode() + b"\r")
    shell.read_until(b"\r\npanic> ")
    for line in ("help", "heapmap -b", "stats", "memmap", "uart", "peek 0", "echo alive"):
        shell.run(line)
    shell.send(b"poweroff 3\r")
    assert shell.exit_status() == 3
    assert said(log) == ALWAYS
