"""The commands that look into the heap on the booted kernel: where blocks come from, what
leaks, the trace that can be played again, and replies in one line.
"""

import re
from pathlib import Path

import pytest

from harness import KERNEL, Json, Machines, Shell
from million import MILLION, boot_with_a_million_blocks, held


MOST_MORE_INSTRUCTIONS = 60
MOST_INSTRUCTIONS_OF_STATS = 20_000
MOST_INSTRUCTIONS_OF_A_HOLD = 3_000


@pytest.fixture
def json_machine(own_machines: Machines) -> Shell:
    return own_machines.boot("shell.mode=json")


def test_who_names_the_command_that_allocated(json_machine: Shell) -> None:
    address = json_machine.result("alloc 100 -t page")["blocks"][0]["address"]
    found = json_machine.result(f"who {int(address, 16) + 3}")
    assert (found["id"], found["tag"], found["offset"]) == ("a1", "page", 3)
    assert found["allocated_by"].startswith("shell::run_alloc+0x")
    assert found["allocated_core"] == 0
    json_machine.result("free a1")
    gone = json_machine.result(f"who {address}")
    assert gone["state"] == "free" and gone["freed_by"].startswith("shell::free_one+0x")
    assert gone["freed_us"] >= gone["allocated_us"] > 0


def test_who_names_the_code_that_called_new(json_machine: Shell) -> None:
    json_machine.result("trace on")
    json_machine.result("demo map 3")
    events = json_machine.result("trace dump")["events"]
    assert [each["kind"] for each in events].count("allocate") >= 3
    address = next(each["address"] for each in events if each["kind"] == "allocate")
    callers = json_machine.result(f"who {address}")["allocated_by"]
    assert "kernel::" in callers and "<" in callers


def test_origins_can_be_switched_off_at_boot(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json heap.origins=off heap.records=1M")
    assert shell.result("origins")["recording"] is False
    shell.result("alloc 64")
    assert shell.result("who a1")["origin"] == "not recorded: origins are off"
    assert shell.replies("diff boot")[0]["error"]["kind"] == "not-recorded"
    shell.result("origins on")
    shell.result("alloc 64")
    assert "allocated_by" in shell.result("who a2")


def test_diff_finds_a_leak(json_machine: Shell) -> None:
    json_machine.result("alloc 64")
    json_machine.result("mark before")
    json_machine.result("replay uniform -n 2000")
    json_machine.result("alloc 5000 -n 3 -t leak")
    json_machine.result("free a2")
    found = json_machine.result("diff before")
    assert (found["blocks"], found["bytes"], found["unrecorded"]) == (2, 10_000, 0)
    assert [each["tag"] for each in found["groups"]] == ["leak"]


def counts(shell: Shell, line: str) -> Json:
    found = shell.result(line)
    return {key: found[key] for key in
            ("operations", "allocations", "frees", "reallocations", "peak_live_blocks",
             "peak_live_bytes", "failures")}


def test_a_session_is_played_again(own_machines: Machines, tmp_path: Path) -> None:
    shell = own_machines.boot("heap.records=16M")
    shell.ok("trace on")
    shell.ok("alloc 100 -n 3 -t page; alloc 64 4096; free a2")
    shell.ok("replay growing -n 600; demo vector 200; free all")
    lines = shell.ok("trace dump")
    assert lines[0] == "#!heapscope trace"
    assert re.fullmatch(r"# heap 0x[0-9a-f]+ 0x[0-9a-f]+ allocator bin", lines[1])
    made = re.fullmatch(r"# events (\d+), overwritten 0, left out 0", lines[2])
    assert made is not None and int(made[1]) == len(lines) - 3
    assert re.fullmatch(r"a \d+ 100 # t=\d+ at=0x[0-9a-f]+ core=0 tag=\S+ by=shell::\S+", lines[3]) \
        or "tag=" not in lines[3]
    trace = tmp_path / "session"
    trace.write_text("\n".join(lines) + "\n")
    player = own_machines.boot("shell.mode=json", initrd=trace)
    found = counts(player, "replay initrd -v")
    assert found["operations"] == len(lines) - 3 and found["failures"] == 0
    assert found["allocations"] == found["frees"] == sum(line.startswith("a ") for line in lines)


def test_one_line(own_machines: Machines) -> None:
    shell = own_machines.boot()
    shell.ok("alloc 64 -t page")
    for line in ("stats", "heapmap -r 2", "blocks --live", "bins", "who a1", "memmap", "cores",
                 "lock", "trace", "atags"):
        said = shell.ok(f"{line} --one-line")
        assert len(said) == 1, line
    assert shell.ok("stats --one-line")[0].startswith("allocator=bin hardening=default start=0x")
    said = shell.run("free a9 --one-line")
    assert (said.status, said.lines) == (
        1, ['error=not-allocated message="there is no block a9"'])


def test_recording_costs_no_more_than_it_may(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json", kernel=KERNEL.with_name("bench8.img"),
                              counts_instructions=True)
    for workload in ("lifo", "uniform", "lifetimes", "producer"):
        all_ = {each["allocator"]: each
                for each in shell.result(f"measure {workload}")["allocators"]}
        off = all_["bin+lock"]
        for name in ("bin+origins", "bin+trace"):
            on = all_[name]
            for call in ("allocate", "free"):
                more = on[f"{call}_p50"] - off[f"{call}_p50"]
                mean = on[f"{call}_mean_milli"] - off[f"{call}_mean_milli"]
                print(workload, name, call, more, mean / 1000)
                assert 10 < more <= MOST_MORE_INSTRUCTIONS
                assert 10_000 < mean <= MOST_MORE_INSTRUCTIONS * 1000


def test_a_million_blocks(own_machines: Machines) -> None:
    shell = boot_with_a_million_blocks(own_machines)
    figures, found = shell.replies("stats; holds")
    assert figures["result"]["live_blocks"] == MILLION
    print(found)
    assert 100 < found["result"]["instructions"] < MOST_INSTRUCTIONS_OF_STATS
    for line in ("stats", "heapmap", "heapmap -k tag", "heapmap -k age", "who a500000", "diff boot",
                 "blocks --sort size --top 5", "bins", "heapmap --live -c 2 -i 0"):
        longest = held(shell, line)
        print(line, longest)
        assert 20 < longest <= MOST_INSTRUCTIONS_OF_A_HOLD, line
