"""`fail`, and a failure at every allocation of every demo and of every command: the kernel
goes on, the command says so, and the heap is as before.
"""

import json
import re
from pathlib import Path
from typing import Callable

import pytest

from commands import ENDING, PREPARATION, examples_of, names_of_commands, page_of, write_trace
from harness import KERNEL, Json, Machines, Shell
from sender import send_file

JSON = "shell.mode=json"
KINDS = ["vector", "string", "map", "set"]
NEVER = "nth 1000000000000"
FIGURES = ("live_blocks", "requested_bytes", "used_bytes", "free_bytes")
# Bump gets no bytes back, and a hardened heap keeps freed blocks for a while.
FEWER_FIGURES = {"heap.allocator=bump": FIGURES[:1], "heap.hardening=full": FIGURES[:2]}

# Of a command's allocations, so many are refused each in its run; with --long, all are.
FIRST, BETWEEN, LAST = 40, 16, 4

# These run other commands, and what those have done stays.
RUN_OTHERS = {"repeat", "source", "time", "watch"}
# Those whose examples allocate: a new one that does is to be noticed here.
ALLOCATING = {"alloc", "demo", "repeat", "replay", "selftest", "set", "stress"}
# What has allocated when they are stopped is chance: test_a_workload_goes_on.
IN_THE_BACKGROUND = {"workload"}


@pytest.fixture(scope="module")
def chosen(request: pytest.FixtureRequest) -> Callable[[int], list[int]]:
    """Which of so many allocations are to fail."""
    def choose(count: int) -> list[int]:
        if request.config.getoption("--long") or count <= FIRST + BETWEEN + LAST:
            return list(range(1, count + 1))
        between = {FIRST + (count - FIRST) * i // BETWEEN for i in range(1, BETWEEN)}
        return sorted({*range(1, FIRST + 1), *between, *range(count - LAST + 1, count + 1)})
    return choose


def figures(stats: Json, names: tuple[str, ...] = FIGURES) -> dict[str, int]:
    return {name: stats[name] for name in names}


def stats_of(shell: Shell) -> Json:
    return shell.result("stats")


def run_under(shell: Shell, rule: str, line: str) -> tuple[int, list[Json], Json, Json]:
    """The status of a line and its replies, and what `fail` and `stats` say afterwards."""
    shell.result(f"fail {rule}")
    reply = shell.run(line)
    shell.run("mode json")
    plan, stats = shell.replies("fail off; stats")
    replies = [json.loads(text) for text in reply.lines if text.startswith("{")]
    return reply.status, replies, plan["result"], stats["result"]


def problem_of(reply: Json) -> Json:
    return reply.get("error") or reply["result"]["problem"]


def test_what_is_shown(own_machines: Machines) -> None:
    shell = own_machines.boot()
    assert shell.ok("fail --one-line") == [
        "state=off rule=- value=- seed=- seen=0 refused=0"]
    shell.ok("fail nth 2")
    assert shell.run("alloc 64 && alloc 64 -t page").lines[-1] == (
        "error: 64 bytes were refused on purpose, by fail")
    assert shell.ok("fail")[:3] == [
        "state                  done", "rule                   nth", "value                  2"]
    assert shell.run("fail probability 7 9; fail; fail off").status == 0
    assert shell.run("fail nth 0").status == 2
    assert shell.ok("fail --one-line") == [
        "state=off rule=- value=- seed=- seen=0 refused=0"]


@pytest.mark.parametrize("count", [1, 16, 100, 1000])
@pytest.mark.parametrize("kind", KINDS)
def test_each_allocation_of_a_demo(
        json_shell: Shell, chosen: Callable[[int], list[int]], kind: str, count: int) -> None:
    shell, line = json_shell, f"demo {kind} {count}"
    before = figures(stats_of(shell))
    status, replies, plan, stats = run_under(shell, NEVER, line)
    assert (status, plan["refused"], figures(stats)) == (0, 0, before)
    assert plan["seen"] == replies[0]["result"]["blocks_taken"]
    assert plan["seen"] > 0 or (kind, count) == ("string", 1)
    for number in chosen(plan["seen"]):
        status, replies, plan, stats = run_under(shell, f"nth {number}", line)
        assert (status, len(replies)) == (1, 1)
        assert (plan["seen"], plan["refused"]) == (number, 1), "it went on"
        assert figures(stats) == before, number
        problem = problem_of(replies[0])
        assert problem["kind"] == "exhausted"
        assert re.fullmatch(r"the \d+ bytes of element \d+ were refused on purpose, by fail",
                            problem["message"])
        result = replies[0].get("result", {"blocks_taken": 0, "blocks_given_back": 0})
        assert result["blocks_given_back"] == result["blocks_taken"]
        # The first node of a set whose buckets are refused is no row, and then there is none.
        assert result["blocks_taken"] == (0 if (kind, number) == ("set", 2) else number - 1)
        shell.result("alloc 64")
        shell.result("free all")


@pytest.mark.parametrize("command_line", [
    "heap.hardening=none", "heap.hardening=full", "heap.allocator=bump",
    "heap.allocator=first-fit", "heap.origins=off"])
def test_demos_on_every_heap(own_machines: Machines, command_line: str) -> None:
    names = FEWER_FIGURES.get(command_line, FIGURES)
    shell = own_machines.boot(f"{JSON} {command_line}")
    before = figures(stats_of(shell), names)
    for line in [f"demo {kind} 30" for kind in KINDS]:
        _, _, plan, _ = run_under(shell, NEVER, line)
        for number in range(1, plan["seen"] + 1):
            status, _, plan, stats = run_under(shell, f"nth {number}", line)
            assert (status, plan["refused"], figures(stats, names)) == (1, 1, before), line
    shell.result("selftest")
    shell.result("stress -n 2000 -s 1")


@pytest.mark.parametrize("rule", ["every 1", "every 2", "every 7", "above 0", "above 100",
                                  "above 4K", *(f"probability 10 {seed}" for seed in range(6))])
def test_the_other_rules(json_shell: Shell, rule: str) -> None:
    shell = json_shell
    before = figures(stats_of(shell))
    lines = [f"demo {kind} 200" for kind in KINDS]
    for line in [*lines, "selftest", "replay uniform -n 1000 -v", "stress -n 2000 -s 3"]:
        status, replies, plan, stats = run_under(shell, rule, line)
        assert figures(stats) == before, line
        if line.startswith("stress"):
            assert status == 0
            assert replies[0]["result"]["exhausted"] == plan["refused"]
            continue
        # What selftest cannot have in any case it does not miss.
        assert status == 0 if plan["refused"] == 0 else status == 1 or line == "selftest"
        if status == 1:
            assert problem_of(replies[0])["kind"] == "exhausted"
    shell.result("alloc 64")


def test_each_allocation_of_every_command(
        own_machines: Machines, tmp_path: Path, chosen: Callable[[int], list[int]]) -> None:
    shell = own_machines.boot(JSON, initrd=write_trace(tmp_path))
    before = figures(stats_of(shell))
    allocating = set()
    for name in names_of_commands(shell):
        if name in ENDING | IN_THE_BACKGROUND or name == "fail":
            continue
        for example in examples_of(page_of(shell, name)):
            shell.run(f"free all; {PREPARATION}")
            _, _, plan, _ = run_under(shell, NEVER, example)
            count = plan["seen"]
            assert plan["refused"] == 0
            shell.run("trace off; origins on; lock measure off")
            if count == 0:
                continue
            allocating.add(name)
            # All cores work, and not twice in the same order: nobody is the last one.
            for number in [1, count // 2] if name == "stress" else chosen(count):
                fails_at(shell, name, example, number, before)
    assert allocating == ALLOCATING
    shell.result("selftest")
    shell.result("stress -n 2000 -s 1")


def fails_at(shell: Shell, name: str, example: str, number: int, empty: dict[str, int]) -> None:
    shell.run(f"free all; {PREPARATION}")
    before = figures(stats_of(shell))
    status, _, plan, stats = run_under(shell, f"nth {number}", example)
    assert plan["refused"] == 1, (example, number)
    assert status in (0, 1), (example, number)
    # One allocation of these is one that cannot be served, and that is as it should be.
    assert status == 1 or name in ("stress", "selftest"), (example, number)
    if name not in RUN_OTHERS:
        assert figures(stats) == before, (example, number)
    shell.result("free all")
    shell.result("alloc 64")
    shell.result("free all")
    assert figures(stats_of(shell)) == empty, (example, number)


@pytest.mark.parametrize("rule", ["nth 1", "nth 7", "every 3", "every 1"])
def test_a_workload_goes_on(json_shell: Shell, rule: str) -> None:
    shell = json_shell
    before = figures(stats_of(shell))
    shell.result(f"fail {rule}")
    shell.result("workload uniform -r max -n 2000")
    while shell.result("workload")["state"] == "running":
        pass
    assert shell.result("workload")["state"] == "ended"
    assert shell.result("fail off")["refused"] >= 1
    assert figures(stats_of(shell)) == before
    shell.result("alloc 64")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_crash_heap(json_shell: Shell, number: int) -> None:
    before = figures(stats_of(json_shell))
    status, replies, plan, stats = run_under(json_shell, f"nth {number}", "crash heap")
    assert (status, plan["refused"], figures(stats)) == (1, 1, before)
    assert "error" in replies[0]


def test_receive(own_machines: Machines, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(1, 200)))
    shell = own_machines.boot()
    before = [line for line in shell.ok("stats") if line.startswith(FIGURES)]
    shell.ok("fail nth 1")
    shell.send(b"receive\r")
    assert send_file(shell, file, "sx") == 0
    shell.read_until(b"error: the file's 199 bytes were refused on purpose, by fail\r\n")
    shell.settle()
    assert [line for line in shell.ok("stats") if line.startswith(FIGURES)] == before
    shell.ok("alloc 64")


def test_boot_needs_no_block(own_machines: Machines) -> None:
    shell = own_machines.boot()
    shell.ok("fail every 1")
    shell.send(b"boot\r")
    assert send_file(shell, KERNEL, "sx", "-k") == 0
    shell.read_until(b"Type help")
    shell.wait_until_ready()
    shell.ok("alloc 64")


def test_a_heap_that_is_full_fails_the_selftest(own_machines: Machines) -> None:
    shell = own_machines.boot(f"{JSON} heap.size=16K")
    before = figures(stats_of(shell))
    for size in (4096, 1024, 256, 64, 16):
        while shell.json(f"alloc {size}")["status"] == 0:
            pass
        full = figures(stats_of(shell))
        reply = shell.json("selftest")
        assert reply["result"]["problem"]["kind"] == "exhausted"
        assert "room" in reply["result"]["problem"]["message"]
        assert figures(stats_of(shell)) == full
    shell.result("free all")
    assert figures(stats_of(shell)) == before
