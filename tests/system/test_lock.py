"""The heap's lock: what is counted when, and who had it for how long."""

import re

from harness import Json, Machines, Shell


def lock(shell: Shell, what: str = "") -> Json:
    return shell.result(f"lock {what}")


def assert_measured(state: Json) -> None:
    """That the figures of a record with holds in it agree."""
    assert sum(length["holds"] for length in state["lengths"]) == state["holds"] > 0
    bounds = [length["below_ns"] for length in state["lengths"]]
    assert bounds == sorted(bounds)
    longest = state["longest_ns"]
    assert bounds[-1] / 2 - 100 <= longest <= bounds[-1]
    assert 1 <= len(state["callers"]) <= 8
    for caller in state["callers"]:
        assert re.fullmatch(r"\S.*\+0x[0-9a-f]+ \(0x[0-9a-f]+\)", caller["caller"]), caller
    assert (state["mean_wait_ns"] is None) == (state["waits"] == 0)


def test_one_core_alone_counts_no_allocations(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json")
    before = lock(shell)
    assert (before["shared"], before["measured"]) == (False, False)
    assert shell.result("replay lifo -n 5000")["operations"] == 5000
    after = lock(shell)
    assert after["acquisitions"] - before["acquisitions"] < 100
    assert (after["holds"], after["waits"]) == (0, 0)
    assert after["longest_ns"] is after["longest_core"] is after["mean_wait_ns"] is None
    assert after["callers"] == after["lengths"] == []


def test_measuring_counts_on_one_core_as_well(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json")
    state = lock(shell, "measure on")
    assert (state["shared"], state["measured"]) == (False, True)
    lock(shell, "clear")
    assert shell.result("replay lifo -n 5000")["operations"] == 5000
    state = lock(shell)
    assert 5000 <= state["holds"] <= state["acquisitions"]
    assert (state["contended"], state["waits"], state["longest_core"]) == (0, 0, 0)
    assert_measured(state)
    off = lock(shell, "measure off")
    assert (off["measured"], off["holds"]) == (False, state["holds"])
    shell.result("alloc 64")
    assert lock(shell)["holds"] == state["holds"]
    assert lock(shell, "clear")["holds"] == 0


def test_instructions_are_told_where_they_are_counted(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json", counts_instructions=True)
    lock(shell, "measure on")
    shell.result("stats")
    state = lock(shell)
    assert 100 < state["longest_instructions"] < 3000
    assert state["longest_cycles"] > 100


def test_who_held_it_longest_is_named(own_machines: Machines) -> None:
    """On a heap of all memory with many size classes in use, looking at all of them is by
    far the longest."""
    shell = own_machines.boot("shell.mode=json", counts_instructions=True)
    lock(shell, "measure on")
    lock(shell, "clear")
    shell.result("alloc 64")
    shell.result("stats")
    names = [caller["caller"] for caller in lock(shell)["callers"]]
    assert any("LockedHeap::stats" in name or "LockedHeap::bins" in name for name in names), names


def test_cores_that_work_wait_for_one_another(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json")
    for measured in ("off", "on"):
        lock(shell, f"measure {measured}")
        lock(shell, "clear")
        stress = shell.result("stress -n 20000")
        state = lock(shell)
        # As it was; and what stress measured can be looked at.
        assert state["measured"] == (measured == "on")
        assert state["shared"] is False
        assert state["acquisitions"] >= stress["lock_acquisitions"] >= 20000
        assert state["contended"] == stress["lock_contended"] > 0
        assert state["longest_ns"] >= stress["lock_longest_hold_ns"] > 0
        assert 0 < state["waits"] <= state["contended"]
        assert_measured(state)


def test_it_fits_in_a_terminal(own_machines: Machines) -> None:
    shell = own_machines.boot()
    shell.ok("lock measure on; stress -n 1000")
    assert max(map(len, shell.ok("lock"))) < 80


def test_what_is_wrong_changes_nothing(own_machines: Machines) -> None:
    shell = own_machines.boot()
    for line in ("lock measure", "lock measure maybe", "lock clear now", "lock nosuch", "lock -x"):
        reply = shell.run(line)
        assert reply.status == 2, line
        assert reply.lines[-1].startswith("usage: lock "), reply
    assert "measured               no" in shell.ok("lock")
