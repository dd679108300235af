"""`check` on the booted kernel: a sound heap, damage and who did it, the patrol, also while
all cores work, in a panic, and how long it keeps others from the heap.
"""

import pytest

from harness import Json, Machines, Shell
from million import MILLION, boot_with_a_million_blocks, held

MOST_INSTRUCTIONS_OF_A_HOLD = 3_000


@pytest.fixture
def json_machine(own_machines: Machines) -> Shell:
    return own_machines.boot("shell.mode=json heap.size=1M")


def free_runs(shell: Shell) -> int:
    """Blocks a1 to a7, every second of which is free, the last one the largest. Returns
    where a2 was, the end of a1."""
    blocks = shell.result("alloc 2000 -n 5 -t page")["blocks"]
    shell.result("alloc 9000")
    shell.result("alloc 2000")
    shell.result("free a2 a4 a6")
    first, second = (int(block["address"], 16) for block in blocks[:2])
    assert second == first + 2000
    return second


def damage(shell: Shell) -> int:
    """a1 is written past its end."""
    second = free_runs(shell)
    shell.result("fill a1 2016 0x41414141")
    return second


def failure(shell: Shell, line: str) -> Json:
    reply = shell.json(line)
    assert reply["status"] == 1, reply
    return reply["error"]


def test_a_sound_heap(json_machine: Shell) -> None:
    json_machine.result("replay uniform -n 2000")
    free_runs(json_machine)
    found = json_machine.result("check")
    assert (found["sound"], found["changed_meanwhile"], found["live_blocks"]) == (True, False, 4)
    assert found["extents"] == len(json_machine.result("blocks")["blocks"])


def test_damage_is_told_with_its_neighbour_and_the_memory(json_machine: Shell) -> None:
    second = damage(json_machine)
    error = failure(json_machine, "check")
    assert error["kind"] == "damaged"
    assert error["message"].startswith(f"heap damaged at {second:#x}: a free run's")
    assert (int(error["address"], 16), error["state"], error["sound"]) == (second, "free", False)
    before, freed = error["blocks"]
    assert (before["role"], before["id"], before["tag"]) == ("before", "a1", "page")
    assert before["allocated_by"].startswith("shell::run_alloc+0x")
    assert (freed["role"], int(freed["address"], 16)) == ("freed", second)
    assert freed["freed_by"].startswith("shell::free_one+0x")
    rows = {int(row["address"], 16): row["bytes"] for row in error["rows"]}
    assert rows[second] == rows[second - 16] == " ".join(["41"] * 16)
    assert rows[second + 16] != rows[second]
    # It did not touch anything.
    assert failure(json_machine, "check")["address"] == error["address"]


def test_full_hardening_names_both_and_does_not_panic(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json heap.size=1M heap.hardening=full")
    culprit, victim = (int(block["address"], 16)
                       for block in shell.result("alloc 64 -n 2")["blocks"])
    shell.run(f"fill {culprit + 64:#x} 20 0x41")
    error = failure(shell, "check")
    assert error["message"] == (
        f"heap damaged at {culprit + 64:#x}: a block was written past its end")
    assert [(block["role"], block["id"]) for block in error["blocks"]] == [
        ("culprit", "a1")]


def test_full_hardening_does_not_name_one_of_two_by_chance(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json heap.size=1M heap.hardening=full")
    lower, upper = (int(block["address"], 16)
                    for block in shell.result("alloc 64 -n 2")["blocks"])
    shell.run(f"fill {lower + 64:#x} {upper - lower - 64} 0x41")
    error = failure(shell, "check")
    assert error["message"] == (
        f"heap damaged at {lower + 64:#x}: what lies between two blocks was overwritten")
    assert [(block["role"], block["id"]) for block in error["blocks"]] == [
        ("suspect", "a1"), ("suspect", "a2")]


def test_it_fits_in_a_terminal_and_in_a_line(own_machines: Machines) -> None:
    shell = own_machines.boot("heap.size=1M")
    assert shell.ok("check --one-line")[0].startswith("sound=yes extents=")
    shell.ok("alloc 2000 -n 5; alloc 9000; alloc 2000; free a2 a4 a6; fill a1 2016 0x41414141")
    reply = shell.run("check")
    assert reply.status == 1 and reply.lines[0].startswith("error: heap damaged at 0x")
    assert max(map(len, reply.lines)) < 80
    reply = shell.run("check --one-line")
    assert reply.status == 1 and len(reply.lines) == 1
    assert reply.lines[0].startswith('error=damaged message="heap damaged at 0x')


def test_a_patrol_tells_at_once_and_once(own_machines: Machines) -> None:
    shell = own_machines.boot("heap.size=1M")
    shell.ok("alloc 2000 -n 5; alloc 9000; alloc 2000; alloc 64; free a2 a4 a6")
    assert "patrol_every           8" in shell.ok("check --every 8")
    shell.ok("repeat 20 alloc 64")
    rounds = next(line for line in shell.ok("check") if line.startswith("patrol_rounds"))
    assert int(rounds.split()[1]) >= 1
    shell.ok("fill a1 2016 0x41414141")
    said = [line for _ in range(40) for line in shell.ok("alloc 64")]
    notices = [line for line in said if line.startswith("notice:")]
    assert len(notices) == 1 and notices[0].startswith("notice: heap damaged at 0x"), notices
    assert len(notices[0]) < 80
    found = shell.run("check")
    assert found.status == 1
    assert any(line.startswith("patrol_by              shell::run_alloc+0x")
               for line in found.lines)
    shell.run("check --every off")
    assert "patrol_every           -" in shell.run("check").lines


def test_while_all_cores_work(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json")
    shell.result("check --every 100")
    assert shell.json("stress -n 20000 -s 1")["status"] == 0
    found = shell.result("check")
    assert found["sound"] is True and found["patrol_rounds"] > 0


def test_what_is_wrong_changes_nothing(own_machines: Machines) -> None:
    shell = own_machines.boot()
    for line in ("check now", "check --every", "check --every x", "check -e -1", "check -x"):
        reply = shell.run(line)
        assert reply.status == 2, line
        assert reply.lines[-1].startswith("usage: check "), reply
    assert "patrol_every           -" in shell.ok("check")


@pytest.mark.parametrize("allocator", ["bump", "first-fit"])
def test_other_allocators(own_machines: Machines, allocator: str) -> None:
    shell = own_machines.boot(f"shell.mode=json heap.size=1M heap.allocator={allocator}")
    shell.result("alloc 100 -n 30")
    shell.result("free a3 a9")
    assert shell.result("check")["sound"] is True


def test_in_a_panic_it_takes_no_lock(own_machines: Machines) -> None:
    shell = own_machines.boot("heap.size=1M")
    shell.ok("alloc 2000 -n 5 -t page; alloc 9000; alloc 2000; free a2 a4 a6")
    shell.ok("fill a1 2016 0x41414141")
    # A fault with the lock held.
    shell.send(b"crash allocator\r")
    shell.read_until(b"panic> ")
    reply = shell.run("check")
    assert reply.status == 1
    assert reply.lines[0].startswith("error: heap damaged at 0x")
    assert any(line.startswith("before ") and "id=a1 tag=page" in line for line in reply.lines)


def test_a_million_blocks(own_machines: Machines) -> None:
    shell = boot_with_a_million_blocks(own_machines)
    checked, longest = shell.replies("check; holds")
    assert checked["result"]["live_blocks"] == MILLION
    assert checked["result"]["sound"] is True
    assert 100 < longest["result"]["longest"] <= MOST_INSTRUCTIONS_OF_A_HOLD
    for line in ("check --every 1", "stress -c 1 -n 3000 -s 1", "latency on",
                 "stress -c 1 -n 3000 -s 1", "latency", "latency clear", "latency off", "harden",
                 "harden none", "check --every off"):
        found = held(shell, line)
        print(line, found)
        assert 100 < found <= MOST_INSTRUCTIONS_OF_A_HOLD, line


def test_ctrl_c_stops_it(own_machines: Machines) -> None:
    shell = own_machines.boot(counts_instructions=True)
    shell.send(f"alloc 200 -n {MILLION}\r".encode())
    shell.read_until(b"a1 ")
    shell.send(b"\x03")
    shell.settle()
    shell.send(b"check\r")
    shell.read_until(b"check\r\n")
    shell.send(b"\x03")
    said = shell.read_until(b"heapscope> ")
    assert b"error: interrupted: not all of the heap was checked" in said
    assert b"sound                  -" in said
    assert shell.ok("echo alive") == ["alive"]
