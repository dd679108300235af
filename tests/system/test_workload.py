"""`workload` on the booted kernel: another core plays while the shell looks on, at the
pace that was asked for, and whatever ends it leaves the heap as it was.
"""

import re
import time
from pathlib import Path
from typing import Callable

import pytest

from harness import Json, Machines, Shell
from terminal_screen import PROMPT, Terminal

JSON = "shell.mode=json"
GENERATORS = ["uniform", "lognormal", "lifo", "fifo", "lifetimes", "growing", "checkerboard",
              "producer"]
SAME = ("used_bytes", "requested_bytes", "free_bytes", "live_blocks", "largest_free_bytes")
FRAME_BYTES = 2048
SECONDS = 20


def heap(shell: Shell) -> list[int]:
    stats = shell.result("stats")
    return [stats[name] for name in SAME]


def awaited(shell: Shell, what: Callable[[Json], bool]) -> Json:
    """The first state of the workload that is so."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        state = shell.result("workload")
        if what(state):
            return state
        time.sleep(0.05)
    raise AssertionError(state)


def trace_file(directory: Path, text: str) -> Path:
    path = directory / "trace"
    path.write_text(text)
    return path


@pytest.fixture
def machine(own_machines: Machines) -> Shell:
    return own_machines.boot(JSON)


def test_it_runs_until_it_is_stopped_and_leaves_the_heap_as_it_was(machine: Shell) -> None:
    block = machine.result("alloc 5000 -f 0x5a")["blocks"][0]["id"]
    before = heap(machine)
    none = machine.result("workload")
    assert none["state"] == "none"
    assert {value for name, value in none.items() if name != "state"} == {None}
    started = machine.result("workload producer -v")
    assert (started["state"], started["workload"], started["seed"], started["core"],
            started["rate"], started["limit"]) == ("running", "producer", 1, 1, 2000, None)
    first = awaited(machine, lambda state: state["operations"] > 100)
    second = awaited(machine, lambda state: state["operations"] > first["operations"])
    assert second["microseconds"] > first["microseconds"]
    assert 0 < second["live_blocks"] <= 1024 and second["live_bytes"] > second["live_blocks"]
    stats = machine.result("stats")
    assert stats["allocations"] > 50 and stats["live_blocks"] > 1
    cores = machine.result("cores")["cores"]
    assert [core["state"] for core in cores] == ["running", "running", "idle", "idle"]
    stopped = machine.result("workload stop")
    assert (stopped["state"], stopped["why"]) == ("stopped", None)
    assert (stopped["live_blocks"], stopped["live_bytes"]) == (0, 0)
    assert (stopped["failures"], stopped["damaged"]) == (0, 0)
    assert heap(machine) == before
    assert machine.result("lock")["shared"] is False
    rows = machine.result(f"dump {block} 5000")["rows"]
    assert {row["text"] for row in rows} == {"Z" * 16, "Z" * 8}
    again = machine.result("workload")
    assert again["operations"] == stopped["operations"] >= second["operations"]
    assert again["microseconds"] == stopped["microseconds"]


@pytest.mark.parametrize("name", GENERATORS)
def test_every_generator_does_what_it_does_in_the_foreground(json_shell: Shell, name: str) -> None:
    before = heap(json_shell)
    allocations = json_shell.result("stats")["allocations"]
    foreground = json_shell.result(f"replay {name} -s 3 -n 6000")
    played = json_shell.result("stats")["allocations"] - allocations
    started = json_shell.result(f"workload {name} -s 3 -n 6000 -r max -v")
    assert (started["rate"], started["limit"]) == (None, 6000)
    state = awaited(json_shell, lambda state: state["state"] != "running")
    assert (state["state"], state["operations"], state["rounds"]) == ("ended", 6000, 0)
    assert (state["failures"], state["damaged"], state["live_blocks"]) == (0, 0, 0)
    assert json_shell.result("stats")["allocations"] - allocations == 2 * played
    assert foreground["operations"] == 6000
    assert heap(json_shell) == before


@pytest.mark.parametrize("rate", [50, 1000, 20_000])
def test_it_keeps_its_pace_by_the_devices_own_clock(machine: Shell, rate: int) -> None:
    machine.result(f"workload fifo -r {rate}")
    awaited(machine, lambda state: state["microseconds"] > 1_500_000)
    state = machine.result("workload stop")
    expected = state["operations"] * 1_000_000 / state["microseconds"]
    assert abs(state["operations_per_second"] - expected) <= 1
    # Never faster; slower where the host lets a core wait for longer than is made up for.
    assert 0.5 * rate < expected < 1.05 * rate


def test_the_core_sleeps_between_its_operations(own_machines: Machines) -> None:
    """All cores share one host thread and a clock that counts instructions, which jumps
    when all sleep: a core that turned would take nearly all of them."""
    shell = own_machines.boot(JSON, counts_instructions=True)
    shell.result("workload uniform -r 200")
    before = time.monotonic()
    shell.result("sleep 3000")
    slept = time.monotonic() - before
    state = shell.result("workload stop")
    assert state["operations"] >= 500
    assert slept < 30
    assert state["operations_per_second"] in range(180, 205)


def test_it_takes_the_core_that_it_is_told(machine: Shell) -> None:
    assert machine.result("workload lifo -c 3")["core"] == 3
    machine.result("workload stop")
    machine.result("crash spin -c 1")
    assert machine.result("workload lifo")["core"] == 2
    machine.result("workload stop")
    busy = machine.json("workload lifo -c 1")
    assert (busy["status"], busy["error"]["kind"]) == (1, "core-missing")
    machine.result("crash spin -c 2")
    machine.result("crash spin -c 3")
    assert machine.json("workload lifo")["error"]["message"] == "no core is idle"


def test_blocks_are_kept_until_the_next_stop(machine: Shell) -> None:
    before = heap(machine)
    machine.result("workload uniform -n 500 -r max --keep")
    state = awaited(machine, lambda state: state["state"] == "ended")
    assert state["live_blocks"] == machine.result("stats")["live_blocks"] > 0
    assert machine.json("workload lifo")["error"]["message"] == \
        "uniform still holds its blocks: workload stop frees them"
    assert machine.json("allocator bin")["error"]["kind"] == "in-use"
    assert machine.result("workload stop")["live_blocks"] == 0
    assert heap(machine) == before
    machine.result("workload uniform")
    awaited(machine, lambda state: state["live_blocks"] > 10)
    kept = machine.result("workload stop -k")
    assert kept["state"] == "stopped"
    assert kept["live_blocks"] == machine.result("stats")["live_blocks"] > 10
    assert machine.result("workload stop")["live_blocks"] == 0
    assert heap(machine) == before
    assert machine.json("workload stop")["error"]["kind"] == "not-running"
    machine.result("allocator bump 64K")


def test_a_trace_in_an_initrd_is_played_again_and_again(
        own_machines: Machines, tmp_path: Path) -> None:
    blocks = 3000
    text = "".join(f"a {n} {n % 90 + 1}\n" for n in range(blocks)) + f"r 5 1000\nf {blocks - 1}\n"
    shell = own_machines.boot(JSON, initrd=trace_file(tmp_path, text))
    before = heap(shell)
    shell.result("workload initrd -r max")
    state = awaited(shell, lambda state: state["rounds"] >= 3)
    assert state["seed"] is None
    assert state["rounds"] <= state["operations"] / (blocks + 2) < state["rounds"] + 2
    state = shell.result("workload stop")
    assert (state["failures"], state["damaged"]) == (0, 0)
    assert heap(shell) == before
    state = shell.result(f"workload initrd -r max -n {2 * (blocks + 2) + 7} -k")
    state = awaited(shell, lambda state: state["state"] == "ended")
    assert (state["rounds"], state["live_blocks"]) == (2, 7)
    shell.result("workload stop")
    assert heap(shell) == before


@pytest.mark.parametrize("text, kind", [("a 0 5\na 0 5\n", "bad-trace"), (None, "no-trace")])
def test_a_bad_trace_is_not_begun(
        own_machines: Machines, tmp_path: Path, text: str | None, kind: str) -> None:
    initrd = None if text is None else trace_file(tmp_path, text)
    shell = own_machines.boot(JSON, initrd=initrd)
    reply = shell.json("workload initrd")
    assert (reply["status"], reply["error"]["kind"]) == (1, kind)
    assert shell.result("workload")["state"] == "none"
    shell.result("allocator bin")


def test_other_workloads_are_played_meanwhile(
        own_machines: Machines, tmp_path: Path) -> None:
    """Each needs memory for its slots that the other must not touch."""
    for size in ("", "heap.size=1M"):
        text = "".join(f"a {n} 20\n" for n in range(2000))
        shell = own_machines.boot(f"{JSON} {size}", initrd=trace_file(tmp_path, text))
        before = heap(shell)
        shell.result("workload uniform -r max -v")
        for line in ("replay initrd -v", "replay lifetimes -v", "compare fifo -n 500"):
            result = shell.result(line)
            assert "problem" not in result, result
        state = shell.result("workload stop")
        assert (state["failures"], state["damaged"]) == (0, 0)
        assert state["operations"] > 1000
        assert heap(shell) == before
        shell.close()


def test_what_looks_at_the_heap_works_meanwhile(machine: Shell) -> None:
    machine.result("workload lifetimes -r 5000")
    awaited(machine, lambda state: state["live_blocks"] > 20)
    machine.result("mark m")
    machine.result("trace on")
    awaited_again = machine.result("workload")["operations"] + 200
    awaited(machine, lambda state: state["operations"] > awaited_again)
    machine.result("trace off")
    events = machine.result("trace dump")["events"]
    assert {event["core"] for event in events} >= {1} and len(events) > 100
    lives = [block for block in machine.result("blocks --live")["blocks"]
             if block["state"] == "live"]
    assert len(lives) > 10
    found = [machine.result(f"who {block['address']}") for block in lives[:8]]
    owners = [who for who in found if who.get("allocated_core") == 1]
    assert owners and any("workload::Player" in who["allocated_by"] for who in owners), found
    assert machine.result("diff m")["blocks"] > 0
    lock = machine.result("lock")
    assert lock["shared"] is True and lock["acquisitions"] > 100
    machine.result("lock measure on")
    assert machine.result("lock")["measured"] is True
    machine.result("lock measure off")
    for line in ("origins off", "origins on", "bins", "heapmap", "uptime", "cores"):
        machine.result(line)
    assert len(machine.replies("watch -n 0 -c 3 stats")) == 4
    block = machine.result("alloc 100 -n 20")["blocks"][0]
    assert machine.json("free all")["status"] == 0 and block["id"] == "a1"
    assert machine.result("workload")["state"] == "running"
    state = machine.result("workload stop")
    assert (state["failures"], state["damaged"]) == (0, 0)


def test_what_needs_the_heap_alone_is_refused(machine: Shell) -> None:
    machine.result("workload fifo -c 2")
    for line in ("allocator bin", "allocator bump 64K", "stress -n 100", "stress -c 1 -n 100",
                 "demo vector", "selftest"):
        reply = machine.json(line)
        assert (reply["status"], reply["error"]["kind"]) == (1, "in-use"), line
        assert reply["error"]["message"] == "stop the workload first: workload stop"
    reply = machine.json("workload uniform")
    assert reply["error"]["message"] == "fifo runs already: workload stop ends it"
    assert machine.json("crash read -c 2")["error"]["message"] == "core 2 is running"
    assert machine.json("crash read -c all")["error"]["kind"] == "core-missing"
    assert machine.json("crash read -c 1")["error"]["kind"] == "fault"
    assert machine.json("crash read")["error"]["kind"] == "fault"
    assert machine.result("workload")["state"] == "running"
    machine.result("workload stop")
    machine.result("stress -n 1000")
    machine.result("allocator bin")


@pytest.mark.parametrize("line", [
    "workload nosuch", "workload stop now", "workload uniform -n 0", "workload uniform -s x",
    "workload uniform -c 0", "workload uniform -c 4", "workload uniform -r 0",
    "workload uniform -r 1000001", "workload uniform -r fast", "workload -k", "workload -n 5",
    "workload stop -n 5", "workload uniform -x", "workload uniform fifo",
])
def test_what_is_wrong_changes_nothing(json_shell: Shell, line: str) -> None:
    before = heap(json_shell)
    assert json_shell.json(line)["status"] == 2
    assert json_shell.result("workload")["state"] != "running"
    assert heap(json_shell) == before


def test_a_fault_of_its_core_ends_it_and_is_told(own_machines: Machines) -> None:
    """Its list of blocks is written over, so that it looks at what is not there."""
    nowhere = 0x5000_0000
    shell = own_machines.boot(f"{JSON} heap.size=1M")
    shell.result("workload uniform -v -r 20000")
    awaited(shell, lambda state: state["live_blocks"] > 300)
    region = next(each for each in shell.result("memmap")["regions"] if each["what"] == "workload")
    start = int(region["start"], 16)
    for slot in range(400):
        reply = shell.json(f"poke {start + 16 * slot} {nowhere} -w 8")
        assert reply["status"] == 0
        if shell.result("workload")["state"] == "faulted":
            break
    state = awaited(shell, lambda state: state["state"] != "running")
    assert state["state"] == "faulted"
    assert re.match(r"data abort at 0x5000\w+ by \S*workload::Player::", state["why"]), state
    assert state["live_blocks"] > 0
    assert shell.result("cores")["cores"][1]["state"] == "faulted"
    assert shell.json("allocator bin")["error"]["kind"] == "in-use"
    freed = shell.json("workload stop")["result"]
    assert freed["live_blocks"] == 0
    assert freed["problem"]["kind"] == "damaged"
    # The core takes new work.
    assert shell.result("workload lifo -c 1")["state"] == "running"
    shell.result("workload stop")


def test_its_end_is_told_where_nobody_asked(own_machines: Machines) -> None:
    shell = own_machines.boot()
    shell.settle()
    shell.send(b"workload fifo -n 100 -r 200\r")
    told = shell.read_until(
        b"notice: the workload fifo has ended after 100 operations\r\n" + PROMPT.encode())
    assert told.count(b"notice:") == 1
    shell.ok("workload fifo -n 100 -r max; sleep 200; workload")
    shell.settle()
    assert b"notice:" not in shell.read_for(1)


@pytest.mark.parametrize("crash", ["crash locked", "crash locked -c 3", "panic"])
def test_a_panic_stops_it(own_machines: Machines, crash: str) -> None:
    shell = own_machines.boot("heap.size=1M")
    shell.ok("workload lifetimes -r 20000")
    shell.send(crash.encode() + b"\r")
    report = shell.read_until(b"\r\npanic> ")
    assert b"not all other cores have stopped" not in report
    stats = [shell.run("stats").lines for _ in range(2)]
    assert stats[0] == stats[1]
    cores = shell.run("cores").lines
    stopped = 2 if "-c" in crash else 3
    assert len([line for line in cores if re.match(r" +[0-3]  stopped ", line)]) >= stopped
    assert shell.run("workload").status != 0


def test_a_damaged_heap_is_a_panic_of_the_workloads_core(own_machines: Machines) -> None:
    shell = own_machines.boot("heap.size=1M")
    shell.ok("crash heap")
    shell.send(b"workload lognormal -r max\r")
    report = shell.read_until(b"\r\npanic> ")
    assert b"panic: heap damaged" in report and b"core: 1" in report
    assert b"Player::" in report


def test_ctrl_c_ends_a_watch_and_not_the_workload(own_machines: Machines) -> None:
    shell = own_machines.boot()
    shell.ok("workload producer")
    shell.settle()
    shell.send(b"watch -n 0 stats\r")
    shown = b""
    while len(set(re.findall(rb"allocations +(\d+)", shown))) < 5:
        shown += shell.read_until(b"---")
    shell.send(b"\x03")
    shell.read_until(b"^C\r\n" + PROMPT.encode())
    assert "state                  running" in shell.ok("workload")
    shell.ok("workload stop")


def test_it_fits_in_a_terminal(own_machines: Machines) -> None:
    shell = own_machines.boot()
    lines = shell.ok("workload lognormal; sleep 50; workload; workload stop; help workload")
    assert max(map(len, lines)) < 80
    line, = shell.ok("workload --one-line")
    assert line.startswith("state=stopped why=- workload=lognormal seed=1 core=1 rate=2000 ")


def test_poweroff_while_it_runs(own_machines: Machines) -> None:
    shell = own_machines.boot()
    shell.ok("workload fifo -r max")
    shell.send(b"poweroff 3\r")
    assert shell.exit_status() == 3


def test_reboot_while_it_runs(own_machines: Machines) -> None:
    shell = own_machines.boot()
    shell.ok("workload fifo -r max")
    shell.send(b"reboot\r")
    shell.read_until(b"Type help")
    shell.wait_until_ready()
    shell.ok("selftest; stress -n 1000; workload fifo; workload stop")


def frames_of(shell: Shell, terminal: Terminal, line: str, count: int) -> list[bytes]:
    """What a live picture sends from frame to frame; the screen follows."""
    shell.send(line.encode() + b"\r")
    data = b""
    while data.count(b"\x1b[K") < count or data.count(b"frame ") < count:
        some = shell.read_some(5)
        assert some, data
        data += some
    terminal._stream.feed(data)
    return data.split(b"frame ")[2:-1]


@pytest.mark.parametrize("size, rate", [("64K", "200"), ("1M", "20000")])
def test_a_live_picture_follows_it_in_small_frames(
        own_machines: Machines, size: str, rate: str) -> None:
    shell = own_machines.boot(f"heap.size={size}", ready=False)
    terminal = Terminal(shell, 80, 24)
    name = "producer" if size == "64K" else "lognormal"
    terminal.type(f"workload {name} -r {rate}; sleep 500; clear\r")
    for key in ("\x03", "\x03"):
        frames = frames_of(shell, terminal, "heapmap --live -i 100", 12)
        assert max(map(len, frames)) <= FRAME_BYTES
        # It changes, and most of its frames send some cells and no whole picture.
        moved = [frame for frame in frames if b"\x1b[" in frame and b"H" in frame]
        assert len(moved) > len(frames) / 2
        assert len({re.search(rb"(\d+) bytes in", frame)[1] for frame in frames
                    if re.search(rb"(\d+) bytes in", frame)}) > 3
        before = terminal.rows()
        terminal._stream.feed(shell.read_some(5) + shell.read_for(0.3))
        assert terminal.rows() != before
        terminal.type(key)
        rows = [row for row in terminal.rows() if row]
        assert rows[-1] == PROMPT.rstrip() and rows[-2] == "^C"
        assert re.match(r"frame \d+  \d+ bytes in \d+ blocks", rows[-3])
    terminal.type("clear; workload stop\r")
    assert "live_blocks            0" in terminal.rows()


def test_the_picture_in_the_end_is_that_of_the_heap(own_machines: Machines) -> None:
    """When the workload rests, the cells that were behind are drawn, and nothing more."""
    shell = own_machines.boot("heap.size=1M", ready=False)
    terminal = Terminal(shell, 80, 40)
    terminal.type("workload lognormal -r max -n 300000 -k; clear\r")
    shell.send(b"heapmap --live -i 100 -c 60\r")
    terminal.settle()
    deadline = time.monotonic() + SECONDS
    while not terminal.here().startswith(PROMPT.rstrip()) and time.monotonic() < deadline:
        terminal.settle()
    live = [row for row in terminal.rows() if row.startswith("0x")]
    assert len(live) == 16
    terminal.type("clear; heapmap\r")
    assert [row for row in terminal.rows() if row.startswith("0x")] == live
    terminal.type("workload stop\r")


def test_one_line_of_a_live_picture_is_a_log(own_machines: Machines) -> None:
    shell = own_machines.boot("heap.size=64K")
    shell.ok("workload producer -r 1000; sleep 100")
    lines = shell.ok("heapmap --live -i 50 -c 8 -r 2 --one-line")
    assert 4 <= len(lines) <= 9
    assert re.match(r"start=0x\w+ end=0x\w+ cell_bytes=512 cells=\S{128} frame=1 used_bytes=\d+ ",
                    lines[0])
    for line in lines[1:]:
        if line.startswith("changed_meanwhile"):
            continue
        assert re.fullmatch(r"frame=\d used_bytes=\d+ live_blocks=\d+ changed_meanwhile=\w+ "
                            r"cells=\S{128}", line), line
    shell.ok("workload stop")
    assert len(shell.ok("heapmap --live -i 10 -c 8 -r 2 --one-line")) == 1
