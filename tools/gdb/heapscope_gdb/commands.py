"""The commands of GDB: `heapscope map`, `blocks`, `who`, `check`, `stats` and `use`."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator

import gdb

from . import names, picture
from .full_heap import Block, FullHeap
from .heap import FREE, LIVE, METADATA, Damage, Extent, Reader, check_all, extents
from .image import is_loaded
from .kernel_shell import KernelShell, kernel_shell
from .memory import Memory, Unreadable
from .origins import Call, Origin
from .target import (KERNEL_HEAP, Refusal, Target, calls_under_way, evaluate, kernel_heap,
                     open_memory, open_target, unwrapped)

_COLUMNS = 64
_ROWS = 16
_MOST_SIDE = 256
_NAME_WIDTH = 23
_LINE = 79
_SIZE = re.compile(r"(0[xX][0-9a-fA-F_]+|0[bB][01_]+|[0-9][0-9_]*)([KMG]?)")
_ADDRESS = ("address", 10, False)
_EXTENT_COLUMNS = [_ADDRESS, ("size", 11, True), ("state", 8, False)]
_ID = ("id", 8, False)
_SEQUENCE = ("sequence", 10, True)
_TAG = ("tag", 0, False)
_BIN_COLUMNS = [("size", 11, True), ("free_blocks", 11, True), ("free_bytes", 11, True)]

# The heap that `heapscope use` named; None: the kernel's.
_chosen: gdb.Value | None = None


class WrongUsage(Exception):
    """The words behind a command are none that it takes."""


@dataclass(frozen=True)
class Words:
    """The words of a command: its options, and the others."""

    flags: frozenset[str]
    values: dict[str, int]
    others: list[str]


def read_words(text: str, flags: set[str], values: set[str]) -> Words:
    given: set[str] = set()
    numbers: dict[str, int] = {}
    others: list[str] = []
    words = gdb.string_to_argv(text)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if name in values:
            if not equals and not words:
                raise WrongUsage(f"{name} needs a number")
            numbers[name] = read_size(value if equals else words.pop(0))
        elif word in flags:
            given.add(word)
        elif word.startswith("--"):
            raise WrongUsage(f"there is no option {word}")
        else:
            others.append(word)
    return Words(frozenset(given), numbers, others)


def read_size(text: str) -> int:
    """As the shell takes numbers: 4096, 0x1000, 4K."""
    match = _SIZE.fullmatch(text)
    if not match:
        raise WrongUsage(f"{text!r} is no size (64, 0x40, 4K)")
    digits, unit = match[1].replace("_", ""), match[2]
    base = {"0x": 16, "0b": 2}.get(digits[:2].lower(), 10)
    return int(digits, base) << 10 * " KMG".index(unit or " ")


def say(line: str) -> None:
    gdb.write(line + "\n")


def say_field(name: str, value: str) -> None:
    first, *others = textwrap.wrap(value, _LINE - _NAME_WIDTH) or [""]
    say(picture.field(name, first).rstrip())
    for each in others:
        say(" " * _NAME_WIDTH + each)


@dataclass(frozen=True)
class Subject:
    """The heap that the commands are about, and what the kernel's shell knows of it."""

    target: Target
    shell: KernelShell | None

    def id_and_tag(self, extent: Extent) -> list[str]:
        """Nothing where nobody names blocks."""
        if self.shell is None:
            return []
        handle = self.shell.handle(extent.start) if extent.state == LIVE else None
        return [handle.name, handle.tag or "-"] if handle else ["-", "-"]

    def sequence(self, extent: Extent) -> str:
        """Of the call that allocated a block."""
        origins = self.target.origins
        origin = origins.find(extent.start) if origins and extent.state == LIVE else None
        return str(origin.sequence) if origin else "-"


def subject() -> Subject:
    if gdb.selected_inferior().pid == 0:
        raise Refusal("there is nothing to look at: attach to a kernel or open a core dump "
                      "first")
    value = _chosen if _chosen is not None else kernel_heap()
    if value is None:
        raise Refusal("no heap is known here: name one with `heapscope use EXPRESSION`")
    memory = open_memory()
    if _chosen is None and not _is_kernel_loaded(memory):
        say("note: memory does not hold the kernel that these symbols are of")
    found = open_target(unwrapped(value), memory)
    for who in calls_under_way(found):
        say(f"note: {who}: what it changes may be half done")
    return Subject(found, kernel_shell(memory) if _chosen is None else None)


def _is_kernel_loaded(memory: Memory) -> bool:
    symbol = gdb.lookup_static_symbol(KERNEL_HEAP)
    return symbol is None or is_loaded(Path(symbol.symtab.objfile.filename), memory)


# --- map ---

def run_map(text: str) -> None:
    words = read_words(text, set(), {"--columns", "--rows"})
    columns = _side(words, "--columns", _COLUMNS)
    rows = _side(words, "--rows", _ROWS)
    if len(words.others) > 2:
        raise WrongUsage("too many arguments")
    reader = subject().target.reader
    start, end = _range(reader, words.others)
    cell_bytes = picture.cell_bytes_for(end - start, columns * rows)
    say(picture.field("start", picture.address_text(start)))
    say(picture.field("end", picture.address_text(end)))
    say(picture.field("cell_bytes", picture.bytes_text(cell_bytes)))
    read: list[Extent] = []
    trouble = _collect(reader, start, end, read)
    cells = picture.cells(read, start, end, cell_bytes)
    for at in range(0, len(cells), columns):
        say(f"{picture.address_text(start + at * cell_bytes)}  {cells[at:at + columns]}")
    say(picture.LEGEND)
    if trouble:
        raise trouble


def _side(words: Words, name: str, otherwise: int) -> int:
    number = words.values.get(name, otherwise)
    if not 0 < number <= _MOST_SIDE:
        raise WrongUsage(f"{name} must be 1 to {_MOST_SIDE}")
    return number


def _range(reader: Reader, words: list[str]) -> tuple[int, int]:
    start = _address(words[0]) if words else reader.start
    end = start + read_size(words[1]) if len(words) > 1 else reader.end
    cut = max(start, reader.start), min(end, reader.end)
    if cut[0] >= cut[1]:
        raise Refusal(f"{start:#x} is outside the heap ({reader.start:#x} to {reader.end:#x})")
    return cut


def _collect(reader: Reader, start: int, end: int, read: list[Extent]) -> Exception | None:
    """What could be read is there, whatever came then."""
    try:
        for extent in extents(reader, start):
            read.append(extent)
            if extent.end >= end:
                break
    except (Damage, Unreadable) as trouble:
        return trouble
    return None


# --- blocks ---

def run_blocks(text: str) -> None:
    words = read_words(text, {"--live", "--free"}, {"--min"})
    if words.others:
        raise WrongUsage("too many arguments")
    if len(words.flags) > 1:
        raise WrongUsage("--free does not go with --live")
    wanted = {"--live": LIVE, "--free": FREE}.get(next(iter(words.flags), ""))
    about = subject()
    reader = about.target.reader
    count = total = 0

    def rows() -> Iterator[list[str]]:
        nonlocal count, total
        for extent in extents(reader):
            if extent.size < words.values.get("--min", 0) or (wanted and extent.state != wanted):
                continue
            count += 1
            total += extent.size
            name = about.id_and_tag(extent)
            yield [*_extent_cells(extent), *name[:1], about.sequence(extent), *name[1:]]

    named = about.shell is not None
    columns = [*_EXTENT_COLUMNS, *([_ID] if named else []), _SEQUENCE, *([_TAG] if named else [])]
    for line in picture.table(columns, rows()):
        say(line)
    say(picture.field("count", count))
    say(picture.field("bytes", picture.bytes_text(total)))


def _extent_cells(extent: Extent) -> list[str]:
    return [picture.address_text(extent.start), str(extent.size), extent.state]


# --- who ---

def run_who(text: str) -> None:
    if not text.strip():
        raise WrongUsage("which ADDRESS?")
    address = _address(text)
    about = subject()
    reader = about.target.reader
    if not reader.start <= address < reader.end:
        _say_outside(address)
        return
    extent = reader.extent_at(address)
    say(picture.field("address", picture.address_text(address)))
    say(picture.field("state", extent.state))
    say(picture.field("start", picture.address_text(extent.start)))
    say(picture.field("size", picture.bytes_text(extent.size)))
    say(picture.field("offset", picture.bytes_text(address - extent.start)))
    block = reader.guarded_block(address) if isinstance(reader, FullHeap) else None
    _say_holder(about, address, extent, block)
    if extent.state != METADATA:
        _say_history(about, address, extent, block)
    neighbours = [reader.extent_at(at) for at in (extent.start - 1, extent.end)
                  if reader.start <= at < reader.end]
    say("neighbours:")
    columns = [*_EXTENT_COLUMNS, *([_ID, _TAG] if about.shell else [])]
    rows = [[*_extent_cells(each), *about.id_and_tag(each)] for each in neighbours]
    for line in picture.table(columns, rows):
        say(line)


def _address(text: str) -> int:
    """Of an expression of GDB's: 0x1000, $x0, a pointer, &variable."""
    try:
        value = evaluate(text)
        if value.type.strip_typedefs().code in (gdb.TYPE_CODE_FUNC, gdb.TYPE_CODE_ARRAY):
            value = value.address
        return int(value) & (1 << 64) - 1
    except (gdb.error, OverflowError, ValueError) as error:
        raise WrongUsage(f"{text.strip()} is no address: {error}") from None


def _say_outside(address: int) -> None:
    say(picture.field("address", picture.address_text(address)))
    say(picture.field("state", "outside"))
    name = names.place(address)
    if not name.startswith("0x"):
        say_field("symbol", name)


def _say_holder(about: Subject, address: int, extent: Extent, block: Block | None) -> None:
    """The handle of what is there, and where in a block with zones the address is."""
    named = extent
    if block is not None:
        named = Extent(block.address, block.size, FREE if block.freed else LIVE)
    for name, value in zip(("id", "tag"), about.id_and_tag(named)):
        say(picture.field(name, value))
    if block is None:
        return
    behind = "block" if address < block.end else "zone behind"
    say(picture.field("part", "zone before" if address < block.address else behind))
    say(picture.field("kept", "yes" if block.freed else "no"))


def _say_history(about: Subject, address: int, extent: Extent, block: Block | None) -> None:
    origins = about.target.origins
    if origins is None:
        return
    live = extent.state == LIVE if block is None else not block.freed
    start = extent.start if block is None else block.address
    origin = origins.last_in(start if live or block is not None else address)
    # A live block has not the origin of one that lay there before it.
    if origin is None or (live and not origin.live):
        say(picture.field("origin", "not recorded, or not any more" if origins.recording else
                          "not recorded: origins are off"))
        return
    _say_origin(about, origin)


def _say_origin(about: Subject, origin: Origin) -> None:
    say(picture.field("block", picture.address_text(origin.address)))
    say(picture.field("block_size", picture.bytes_text(origin.size)))
    say(picture.field("block_align", picture.bytes_text(origin.align)))
    say(picture.field("sequence", origin.sequence))
    _say_call(about, "allocated", origin.allocated)
    if not origin.live:
        _say_call(about, "freed", origin.freed)


def _say_call(about: Subject, what: str, call: Call) -> None:
    microseconds = about.shell.microseconds(call.ticks) if about.shell else None
    if microseconds is None:
        say(picture.field(f"{what}_ticks", call.ticks))
    else:
        say(picture.field(f"{what}_us", microseconds))
    say(picture.field(f"{what}_core", call.core))
    say_field(f"{what}_by", names.callers(call.path, about.target.packs_callers))


# --- check, stats, use ---

def run_check(text: str) -> None:
    _take_nothing(text)
    reader = subject().target.reader
    check_all(reader)
    stats = reader.stats()
    say(f"no damage found: {stats.live_blocks} live blocks, {stats.used_bytes} bytes used, "
        f"{stats.free_bytes} free")


def run_stats(text: str) -> None:
    _take_nothing(text)
    found = subject().target
    stats = found.reader.stats()
    say(picture.field("allocator", found.name))
    say(picture.field("hardening", found.hardening))
    for name, value in stats.fields():
        shown = (picture.address_text(value) if name in ("start", "end") else
                 picture.bytes_text(value) if name.endswith("_bytes") else value)
        say(picture.field(name, shown))
    rows = [[str(each.size), str(each.free_blocks), str(each.free_bytes)]
            for each in found.reader.bins() if each.free_blocks]
    say("bins:")
    for line in picture.table(_BIN_COLUMNS, rows):
        say(line if rows else f"  {line}")


def run_use(text: str) -> None:
    """The address is kept, so that the expression may be of one frame only."""
    global _chosen
    if not text.strip():
        _chosen = None
        say("the kernel's heap")
        return
    try:
        value = unwrapped(evaluate(text))
    except gdb.error as error:
        raise WrongUsage(f"{text.strip()}: {error}") from None
    if value.address is None:
        raise Refusal(f"{text.strip()} is not in memory")
    found = open_target(value, open_memory())
    _chosen = value.address
    say(f"{found.name} heap, hardening {found.hardening}: {found.reader.start:#x} to "
        f"{found.reader.end:#x}")


def _take_nothing(text: str) -> None:
    if text.strip():
        raise WrongUsage("too many arguments")


# --- For GDB ---

USAGES: dict[str, tuple[str, str, Callable[[str], None]]] = {
    "map": ("heapscope map [ADDRESS [LENGTH]] [--columns N] [--rows N]",
            "Draw the heap by address: each cell is shaded by how full it is.", run_map),
    "blocks": ("heapscope blocks [--live|--free] [--min SIZE]",
               "List live blocks, free runs and the allocator's records by address.", run_blocks),
    "who": ("heapscope who ADDRESS",
            "Say which block holds an address, and who allocated and freed it. ADDRESS is\n"
            "any expression.", run_who),
    "check": ("heapscope check",
              "Check the heap: links in free memory, the map of blocks, the lists and figures,\n"
              "and in a heap of hardening full the zones of blocks. The first damage is an\n"
              "error.", run_check),
    "stats": ("heapscope stats", "Show the heap's figures.", run_stats),
    "use": ("heapscope use [EXPRESSION]",
            "Look at another heap or allocator from now on: an object, pointer or reference.\n"
            "Alone: at the kernel's again.", run_use),
}

_HELP = """Look into a heap of heapscope's allocators, in a halted kernel or in a core dump.
The program's memory is only read, and nothing in it is called."""


class _Heapscope(gdb.Command):
    __doc__ = _HELP

    def __init__(self) -> None:
        super().__init__("heapscope", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, text: str, from_tty: bool) -> None:
        if text.strip():
            raise gdb.GdbError(f"heapscope: there is no command {text.split()[0]}; "
                               f"there are {', '.join(USAGES)}")
        say(_HELP + "\n")
        for usage, summary, _ in USAGES.values():
            say(f"{usage}\n    " + summary.replace("\n", "\n    "))


def _register(name: str) -> None:
    usage, summary, run = USAGES[name]

    class Command(gdb.Command):
        __doc__ = f"{summary}\nUsage: {usage}"

        def __init__(self) -> None:
            completes = gdb.COMPLETE_EXPRESSION if name in ("who", "use") else gdb.COMPLETE_NONE
            super().__init__(f"heapscope {name}", gdb.COMMAND_DATA, completes)

        def invoke(self, text: str, from_tty: bool) -> None:
            try:
                run(text)
            except WrongUsage as wrong:
                raise gdb.GdbError(f"{wrong}\nusage: {usage}") from None
            except (Damage, Unreadable, Refusal) as told:
                raise gdb.GdbError(str(told)) from None
            except KeyboardInterrupt:
                raise gdb.GdbError("interrupted") from None
            except Exception as error:
                if gdb.parameter("python print-stack") == "full":
                    raise
                # What lies in memory that was overwritten may be anything at all.
                raise gdb.GdbError(f"the heap's records make no sense: "
                                   f"{type(error).__name__}: {error}") from None

    Command()


def register() -> None:
    _Heapscope()
    for name in USAGES:
        _register(name)
