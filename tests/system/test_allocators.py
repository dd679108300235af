"""The three allocators on the booted kernel: switched at run time, and the same
commands on each.
"""

import pytest

from harness import Json, Machines, Shell
from texts import FAILED

ALLOCATORS = ("bump", "bin", "first-fit")
GIVE_BACK = ("bin", "first-fit")


def figures_add_up(shell: Shell) -> Json:
    stats = shell.result("stats")
    parts = stats["used_bytes"] + stats["free_bytes"] + stats["metadata_bytes"]
    assert stats["heap_bytes"] == parts
    return stats


def same_commands(shell: Shell, allocator: str) -> None:
    """A program that must come out alike on every allocator."""
    started = shell.result(f"allocator {allocator} 1M")
    assert (started["allocator"], started["heap_bytes"]) == (allocator, 1 << 20)
    fresh = figures_add_up(shell)
    assert (fresh["allocator"], fresh["live_blocks"], fresh["used_bytes"]) == (allocator, 0, 0)
    blocks = shell.result("alloc 100 -n 4 -f 0x5a")["blocks"]
    aligned = shell.result("alloc 3000 4096 -t page")["blocks"][0]
    assert int(aligned["address"], 16) % 4096 == 0
    assert shell.json("alloc 3M")["error"]["kind"] == "unsupported"
    during = figures_add_up(shell)
    assert (during["live_blocks"], during["requested_bytes"]) == (5, 3400)
    assert during["failures"] == 1
    assert shell.result("heapmap -b")["blocks"]
    shell.result(f"free {blocks[1]['id']}")
    again = shell.json(f"free {blocks[1]['id']}")
    assert (again["status"], again["error"]["kind"]) == (FAILED, "not-allocated")
    shell.result("free -t page")
    shell.result("free all")
    after = figures_add_up(shell)
    assert (after["live_blocks"], after["allocations"], after["frees"]) == (0, 5, 5)
    if allocator in GIVE_BACK:
        assert after["largest_free_bytes"] == after["free_bytes"] == fresh["free_bytes"]


def test_the_same_commands_on_each_in_turn(machines: Machines) -> None:
    shell = machines.boot("shell.mode=json")
    names = [entry["name"] for entry in shell.result("allocator")["available"]]
    assert set(names) == set(ALLOCATORS)
    for allocator in (*ALLOCATORS, *reversed(ALLOCATORS)):
        same_commands(shell, allocator)


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_the_kernels_own_objects_live_in_it(machines: Machines, allocator: str) -> None:
    shell = machines.boot(f"shell.mode=json heap.allocator={allocator}")
    checks = shell.result("selftest")["checks"]
    assert checks and all(check["ok"] for check in checks)


def test_first_fit_takes_all_memory(machines: Machines) -> None:
    shell = machines.boot("shell.mode=json heap.allocator=first-fit")
    stats = figures_add_up(shell)
    assert stats["heap_bytes"] > 700 << 20
    assert stats["metadata_bytes"] <= stats["heap_bytes"] // 60
    assert shell.result(f"alloc {stats['largest_free_bytes']}")["blocks"]
    assert shell.json("alloc 1")["error"]["kind"] == "exhausted"
    shell.result("free all")
    assert figures_add_up(shell)["free_bytes"] == stats["free_bytes"]


def test_first_fit_fills_the_first_gap(machines: Machines) -> None:
    shell = machines.boot("shell.mode=json heap.allocator=first-fit heap.size=64K")
    blocks = shell.result("alloc 64 -n 5")["blocks"]
    shell.result(f"free {blocks[3]['id']}")
    shell.result(f"free {blocks[1]['id']}")
    for expected in (blocks[1], blocks[3]):
        assert shell.result("alloc 64")["blocks"][0]["address"] == expected["address"]


def test_an_overwritten_list_stops_first_fit(own_machines: Machines) -> None:
    shell = own_machines.boot("heap.allocator=first-fit heap.size=64K")
    shell.run("alloc 64 -n 2")
    address = shell.ok("alloc 64")[1].split()[1]
    shell.run("alloc 64")
    shell.ok(f"free {address}")
    shell.ok(f"poke {address} 0x10")
    shell.send(b"alloc 4K\r")
    said = shell.expect(rb"panic: [^\n]*\n")
    assert b"heap damaged: the link of the free run was overwritten at 0x" in said
    shell.usable = False
