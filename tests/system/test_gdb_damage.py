"""The commands for GDB on a kernel that was halted at work, that panicked, or whose heap is
damaged: they say what is wrong in one line, and never hang or show a heap that is none.
"""

import re
from pathlib import Path

import pexpect
import pytest

from debugger import EXTENSION, KERNEL_ELF, Answers, debug_kernel, read_meanwhile, waiting
from harness import Machines, Shell

INTRO = b"\r\nThe panic shell: help lists what works in it, reboot leaves it.\r\n"
COMMANDS = ["heapscope check", "heapscope stats", "heapscope blocks", "heapscope map"]
PROGRAMS = Path(__file__).resolve().parent / "programs"
BIN = "heapscope::alloc::BasicBinAllocator<true>"


def boot(machines: Machines, port: Path, append: str) -> Shell:
    return machines.boot(append, extra=waiting(port))


def allocated(shell: Shell, line: str) -> list[int]:
    return [int(line.split()[1], 16) for line in shell.ok(line) if line.startswith("a")]


def dying_line(shell: Shell, line: str) -> str:
    """What the kernel panics with when it runs a line, without the word before it."""
    shell.send(line.encode() + b"\r")
    said = shell.expect(rb"panic: [^\r\n]*\r\n").decode()
    shell.usable = False  # What follows a panic is not looked at here.
    return said.strip().rsplit("panic: ", 1)[1]


def assert_told(answers: Answers, errors: int) -> None:
    """One line an error; nothing that would be a fault of the commands themselves."""
    assert len(answers.errors) == errors, answers.errors
    assert not [line for line in answers.errors if "make no sense" in line]


def test_after_a_panic_the_damage_is_named(own_machines: Machines, tmp_path: Path) -> None:
    port = tmp_path / "debugger"
    shell = boot(own_machines, port, "heap.size=1M")
    shell.ok("alloc 64 -n 3")
    shell.send(b"crash heap; alloc 2000\r")
    said = (shell.read_until(INTRO) + shell.read_until(b"panic> ")).decode()
    match = re.search(r"heap damaged: the links of the free run at (0x[0-9a-f]+)", said)
    assert match
    answers = debug_kernel(port, [*COMMANDS, f"heapscope who {match[1]}"])
    assert answers.errors[0] == f"heap damaged at {match[1]}: a free run's next link is wrong"
    assert [f"{int(match[1], 16):#010x}", "free"] in [line.split()[:3:2] for line in answers[2]]
    # The map is whole: only links were overwritten.
    # Of the lock, which the core that panicked passes by, nobody may be the holder now.
    assert re.match("note: (core 0|a core is taking) ", answers[3][0]) and len(answers[3]) == 21
    assert "?" not in "".join(answers[3][4:-1])
    assert answers[4][2].split() == ["state", "free"]
    assert_told(answers, errors=len(answers.errors))
    shell.send(b"stats\r")
    assert b"heap damaged" in shell.read_until(b"panic> ")


MISUSES = {
    # what is written where, of three blocks of 40 bytes side by side, and what is freed then
    "past the end": ("fill {end} 4 0", "free a2"),
    "past the end, into the next": ("fill {end} 60 0x41", "free a2"),
    "before the start": ("poke {before} 0x4141", "free a2"),
    "zones on both sides": ("fill {front} 88 0x41", "free a2"),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_in_a_full_heap_the_zones_are_checked(
        own_machines: Machines, tmp_path: Path, misuse: str) -> None:
    port = tmp_path / "debugger"
    shell = boot(own_machines, port, "heap.size=1M heap.hardening=full")
    _, block, _ = sorted(allocated(shell, "alloc 40 -n 3"))
    spoil, free = MISUSES[misuse]
    shell.ok(spoil.format(end=block + 40, before=block - 4, front=block - 16))
    name = next(f"a{i + 1}" for i in range(3) if f"{block:#010x}" in " ".join(
        shell.ok(f"who a{i + 1}")[:1]))
    answers = debug_kernel(port, ["heapscope check", "heapscope blocks"])
    assert_told(answers, errors=1)
    found = dying_line(shell, free.replace("a2", name))
    if "zones on both sides" in misuse:
        # The free names the address that it was given, the check where the zones begin.
        found = found.replace(f"{block:#x}", f"{block - 16:#x}", 1)
    assert answers.errors == [found]


def test_a_write_to_freed_memory_is_found(own_machines: Machines, tmp_path: Path) -> None:
    port = tmp_path / "debugger"
    shell = boot(own_machines, port, "heap.size=1M heap.hardening=full")
    block, = allocated(shell, "alloc 4000")
    shell.ok("free a1")
    shell.ok(f"poke {block + 1000} 0x42")
    answers = debug_kernel(port, ["heapscope check", f"heapscope who {block + 8}"])
    assert_told(answers, errors=1)
    assert answers.errors == [f"heap damaged at {block + 1000:#x}: a block was written after it was "
                              f"freed: {block:#x} (4000 bytes)"]
    assert "freed_by               shell::free_one+" in "\n".join(answers[1])


@pytest.mark.parametrize("offset, what", [
    (8, "the size of the free run was overwritten"),
    (0, "the link of the free run was overwritten")])
def test_a_first_fit_list_is_checked(
        own_machines: Machines, tmp_path: Path, offset: int, what: str) -> None:
    port = tmp_path / "debugger"
    shell = boot(own_machines, port, "heap.size=1M heap.allocator=first-fit")
    blocks = allocated(shell, "alloc 64 -n 5")
    shell.ok("free a2 a4")
    shell.ok(f"poke {blocks[1] + offset} 0x4141")
    answers = debug_kernel(port, COMMANDS)
    assert answers.errors == [f"heap damaged at {blocks[1]:#x}: {what}"] * 2
    assert len(answers[2]) == 10 and len(answers[3]) == 20
    assert dying_line(shell, "alloc 5000") == f"heap damaged: {what} at {blocks[1]:#x}"


def test_a_bump_pointer_outside_the_heap_is_found(own_machines: Machines, tmp_path: Path) -> None:
    port = tmp_path / "debugger"
    boot(own_machines, port, "heap.size=1M heap.allocator=bump")
    room = ("'heapscope::kernel::(anonymous namespace)::watched_heap'"
            "._M_payload._M_payload._M_value.room_")
    answers = debug_kernel(port, [
        f"set var ((heapscope::alloc::BumpAllocator *) &{room})->last_ = 0x41414141", *COMMANDS])
    assert set(answers.errors) == {
        "heap damaged at 0x41414142: the bump pointer is outside the heap"}
    assert len(answers.errors) == len(COMMANDS)
    assert set("".join(line.split()[1] for line in answers[4][3:-1])) == {"?"}


def test_damaged_bits_of_the_map_are_found(own_machines: Machines, tmp_path: Path) -> None:
    """The records lie at the heap's start: two words for each KiB of what follows."""
    port = tmp_path / "debugger"
    shell = boot(own_machines, port, "heap.size=1M")
    shell.ok("alloc 3000 -n 20")
    shell.ok("free a2 a5 a9")
    shown = [line.split() for line in shell.ok("blocks")]
    start = int(shown[1][0], 16)
    base = int(shown[2][0], 16)
    live = next(int(words[0], 16) for words in shown[4:] if words[2] == "live")
    word, bit = divmod((live - base) // 16, 64)
    places = {
        # where, which bit, and what is said
        (start + 16 * word, bit): "",  # begins no more
        (start + 16 * word + 8, bit): "a free run's|no live block follows|is in no list",
        (start + 16 * word, (bit + 5) % 64): "",  # begins where nothing does
    }
    commands = []
    for place, flipped in places:
        change = f"set var *(unsigned long *) {place} ^= 1ul << {flipped}"
        commands += [change, "heapscope check", change]
    answers = debug_kernel(port, [*commands, "heapscope check"])
    assert len(answers.errors) == len(places), answers.errors
    for said, expected in zip(answers.errors, places.values()):
        assert re.match(r"heap damaged at 0x[0-9a-f]+: ", said) and re.search(expected, said)
    assert answers[-1][0].startswith("no damage found: ")


def test_four_cores_at_work_are_looked_at_between_two_calls(
        own_machines: Machines, tmp_path: Path) -> None:
    """Halted where a core has taken the lock and has not changed anything yet."""
    port = tmp_path / "debugger"
    shell = boot(own_machines, port, "heap.size=4M")
    shell.send(b"stress -n 1000000000\r")
    shell.read_until(b" of 1000000000 operations\r\n")
    look = ["continue", "heapscope check", "heapscope stats", "heapscope blocks"]
    with read_meanwhile(shell):
        answers = debug_kernel(port, look * 3, before=(f"break {BIN}::allocate_from_next_slab",))
    assert answers.errors == []
    cores = set()
    for stopped, checked, stats, blocks in zip(*[iter(answers)] * 4):
        thread = re.search(r"Thread (?:1\.)?(\d) hit", "\n".join(stopped))
        assert thread
        core = int(thread[1]) - 1
        cores.add(core)
        note = f"note: core {core} holds the heap's lock: what it changes may be half done"
        assert checked[0] == stats[0] == blocks[0] == note
        assert checked[1].startswith("no damage found: ")
        figures = dict(line.split()[:2] for line in stats[1:15])
        live = [line for line in blocks if " live " in line]
        assert int(figures["live_blocks"]) == len(live) > 0
    shell.send(b"\x03")


def test_four_cores_at_work_halted_anywhere(own_machines: Machines, tmp_path: Path) -> None:
    """What is half done may look like damage, which is told with who is at it."""
    port = tmp_path / "debugger"
    shell = boot(own_machines, port, "heap.size=4M")
    shell.send(b"stress -n 1000000000\r")
    shell.read_until(b" of 1000000000 operations\r\n")
    for _ in range(4):
        with read_meanwhile(shell):
            answers = debug_kernel(port, COMMANDS)
        assert_told(answers, errors=len(answers.errors))
        at_work = answers[0] and answers[0][0].startswith("note: ")
        assert at_work or not answers.errors, answers.errors
        assert all(line.startswith("heap damaged at 0x") for line in answers.errors)
    shell.send(b"\x03")
    shell.wait_until_ready()
    assert shell.ok("stats")[0].split() == ["allocator", "bin"]


def test_a_core_alone_in_a_call_is_noticed(own_machines: Machines, tmp_path: Path) -> None:
    """It takes no lock then: its callers tell."""
    port = tmp_path / "debugger"
    shell = boot(own_machines, port, "heap.size=1M")
    shell.send(b"repeat 100000 -d 50 alloc 256\r")
    with read_meanwhile(shell):
        answers = debug_kernel(port, ["continue", "heapscope stats"],
                               before=(f"break {BIN}::allocate_from_next_slab",))
    assert answers.errors == []
    assert answers[1][0] == ("note: thread 1 is in heapscope::alloc::BasicBinAllocator: what it "
                             "changes may be half done")


def test_ctrl_c_stops_a_command(own_machines: Machines, tmp_path: Path) -> None:
    port = tmp_path / "debugger"
    boot(own_machines, port, "heap.size=1M").ok("alloc 64 -n 20")
    gdb = pexpect.spawn("gdb-multiarch", [
        "-nx", "-q", "-ex", "set pagination off", "-ex", f"source {EXTENSION}",
        "-ex", f"target remote {port}", "-ex", f"source {PROGRAMS / 'slow_memory.py'}",
        "-ex", "echo ready\\n", str(KERNEL_ELF)], timeout=60, encoding="latin-1")
    try:
        gdb.expect("ready")
        gdb.sendline("heapscope check")
        gdb.expect("reads slowly")
        gdb.sendintr()
        gdb.expect(r"interrupted\r?\n.*\(gdb\) ")
        gdb.sendline("print 6 * 7")
        gdb.expect(r"\$1 = 42")
    finally:
        gdb.close(force=True)
