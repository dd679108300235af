"""Faults outside of the allocator and the handlers: each is reported and survived,
and what was begun is ended. For the others see test_panic.py.
"""

import re
import subprocess

import pytest

from harness import KERNEL, Shell

KINDS = {
    # kind: (words of the report, exception class of ESR, the address if it is fixed)
    "read": ("data abort at 0x50000000", 0x25, 0x50000000),
    "write": ("data abort at 0x80000", 0x25, 0x80000),
    "jump": ("instruction abort at 0x0", 0x21, 0),
    "stack": ("data abort at 0x", 0x25, None),
    "undefined": ("undefined instruction", 0x00, None),
}


def symbols() -> dict[str, int]:
    listing = subprocess.run(["aarch64-linux-gnu-nm", "-C", KERNEL.with_suffix(".elf")],
                             check=True, capture_output=True, text=True).stdout
    return {name: int(address, 16) for address, _, name in
            (line.split(" ", 2) for line in listing.splitlines() if not line.startswith(" "))}


def registers_in(lines: list[str]) -> dict[str, int]:
    found = re.findall(r"\b(ESR|ELR|SPSR|FAR|sp|x\d+) +(0x[0-9a-f]+)", "\n".join(lines))
    return {name: int(value, 16) for name, value in found}


@pytest.mark.parametrize("kind", KINDS)
def test_a_crash_gives_the_prompt_back(shell: Shell, kind: str) -> None:
    words, exception_class, address = KINDS[kind]
    before = shell.ok("stats")
    reply = shell.run(f"crash {kind}")
    assert reply.status == 1
    assert reply.lines[-1].startswith(f"error: {words}")
    registers = registers_in(reply.lines)
    assert {f"x{i}" for i in range(31)} | {"ESR", "ELR", "SPSR", "sp"} <= set(registers)
    assert registers["ESR"] >> 26 == exception_class
    if address is not None:
        assert registers["FAR"] == address
    assert any("shell::Shell::" in line or "use_up_stack" in line for line in reply.lines)
    assert max(map(len, reply.lines)) <= 80
    assert shell.ok("stats") == before
    assert shell.run("alloc 64 && free all").status == 0


def test_a_stack_overflow_ends_in_the_guard_page(shell: Shell) -> None:
    stacks = symbols()["__stacks_start"]
    registers = registers_in(shell.run("crash stack").lines)
    assert stacks <= registers["FAR"] < stacks + 4096


def test_a_crash_can_be_repeated(shell: Shell) -> None:
    for _ in range(20):
        for kind in KINDS:
            assert shell.run(f"crash {kind}").status == 1
    assert shell.ok("echo alive") == ["alive"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_crash_in_json_is_one_line(json_shell: Shell, kind: str) -> None:
    document = json_shell.json(f"crash {kind}")
    assert document["status"] == 1
    assert document["error"]["kind"] == "fault"
    assert document["error"]["message"].startswith(KINDS[kind][0])


def test_what_a_fault_breaks_off_is_still_valid(json_shell: Shell) -> None:
    end_of_memory = json_shell.result("memmap")["banks"][-1]["end"]
    place = int(end_of_memory, 16) - 16
    document = json_shell.json(f"dump {place:#x} 64")
    assert len(document["result"]["rows"]) == 1
    assert document["result"]["problem"]["kind"] == "fault"
    assert json_shell.run(f"dump {place:#x} 64").status == 1


def test_a_fault_ends_its_command_and_not_the_line(shell: Shell) -> None:
    reply = shell.run("crash read; echo $?; crash read && echo no; crash read || echo yes")
    plain = [line for line in reply.lines if line in ("0", "1", "no", "yes")]
    assert plain == ["1", "yes"]


def test_the_page_at_0_is_not_mapped(shell: Shell) -> None:
    for address in ("0", "0x100", "0xfff"):
        assert shell.run(f"peek {address} -w 1").status == 1
    assert shell.run("peek 0x1000 -w 1").status == 0


@pytest.mark.parametrize("width, value", [(1, 0xA5), (2, 0xBEEF), (4, 0xDEADBEEF), (8, 2**64 - 2)])
def test_poke_and_peek(json_shell: Shell, width: int, value: int) -> None:
    json_shell.ok("alloc 64 -f 0")
    handle = json_shell.result("alloc 64 -f 0")["blocks"][0]["id"]
    json_shell.result(f"poke {handle} {value:#x} -w {width}")
    assert int(json_shell.result(f"peek {handle} -w {width}")["value"], 16) == value
    expected = value.to_bytes(width, "little").ljust(16, b"\0").hex(" ")
    assert json_shell.result(f"dump {handle} 16")["rows"][0]["bytes"] == expected


def test_fill_and_dump(json_shell: Shell) -> None:
    block = json_shell.result("alloc 40 -f 0x5a")["blocks"][0]
    json_shell.result(f"fill {block['id']} 32 0x41 -w 1")
    rows = json_shell.result(f"dump {block['id']} 40")["rows"]
    assert [row["text"] for row in rows] == ["A" * 16, "A" * 16, "Z" * 8]
    assert rows[1]["address"] == hex(int(block["address"], 16) + 16)


@pytest.mark.parametrize("line, status", [
    ("peek", 2), ("peek a0", 2), ("peek a999999", 1), ("peek 0x80000 -w 3", 2), ("peek 1e3", 2),
    ("poke 0x80000", 2), ("poke 0x1000 256 -w 1", 2), ("poke 0x1000 -1", 2),
    ("fill 0x1000 7 1", 2), ("fill 0x1000 18446744073709551615 1", 2), ("fill 0x1000 8", 2),
    ("dump", 2), ("dump 0x80000 0", 2), ("dump 0x80000 x", 2), ("dump 0x50000000", 1),
    ("crash", 2), ("crash nosuch", 2), ("crash read read", 2),
])
def test_wrong_calls(shell: Shell, line: str, status: int) -> None:
    reply = shell.run(line)
    assert reply.status == status
    assert any(text.startswith("error: ") for text in reply.lines)
