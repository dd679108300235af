"""The commands for GDB on a core dump of a program of this machine that uses alloc/, with
each allocator; and what comes of it where any bit of the heap is another one.
"""

import ast
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from debugger import Answers, debug
from harness import PROJECT_ROOT

PROGRAMS = Path(__file__).resolve().parent / "programs"
HEAPS = {
    # variable: allocator and hardening
    "bin": ("bin", "default"), "coalescing": ("coalescing", "default"),
    "unchecked": ("bin", "none"), "bump": ("bump", "none"),
    "first_fit": ("first-fit", "default"), "full": ("bin", "full"),
    "full_first_fit": ("first-fit", "full"), "full_bump": ("bump", "full"),
    "locked": ("bin", "full")}
STATS = ("heap_bytes", "used_bytes", "requested_bytes", "free_bytes", "metadata_bytes",
         "peak_used_bytes", "largest_free_bytes", "live_blocks", "allocations", "frees", "failures")

sys.path.insert(0, str(PROJECT_ROOT / "tools" / "gdb"))

from heapscope_gdb import picture  # noqa: E402 (the path comes first)
from heapscope_gdb.bump_heap import BumpHeap  # noqa: E402
from heapscope_gdb.heap import Damage, Extent, extents  # noqa: E402
from heapscope_gdb.memory import Memory, Unreadable  # noqa: E402


@dataclass
class Said:
    """What the program's own functions tell of one of its heaps."""

    stats: dict[str, int] = field(default_factory=dict)
    extents: list[list[str]] = field(default_factory=list)  # offset, size, state
    bins: list[list[str]] = field(default_factory=list)


@dataclass
class Dump:
    program: Path
    core: Path
    said: dict[str, Said]

    def debug(self, *commands: str) -> Answers:
        return debug(self.program, list(commands), open_with=("-c", str(self.core)))


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Dump:
    directory = tmp_path_factory.mktemp("core")
    program, core = directory / "heaps", directory / "core"
    compiler = os.environ.get("CMAKE_CXX_COMPILER_LAUNCHER", "").split() + ["g++"]
    sources = [*(PROJECT_ROOT / "alloc").glob("*.cpp"), PROJECT_ROOT / "base" / "format.cpp",
               PROGRAMS / "heaps.cpp"]
    objects = []
    for source in sources:
        objects.append(directory / f"{source.stem}.o")
        subprocess.run([*compiler, "-std=c++23", "-O2", "-g", f"-I{PROJECT_ROOT}", "-c", source,
                        "-o", objects[-1]], check=True, timeout=300)
    subprocess.run(["g++", *objects, "-o", program], check=True, timeout=300)
    told = subprocess.run(
        ["gdb-multiarch", "-nx", "-q", "-batch", "-ex", "run", "-ex", f"generate-core-file {core}",
         program], capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
    assert core.is_file(), told
    return Dump(program, core, read_said(told.stdout.splitlines()))


def read_said(lines: list[str]) -> dict[str, Said]:
    said: dict[str, Said] = {}
    for line in lines:
        kind, *words = line.split() or [""]
        if kind == "heap":
            now = said[words[0]] = Said()
        elif kind == "stats":
            now.stats = dict(zip(STATS, map(int, words)))
        elif kind == "extent":
            now.extents.append(words)
        elif kind == "bin":
            now.bins.append(words)
    return said


@pytest.mark.parametrize("heap", HEAPS)
def test_a_core_dump_is_read_as_the_program_would_have_shown_it(dump: Dump, heap: str) -> None:
    used, blocks, stats, checked = dump.debug(
        f"heapscope use {heap}", "heapscope blocks", "heapscope stats", "heapscope check")
    said = dump.said[heap]
    start = int(stats[2].split()[1], 16)
    allocator, hardening = HEAPS[heap]
    assert used[0].startswith(f"{allocator} heap, hardening {hardening}: {start:#x} to ")
    assert [line.split()[1] for line in stats[:2]] == [allocator, hardening]
    figures = {line.split()[0]: line.split()[1] for line in stats[2:16]}
    assert {name: int(figures[name]) for name in STATS} == said.stats
    assert [[str(int(words[0], 16) - start), *words[1:3]] for words in
            map(str.split, blocks[1:-2])] == said.extents
    assert len(said.extents) > 2 or allocator == "bump"
    if heap != "full_first_fit":  # of which nobody can ask the bins
        assert [line.split() for line in stats[18:]] == said.bins
    assert checked[0].startswith("no damage found: ")


def test_a_spare_slab_was_there_in_the_dump(dump: Dump) -> None:
    """Else the test above would have shown nothing of how one is settled."""
    spare = dump.debug("p/x bin.spare_", "p/x full.inner_.spare_")
    assert all(line != ["$1 = 0xffffffff"] for line in spare), spare


def test_heaps_are_found_through_pointers_and_what_is_none_is_said(dump: Dump) -> None:
    answers = dump.debug(
        "heapscope stats", "heapscope use abstract_heap", "heapscope stats", "heapscope use &bin",
        "heapscope use unused", "heapscope use number", "heapscope use 5", "heapscope use nothing",
        "heapscope use *(heapscope::alloc::BinAllocator *) 16", "heapscope stats",
        "heapscope use", "heapscope stats", "heapscope use *(heapscope::alloc::BinAllocator *) &number")
    assert answers[1][0].startswith("bin heap, hardening full: ")
    assert answers[2][:2] == ["allocator              bin", "hardening              full"]
    assert answers[3][0].startswith("bin heap, hardening default: ")
    assert answers[9][:2] == ["allocator              bin", "hardening              default"], (
        "a heap that could not be used leaves the one before")
    none = "no heap is known here: name one with `heapscope use EXPRESSION`"
    assert answers.errors == [
        none, "the heap was not set up yet", "int is no allocator that can be read here",
        "5 is not in memory",
        'nothing: No symbol "nothing" in current context.', "usage: heapscope use [EXPRESSION]",
        "the memory at 0x10 cannot be read", none, answers.errors[-1]]
    assert answers.errors[-1].startswith(("heap damaged at ", "the memory at "))


def test_heaps_are_found_in_smart_pointers_and_optionals(dump: Dump) -> None:
    answers = dump.debug("heapscope use owned", "heapscope check", "heapscope use perhaps",
                         "heapscope check", "heapscope use nobodys", "heapscope use never")
    assert answers[0][0].startswith("first-fit heap, hardening default: ")
    assert answers[2][0].startswith("bump heap, hardening none: ")
    assert answers[1][0].startswith("no damage found: 0 live blocks, 0 bytes used, ")
    assert answers[3] == [f"no damage found: 0 live blocks, 0 bytes used, {320 * 1024} free"]
    assert answers.errors == [
        "there is no heap: the pointer is null", "the heap was not set up yet"]


USES = {
    "heapscope frobnicate": "heapscope: there is no command frobnicate; there are map, blocks, ",
    "heapscope blocks --all": "there is no option --all",
    "heapscope blocks --live --free": "--free does not go with --live",
    "heapscope blocks --min": "--min needs a number",
    "heapscope blocks --min many": "'many' is no size (64, 0x40, 4K)",
    "heapscope blocks 5": "too many arguments",
    "heapscope who": "which ADDRESS?",
    "heapscope who nobody": 'nobody is no address: No symbol "nobody" in current context.',
    "heapscope check all": "too many arguments",
    "heapscope stats now": "too many arguments",
    "heapscope map --rows 0": "--rows must be 1 to 256",
    "heapscope map 0x10": None, "heapscope map 1 2 3": "too many arguments",
    "heapscope map 0x1000 4K": "0x1000 is outside the heap (",
}


@pytest.mark.parametrize("use", USES)
def test_a_wrong_use_is_one_clear_line(dump: Dump, use: str) -> None:
    answers = dump.debug("heapscope use bin", use)
    expected = USES[use]
    if expected is None:
        assert answers.errors == [] and len(answers[1]) == 20
        return
    assert answers[1] == [] and answers.errors[0].startswith(expected), answers
    usage = [] if "outside" in expected or "there are" in expected else [
        f"usage: heapscope {use.split()[1]}"]
    assert [line.split(" [")[0].split(" ADDRESS")[0] for line in answers.errors[1:]] == usage


def test_types_are_printed_for_people(dump: Dump) -> None:
    values = {
        "layout": "100 bytes, align 32",
        "a_range": "0x1000 to 0x3000, 8192 bytes",
        "extent": "live 0x1000, 64 bytes",
        "granted": "0x1230",
        "refused": "error exhausted",
        "done": "done",
        "not_done": "error wrong_layout",
        "few": "2 of 4 = {11, 22}",
        "ring": "4 of 8 bytes: b'heap'",
        "stamp": "at 1234 on core 3 by unknown",
        "origin": "live 0x1000, 48 bytes, call 7 = {allocated = at 0 on core 0 by unknown}",
        "guarded": "0x2000, 10 bytes, align 16, freed",
        "unused": "(the heap was not set up yet)",
    }
    answers = dump.debug(*(f"print {name}" for name in [*values, *HEAPS]))
    printed = [answer[0].split(" = ", 1)[1] for answer in answers]
    assert printed[:len(values)] == list(values.values())
    for line, (heap, (allocator, hardening)) in zip(printed[len(values):], HEAPS.items()):
        assert line.startswith(f"{allocator} heap, hardening {hardening}, 0x")
        assert f": {dump.said[heap].stats['live_blocks']} live blocks, " in line


def flip_bits(dump: Dump, heaps: list[str], rounds: int, maps: bool) -> dict[str, dict[str, int]]:
    """How often what came of reading each heap."""
    answers = dump.debug(f"python heaps, rounds, maps = '{' '.join(heaps)}', {rounds}, {maps}",
                         f"source {PROGRAMS / 'flip_bits.py'}")
    assert answers.errors == []
    counts = {line.split(":")[0]: ast.literal_eval(line.split(": ", 1)[1]) for line in answers[1]}
    assert list(counts) == heaps
    return counts


def test_whatever_bit_is_wrong_reading_comes_to_an_end(dump: Dump) -> None:
    counts = flip_bits(dump, [heap for heap in HEAPS if heap != "locked"], 60, maps=False)
    for heap, ends in counts.items():
        assert ends.keys() <= {"read", "told"}, (heap, ends)
        assert ends["told"] > 0 and sum(ends.values()) == 60


def test_each_wrong_bit_of_what_starts_where_is_found(dump: Dump) -> None:
    heaps = ["bin", "coalescing", "unchecked", "first_fit", "full", "full_first_fit"]
    assert flip_bits(dump, heaps, 80, maps=True) == {heap: {"told": 80} for heap in heaps}


def test_a_program_without_debug_information_is_told(dump: Dump, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copy(dump.program, bare)
    subprocess.run(["strip", bare], check=True)
    answers = debug(bare, ["heapscope use bin"], open_with=("-c", str(dump.core)))
    assert len(answers.errors) == 2 and answers[0] == []
    assert answers.errors[0].startswith("bin: ")


def test_before_anything_runs_there_is_nothing_to_look_at(dump: Dump) -> None:
    answers = debug(dump.program, ["heapscope check"])
    assert answers.errors == [
        "there is nothing to look at: attach to a kernel or open a core dump first"]


# --- Without GDB ---


def test_memory_is_read_in_pages_and_exactly_where_a_page_is_not_whole() -> None:
    asked = []

    def read(address: int, size: int) -> bytes:
        asked.append((address, size))
        if address < 0x1800 or address + size > 0x3000:
            raise Unreadable(address)
        return bytes(at // 16 % 256 for at in range(address, address + size))

    memory = Memory(read)
    assert memory.u64(0x2010) == 0x0101_0101_0101_0101
    assert memory.u64(0x2020) == 0x0202_0202_0202_0202
    assert asked == [(0x2000, 4096)]
    assert memory.bytes(0x1fff, 2) == b"\xff\x00"
    with pytest.raises(Unreadable):
        memory.u64(0x2ffc)
    with pytest.raises(Unreadable):
        memory.u64(-8)
    with pytest.raises(Unreadable):
        memory.u64((1 << 64) - 4)


def test_a_picture_shades_cells_and_marks_what_cannot_be_read() -> None:
    heap = [Extent(0, 100, "metadata"), Extent(100, 60, "live"), Extent(160, 340, "free"),
            Extent(500, 1, "used")]
    assert picture.cells(heap, 0, 600, 100) == "m+...?"
    assert picture.cells(heap, 100, 200, 10) == "######...."
    assert picture.cell_bytes_for(1 << 20, 1024) == 1024
    assert picture.cell_bytes_for((1 << 20) + 1, 1024) == 1032
    assert picture.human_size(1536) == "1.5 KiB"


def test_extents_that_do_not_tile_the_heap_are_damage() -> None:
    heap = BumpHeap(start=0x1000, end=0x2000, last=0x17ff, peak=0, requested=0x800, allocations=2,
                    frees=1, failures=0)
    assert list(extents(heap)) == [Extent(0x1000, 0x800, "used"), Extent(0x1800, 0x800, "free")]
    heap.last = 0x2fff
    with pytest.raises(Damage, match="the bump pointer is outside the heap"):
        list(extents(heap))
