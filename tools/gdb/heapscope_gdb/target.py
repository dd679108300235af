"""From GDB's values to the readers: finds a heap by its debug information, whichever program
it is in, and takes the allocator's own fields apart. Nothing is called or written there.
"""

import re
from dataclasses import dataclass
from typing import Any, Iterator

import gdb

from .bin_heap import BinHeap, Constants, SlabClass
from .block_map import BlockMap
from .bump_heap import BumpHeap
from .first_fit_heap import Figures, FirstFitHeap
from .full_heap import Block, FullHeap, ZoneConstants
from .heap import Damage, Reader
from .memory import Memory, Unreadable
from .origins import OriginTable, RecordFields

KERNEL_HEAP = "heapscope::kernel::(anonymous namespace)::watched_heap"
_TABLE = re.compile(r"heapscope::alloc::OperationsOf<(.*)>::kTable in section")
_LOCKED_HEAP = "heapscope::alloc::LockedHeap<"
_MOST_WRAPPERS = 8
_MOST_FRAMES = 16

# The names of levels on command lines (alloc/hardening.hpp).
_HARDENING = {"none": "none", "standard": "default", "full": "full"}


class Refusal(Exception):
    """What was asked cannot be done here; the text says why."""


@dataclass
class Target:
    """A heap, as far as it could be taken apart."""

    name: str
    hardening: str
    reader: Reader
    memory: Memory
    origins: OriginTable | None  # None: nothing can be recorded of such a heap
    packs_callers: bool  # as kernel/call_path.hpp does
    lock: gdb.Value | None


def evaluate(expression: str) -> gdb.Value:
    """In C++, also where the program is halted in assembly."""
    before = gdb.parameter("language")
    gdb.execute("set language c++", to_string=True)
    try:
        return gdb.parse_and_eval(expression)
    finally:
        gdb.execute(f"set language {before}", to_string=True)


def kernel_heap() -> gdb.Value | None:
    try:
        return evaluate(f"'{KERNEL_HEAP}'")
    except gdb.error:
        return None


def open_memory() -> Memory:
    inferior = gdb.selected_inferior()

    def read(address: int, size: int) -> bytes:
        try:
            return bytes(inferior.read_memory(address, size))
        except (gdb.MemoryError, OverflowError):
            raise Unreadable(address) from None

    return Memory(read)


def unwrapped(value: gdb.Value) -> gdb.Value:
    """The heap or allocator that a pointer, a reference or an optional leads to."""
    for _ in range(_MOST_WRAPPERS):
        value = value.cast(value.type.strip_typedefs().unqualified())
        kind = value.type.code
        name = value.type.name or ""
        if kind in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
            value = value.referenced_value()
        elif kind == gdb.TYPE_CODE_PTR:
            if int(value) == 0:
                raise Refusal("there is no heap: the pointer is null")
            value = value.dereference()
        elif name.startswith("std::optional<"):
            if not bool(value["_M_payload"]["_M_engaged"]):
                raise Refusal("the heap was not set up yet")
            value = value["_M_payload"]["_M_payload"]["_M_value"]
        elif name.startswith("std::unique_ptr<"):
            value = _unique_pointer(value)
        elif name == "heapscope::alloc::Heap":
            dynamic = value.dynamic_type
            if dynamic == value.type:
                raise Refusal("which heap this is cannot be told: it is an abstract one")
            value = value.cast(dynamic)
        else:
            break
    return value


def open_target(value: gdb.Value, memory: Memory) -> Target:
    """`value` is what unwrapped() gave."""
    name = value.type.name or str(value.type)
    if not name.startswith(_LOCKED_HEAP):
        return _open_allocator(value, memory)
    operations = value["operations_"]
    if int(operations) == 0:
        raise Refusal("the heap was not set up yet")
    allocator_type = _allocator_of(int(operations))
    room = value["room_"].address.cast(allocator_type.pointer()).dereference()
    table = operations.dereference()
    target = _open_allocator(room, memory)
    target.name = text_of(table["name"])
    target.hardening = _hardening_of(table["hardening"])
    target.origins = _origins(value["instruments_"], memory)
    target.lock = value["lock_"]
    target.packs_callers = str(target.lock.type.strip_typedefs()).startswith("heapscope::kernel::")
    return target


def text_of(view: gdb.Value) -> str:
    """Of a std::string_view, at most so long as a name."""
    length = min(int(view["_M_len"]), 100)
    return open_memory().bytes(int(view["_M_str"]), length).decode("ascii", "replace")


def constant(name: str, otherwise: int) -> int:
    """Of alloc/, by its debug information; `otherwise` where the compiler left that out."""
    try:
        return int(evaluate(f"heapscope::alloc::{name}"))
    except (gdb.error, OverflowError):
        return otherwise


def is_allocator(name: str) -> bool:
    return _reader_for(name) is not None


def base_allocator(value: gdb.Value) -> gdb.Value | None:
    """The allocator itself or, of a class that derives from one, what it derives from."""
    for _ in range(_MOST_WRAPPERS):
        if is_allocator(value.type.name or ""):
            return value
        bases = [each for each in value.type.fields() if each.is_base_class] \
            if value.type.code == gdb.TYPE_CODE_STRUCT else []
        if not bases:
            return None
        value = value.cast(bases[0].type.strip_typedefs())
    return None


def calls_under_way(target: Target) -> list[str]:
    """Who is in the middle of a call of a heap, so that what is read may be half done."""
    found = [*_holder(target.lock)]
    if not found:
        found = [*_frames_in_alloc()]
    return found


# --- Allocators ---

def _open_allocator(value: gdb.Value, memory: Memory) -> Target:
    name = value.type.name or str(value.type)
    allocator = base_allocator(value)
    if allocator is None:
        raise Refusal(f"{name} is no allocator that can be read here")
    try:
        allocator.fetch_lazy()
    except gdb.MemoryError:
        raise Unreadable(int(allocator.address)) from None
    found = _reader_for(allocator.type.name)
    assert found is not None
    kind, open_reader = found
    reader = open_reader(allocator, memory)
    hardening = "none" if kind == "bump" or "Unchecked" in name else "default"
    if isinstance(reader, FullHeap):
        kind, hardening = _inner_kind(allocator), "full"
    return Target(name=kind, hardening=hardening, reader=reader, memory=memory, origins=None,
                  packs_callers=False, lock=None)


def _reader_for(name: str) -> Any:
    """What such an allocator is called, and what opens it."""
    if re.fullmatch(r"heapscope::alloc::BasicBinAllocator<(true|false)>", name):
        return ("bin" if "true" in name else "coalescing"), _open_bin
    if name == "heapscope::alloc::BumpAllocator":
        return "bump", _open_bump
    if name == "heapscope::alloc::FirstFitAllocator":
        return "first-fit", _open_first_fit
    if name.startswith("heapscope::alloc::Hardened<"):
        return "", _open_full
    return None


def _inner_kind(allocator: gdb.Value) -> str:
    inner = base_allocator(_plain(allocator["inner_"]))
    return _reader_for(inner.type.name)[0] if inner is not None else ""


def _open_bump(it: gdb.Value, memory: Memory) -> BumpHeap:
    return BumpHeap(
        start=int(it["start_"]), end=int(it["end_"]), last=int(it["last_"]), peak=int(it["peak_"]),
        requested=int(it["requested_"]), allocations=int(it["allocations_"]),
        frees=int(it["frees_"]), failures=int(it["failures_"]))


def _open_first_fit(it: gdb.Value, memory: Memory) -> FirstFitHeap:
    counted = it["figures_"]["stats_"]
    figures = Figures(**{name: int(counted[name]) for name in Figures.__dataclass_fields__})
    return FirstFitHeap(
        memory=memory, start=int(it["range_"]["start"]), end=int(it["range_"]["end"]),
        base=int(it["base_"]), limit=int(it["limit_"]), starts=int(it["starts_"]),
        free=int(it["free_"]), filled=int(it["filled_"]), first=int(it["first_"]),
        figures=figures, unit=constant("kDefaultAlign", 16))


def _open_bin(it: gdb.Value, memory: Memory) -> BinHeap:
    constants = Constants(
        granule_bytes=constant("kDefaultAlign", 16),
        exact_sizes=constant("FreeBins::kExactSizes", 63),
        first_wide=constant("FreeBins::kFirstWide", 64),
        wide_log2=constant("FreeBins::kWideLog2", 3),
        bins=constant("FreeBins::kBins", 272),
        line_granules=constant("Slabs::kLineGranules", 64),
        runs_looked_at=constant("BasicBinAllocator<true>::kRunsLookedAt", 8))
    bins, slabs = it["bins_"], it["slabs_"]
    size_classes = _elements(it["classes_"])
    frees = _numbers(it["frees_"])
    counts = _numbers(slabs["count_"])
    return BinHeap(
        memory=memory, constants=constants, start=int(it["range_"]["start"]),
        end=int(it["range_"]["end"]), base=int(it["base_"]),
        map=_open_map(it["map_"], int(it["base_"]), constants.granule_bytes, memory),
        classes=[SlabClass(int(each["allocations"]), freed, count)
                 for each, freed, count in zip(size_classes, frees, counts)],
        class_count=int(it["class_count_"]), line_classes=int(slabs["classes_"]),
        spare=int(it["spare_"]),
        victim=(int(bins["victim"]["start"]), int(bins["victim"]["end"])),
        filled=_numbers(bins["filled_"]), first=_numbers(bins["first_"]),
        counts=_numbers(bins["count_"]), wide_granules=_numbers(bins["wide_granules_"]),
        headroom=int(it["headroom_"]), requested=int(it["requested_"]), peak=int(it["peak_"]),
        failures=int(it["failures_"]))


def _open_map(it: gdb.Value, base: int, granule_bytes: int, memory: Memory) -> BlockMap:
    count = int(it["level_count_"])
    levels = _numbers(it["levels_"])
    if count > len(levels):
        raise Damage(int(it.address), "the block map's own record was overwritten")
    return BlockMap(memory, int(it["words_"]), int(it["granules_"]), levels[:count], base,
                    granule_bytes)


def _open_full(it: gdb.Value, memory: Memory) -> FullHeap:
    inner = base_allocator(_plain(it["inner_"]))
    if inner is None:
        raise Refusal(f"{it['inner_'].type} is no allocator that can be read here")
    _, open_inner = _reader_for(inner.type.name)
    constants = ZoneConstants(
        record_bytes=constant("GuardedBlock::kRecordBytes", 16),
        max_size=constant("GuardedBlock::kMaxSize", 1 << 48),
        max_align=constant("GuardedBlock::kMaxAlign", 1 << 40),
        most_filled=constant("GuardedBlock::kMostFilled", 64 * 1024),
        freed_fill=constant("GuardedBlock::kFreedFill", 0xdf))
    return FullHeap(
        memory=memory, constants=constants, inner=open_inner(inner, memory),
        quarantine=_quarantine(it["quarantine_"]), requested=int(it["requested_"]),
        allocations=int(it["allocations_"]), frees=int(it["frees_"]), failures=int(it["failures_"]))


def _quarantine(it: gdb.Value) -> list[Block]:
    blocks = _elements(it["blocks_"])
    first, count = int(it["first_"]), int(it["count_"])
    if first >= len(blocks) or count > len(blocks):
        raise Damage(int(it.address), "the quarantine's own record was overwritten")
    held = [blocks[(first + i) % len(blocks)] for i in range(count)]
    return [Block(int(each["address"]), int(each["layout"]["size"]), int(each["layout"]["align"]),
                  freed=True) for each in held]


def _origins(instruments: gdb.Value, memory: Memory) -> OriginTable:
    table = instruments["origins_"]
    record = gdb.lookup_type("heapscope::alloc::OriginTable::Record")
    capacity = int(table["capacity_"])
    if capacity > constant("OriginTable::kMostRecords", 1 << 20):
        raise Damage(int(table.address), "the record of where blocks come from was overwritten")
    fields = RecordFields(
        places={each.name: (each.bitpos // 8, each.type.sizeof)
                for each in record.fields() if hasattr(each, "bitpos")},
        bytes=record.sizeof, traced=constant("OriginTable::kTraced", 1 << 63),
        core_at=constant("CallStamp::kCoreAt", 56))
    return OriginTable(
        memory=memory, fields=fields, recording=bool(instruments["recording_"]),
        records=int(table["records_"]), buckets=int(table["buckets_"]),
        bucket_mask=int(table["bucket_mask_"]), capacity=capacity, cleared=int(table["cleared_"]))


def _allocator_of(operations: int) -> gdb.Type:
    said = gdb.execute(f"info symbol {operations:#x}", to_string=True)
    match = _TABLE.match(said)
    if not match:
        raise Damage(operations, "the heap's table of functions was overwritten")
    try:
        return gdb.lookup_type(match[1].strip())
    except gdb.error:
        raise Refusal(f"there is no debug information of {match[1].strip()}") from None


def _hardening_of(level: gdb.Value) -> str:
    name = str(level).rsplit("::", 1)[-1]
    return _HARDENING.get(name, name)


def _unique_pointer(owner: gdb.Value) -> gdb.Value:
    """libstdc++ keeps it in a tuple, whose elements are base classes."""
    elements = owner["_M_t"]["_M_t"]
    elements = elements.cast(elements.type.strip_typedefs().fields()[0].type)
    for base in elements.type.strip_typedefs().fields():
        if base.is_base_class and base.name.startswith("std::_Head_base<0"):
            return elements.cast(base.type)["_M_head_impl"]
    raise Refusal(f"{owner.type} is a pointer that cannot be followed here")


def _plain(value: gdb.Value) -> gdb.Value:
    return value.cast(value.type.strip_typedefs().unqualified())


def _elements(array: gdb.Value) -> list[gdb.Value]:
    """Of a std::array."""
    elements = array["_M_elems"]
    _, last = elements.type.strip_typedefs().range()
    return [elements[i] for i in range(last + 1)]


def _numbers(array: gdb.Value) -> list[int]:
    return [int(each) for each in _elements(array)]


# --- Calls under way ---

def _holder(lock: gdb.Value | None) -> Iterator[str]:
    """Of kernel/ticket_lock.hpp: whose ticket is served, where one was taken."""
    if lock is None:
        return
    try:
        taken, serving, holder = (_atomic(lock[name]) for name in ("next_", "serving_", "holder_"))
    except (gdb.error, ValueError):
        return
    serving &= (1 << 63) - 1
    if taken == serving:
        return
    ticket, core = holder >> 32, holder & 0xff
    if ticket == serving & 0xffff_ffff:
        yield f"core {core} holds the heap's lock"
    else:
        yield "a core is taking the heap's lock"


def _atomic(value: gdb.Value) -> int:
    return int(value["_M_i"])


def _frames_in_alloc() -> Iterator[str]:
    """Of calls that take no lock, as while one core alone uses the heap."""
    selected = gdb.selected_thread()
    if selected is None:
        return
    try:
        frame_before = gdb.selected_frame()
    except gdb.error:
        return
    try:
        for thread in sorted(gdb.selected_inferior().threads(), key=lambda each: each.num):
            thread.switch()
            if name := _alloc_function():
                yield f"thread {thread.num} is in {name}"
    finally:
        selected.switch()
        frame_before.select()


def _alloc_function() -> str | None:
    try:
        frame = gdb.newest_frame()
        for _ in range(_MOST_FRAMES):
            if frame is None or not frame.is_valid():
                return None
            name = frame.name() or ""
            if name.startswith("heapscope::alloc::"):
                return name.split("(")[0].split("<")[0]
            frame = frame.older()
    except gdb.error:
        pass
    return None
