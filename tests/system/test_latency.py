"""`latency` on the booted kernel: what the heap's calls take, in instructions where these
are counted, and who made the worst of them.
"""

import pytest

from harness import Json, Machines, Shell


@pytest.fixture
def counting(own_machines: Machines) -> Shell:
    return own_machines.boot("shell.mode=json heap.size=4M", counts_instructions=True)


def figures(found: Json, call: str, unit: str) -> Json:
    return next(each for each in found["figures"] if (each["call"], each["unit"]) == (call, unit))


def assert_consistent(found: Json) -> None:
    for each in found["figures"]:
        ordered = [each[name] for name in ("p50", "p90", "p99", "p999", "worst")]
        assert ordered == sorted(ordered), each
        assert 0 < each["mean"] <= each["worst"]
    for call, calls in (("allocate", found["allocations"]), ("free", found["frees"])):
        assert sum(bucket["calls"] for bucket in found[call]) == calls > 0
        bounds = [bound for bucket in found[call] for bound in (bucket["from"], bucket["to"])]
        assert bounds == sorted(bounds)
        assert all(bucket["bar"] for bucket in found[call])
        worst = figures(found, call, found["unit"])["worst"]
        assert found[call][-1]["from"] <= worst <= found[call][-1]["to"]


def test_what_calls_take_in_instructions(counting: Shell) -> None:
    counting.result("latency on")
    played = counting.result("replay uniform -n 5000")
    found = counting.result("latency")
    assert (found["measured"], found["unit"]) == (True, "instructions")
    assert found["allocations"] == found["frees"] == played["allocations"]
    assert_consistent(found)
    print(found["figures"])
    # The allocator's bounds, and what it takes to get there and to look at the counters.
    for call in ("allocate", "free"):
        instructions = figures(found, call, "instructions")
        assert 30 < instructions["p50"] < 300
        assert instructions["worst"] < 800
        worst = next(each for each in found["worst_calls"] if each["call"] == call)
        assert worst["instructions"] == instructions["worst"]
        assert worst["by"].startswith("workload::Player::")
        assert worst["size"] > 0 and worst["address"] is not None and worst["us"] > 0


def test_the_same_calls_take_the_same(counting: Shell) -> None:
    found = []
    for _ in range(2):
        counting.result("allocator bin")
        counting.result("latency clear")
        counting.result("latency on")
        counting.result("replay lifo -n 3000 -s 5")
        found.append(counting.result("latency off"))
    for call in ("allocate", "free"):
        assert found[0][call] == found[1][call]
        first, second = (figures(each, call, "instructions") for each in found)
        assert first == second


def test_cycles_and_time_where_instructions_are_not_counted(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json heap.size=4M")
    shell.result("latency on")
    shell.result("replay uniform -n 2000")
    found = shell.result("latency")
    assert found["unit"] == "cycles"
    assert {each["unit"] for each in found["figures"]} == {"cycles", "ns"}
    assert_consistent(found)
    assert found["worst_calls"][0]["instructions"] is None
    assert shell.json("latency -u instructions")["error"]["kind"] == "not-counted"
    assert shell.result("latency -u ns")["unit"] == "ns"


def test_off_costs_nothing_and_keeps_what_there_is(counting: Shell) -> None:
    counting.result("latency on")
    counting.result("alloc 64 -n 10")
    counting.result("latency off")
    counting.result("alloc 64 -n 10")
    found = counting.result("latency")
    assert (found["measured"], found["allocations"]) == (False, 10)
    assert counting.result("latency clear")["allocations"] == 0


def test_while_all_cores_work(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json")
    shell.result("latency on")
    assert shell.json("stress -n 20000 -s 1")["status"] == 0
    found = shell.result("latency")
    assert found["allocations"] > 5000 and found["frees"] > 5000
    assert_consistent(found)


def test_it_fits_in_a_terminal_and_in_a_line(own_machines: Machines) -> None:
    shell = own_machines.boot(counts_instructions=True)
    shell.ok("latency on; replay uniform -n 2000")
    assert max(map(len, shell.ok("latency"))) < 80
    line, = shell.ok("latency --one-line")
    assert line.startswith("measured=yes allocations=") and "#" not in line


def test_what_is_wrong_changes_nothing(own_machines: Machines) -> None:
    shell = own_machines.boot()
    for line in ("latency maybe", "latency on off", "latency -u", "latency -u days", "latency -x"):
        reply = shell.run(line)
        assert reply.status == 2, line
        assert reply.lines[-1].startswith("usage: latency "), reply
    assert "measured               no" in shell.ok("latency")
