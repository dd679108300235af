"""Four cores: that they come, work at the same time on the one heap, survive their
faults, and are stopped when one of them cannot go on.
"""

import os
import re
import socket
import subprocess
import time
from pathlib import Path

import pytest

from harness import KERNEL, Json, Machines, Shell

ELF = KERNEL.with_suffix(".elf")
LONG = os.environ.get("HEAPSCOPE_LONG") == "1"
SECONDS = 60


def works(shell: Shell) -> list[int]:
    return [core["works"] for core in shell.result("cores")["cores"]]


def assert_sound(document: Json, operations: int, cores: int) -> None:
    assert document["status"] == 0, document
    result = document["result"]
    assert (result["operations"], result["cores"]) == (operations, cores)
    assert (result["failures"], result["corrupted_bytes"], result["blocks_left"]) == (0, 0, 0)
    assert [worker["core"] for worker in result["workers"]] == list(range(cores))
    assert sum(worker["operations"] for worker in result["workers"]) == operations
    # Every operation but an empty slot's takes the lock at least once.
    assert result["lock_acquisitions"] >= operations
    assert "problem" not in result


@pytest.mark.parametrize("board", ["raspi3b", "raspi3ap"])
def test_all_four_come(own_machines: Machines, board: str) -> None:
    result = own_machines.boot("shell.mode=json", board=board).result("cores")
    assert [core["core"] for core in result["cores"]] == [0, 1, 2, 3]
    assert [core["state"] for core in result["cores"]] == ["running", "idle", "idle", "idle"]
    assert [core["mpidr"] for core in result["cores"]] == [f"0x8000000{n}" for n in range(4)]
    assert {(core["el"], core["mmu"]) for core in result["cores"]} == {(1, True)}
    assert len({core["stack_top"] for core in result["cores"]}) == 4
    assert all(0 < core["used_bytes"] < core["stack_bytes"] for core in result["cores"])
    assert result["faults"] == []


def test_in_plain_mode_cores_fits(shell: Shell) -> None:
    lines = shell.ok("cores")
    assert max(map(len, lines)) < 80
    assert len([line for line in lines if re.match(r" +[0-3]  (running|idle) ", line)]) == 4


@pytest.mark.parametrize("arguments", [
    pytest.param(["-kernel", str(ELF)], id="ELF"),
    pytest.param(["-kernel", str(KERNEL), "-icount", "shift=0"], id="icount"),
    pytest.param(["-kernel", str(KERNEL), "-accel", "tcg,thread=single"], id="single thread"),
])
def test_all_four_come_however_they_are_started(arguments: list[str]) -> None:
    done = subprocess.run(
        ["qemu-system-aarch64", "-M", "raspi3b", *arguments, "-serial", "null", "-serial", "stdio",
         "-display", "none", "-monitor", "none", "-semihosting-config", "enable=on,target=native"],
        input="\r" * 16 + "stress -n 2000 && cores && poweroff 7\r", capture_output=True, text=True,
        timeout=SECONDS, check=False)
    assert done.returncode == 7, done.stdout
    assert len(re.findall(r"(?m)^ +[123]  idle      1  yes ", done.stdout)) == 3


def test_cores_that_never_come_are_absent() -> None:
    """QEMU's loader starts core 0 alone: there is no stub, and no spin table."""
    done = subprocess.run(
        ["qemu-system-aarch64", "-M", "raspi3b", "-device",
         f"loader,file={KERNEL},addr=0x80000,force-raw=on,cpu-num=0", "-serial", "null", "-serial",
         "stdio", "-display", "none", "-monitor", "none",
         "-semihosting-config", "enable=on,target=native"],
        input="\r" * 16 + "mode json; cores; stress -c 2; stress -n 500; poweroff 7\r",
        capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 7, done.stdout
    if "0x80000001" in done.stdout:
        pytest.skip("this QEMU starts all cores")
    assert done.stdout.count('"state":"absent","el":null') == 3
    assert "core 1 is absent" in done.stdout
    assert '"cores":1,"operations":500' in done.stdout


@pytest.mark.parametrize("cores", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_stress(json_shell: Shell, cores: int, seed: int) -> None:
    before, works_before = json_shell.result("stats"), works(json_shell)
    document = json_shell.json(f"stress -c {cores} -n 3001 -s {seed}")
    assert_sound(document, 3001, cores)
    assert document["result"]["seed"] == seed
    assert document["result"]["exhausted"] == 0
    after, works_after = json_shell.result("stats"), works(json_shell)
    for field in ("used_bytes", "free_bytes", "largest_free_bytes", "live_blocks"):
        assert after[field] == before[field]
    assert after["allocations"] > before["allocations"] + 1000
    assert [b - a for a, b in zip(works_before, works_after)] == [0] + [
        int(core < cores) for core in (1, 2, 3)]


def test_stress_beside_blocks_that_are_there(json_shell: Shell) -> None:
    block = json_shell.result("alloc 5000 -f 0x5a")["blocks"][0]
    assert_sound(json_shell.json("stress -n 4000"), 4000, 4)
    rows = json_shell.result(f"dump {block['id']} 5000")["rows"]
    assert {row["text"] for row in rows} == {"Z" * 16, "Z" * 8}
    assert json_shell.json("free all")["status"] == 0


def test_without_options_stress_uses_all_cores_and_another_seed(json_shell: Shell) -> None:
    first, second = (json_shell.json("stress -n 1000")["result"] for _ in range(2))
    assert first["cores"] == second["cores"] == 4
    assert first["seed"] != second["seed"]


@pytest.mark.parametrize("allocator", ["bin", "bump"])
def test_a_small_heap_runs_out_and_that_is_no_failure(
        own_machines: Machines, allocator: str) -> None:
    shell = own_machines.boot(f"shell.mode=json heap.allocator={allocator} heap.size=64K")
    document = shell.json("stress -n 5000 -s 3")
    assert_sound(document, 5000, 4)
    assert document["result"]["exhausted"] > 0
    assert shell.result("stats")["live_blocks"] == 0
    if allocator == "bin":
        assert shell.result("stats")["used_bytes"] == 0


def test_a_million_operations(own_machines: Machines) -> None:
    """The figure that is promised; a tenth of it where time is short."""
    operations = 1_000_000 if LONG else 100_000
    shell = own_machines.boot()
    reply = shell.run(f"stress -c 4 -n {operations}")
    assert reply.status == 0, reply
    figures = {line.split()[0]: line.split()[1] for line in reply.lines if len(line.split()) == 2}
    assert int(figures["operations"]) == operations
    assert (figures["failures"], figures["corrupted_bytes"]) == ("0", "0")
    assert max(map(len, reply.lines)) < 80


def test_json_shows_no_progress(json_shell: Shell) -> None:
    """One line of answer, however long it takes."""
    operations = 20_000
    while True:
        document = json_shell.json(f"stress -n {operations}")
        assert_sound(document, operations, 4)
        if document["result"]["microseconds"] > 1_500_000:
            return
        operations *= 4


def test_ctrl_c_ends_it_and_nothing_is_left(own_machines: Machines) -> None:
    shell = own_machines.boot()
    before = [line for line in shell.ok("stats") if line.startswith(("used", "live", "free_"))]
    shell.send(b"stress -n 1000000000\r")
    shell.read_until(b" of 1000000000 operations\r\n")
    shell.send(b"\x03")
    started = time.monotonic()
    shell.read_until(b"error: interrupted; all blocks are freed\r\n")
    shell.read_until(b"heapscope> ")
    assert time.monotonic() - started < 10
    assert [line for line in shell.ok("stats") if line.startswith(("used", "live", "free_"))] == before
    assert shell.run("stress -n 1000").status == 0


def test_what_is_typed_meanwhile_is_kept(own_machines: Machines) -> None:
    """Core 0 takes its input by interrupt while it waits for the lock as well."""
    shell = own_machines.boot("shell.mode=json")
    lines = 500
    typed = "".join(f"echo line-{i:03}-{'x' * 40}\r" for i in range(lines))
    shell.send(b"stress -n 4000\r" + typed.encode())
    output = shell.read_until(f"line-{lines - 1:03}-{'x' * 40}\"}}}}\r\n".encode()).decode()
    assert '"corrupted_bytes":0' in output
    for i in range(lines):
        assert f"line-{i:03}-{'x' * 40}\"" in output
    assert shell.result("uart")["ring_overflows"] == 0


@pytest.mark.parametrize("line", [
    "stress -c 0", "stress -c 5", "stress -c x", "stress -c -1", "stress -n 0", "stress -n x",
    "stress -n 18446744073709551616", "stress -s x", "stress -s -1", "stress -x", "stress 5",
    "stress -c", "cores 1", "crash read -c 0", "crash read -c 4", "crash nosuch -c 1",
    "crash heap -c 1", "crash spin", "crash spin -c all", "crash spin -c 0",
])
def test_wrong_calls(shell: Shell, line: str) -> None:
    reply = shell.run(line)
    assert reply.status == 2
    assert reply.lines[0].startswith("error: ")
    assert len([text for text in reply.lines if text.startswith("error: ")]) == 1


KINDS = {
    "read": "data abort at 0x50000000 by ",
    "write": "data abort at 0x80000 by ",
    "jump": "instruction abort at 0x0 by ",
    "stack": "data abort at 0x",
    "undefined": "undefined instruction by ",
}


@pytest.mark.parametrize("core", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_on_another_core_is_told(json_shell: Shell, core: int, kind: str) -> None:
    document = json_shell.json(f"crash {kind} -c {core}")
    assert document["status"] == 1
    assert document["error"]["kind"] == "fault"
    assert document["error"]["message"].startswith(f"core {core}: {KINDS[kind]}")
    result = json_shell.result("cores")
    assert result["cores"][core]["state"] == "faulted"
    assert {"core": core, "fault": document["error"]["message"][8:]} in result["faults"]
    # It takes new work all the same.
    assert_sound(json_shell.json("stress -n 400"), 400, 4)
    assert json_shell.result("cores")["cores"][core]["state"] == "idle"
    assert json_shell.result("cores")["faults"] == []


def test_a_fault_on_all_cores_at_once_is_survived(json_shell: Shell) -> None:
    document = json_shell.json("crash read -c all")
    assert (document["status"], document["error"]["kind"]) == (1, "fault")
    assert document["error"]["message"].startswith(KINDS["read"])
    faults = json_shell.result("cores")["faults"]
    assert [each["core"] for each in faults] == [1, 2, 3]
    assert all(each["fault"].startswith(KINDS["read"]) for each in faults)
    assert_sound(json_shell.json("stress -n 400"), 400, 4)


INTRO = b"\r\nThe panic shell: help lists what works in it, reboot leaves it.\r\npanic> "


def assert_one_panic_shell(shell: Shell, said: str) -> None:
    """`said` holds one report, and whoever panicked is alone with the machine."""
    assert len(re.findall(r"(?m)^(fatal|panic): ", said)) == 1, said
    assert said.count("panic> ") == 1
    assert shell.read_for(0.5) == b""
    assert shell.run("heapmap -b").status == 0
    assert shell.run("stats").status == 0
    rows = [line.split() for line in shell.ok("cores")]
    core = re.search(r"(?m)^core: ([0-3])$", said)
    assert core
    assert {row[0]: row[1] for row in rows[1:5]} == {
        str(each): "running" if each == int(core[1]) else "stopped" for each in range(4)}


@pytest.mark.parametrize("command, said, caller", [
    ("crash locked -c 2", "fatal: data abort at 0x50000000 by ", "core_start"),
    ("crash allocator -c 3", "fatal: data abort at 0x50000000 by ", "core_start"),
    ("crash handler -c 1", "fatal: data abort at 0x50000000 by ", "core_start"),
    ("crash handler-stack -c 1", "fatal: data abort at 0x", "use_up_stack"),
    ("crash delete -c 3", "panic: delete: 0x50000000 is outside the heap", "core_start"),
])
def test_what_another_core_cannot_survive_opens_the_panic_shell_there(
        own_machines: Machines, command: str, said: str, caller: str) -> None:
    shell = own_machines.boot()
    shell.send(command.encode() + b"\r")
    report = shell.read_until(INTRO).decode("latin-1").replace("\r\n", "\n")
    assert re.search(rf"\n\n{said}.*\ncore: {command[-1]}\n", report), report
    assert f"called from {caller}" in report or f"called from kernel::{caller}" in report
    assert_one_panic_shell(shell, report)
    shell.send(b"reboot\r")
    shell.wait_until_ready()
    assert_sound_in_plain(shell)


def assert_sound_in_plain(shell: Shell) -> None:
    """After a reboot all four cores are there again."""
    assert len([line for line in shell.ok("cores") if re.match(r" +[0-3]  (running|idle) ", line)]) == 4
    assert shell.run("stress -c 4 -n 400").status == 0


@pytest.mark.parametrize("kind", ["locked", "allocator", "delete", "handler"])
@pytest.mark.parametrize("time", range(3))
def test_all_cores_panic_at_once_and_one_reports(
        own_machines: Machines, kind: str, time: int) -> None:
    shell = own_machines.boot()
    shell.send(f"crash {kind} -c all\r".encode())
    assert_one_panic_shell(shell, shell.read_until(INTRO).decode("latin-1").replace("\r\n", "\n"))


def operations_done(shell: Shell) -> int:
    """By all cores, on the heap."""
    stats = dict(line.split()[:2] for line in shell.ok("stats") if len(line.split()) == 2)
    return int(stats["allocations"]) + int(stats["frees"])


def spoil(debugger: Path, function: str) -> None:
    """Makes an instruction that does not exist of the function's first one, through
    QEMU's debugger, while the machine runs."""
    listing = subprocess.run(["aarch64-linux-gnu-nm", "-C", ELF], check=True,
                             capture_output=True, text=True).stdout
    addresses = re.findall(rf"^([0-9a-f]+) \w {function}\(", listing, re.MULTILINE)
    assert len(addresses) == 1
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(SECONDS)
        line.connect(str(debugger))
        for request in (f"M{int(addresses[0], 16):x},4:00000000", "D"):
            line.sendall(f"+${request}#{sum(request.encode()) % 256:02x}".encode())
            answer = b""
            while b"$OK#9a" not in answer:
                answer += line.recv(4096)


def test_a_panic_stops_cores_at_work(own_machines: Machines, tmp_path: Path) -> None:
    """One faults with the heap's lock held, for which the others wait: none of them
    does anything any more."""
    debugger = tmp_path / "debugger"
    shell = own_machines.boot(extra=["-gdb", f"unix:{debugger},server=on,wait=off"])
    shell.send(b"stress -n 1000000000\r")
    shell.read_until(b" of 1000000000 operations\r\n")
    spoil(debugger, r"heapscope::alloc::BasicBinAllocator<[^>]*>::free_run")
    said = shell.read_until(INTRO).decode("latin-1").replace("\r\n", "\n")
    assert "\nfatal: undefined instruction by alloc::BasicBinAllocator::free_run+0x0 " in said
    assert "kernel::StressWorker::" in said
    assert_one_panic_shell(shell, said)
    before = operations_done(shell)
    assert before > 1000
    time.sleep(1)
    assert operations_done(shell) == before
    assert shell.run("heapmap").status == 0


def test_a_core_that_masks_interrupts_is_stopped_all_the_same(own_machines: Machines) -> None:
    """By the FIQ, which nothing masks but a handler."""
    shell = own_machines.boot()
    assert [line.split() for line in shell.ok("crash spin -c 2")] == [
        ["core", "2"], ["state", "spinning"]]
    assert any(re.match(r" +2  running ", line) for line in shell.ok("cores"))
    assert shell.run("crash read -c 2").lines == ["error: core 2 is running"]
    shell.send(b"panic\r")
    assert_one_panic_shell(shell, shell.read_until(INTRO).decode("latin-1").replace("\r\n", "\n"))


def test_cores_that_have_nothing_to_do_sleep(own_machines: Machines) -> None:
    shell = own_machines.boot()
    assert shell.run("stress -n 1000").status == 0

    def processor_seconds() -> float:
        with open(f"/proc/{shell._machine.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before = processor_seconds()
    time.sleep(2)
    assert processor_seconds() - before < 0.4
