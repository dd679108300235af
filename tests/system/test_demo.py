"""`demo`: real containers on the watched heap. What each takes is checked against
what the heap says, and whatever ends a demo leaves the heap as it was.
"""

import json
import re
import time

import pytest

from harness import Json, Machines, Shell

KINDS = ["vector", "string", "map", "set"]
JSON = "shell.mode=json"
# What depends on nothing but the containers' own growth: (elements, capacity).
GROWTHS = {
    "vector": [(1, 1), (2, 2), (3, 4), (5, 8), (9, 16), (17, 32), (33, 64), (65, 128)],
    "string": [(16, 30), (31, 60), (61, 120)],
    "map": [(100, None)],
    "set": [(1, 1), (1, 13), (14, 13), (14, 29), (30, 29), (30, 59), (60, 59), (60, 127), (100, 127)],
}
FIGURES = ("used_bytes", "requested_bytes", "free_bytes", "largest_free_bytes", "live_blocks")


def figures(shell: Shell) -> dict[str, int]:
    stats = shell.result("stats")
    return {name: stats[name] for name in FIGURES}


def exhausting(shell: Shell, line: str) -> Json:
    """The one answer of a demo that the heap is too small for."""
    reply = shell.run(line)
    assert reply.status == 1
    assert len(reply.lines) == 1
    document = json.loads(reply.lines[0])
    problem = document.get("error") or document["result"]["problem"]
    assert problem["kind"] == "exhausted"
    assert re.fullmatch(r"the \d+ bytes of element \d+ do not fit now: \d+ free, largest \d+",
                        problem["message"])
    return document.get("result", {})


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_grows_as_it_does_elsewhere(json_shell: Shell, kind: str) -> None:
    before = figures(json_shell)
    result = json_shell.result(f"demo {kind}")
    rows = result["growth"]
    assert [(row["elements"], row["capacity"]) for row in rows] == GROWTHS[kind]
    assert sum(row["blocks"] for row in rows) == result["blocks_taken"] == result["blocks_given_back"]
    assert result["used_bytes_before"] == result["used_bytes_after"] == before["used_bytes"]
    assert result["used_bytes_most"] >= max(row["used_bytes"] for row in rows)
    assert figures(json_shell) == before


@pytest.mark.parametrize("kind", ["vector", "string"])
def test_the_old_block_is_given_back_for_the_new_one(json_shell: Shell, kind: str) -> None:
    rows = json_shell.result(f"demo {kind} 1000")["growth"]
    assert [row["given_back"] for row in rows] == [None, *(row["address"] for row in rows[:-1])]
    unit, terminator = (8, 0) if kind == "vector" else (1, 1)
    for row in rows:
        assert row["bytes"] == row["capacity"] * unit + terminator
        assert row["used_bytes"] == -(-row["bytes"] // 16) * 16


def test_the_buckets_of_a_set_are_given_back_for_more(json_shell: Shell) -> None:
    rows = json_shell.result("demo set 1000")["growth"]
    buckets = [row for row in rows if row["bytes"] == 8 * row["capacity"] and row["capacity"] > 1]
    assert len(buckets) > 5
    assert [row["given_back"] for row in buckets] == [None, *(row["address"] for row in buckets[:-1])]
    nodes = [row for row in rows if row not in buckets]
    assert {row["bytes"] for row in nodes} == {16}
    assert sum(row["blocks"] for row in nodes) == 1000


def test_the_heap_counts_the_same(json_shell: Shell) -> None:
    before = json_shell.result("stats")
    result = json_shell.result("demo map 500")
    after = json_shell.result("stats")
    assert after["allocations"] - before["allocations"] == result["blocks_taken"] == 500
    assert after["frees"] - before["frees"] == 500
    assert result["growth"][0]["bytes"] == 48
    assert result["growth"][0]["used_bytes"] == 500 * 48


def test_every_block_has_its_row_if_asked(json_shell: Shell) -> None:
    rows = json_shell.result("demo map 20 -v")["growth"]
    assert [row["elements"] for row in rows] == list(range(1, 21))
    assert {row["blocks"] for row in rows} == {1}
    assert len({row["address"] for row in rows}) == 20


def test_the_holes_of_a_heap_are_filled(own_machines: Machines) -> None:
    shell = own_machines.boot(f"{JSON} heap.size=64K")
    blocks = shell.result("alloc 48 -n 20")["blocks"]
    # Between two that stay: the outer ones may merge with what is free beside them.
    holes = blocks[1:-1:2]
    shell.result("free " + " ".join(block["id"] for block in holes))
    rows = shell.result("demo map 9 -v")["growth"]
    filled = {row["address"] for row in rows} & {block["address"] for block in holes}
    # The last one freed is kept open, for it may yet grow; it need not be the next used.
    assert len(filled) >= 8
    assert figures(shell)["live_blocks"] == 11


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2, 15, 16, 1000])
def test_counts(json_shell: Shell, kind: str, count: int) -> None:
    before = figures(json_shell)
    result = json_shell.result(f"demo {kind} {count}")
    assert result["blocks_taken"] == result["blocks_given_back"]
    if kind in ("map", "set"):
        assert result["growth"][-1]["elements"] == count
    if (kind, count) in (("string", 1), ("string", 15)):
        assert result["growth"] == []
    assert figures(json_shell) == before


def test_a_string_that_fits_into_itself_takes_nothing(shell: Shell) -> None:
    assert shell.ok("demo string 15")[:2] == ["none", "blocks_taken           0"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_screen_holds_it(shell: Shell, kind: str) -> None:
    for count in ("", "100000"):
        lines = shell.ok(f"demo {kind} {count}")
        assert len(lines) <= (24 if count == "" else 40)
        assert max(map(len, lines)) < 80


@pytest.mark.parametrize("size", ["4K", "5000", "6K", "10000", "16K"])
@pytest.mark.parametrize("allocator", ["bin", "bump"])
def test_a_small_heap_ends_it_and_not_the_kernel(
        own_machines: Machines, allocator: str, size: str) -> None:
    shell = own_machines.boot(f"{JSON} heap.allocator={allocator} heap.size={size}")
    for kind in KINDS:
        shell.result(f"allocator {allocator} {size}")
        before = figures(shell)
        result = exhausting(shell, f"demo {kind} 1000000")
        assert result["blocks_taken"] == result["blocks_given_back"] > 0
        after = figures(shell)
        assert after["live_blocks"] == 0
        if allocator == "bin":
            assert after == before
            # It went on for as long as there was room.
            assert result["used_bytes_most"] > before["free_bytes"] // 4


@pytest.mark.parametrize("allocator", ["bin", "bump"])
def test_heaps_that_are_filled_to_any_degree(own_machines: Machines, allocator: str) -> None:
    """Whatever is left, a container that has no room gives up its last element only."""
    shell = own_machines.boot(f"{JSON} heap.allocator={allocator} heap.size=8K")
    blocks = 0
    while shell.json("alloc 200")["status"] == 0:
        blocks += 1
        for kind in KINDS:
            exhausting(shell, f"demo {kind} 100000")
            assert allocator == "bump" or figures(shell)["live_blocks"] == blocks
    assert blocks > (0 if allocator == "bump" else 20)


def test_a_full_heap_gives_one_line(own_machines: Machines) -> None:
    shell = own_machines.boot("heap.size=4K heap.allocator=bump")
    shell.ok("alloc 4096")
    reply = shell.run("demo vector")
    assert reply.status == 1
    assert reply.lines == ["error: the 8 bytes of element 1 do not fit now: 0 free, largest 0"]


def test_bump_gets_nothing_back(own_machines: Machines) -> None:
    shell = own_machines.boot(f"{JSON} heap.allocator=bump heap.size=64K")
    result = shell.result("demo vector")
    assert result["blocks_taken"] == result["blocks_given_back"] == 8
    assert result["used_bytes_after"] == sum(max(row["bytes"], 16) for row in result["growth"])
    assert figures(shell)["live_blocks"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_memory_is_the_limit(own_machines: Machines, kind: str) -> None:
    """More than there is, of a heap large enough that it is reached soon."""
    shell = own_machines.boot(f"{JSON} heap.size=1M")
    before = figures(shell)
    for count in ("18446744073709551615", "0xffffffff"):
        exhausting(shell, f"demo {kind} {count}")
        assert figures(shell) == before


@pytest.mark.parametrize("kind", KINDS)
def test_ctrl_c_frees_everything(own_machines: Machines, kind: str) -> None:
    shell = own_machines.boot()
    shell.settle()
    before = shell.ok("stats")
    shell.send(f"demo {kind} 1000000000000\r".encode())
    shell.read_until(b"elements")
    time.sleep(0.3)
    shell.send(b"\x03")
    assert b"error: interrupted after " in shell.read_until(b"^C\r\n")
    after = shell.ok("stats")
    changed = ("allocations", "frees", "peak_used_bytes", "failures")
    assert [line for line in after if not line.startswith(changed)] == [
        line for line in before if not line.startswith(changed)]


@pytest.mark.parametrize("line", [
    "demo", "demo list", "demo vector 0", "demo vector x", "demo vector -1", "demo vector 1 2",
    "demo vector -x", "demo VECTOR", "demo set 18446744073709551616",
])
def test_wrong_calls(shell: Shell, line: str) -> None:
    before = shell.ok("stats")
    reply = shell.run(line)
    assert reply.status == 2
    assert len([text for text in reply.lines if text.startswith("error: ")]) == 1
    assert shell.ok("stats") == before
