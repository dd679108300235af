"""Hardening in the booted kernel: the level that the command line asks for, what
is found there, and who is named.
"""

import pytest

from harness import Machines, Shell


def levels(shell: Shell) -> set[str]:
    return {shell.result(command)["hardening"] for command in ("stats", "allocator")}


@pytest.mark.parametrize("words, level", [
    ("", "default"), ("heap.hardening=default", "default"), ("heap.hardening=full", "full"),
    ("heap.hardening=none", "none"), ("heap.hardening=none heap.allocator=bump", "none")])
def test_the_level_is_as_asked(own_machines: Machines, words: str, level: str) -> None:
    shell = own_machines.boot(f"shell.mode=json heap.size=1M {words}")
    assert levels(shell) == {level}


def test_a_wrong_level_is_said_and_the_default_runs(own_machines: Machines) -> None:
    shell = own_machines.boot("heap.hardening=paranoid", ready=False)
    said = shell.read_until(b"heapscope> ")
    assert b"heap.hardening=paranoid: there is no such level" in said
    assert "hardening              default" in shell.ok("stats")


def test_a_level_that_an_allocator_has_not_is_said(own_machines: Machines) -> None:
    shell = own_machines.boot("heap.hardening=full heap.allocator=bump", ready=False)
    said = shell.read_until(b"heapscope> ")
    assert b"heap.hardening: this allocator has no such level" in said
    assert "hardening              none" in shell.ok("stats")


@pytest.fixture
def full(own_machines: Machines) -> Shell:
    return own_machines.boot("heap.hardening=full heap.size=1M shell.mode=json")


def block(shell: Shell, size: int) -> int:
    return int(shell.result(f"alloc {size}")["blocks"][0]["address"], 16)


def dying_line(shell: Shell, line: str) -> str:
    """What the heap says when the line makes it find something."""
    shell.send(line.encode() + b"\r")
    said = shell.expect(rb'heap damaged at [^\r\n"]*[\r\n"]').decode()
    shell.usable = False  # What follows a panic is not looked at here.
    return said[:-1]


def test_blocks_behave_as_ever(full: Shell) -> None:
    before = full.result("stats")
    for line in ("alloc 100 -n 50", "alloc 5000 4096", "alloc 1 1", "free a3 a5", "alloc 64 -f 0xff"):
        full.result(line)
    during = full.result("stats")
    assert during["live_blocks"] - before["live_blocks"] == 51
    assert during["heap_bytes"] == (
        during["used_bytes"] + during["free_bytes"] + during["metadata_bytes"])
    shown = full.result("heapmap -b")["blocks"]
    assert {each["id"] for each in shown if each["state"] == "live"} >= {"a1", "a2", "a51", "a53"}
    assert full.json("free a3")["error"]["kind"] == "not-allocated"
    full.result("free all")
    after = full.result("stats")
    assert (after["live_blocks"], after["requested_bytes"]) == (
        before["live_blocks"], before["requested_bytes"])


@pytest.mark.parametrize("level, size", [("none", "64K"), ("full", "64K"), ("full", "1M")])
def test_the_kernels_own_cpp_works_at_every_level(
        own_machines: Machines, level: str, size: str) -> None:
    shell = own_machines.boot(f"heap.hardening={level} heap.size={size} shell.mode=json")
    assert shell.json("selftest")["status"] == 0
    assert shell.json("stress -n 2000 -s 1")["status"] == 0


def test_an_overflow_is_reported_with_both_blocks_when_the_culprit_is_freed(full: Shell) -> None:
    culprit, victim = block(full, 64), block(full, 72)
    assert culprit < victim < culprit + 256
    full.run(f"fill {culprit + 64:#x} {victim - culprit - 64 + 8} 0x41")
    assert dying_line(full, "free a1").endswith(
        f"heap damaged at {culprit + 64:#x}: a block was written past its end: "
        f"{culprit:#x} (64 bytes), into {victim:#x} (72 bytes)")


def test_a_write_after_free_is_found_when_the_block_leaves_the_quarantine(full: Shell) -> None:
    freed = block(full, 200)
    full.result("free a1")
    full.run(f"poke {freed + 100:#x} 0x41 -w 1")
    assert dying_line(full, "alloc 16 -n 70; free all").endswith(
        f"heap damaged at {freed + 100:#x}: a block was written after it was freed: "
        f"{freed:#x} (200 bytes)")


def test_the_level_is_changed_in_place(own_machines: Machines) -> None:
    shell = own_machines.boot("heap.size=1M shell.mode=json")
    shell.result("alloc 64 -n 20")
    for level in ("none", "default", "none"):
        assert shell.result(f"harden {level}")["hardening"] == level
        assert levels(shell) == {level}
        assert shell.result("stats")["live_blocks"] == 20
    shell.result("free all")
    assert shell.result("stats")["live_blocks"] == 0


def test_full_is_started_anew_without_blocks(own_machines: Machines) -> None:
    shell = own_machines.boot("heap.size=1M shell.mode=json")
    shell.result("alloc 64 -n 2")
    refused = shell.json("harden full")
    assert (refused["status"], refused["error"]["kind"]) == (1, "in-use")
    assert "free all" in refused["error"]["message"]
    assert levels(shell) == {"default"}
    shell.result("free all")
    assert shell.result("harden full")["hardening"] == "full"
    assert levels(shell) == {"full"}
    assert shell.json("selftest")["status"] == 0
    assert shell.json("stress -n 2000 -s 1")["status"] == 0
    # It is really the other allocator.
    first, second = (int(each["address"], 16) for each in shell.result("alloc 64 -n 2")["blocks"])
    assert abs(second - first) >= 64 + 33
    assert shell.json("harden none")["error"]["kind"] == "in-use"
    shell.result("free all")
    assert shell.result("harden none")["hardening"] == "none"


def test_a_level_that_is_not_there_is_refused(own_machines: Machines) -> None:
    shell = own_machines.boot("heap.size=1M heap.allocator=bump")
    assert shell.run("harden full").lines == ["error: bump is always none"]
    shell.ok("harden none; allocator first-fit")
    assert shell.run("harden none").lines == ["error: first-fit is always default"]
    assert shell.run("harden paranoid").status == 2
    assert max(map(len, shell.ok("harden"))) < 80
    line, = shell.ok("harden --one-line")
    assert line.startswith("hardening=default allocator=first-fit live_blocks=0 "
                           "levels(level:change:possible:obstacle)=[none:")
