"""Every row of the misuse table of docs/hardening.md in `full` on the booted kernel: it is
noticed, and the report names the block whose pointer was misused, the one that was hit, and
who allocated and freed them.
"""

import re
from dataclasses import dataclass

import pytest

from harness import PROJECT_ROOT, Machines, Shell

INTRO = b"\r\nThe panic shell: "
BOOT = "heap.hardening=full heap.size=4M shell.mode=json"
KIB = 1024
MIB = 1024 * KIB
LENGTHS = {"1 byte": 1, "16 bytes": 16, "256 bytes": 256, "4 KiB": 4 * KIB, "64 KiB": 64 * KIB,
           "1 MiB": MIB}
PLACES = {"the first 8 bytes": (0, 8), "one byte inside": (200, 1), "all of it": (0, 512)}
# More operations than two checks of a whole heap of so few blocks take.
USE = "replay lifo -n 3000"

ALLOC = r"allocated by shell::run_alloc\+0x"
FREE = r"freed by shell::free_one\+0x"


def table() -> list[str]:
    """The rows that the documentation has."""
    text = (PROJECT_ROOT / "docs/hardening.md").read_text()
    rows = re.findall(r"^\| (\w[^|]*?) +\|(?: [a-z ]+\|){4}$", text, re.MULTILINE)
    return [row for row in rows if row != "misuse"]


def rows(*kinds: str) -> list[str]:
    return [row for row in table() if row.split(",")[0].split(" of ")[0] in kinds]


def test_the_table_is_complete() -> None:
    assert len(table()) == 45
    assert len(rows("double free", "invalid free", "wrong layout", "overflow", "underflow",
                    "use after free")) == 45


@dataclass
class Block:
    id: str
    address: int
    size: int
    tag: str

    @property
    def end(self) -> int:
        return self.address + self.size


def take(shell: Shell, size: int, tag: str) -> Block:
    block, = shell.result(f"alloc {size} -t {tag}")["blocks"]
    return Block(block["id"], int(block["address"], 16), size, tag)


@pytest.fixture(scope="module")
def shared_full(machines: Machines) -> Shell:
    return machines.boot(BOOT)


# --- frees that are refused at once -------------------------------------------------------


def double_free(shell: Shell, how: str) -> Block:
    size = 400 if how in ("after it merged", "inside a new block") else 64
    first, second = take(shell, size, "x"), take(shell, size, "y")
    take(shell, size, "z")
    shell.result(f"free {first.id}")
    if how in ("another in between", "after it merged", "inside a new block"):
        shell.result(f"free {second.id}")
    if how == "handed out again":
        take(shell, size, "x")
    if how == "inside a new block":
        take(shell, 2 * size, "x")
        return max(first, second, key=lambda block: block.address)
    return second if how == "after it merged" else first


@pytest.mark.parametrize("row", rows("double free"))
def test_a_double_free(shared_full: Shell, row: str) -> None:
    block = double_free(shared_full, row.split(", ", 1)[1])
    before = shared_full.result("stats")
    error = shared_full.json(f"free {block.address:#x}")["error"]
    assert error["kind"] == "not-allocated"
    assert re.fullmatch(rf"{block.address:#x} is already free, by shell::free_one\+0x[0-9a-f]+",
                        error["message"])
    found = shared_full.result(f"who {block.address:#x}")
    assert (int(found["block"], 16), found["block_size"]) == (block.address, block.size)
    assert (found["part"], found["kept"]) == ("block", True)
    assert found["allocated_by"].startswith("shell::run_alloc+0x")
    assert found["freed_by"].startswith("shell::free_one+0x")
    assert shared_full.result("stats") == before


@pytest.mark.parametrize("row", rows("invalid free"))
def test_an_invalid_free(shared_full: Shell, row: str) -> None:
    where = row.split(", ", 1)[1]
    block = take(shared_full, 256, "x")
    stats = shared_full.result("stats")
    start, end = int(stats["start"], 16), int(stats["end"], 16)
    address, kind, names = {
        "null": (0, "outside-heap", "outside the heap"),
        "inside a block": (block.address + 64, "inside-block", f"inside {block.id}, 64 bytes"),
        "one byte into a block": (block.address + 1, "inside-block", f"inside {block.id}, 1 bytes"),
        "memory never handed out": (start + MIB, "not-allocated", "is already free"),
        "below the heap": (start - 64, "outside-heap", "outside the heap"),
        "above the heap": (end + 64, "outside-heap", "outside the heap"),
        "the heap's first byte": (start, "outside-heap", "the allocator's own records"),
    }[where]
    error = shared_full.json(f"free {address:#x}")["error"]
    assert error["kind"] == kind
    assert names in error["message"] and f"{address:#x}" in error["message"]
    assert shared_full.result("stats") == stats
    if kind == "inside-block":
        found = shared_full.result(f"who {address:#x}")
        assert (found["id"], found["part"], found["kept"]) == (block.id, "block", False)
        assert found["allocated_by"].startswith("shell::run_alloc+0x")


# --- panics -------------------------------------------------------------------------------


def report(shell: Shell, line: str) -> tuple[str, list[str]]:
    """What the line makes the kernel panic with: the message, and the lines of the suspects,
    each with those that are indented below it."""
    shell.send(line.encode() + b"\r")
    said = shell.read_until(INTRO).decode("latin-1").replace("\r\n", "\n")
    message = re.search(r"^panic: (.*)$", said, re.MULTILINE)
    assert message, said
    lines = said[message.end():].splitlines()
    suspects: list[str] = []
    for text in lines:
        if re.match(r"(culprit|hit|suspect|last there|found at)\b", text):
            suspects.append(text)
        elif text.startswith("  ") and suspects:
            suspects[-1] += " " + text.strip()
        else:
            continue
        assert len(text) <= 80, text
    assert "and within the panic" not in said
    return message[1], [each for each in suspects if not each.startswith("found at")]


LAYOUTS = {"size 1 less, same rounding": "-b 99", "size 1 more, same rounding": "-b 101",
           "size smaller": "-b 40", "size larger": "-b 400", "alignment smaller": "-b 100 -a 8",
           "alignment larger": "-b 100 -a 64K"}


@pytest.mark.parametrize("row", rows("wrong layout"))
def test_a_wrong_layout(own_machines: Machines, row: str) -> None:
    shell = own_machines.boot(BOOT)
    message, suspects = report(shell, f"crash wrong-layout {LAYOUTS[row.split(', ', 1)[1]]}")
    refused = re.fullmatch(
        r"delete: (0x[0-9a-f]+) was allocated with another size or alignment", message)
    assert refused
    assert len(suspects) == 1
    assert re.match(rf"culprit: {refused[1]} \(100 bytes\) allocated by "
                    r"kernel::(give_back_wrongly|run_crash)\+0x", suspects[0])


@dataclass
class Scene:
    """A block, the ones it lies between, and which of these has which tag."""
    lower: Block
    block: Block
    upper: Block


def scene(shell: Shell, free_neighbours: bool) -> Scene:
    """A block with neighbours side by side, and more than 1 MiB of the heap on both sides."""
    take(shell, MIB + 64 * KIB, "far")
    middle = take(shell, MIB, "middle")
    size = MIB
    while size >= 272:
        while shell.json(f"alloc {size} -t rest")["status"] == 0:
            pass
        size //= 2
    shell.result(f"free {middle.id}")
    twin = take(shell, 512, "twin")
    take(shell, 272, "apart")
    before, block, behind = take(shell, 512, "before"), take(shell, 400, "block"), \
        take(shell, 512, "behind")
    take(shell, 272, "apart")
    last = take(shell, 512, "twin")
    take(shell, 272, "apart")
    lower, upper = sorted((before, behind), key=lambda each: each.address)
    for low, high in ((lower, block), (block, upper)):
        assert 32 < high.address - low.end <= 64, (lower, block, upper)
    if free_neighbours:
        for each in (twin, before, last, behind):
            shell.result(f"free {each.id}")
    return Scene(lower, block, upper)


def named(label: str, block: Block, freed: bool) -> str:
    if freed:
        return rf"{label}: {block.address:#x} \({block.size} bytes, freed\) {ALLOC}.* {FREE}"
    return rf"{label}: {block.address:#x} \({block.size} bytes\), {block.id} '{block.tag}' {ALLOC}"


@pytest.mark.parametrize("row", rows("overflow", "underflow"))
def test_a_wild_write(own_machines: Machines, row: str) -> None:
    match = re.fullmatch(r"(overflow|underflow) of (.*), (live|free) neighbour", row)
    assert match
    over, length, free = match[1] == "overflow", LENGTHS[match[2]], match[3] == "free"
    shell = own_machines.boot(BOOT)
    there = scene(shell, free)
    block = there.block
    start = block.end if over else block.address - length
    shell.result(f"fill {start:#x} {length} 0x41 -w 1")
    message, suspects = report(shell, USE)
    assert message.startswith("heap damaged")
    assert suspects, message
    assert re.match(named("culprit", block, False), suspects[0]), suspects
    if length <= 16:  # It stays in the zones of the block itself.
        assert len(suspects) == 1, suspects
        return
    reached = there.upper if over else there.lower
    assert re.match(named("hit", reached, free), suspects[1]), suspects
    assert all(each.startswith("hit: ") for each in suspects[1:])


@pytest.mark.parametrize("row", rows("use after free"))
def test_a_use_after_free(own_machines: Machines, row: str) -> None:
    offset, length = PLACES[row.split(", ", 1)[1]]
    shell = own_machines.boot(BOOT)
    there = scene(shell, True)
    shell.result(f"fill {there.upper.address + offset:#x} {length} 0x41 -w 1")
    message, suspects = report(shell, USE)
    assert message == (f"heap damaged at {there.upper.address + offset:#x}: a block was written "
                       f"after it was freed: {there.upper.address:#x} (512 bytes)")
    assert len(suspects) == 1
    assert re.match(named("culprit", there.upper, True), suspects[0])


# --- misuse by the kernel's own code ------------------------------------------------------

BY = {"use-after-free": "use_after_free", "double-free": "free_twice",
      "invalid-free": "free_the_middle", "overflow": "overflow_block",
      "underflow": "underflow_block"}


@pytest.mark.parametrize("kind, message, culprit, others", [
    ("overflow", r"heap damaged at .*: a block was written past its end: ", r"\(64 bytes\)", 1),
    ("underflow", r"heap damaged at .*: a block was written before its start: ", r"\(64 bytes\)",
     1),
    ("use-after-free", r"heap damaged at .*: a block was written after it was freed: ",
     r"\(64 bytes, freed\)", 0),
    ("double-free", r"delete: 0x[0-9a-f]+ is not allocated$", r"\(64 bytes, freed\)", 0),
    ("invalid-free", r"delete: 0x[0-9a-f]+ is inside a block, not at its start$",
     r"\(64 bytes\); 0x[0-9a-f]+ is 16 bytes behind its start", 0),
])
@pytest.mark.parametrize("core", ["", " -c 2"])
def test_kinds_of_crash(own_machines: Machines, kind: str, message: str, culprit: str,
                        others: int, core: str) -> None:
    shell = own_machines.boot(BOOT)
    said, suspects = report(shell, f"crash {kind}{core}")
    assert re.match(message, said)
    assert len(suspects) == 1 + others, suspects
    assert re.match(rf"culprit: 0x[0-9a-f]+ {culprit}", suspects[0]), suspects
    number = 2 if core else 0
    for each in suspects:
        assert re.search(rf"allocated by .*kernel::{BY[kind]}\+0x[0-9a-f]+.*, core {number}, call "
                         r"\d+, at \d+ us", each), each
    if "freed" in culprit:
        assert re.search(rf"freed by .*kernel::{BY[kind]}\+0x", suspects[0])


@pytest.mark.parametrize("kind", ["overflow", "underflow", "use-after-free"])
def test_the_default_level_survives_wild_writes(own_machines: Machines, kind: str) -> None:
    shell = own_machines.boot("shell.mode=json")
    assert shell.json(f"crash {kind}")["error"]["kind"] == "survived"
    assert shell.json("selftest")["status"] == 0


@pytest.mark.parametrize("kind", ["double-free", "invalid-free", "wrong-layout"])
def test_the_default_level_names_the_block_of_a_refused_free(
        own_machines: Machines, kind: str) -> None:
    message, suspects = report(own_machines.boot(), f"crash {kind}")
    assert message.startswith("delete: 0x")
    assert len(suspects) == 1
    assert re.match(r"culprit: 0x[0-9a-f]+ \(\d+ bytes.* allocated by kernel::", suspects[0])


@pytest.mark.parametrize("line", [
    "crash overflow -b 3", "crash read -a 16", "crash wrong-layout -b 0", "crash wrong-layout -a 3",
    "crash wrong-layout -c 1", "crash wrong-layout -b x"])
def test_bad_input_misuses_nothing(shared_full: Shell, line: str) -> None:
    before = shared_full.result("stats")
    document = shared_full.json(line)
    assert (document["status"], document["error"]["kind"]) == (2, "usage")
    assert shared_full.result("stats") == before


def test_the_default_level_names_who_had_what_was_overwritten(own_machines: Machines) -> None:
    shell = own_machines.boot()
    message, suspects = report(shell, "crash heap; alloc 2000")
    run = re.fullmatch(
        r"heap damaged: the links of the free run at (0x[0-9a-f]+) were overwritten", message)
    assert run
    assert len(suspects) == 1
    assert re.match(rf"last there: {run[1]} \(2000 bytes, freed\) allocated by kernel::.*"
                    r"freed by kernel::", suspects[0])


def test_without_origins_the_blocks_are_named_all_the_same(own_machines: Machines) -> None:
    shell = own_machines.boot(f"{BOOT} heap.origins=off")
    _, suspects = report(shell, "crash overflow")
    assert len(suspects) == 2
    for each in suspects:
        assert each.endswith("heap.origins=on names who allocated and freed it")


# --- who, and free ------------------------------------------------------------------------


def test_who_knows_zones_and_what_is_kept_back(shared_full: Shell) -> None:
    block = take(shared_full, 50, "zoned")
    for offset, part in ((-16, "zone before"), (-1, "zone before"), (0, "block"), (49, "block"),
                         (50, "zone behind"), (70, "zone behind")):
        found = shared_full.result(f"who {block.address + offset:#x}")
        assert (found["part"], found["kept"], found["id"], found["tag"]) == (
            part, False, block.id, "zoned"), offset
        assert (int(found["block"], 16), found["block_size"]) == (block.address, 50)
        assert found["allocated_by"].startswith("shell::run_alloc+0x")
    assert shared_full.json(f"free {block.address - 16:#x}")["error"] == {
        "kind": "not-allocated",
        "message": f"{block.address - 16:#x} is in the zone before {block.id}"}
    assert shared_full.json(f"free {block.address + 60:#x}")["error"]["kind"] == "inside-block"
    shared_full.result(f"free {block.id}")
    for offset, part in ((-1, "zone before"), (0, "block"), (60, "zone behind")):
        found = shared_full.result(f"who {block.address + offset:#x}")
        assert (found["part"], found["kept"], found["id"]) == (part, True, None), offset
        assert found["freed_by"].startswith("shell::free_one+0x")
