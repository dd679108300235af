"""What the kernel makes of what it is booted with: command line, initrd, board
and device tree, and how it ends.
"""

import json
import subprocess
from pathlib import Path

import pytest

from harness import Machines
from session import PROMPT

JSON = "shell.mode=json"
INITRD_ADDRESS = 0x08000000

DEVICE_TREE = """
/dts-v1/;
/ {
    #address-cells = <1>;
    #size-cells = <1>;
    compatible = "raspberrypi,3-model-b", "brcm,bcm2837";
    memory@0 { device_type = "memory"; reg = <0x0 0x20000000>; };
    chosen { };
};
"""


def span(stats: dict[str, str]) -> tuple[int, int]:
    return int(stats["start"], 16), int(stats["end"], 16)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "script.hs"


def test_the_prompt_comes_by_itself(own_machines: Machines) -> None:
    shell = own_machines.boot(ready=False)
    assert shell.read_until(PROMPT).endswith(b"\r\n" + PROMPT)


@pytest.mark.parametrize("allocator", ["bin", "bump", "first-fit"])
@pytest.mark.parametrize("size, heap_bytes", [("64K", 64 << 10), ("1M", 1 << 20), ("0x10000", 1 << 16)])
def test_the_heap_is_as_asked(
        own_machines: Machines, allocator: str, size: str, heap_bytes: int) -> None:
    shell = own_machines.boot(f"{JSON} heap.allocator={allocator} heap.size={size}")
    stats = shell.result("stats")
    assert (stats["allocator"], stats["heap_bytes"]) == (allocator, heap_bytes)
    block = shell.result("alloc 1000")["blocks"][0]
    start, end = span(stats)
    assert start <= int(block["address"], 16) < end


def test_the_whole_memory_is_the_heap_unless_asked(own_machines: Machines) -> None:
    stats = own_machines.boot(JSON).result("stats")
    assert stats["heap_bytes"] > 700 << 20


@pytest.mark.parametrize("words", [
    "heap.size=64G", "heap.size=3G", "heap.size=0", "heap.size=x", "heap.size=18446744073709551616",
    "heap.allocator=nosuch", "shell.mode=nosuch",
])
def test_a_wrong_setting_is_said(own_machines: Machines, words: str) -> None:
    shell = own_machines.boot(words, ready=False)
    key, _, value = words.partition("=")
    said = shell.expect(rb"(error|panic|fatal): [^\n]*\n")
    assert key.encode() in said.splitlines()[-1] or value.encode() in said.splitlines()[-1]


def test_a_long_command_line_arrives_whole(own_machines: Machines) -> None:
    text = JSON + " " + " ".join(f"word{number:03}" for number in range(40))
    text = text[:300]
    tags = own_machines.boot(text).result("atags")["tags"]
    assert text in json.dumps([tag for tag in tags if tag["tag"] == "CMDLINE"])


@pytest.mark.parametrize("words", ["console=ttyS0,115200", "heap.other=1", "a=\"b c\"", "   "])
def test_foreign_words_do_not_matter(own_machines: Machines, words: str) -> None:
    shell = own_machines.boot(f"{words} {JSON}")
    assert shell.json("echo hi")["status"] == 0


@pytest.mark.parametrize("status", [0, 1, 7, 255])
def test_the_command_line_runs_commands_and_ends_qemu(own_machines: Machines, status: int) -> None:
    shell = own_machines.boot(f'shell.run="echo one; poweroff {status}"', ready=False)
    assert shell.exit_status() == status
    assert b"\none\r\n" in shell.transcript


def test_the_shell_goes_on_after_what_the_command_line_ran(own_machines: Machines) -> None:
    shell = own_machines.boot(f'{JSON} shell.run="alloc 64 -t boot; nosuch" heap.size=1M')
    assert shell.json("echo $?")["status"] == 0
    assert len(shell.result("free -t boot")["freed"]) == 1


@pytest.mark.parametrize("status", [0, 3])
def test_poweroff_ends_qemu(own_machines: Machines, status: int) -> None:
    shell = own_machines.boot()
    shell.send(b"poweroff %d\r" % status)
    assert shell.exit_status() == status


def test_reboot_starts_anew(own_machines: Machines) -> None:
    shell = own_machines.boot(JSON)
    shell.result("alloc 64 -t before")
    shell.send(b"reboot\r")
    shell.read_for(1)
    shell.wait_until_ready()
    assert shell.result("alloc 64")["blocks"][0]["id"] == "a1"


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_an_initrd_is_run_as_a_script(own_machines: Machines, script: Path, end: str) -> None:
    lines = ["#!heapscope", "# a comment", "", "alloc 64 -t one", "nosuch", "alloc 128 -t two"]
    script.write_text(end.join(lines))
    shell = own_machines.boot(JSON, initrd=script)
    assert len(shell.result("free -t one")["freed"]) == 1
    assert len(shell.result("free -t two")["freed"]) == 1


def test_an_initrd_can_end_qemu(own_machines: Machines, script: Path) -> None:
    script.write_text("#!heapscope\necho from the script\npoweroff 4\necho never\n")
    shell = own_machines.boot(initrd=script, ready=False)
    assert shell.exit_status() == 4
    assert b"\nfrom the script\r\n" in shell.transcript
    assert b"never" not in shell.transcript


def test_an_initrd_that_is_no_script_is_said_and_the_shell_comes(
        own_machines: Machines, script: Path) -> None:
    script.write_bytes(b"\x1f\x8b\0\0 poweroff 9\npoweroff 9\n" + 4096 * b"\xff")
    shell = own_machines.boot(initrd=script)
    assert b"\nerror: " in shell.transcript
    assert shell.ok("echo hi") == ["hi"]


def test_the_initrd_is_a_tag_and_not_in_the_heap(own_machines: Machines, script: Path) -> None:
    script.write_bytes(b"#!heapscope\n" + 100_000 * b"#")
    shell = own_machines.boot(JSON, initrd=script)
    tags = {tag["tag"]: tag for tag in shell.result("atags")["tags"]}
    assert tags["INITRD2"]["id"] == "0x54420005"
    start, end = span(shell.result("stats"))
    assert end <= INITRD_ADDRESS or start >= INITRD_ADDRESS + script.stat().st_size


def test_the_smaller_board(own_machines: Machines) -> None:
    shell = own_machines.boot(JSON, board="raspi3ap")
    memory = shell.result("atags")["memory"]
    assert [(bank["start"], bank["end"]) for bank in memory] == [("0x0", "0x1c000000")]
    assert span(shell.result("stats"))[1] <= 0x1C000000


def test_a_device_tree_serves_in_place_of_tags(own_machines: Machines, tmp_path: Path) -> None:
    tree = tmp_path / "board.dtb"
    subprocess.run(["dtc", "-q", "-O", "dtb", "-o", str(tree)],
                   input=DEVICE_TREE, text=True, check=True)
    # Its command line is in the tree as well.
    shell = own_machines.boot(JSON, dtb=tree)
    atags = shell.result("atags")
    assert atags["source"] != "atags"
    assert atags["tags"] == []
    end = max(int(bank["end"], 16) for bank in atags["memory"])
    assert span(shell.result("stats"))[1] <= end
    assert shell.result("alloc 64")["blocks"]
