"""Figures that the project promises, in exact instruction counts: the machine runs
one instruction a tick. And the command that counts them.
"""

import json
import subprocess

from harness import KERNEL, Machines, Shell
from qemu import program

MOST_BOOT_INSTRUCTIONS = 2_500_000
SECONDS = 120


def counted(commands: str) -> list[dict]:
    """The replies of a machine that counts instructions, in json mode."""
    done = subprocess.run(
        [program(), "-M", "raspi3b", "-icount", "shift=0", "-kernel", str(KERNEL),
         "-append", "shell.mode=json", "-serial", "null", "-serial", "stdio", "-display", "none",
         "-monitor", "none"],
        input="\r" * 16 + commands + "\rpoweroff\r", capture_output=True, text=True,
        timeout=SECONDS, check=False)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_the_boot_with_the_whole_memory_as_heap() -> None:
    version, stats = counted("version -v; stats")[:2]
    assert stats["result"]["heap_bytes"] > 900 << 20
    instructions = version["result"]["boot_instructions"]
    assert 10_000 < instructions <= MOST_BOOT_INSTRUCTIONS


def test_time_counts_instructions() -> None:
    inner, outer = counted("time alloc 64")[:2]
    assert (inner["command"], outer["command"]) == ("alloc", "time")
    assert 500 < outer["result"]["instructions"] < 200_000
    assert outer["result"]["cycles"] == outer["result"]["instructions"]


def test_time_without_counting(json_shell: Shell) -> None:
    inner, outer = json_shell.replies("time stats")
    assert inner["command"] == "stats"
    assert outer["result"]["instructions"] is None
    assert outer["result"]["microseconds"] > 0


def test_time_has_the_status_of_the_command(shell: Shell) -> None:
    assert shell.run("time echo yes").status == 0
    assert shell.run("time free a999999").status == 1
    assert shell.run("time alloc").status == 2
    assert shell.run("time nosuch").status == 127
    assert shell.run("time").status == 2
    assert shell.run("time time crash read").status == 1
    assert shell.ok("echo alive") == ["alive"]


def test_the_counts_of_a_boot_are_not_counted_without_icount(own_machines: Machines) -> None:
    result = own_machines.boot("shell.mode=json").result("version -v")
    assert result["boot_instructions"] is None
    assert result["boot_microseconds"] > 0
