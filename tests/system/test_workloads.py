"""`replay` and `compare` on the booted kernel: the same workloads as on the host,
traces as initrd, Ctrl-C, and a heap that is as before.
"""

import json
import lzma
from pathlib import Path

import pytest

from harness import PROJECT_ROOT, Machines, Shell

JSON = "shell.mode=json"
GENERATORS = ["uniform", "lognormal", "lifo", "fifo", "lifetimes", "growing", "checkerboard",
              "producer"]

# What the host found out about the workloads, with code compiled for the host.
ON_THE_HOST = json.loads((PROJECT_ROOT / "tests/bench/baseline.json").read_text())["numbers"]

SAME = ("used_bytes", "requested_bytes", "free_bytes", "live_blocks", "largest_free_bytes")


def state(shell: Shell) -> list[int]:
    stats = shell.result("stats")
    return [stats[name] for name in SAME]


def trace_file(directory: Path, text: str) -> Path:
    path = directory / "trace"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_does_the_same_as_on_the_host(json_shell: Shell, name: str) -> None:
    before = state(json_shell)
    result = json_shell.result(f"replay {name} -v")
    known = ON_THE_HOST[name]["bin"]
    assert result["operations"] == known["operations"] == 20000
    assert result["peak_live_bytes"] == known["peak_live_bytes"]
    assert (result["failures"], result["skipped"]) == (0, 0)
    assert result["microseconds"] > 0
    assert "problem" not in result
    assert state(json_shell) == before


def test_compare_has_a_row_for_every_allocator_and_uses_none_of_the_heap(
        json_shell: Shell) -> None:
    before = state(json_shell)
    result = json_shell.result("compare fifo")
    live = ON_THE_HOST["fifo"]["bin"]["peak_live_bytes"]
    assert result["peak_live_bytes"] == live
    for row in result["allocators"]:
        assert row["smallest_heap"] > live
        assert row["utilisation_permille"] == 1000 * live // row["smallest_heap"]
    available = json_shell.result("allocator")["available"]
    assert [row["allocator"] for row in result["allocators"]] == [row["name"] for row in available]
    assert state(json_shell) == before


@pytest.mark.parametrize("first", ["#!heapscope trace\n", "# recorded\n\n", ""])
def test_a_trace_as_initrd_is_no_error_and_is_played(
        own_machines: Machines, tmp_path: Path, first: str) -> None:
    path = trace_file(tmp_path, first + "a 0 100\na 1 50 4096\nr 0 300\nf 1\n")
    shell = own_machines.boot(JSON, initrd=path)
    assert b'"command":"initrd"' not in shell.transcript
    before = state(shell)
    result = shell.result("replay initrd")
    assert (result["operations"], result["peak_live_bytes"]) == (4, 350)
    assert (result["workload"], result["seed"]) == ("initrd", None)
    assert state(shell) == before


def test_a_recorded_trace(own_machines: Machines, tmp_path: Path) -> None:
    packed = PROJECT_ROOT / "tests/traces/openssl.trace.xz"
    path = trace_file(tmp_path, lzma.open(packed, "rt").read())
    shell = own_machines.boot(f"{JSON} heap.size=1M", initrd=path)
    result = shell.result("replay initrd -v")
    known = ON_THE_HOST["openssl"]["bin"]
    assert result["operations"] == known["operations"]
    assert result["peak_live_bytes"] == known["peak_live_bytes"]
    assert result["failures"] == 0


def test_a_trace_that_is_wrong_is_one_line_and_nothing_is_played(
        own_machines: Machines, tmp_path: Path) -> None:
    shell = own_machines.boot(initrd=trace_file(tmp_path, "a 0 100\na 1 8\nf 2\n"))
    before = shell.ok("stats")
    reply = shell.run("replay initrd")
    assert reply.status == 1
    assert reply.lines == ["error: initrd: line 3 frees or reallocates a block that is not live"]
    assert shell.ok("stats") == before


@pytest.mark.parametrize("command", ["replay", "compare"])
def test_ctrl_c_stops_it_and_people_see_how_far_it_is(shell: Shell, command: str) -> None:
    before = shell.ok("heapmap -b")
    shell.settle()
    shell.send(f"{command} uniform -n 100000000\r".encode())
    shell.expect(rb"[0-9]+ operations\r\n")
    shell.send(b"\x03")
    shell.expect(rb"error: interrupted[^\r]*\r\n")
    assert shell.ok("heapmap -b") == before


def test_output_fits_in_eighty_columns(shell: Shell) -> None:
    for line in ("replay", "replay growing", "compare producer", "help replay", "help compare"):
        for text in shell.run(line).lines:
            assert len(text) <= 80, text


def test_the_kernel_that_ships_has_no_measure_command(shell: Shell) -> None:
    assert shell.run("measure uniform").status == 127
